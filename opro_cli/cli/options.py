"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from opro_cli.cli.completions import complete_run, complete_run_or_sweep

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML config file.")]

RunsDir = Annotated[
    Path,
    typer.Option("--runs-dir", envvar="OPRO_RUNS_DIR", help="Where runs are kept."),
]
DEFAULT_RUNS_DIR = Path("runs")


def run_argument(metavar: str, description: str, *, sweeps: bool = False) -> Any:
    """Make an argument that names a run; sweeps: or a sweep."""
    complete = complete_run_or_sweep if sweeps else complete_run
    return typer.Argument(metavar=metavar, help=description, autocompletion=complete)


Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of a table.")]

NoPreflight = Annotated[
    bool,
    typer.Option(
        "--no-preflight", help="Skip the check that both models answer before the search."
    ),
]

NoCache = Annotated[
    bool,
    typer.Option(
        "--no-cache", help="Take no answers from the cache of all runs, and keep none in it."
    ),
]

Plain = Annotated[
    bool, typer.Option("--plain", help="Print one line for each event instead of the live view.")
]
