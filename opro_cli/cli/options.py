"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML config file.")]

RunsDir = Annotated[
    Path,
    typer.Option("--runs-dir", envvar="OPRO_RUNS_DIR", help="Where runs are kept."),
]
DEFAULT_RUNS_DIR = Path("runs")

Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of a table.")]

Plain = Annotated[bool, typer.Option("--plain", help="One line an event instead of the live view.")]
