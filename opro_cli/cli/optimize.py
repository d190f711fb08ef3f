"""`opro optimize CONFIG`."""

from __future__ import annotations

from typing import Annotated

import typer

from opro_cli.cli.gate import FailIf
from opro_cli.cli.options import (
    DEFAULT_RUNS_DIR,
    ConfigFile,
    Json,
    NoCache,
    NoPreflight,
    Plain,
    RunsDir,
)
from opro_cli.cli.session import show_costs, work_on


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
