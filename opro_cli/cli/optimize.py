"""`opro optimize CONFIG` and `opro resume RUN`."""

from __future__ import annotations

from typing import Annotated

import typer

from opro_cli.cli.options import (
    DEFAULT_RUNS_DIR,
    ConfigFile,
    FailIf,
    Json,
    KeepGoing,
    Last,
    NoCache,
    NoPreflight,
    Plain,
    Run,
    RunsDir,
    apply_gate,
    choose_run,
    say,
)
from opro_cli.cli.session import run_session, show_costs, show_result


def optimize(
    config: ConfigFile,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    plain: Plain = False,
    as_json: Json = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what the run would cost; ask no model.")
    ] = False,
    no_preflight: NoPreflight = False,
    keep_going: KeepGoing = False,
    no_cache: NoCache = False,
    fail_if: FailIf = None,
) -> None:
    """Search for a better prompt, in a new run.

    Ctrl-C stops cleanly, a second one at once; `opro resume` continues either way.

    \b
    Examples:
      opro optimize opro.yaml
      opro optimize mine.yaml --dry-run
      opro optimize mine.yaml --plain --json > result.json
    """
    from opro_cli.app.optimize import start

    if dry_run:
        show_costs(config, runs_dir, as_json=as_json)
        return
    run = start(config, runs_dir, cached=not no_cache)
    run_session(
        run.folder,
        run.settings,
        plain=plain,
        as_json=as_json,
        preflight=not no_preflight,
        keep_going=keep_going,
        cached=not no_cache,
        fail_if=fail_if,
        config=config,
    )


def resume(
    run: Run = None,
    last: Last = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    plain: Plain = False,
    as_json: Json = False,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            help="A new ceiling: usd=5, calls=1000, tokens=2000000 or minutes=30; usd=+2 raises it "
            "by 2, usd=none lifts it."
        ),
    ] = None,
    no_preflight: NoPreflight = False,
    keep_going: KeepGoing = False,
    no_cache: NoCache = False,
    fail_if: FailIf = None,
) -> None:
    """Continue an interrupted run; no answer is asked for again.

    \b
    Examples:
      opro resume --last
      opro resume quickstart-20261123-101500-3f9a
      opro resume --last --budget usd=+2
    """
    from opro_cli.app.resume import check_result, check_resumable

    folder = choose_run("resume", run, last, runs_dir)
    if checked := check_result(folder):
        say(f"{folder.name} is finished; nothing to resume")
        if checked.note:
            say(checked.note)
        show_result(checked.result, as_json=as_json)
        apply_gate([checked.result["verdict"]], fail_if)
        return
    settings = check_resumable(folder, budget or (), cached=not no_cache)
    run_session(
        folder,
        settings,
        plain=plain,
        as_json=as_json,
        preflight=not no_preflight,
        keep_going=keep_going,
        cached=not no_cache,
        fail_if=fail_if,
    )
