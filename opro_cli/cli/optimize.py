"""`opro optimize CONFIG` and `opro resume RUN`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from opro_cli.cli.options import (
    DEFAULT_RUNS_DIR,
    ConfigFile,
    FailIf,
    Json,
    Last,
    NoCache,
    NoPreflight,
    Plain,
    Run,
    RunsDir,
    apply_gate,
    chosen_run,
)
from opro_cli.cli.session import show_costs, show_result, work_on


def optimize(
    config: ConfigFile,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    plain: Plain = False,
    as_json: Json = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what the run would cost; ask no model.")
    ] = False,
    no_preflight: NoPreflight = False,
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
    from opro_cli.app import run as running

    if dry_run:
        show_costs(config, as_json=as_json)
        return
    run = running.start(config, runs_dir, cached=not no_cache)
    work_on(
        run.folder,
        run.settings,
        plain=plain,
        as_json=as_json,
        preflight=not no_preflight,
        cached=not no_cache,
        fail_if=fail_if,
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
    from opro_cli.app import run as running
    from opro_cli.render.safe import printable
    from opro_cli.store.reopened import check_result

    folder = chosen_run("resume", run, last, runs_dir)
    if checked := check_result(folder):
        print(f"{printable(folder.name)} is finished; nothing to resume", file=sys.stderr)
        if checked.note:
            print(printable(checked.note), file=sys.stderr)
        show_result(checked.result, as_json=as_json)
        apply_gate([checked.result["verdict"]], fail_if)
        return
    settings = running.check_resumable(folder, budget or (), cached=not no_cache)
    work_on(
        folder,
        settings,
        plain=plain,
        as_json=as_json,
        preflight=not no_preflight,
        cached=not no_cache,
        fail_if=fail_if,
    )
