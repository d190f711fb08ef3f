"""RUN or --last: one run, as `resume` and `watch` let a person choose it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from opro_cli.cli.options import run_argument
from opro_cli.errors import UsageError

Run = Annotated[str | None, run_argument("RUN", "A run folder, or any part of its name.")]

Last = Annotated[bool, typer.Option("--last", help="The newest run.")]


def run_called(name: str, runs_dir: Path) -> Path:
    """Find the run of a name; stderr says which one is meant where several have it.

    Raises:
        RunFolderError: There is no such run, or it is a part of several names.
    """
    from opro_cli.store.find import find_run

    return find_run(runs_dir, name, say)


def say(note: str) -> None:
    """Print a sentence on stderr."""
    from opro_cli.render.safe import printable

    print(printable(note), file=sys.stderr)


def chosen_run(verb: str, run: str | None, last: bool, runs_dir: Path) -> Path:
    """The folder of the run that was named, or of the newest.

    Raises UsageError for none and for both, RunFolderError for what is no run.
    """
    from opro_cli.store.find import find_last_run

    if (run is None) == (not last):
        raise UsageError(f"name one run to {verb}, or say --last", "`opro runs` lists the runs")
    return run_called(run, runs_dir) if run is not None else find_last_run(runs_dir)
