"""The folder of a sweep: its cells' runs, and `sweep.json`, which says what each of them is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from opro_cli.core.settings.schema import read_section
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.core.sweep.cells import Cell
from opro_cli.errors import RunFolderError
from opro_cli.files import write_atomically
from opro_cli.store.find import SWEEP
from opro_cli.store.lock import is_held
from opro_cli.store.new_folder import make_durable_folder, make_runs_dir, remove_partial_folders

WHOLE = "1/1"
"""The part of a sweep that is all of it."""
_FORMAT = 1
_NO_BUDGET = BudgetSettings()


@dataclass(frozen=True, slots=True)
class RecordedSweep:
    """A sweep as its folder tells it. folder: the run of each cell is in it, under its name.

    cells: all of them in the order of the sweep file, also those that were never begun. budget:
    over all of them together.
    """

    name: str
    folder: Path
    cells: tuple[Cell, ...]
    budget: BudgetSettings = _NO_BUDGET


def write_sweep(
    folder: Path, name: str, cells: Sequence[Cell], budget: BudgetSettings = _NO_BUDGET
) -> None:
    """Say what the cells are and what they may spend; the folder is made where there is none.

    The caller holds the sweep, so that a process that is refused changes nothing.
    Raises RunFolderError where the disk refuses.
    """
    make_sweep_folder(folder)
    told = [{"name": cell.name, "values": dict(cell.values)} for cell in cells]
    what = {"format": _FORMAT, "name": name, "budget": asdict(budget), "cells": told}
    spelt = json.dumps(what, indent=2, default=str)
    try:
        write_atomically(folder / SWEEP, spelt.encode() + b"\n")
    except OSError as error:
        raise _build_folder_error(folder, error) from error


def make_sweep_folder(folder: Path) -> None:
    """Make the folder of a sweep where there is none yet, and clear what a dead process left.

    Raises RunFolderError where the disk refuses.
    """
    try:
        make_runs_dir(folder.parent)
        make_durable_folder(folder)
        remove_partial_folders(folder)
    except OSError as error:
        raise _build_folder_error(folder, error) from error


def _build_folder_error(folder: Path, error: OSError) -> RunFolderError:
    return RunFolderError(
        f"{folder}: cannot make the folder of a sweep here: {error.strerror}",
        "make room, or name another place with --runs-dir or OPRO_RUNS_DIR",
    )


def read_sweep(folder: Path) -> RecordedSweep:
    """Read it. Raises RunFolderError where it is none, or is broken."""
    path = folder / SWEEP
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["format"] != _FORMAT:
            raise RunFolderError(
                f"{path}: format {told['format']}; this opro reads {_FORMAT}",
                "use the opro that wrote it",
            )
        cells = tuple(Cell(str(each["name"]), dict(each["values"])) for each in told["cells"])
        # Sweeps of before there was a budget in it are held by those of their cells alone.
        budget = read_section(BudgetSettings, told.get("budget", {}), (), []) or _NO_BUDGET
        return RecordedSweep(str(told["name"]), folder, cells, budget)
    except OSError as error:
        raise RunFolderError(
            f"{path}: {error.strerror or error}", "name the folder of a sweep: `opro runs` has them"
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RunFolderError(
            f"{path}: not what `opro sweep` writes", "run `opro sweep` again: it writes it anew"
        ) from None


@contextmanager
def hold_sweep(folder: Path, shard: str) -> Iterator[None]:
    """Be the only process that works on this part of a sweep.

    Others may work on other parts, also on cells that both have: a run has a lock of its own.

    Args:
        folder: Of the sweep.
        shard: Which part of the cells, "2/5".

    Raises:
        RunFolderError: Another process works on it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(_lock_path(folder, shard))
    try:
        # Half a second, because `is_at_work` looks at the lock by taking it for a moment.
        with lock.acquire(timeout=0.5):
            yield
    except Timeout:
        part = f" (--shard {shard})" if "/" in shard and shard != WHOLE else ""
        raise RunFolderError(
            f"{folder}: another opro is working on this sweep{part}",
            "wait for it to end, or stop it",
        ) from None


def is_at_work(folder: Path, shard: str) -> bool:
    """Does a process work on this part of a sweep right now?"""
    return is_held(_lock_path(folder, shard))


def _lock_path(folder: Path, shard: str) -> Path:
    return folder / f".lock-{shard.replace('/', '-')}"
