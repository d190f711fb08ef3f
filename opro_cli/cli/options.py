"""Options that several commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML config file.")]

RunsDir = Annotated[
    Path,
    typer.Option("--runs-dir", envvar="OPRO_RUNS_DIR", help="Where runs are kept."),
]
DEFAULT_RUNS_DIR = Path("runs")


def _run_names(context: typer.Context, incomplete: str) -> list[str]:
    """Completions of RUN: the runs that are there, newest first."""
    from opro_cli.store.find import list_runs

    names = [run.name for run in list_runs(context.params.get("runs_dir") or DEFAULT_RUNS_DIR)]
    # Shells evaluate completions: only names as opro itself gives them.
    plain = [name for name in reversed(names) if re.fullmatch(r"[\w.-]+", name, re.ASCII)]
    return [name for name in plain if incomplete in name]


def run_argument(metavar: str, description: str) -> Any:
    """An argument that names a run."""
    return typer.Argument(metavar=metavar, help=description, autocompletion=_run_names)


Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of a table.")]

NoPreflight = Annotated[
    bool,
    typer.Option(
        "--no-preflight", help="Do not check that both models answer before all is asked."
    ),
]

NoCache = Annotated[
    bool,
    typer.Option("--no-cache", help="Take no answers from other runs, and keep none for them."),
]

Plain = Annotated[bool, typer.Option("--plain", help="One line an event instead of the live view.")]
