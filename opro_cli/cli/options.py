"""Options and arguments that several commands share, and how a shell completes them.

Shells evaluate completions, so only names are offered that opro itself could have given.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from opro_cli.errors import UsageError

_SAFE = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)


def complete_run(context: typer.Context, incomplete: str) -> list[str]:
    """Complete RUN: runs, newest first, and the cells of sweeps."""
    runs_dir = _runs_dir(context)
    return _select_fitting([*_runs(runs_dir), *_cells(runs_dir, incomplete)], incomplete)


def complete_run_or_sweep(context: typer.Context, incomplete: str) -> list[str]:
    """Complete an argument that may be a run, a sweep or a cell."""
    runs_dir = _runs_dir(context)
    names = [*_runs(runs_dir), *_sweeps(runs_dir), *_cells(runs_dir, incomplete)]
    return _select_fitting(names, incomplete)


def complete_sweep(context: typer.Context, incomplete: str) -> list[str]:
    """Complete SWEEP: the sweeps that have a folder."""
    return _select_fitting(_sweeps(_runs_dir(context)), incomplete)


def complete_template(incomplete: str) -> list[str]:
    """Complete the name of a shipped config."""
    from opro_cli.config.templates import template_names

    return _select_fitting(template_names(), incomplete)


def _runs_dir(context: typer.Context) -> Path:
    return Path(context.params.get("runs_dir") or "runs")


def _runs(runs_dir: Path) -> list[str]:
    from opro_cli.store.folders import list_runs

    return [run.name for run in reversed(list_runs(runs_dir))]


def _sweeps(runs_dir: Path) -> list[str]:
    from opro_cli.store.folders import list_sweeps

    return [folder.name for folder in list_sweeps(runs_dir)]


def _cells(runs_dir: Path, incomplete: str) -> list[str]:
    """All cells as SWEEP/CELL, once a word is begun: a sweep may have hundreds."""
    if not incomplete:
        return []
    from opro_cli.store.folders import list_runs, list_sweeps

    return [
        f"{folder.name}/{run.name}"
        for folder in list_sweeps(runs_dir)
        for run in list_runs(folder)
        if f"{folder.name}/{run.name}".startswith(incomplete)
    ]


def _select_fitting(names: Iterable[str], incomplete: str) -> list[str]:
    from opro_cli.store.folders import is_part

    safe = (name for name in names if _SAFE.fullmatch(name))
    return [name for name in safe if not incomplete or is_part(incomplete, name)]


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


Run = Annotated[str | None, run_argument("RUN", "A run folder, or any part of its name.")]

Last = Annotated[bool, typer.Option("--last", help="The newest run.")]


def run_called(name: str, runs_dir: Path) -> Path:
    """Find the run of a name; stderr says which one is meant where several have it.

    Raises:
        RunFolderError: There is no such run, or it is a part of several names.
    """
    from opro_cli.store.folders import find_run

    return find_run(runs_dir, name, say)


def say(note: str) -> None:
    """Print a sentence on stderr."""
    from opro_cli.render.safe import printable

    print(printable(note), file=sys.stderr)


def chosen_run(verb: str, run: str | None, last: bool, runs_dir: Path) -> Path:
    """The folder of the run that was named, or of the newest.

    Raises UsageError for none and for both, RunFolderError for what is no run.
    """
    from opro_cli.store.folders import find_last_run

    if (run is None) == (not last):
        raise UsageError(f"name one run to {verb}, or say --last", "`opro runs` lists the runs")
    return run_called(run, runs_dir) if run is not None else find_last_run(runs_dir)


GATED = 4
"""Exit code of a command that did its work, with a verdict that `--fail-if` names."""

FailIf = Annotated[
    Literal["worse", "not-improved"] | None,
    typer.Option("--fail-if", help=f"Exit with {GATED} on such a verdict on test questions."),
]


def apply_gate(verdicts: Iterable[str | None], fail_if: str | None) -> None:
    """End the command with GATED where a verdict is one that `--fail-if` names.

    Args:
        verdicts: "improved", "worse", "not_distinguishable", or None where nothing can be said.
        fail_if: "worse", or "not-improved" for everything but "improved"; None ends nothing.

    Raises:
        typer.Exit: There is such a verdict.
    """
    failing = {"worse"} if fail_if == "worse" else {"worse", "not_distinguishable", None}
    if fail_if is not None and not failing.isdisjoint(verdicts):
        raise typer.Exit(GATED)
