"""Completions of an unfinished word in a shell: runs, sweeps and their cells, templates.

Shells evaluate completions, so only names are offered that opro itself could have given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import typer

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
    from opro_cli.store.find import list_runs

    return [run.name for run in reversed(list_runs(runs_dir))]


def _sweeps(runs_dir: Path) -> list[str]:
    from opro_cli.store.find import list_sweeps

    return [folder.name for folder in list_sweeps(runs_dir)]


def _cells(runs_dir: Path, incomplete: str) -> list[str]:
    """All cells as SWEEP/CELL, once a word is begun: a sweep may have hundreds."""
    if not incomplete:
        return []
    from opro_cli.store.find import list_runs, list_sweeps

    return [
        f"{folder.name}/{run.name}"
        for folder in list_sweeps(runs_dir)
        for run in list_runs(folder)
        if f"{folder.name}/{run.name}".startswith(incomplete)
    ]


def _select_fitting(names: Iterable[str], incomplete: str) -> list[str]:
    from opro_cli.store.find import is_part

    safe = (name for name in names if _SAFE.fullmatch(name))
    return [name for name in safe if not incomplete or is_part(incomplete, name)]
