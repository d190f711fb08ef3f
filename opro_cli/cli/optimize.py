"""`opro optimize CONFIG` and `opro resume RUN`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opro_cli.cli.options import (
    DEFAULT_RUNS_DIR,
    Budget,
    ConfigFile,
    FailIf,
    Json,
    KeepGoing,
    Last,
    Ledger,
    LogFile,
    NoCache,
    NoPreflight,
    Plain,
    Quiet,
    Run,
    RunsDir,
    Seed,
    Set,
    Verbose,
    apply_gate,
    choose_run,
    say,
)
from opro_cli.cli.progress import Output, require_log
from opro_cli.cli.session import Asking, list_closing, run_session, show_costs, show_result
from opro_cli.errors import UsageError, name_in_shell

if TYPE_CHECKING:
    from opro_cli.app.resume import CheckedResult


Name = Annotated[str | None, typer.Option(help="The key name.")]
Steps = Annotated[int | None, typer.Option(help="The key search.steps.")]
Limit = Annotated[
    int | None,
    typer.Option(help="Questions of each split at most, for a quick try (task.data.limit)."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what the run would cost; ask no model.")
]
NoHeadroom = Annotated[
    bool,
    typer.Option("--no-headroom", help="Begin without the probe that a search of 1,000 calls has."),
]
NewBudget = Annotated[
    list[str] | None,
    typer.Option(
        help="A new ceiling: usd=5, calls=1000, tokens=2000000 or minutes=30; usd=+2 raises it "
        "by 2 (where there is none: 2 more than is spent), usd=none lifts it."
    ),
]
"""Of a run that has begun."""


def optimize(
    config: ConfigFile,
    overrides: Set = None,
    name: Name = None,
    seed: Seed = None,
    steps: Steps = None,
    budget: Budget = None,
    limit: Limit = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    plain: Plain = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    log: LogFile = None,
    as_json: Json = False,
    dry_run: DryRun = False,
    no_preflight: NoPreflight = False,
    no_headroom: NoHeadroom = False,
    keep_going: KeepGoing = False,
    no_cache: NoCache = False,
    ledger: Ledger = None,
    fail_if: FailIf = None,
) -> None:
    """Search for a better prompt, in a new run.

    Ctrl-C stops cleanly, a second one at once; `opro resume` continues either way.

    \b
    Examples:
      opro optimize opro.yaml
      opro optimize mine.yaml --dry-run
      opro optimize mine.yaml --limit 10 --steps 1
      opro optimize mine.yaml --set scorer.model=openai/gpt-4o --budget usd=2
      opro optimize mine.yaml --plain --json > result.json
    """
    from opro_cli.app.optimize import start
    from opro_cli.cli.probe import build_first

    output = Output(plain, verbose, quiet, log)
    given = list_overrides(overrides, budget, name=name, seed=seed, steps=steps, limit=limit)
    if dry_run:
        show_costs(config, runs_dir, given, as_json=as_json)
        return
    require_log(output)
    asking = Asking(
        preflight=not no_preflight, keep_going=keep_going, cached=not no_cache, ledger=ledger
    )
    unasked = "--keep-going" if keep_going else "--json" if as_json else ""
    first = build_first(runs_dir, output, asking, skip=no_headroom, unasked=unasked)
    run = start(config, runs_dir, given, cached=asking.cached, ledger=ledger, first=first)
    run_session(
        run.folder, run.settings, output, asking, as_json=as_json, fail_if=fail_if, config=config
    )


_SHORT_FORMS = {
    "name": "name",
    "seed": "search.seed",
    "steps": "search.steps",
    "limit": "task.data.limit",
}
"""The keys of options that are short for --set."""


def list_overrides(
    overrides: Sequence[str] | None, budget: Sequence[str] | None, **short: str | int | None
) -> list[str]:
    """Return all keys of the command line, each as KEY=VALUE; the short forms come last.

    Raises:
        UsageError: One of `budget` is no ceiling.
    """
    given = list(overrides or ())
    for change in budget or ():
        name, equals, amount = change.partition("=")
        if not equals or amount.startswith("+"):
            raise UsageError(
                f"--budget: expected usd, calls, tokens or minutes=AMOUNT, found {change!r}",
                "a new run has no ceiling to raise: name the amount, such as --budget usd=5",
            )
        given.append(f"budget.{name}={'null' if amount == 'none' else amount}")
    for name, value in short.items():
        if value is not None:
            text = json.dumps(value) if isinstance(value, str) else value
            given.append(f"{_SHORT_FORMS[name]}={text}")
    return given


def resume(
    run: Run = None,
    last: Last = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    plain: Plain = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    log: LogFile = None,
    as_json: Json = False,
    budget: NewBudget = None,
    no_preflight: NoPreflight = False,
    keep_going: KeepGoing = False,
    no_cache: NoCache = False,
    ledger: Ledger = None,
    fail_if: FailIf = None,
) -> None:
    """Continue an interrupted run; no answer is asked for again.

    \b
    Examples:
      opro resume --last
      opro resume quickstart-20261123-101500-3f9a
      opro resume --last --budget usd=+2
    """
    from opro_cli.app.resume import check_budget, check_result, check_resumable

    output = Output(plain, verbose, quiet, log)
    folder = choose_run("resume", run, last, runs_dir)
    check_budget(budget or ())
    if checked := check_result(folder):
        _say_finished(folder, checked, wants_more=bool(budget))
        closing = list_closing(folder, checked.result) if output.is_live else ()
        show_result(checked.result, as_json=as_json, closing=closing)
        apply_gate([checked.result["verdict"]], fail_if)
        return
    require_log(output)
    asking = Asking(
        preflight=not no_preflight, keep_going=keep_going, cached=not no_cache, ledger=ledger
    )
    settings = check_resumable(folder, budget or (), cached=asking.cached)
    run_session(folder, settings, output, asking, as_json=as_json, fail_if=fail_if)


def _say_finished(folder: Path, checked: CheckedResult, *, wants_more: bool) -> None:
    """Say that there is nothing to resume and, where more is wanted, how a new run goes on."""
    unused = ": --budget changes nothing about a search that is over" if wants_more else ""
    say(f"{folder.name} is finished; nothing to resume{unused}")
    if wants_more and (best := checked.result["best"]):
        start = f"--set search.start={folder.name}@best"
        if best.get("demos"):  # which are rows of its own run
            start = (
                f"`opro prompt {name_in_shell(str(folder))} --instruction > start.md`, then --set "
            )
            start += "search.start=file:start.md"
        say(f"a new run goes on from its best prompt: {start}")
    if checked.note:
        say(checked.note)
