"""`opro resume RUN`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from opro_cli.cli.options import DEFAULT_RUNS_DIR, Json, Plain, RunsDir, run_argument
from opro_cli.cli.session import show_result, watch
from opro_cli.errors import UsageError


def resume(
    run: Annotated[
        str | None, run_argument("RUN", "A run folder, or any part of its name.")
    ] = None,
    last: Annotated[bool, typer.Option("--last", help="The newest run.")] = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    plain: Plain = False,
    as_json: Json = False,
) -> None:
    """Go on with a run that was interrupted; nothing answered is asked again.

    \b
    Examples:
      opro resume --last
      opro resume quickstart-20261123-101500-3f9a
    """
    from opro_cli import running
    from opro_cli.adapters.run_folder import find_run, last_run, read_result
    from opro_cli.ui.safe import printable

    if (run is None) == (not last):
        raise UsageError("name one run to resume, or say --last", "`opro runs` lists the runs")
    folder = find_run(runs_dir, run) if run is not None else last_run(runs_dir)
    result = read_result(folder)
    if result is not None and result.get("status") == "finished":
        print(f"{printable(folder.name)} is finished; nothing to resume", file=sys.stderr)
        show_result(result, as_json=as_json)
        return
    watch(folder, running.check_resumable(folder), plain=plain, as_json=as_json)
