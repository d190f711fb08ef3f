"""The folder of a sweep: its cells' runs, and `sweep.json` with their values."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from opro_cli.core.settings.schema import read_section
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.core.sweep import Cell
from opro_cli.errors import RunFolderError
from opro_cli.files import write_atomically
from opro_cli.store.atomic_folders import (
    explain_missing_folder,
    make_durable_folder,
    make_runs_dir,
    remove_partial_folders,
)
from opro_cli.store.folders import SWEEP, is_held

WHOLE = "1/1"
"""The shard that is the whole sweep."""
_FORMAT = 1
_LOCK = ".lock-"
_NO_BUDGET = BudgetSettings()


@dataclass(frozen=True, slots=True)
class RecordedSweep:
    """A sweep as its folder records it.

    Attributes:
        folder: With the run of each cell, under the cell's name.
        cells: In the order of the sweep file, including those that never began.
        budget: Over all cells together.
        id: Of this folder alone; "" for a sweep of an older opro.
    """

    name: str
    folder: Path
    cells: tuple[Cell, ...]
    budget: BudgetSettings = _NO_BUDGET
    id: str = ""


def write_sweep(
    folder: Path, name: str, cells: Sequence[Cell], budget: BudgetSettings = _NO_BUDGET
) -> str:
    """Write `sweep.json`, and make the folder if there is none; return its id, which it keeps.

    The caller holds the sweep, so that a process that is refused changes nothing.

    Raises:
        RunFolderError: The disk refuses.
    """
    make_sweep_folder(folder)
    rows = [{"name": cell.name, "values": dict(cell.values)} for cell in cells]
    id = ""
    with suppress(RunFolderError):
        id = read_sweep(folder).id
    id = id or secrets.token_hex(8)
    content = {"format": _FORMAT, "name": name, "id": id, "budget": asdict(budget), "cells": rows}
    encoded = json.dumps(content, indent=2, default=str).encode() + b"\n"
    with explain_missing_folder(folder, "the folder of a sweep"):
        write_atomically(folder / SWEEP, encoded)
    return id


def make_sweep_folder(folder: Path) -> None:
    """Make the folder of a sweep, and remove the remains of dead processes.

    Raises:
        RunFolderError: The disk refuses.
    """
    with explain_missing_folder(folder, "the folder of a sweep"):
        make_runs_dir(folder.parent)
        make_durable_folder(folder)
        remove_partial_folders(folder)


def read_sweep(folder: Path) -> RecordedSweep:
    """Read the folder of a sweep; RunFolderError if it is none, or is damaged."""
    path = folder / SWEEP
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise RunFolderError(
                f"{path}: format {content['format']}; this opro reads {_FORMAT}",
                "use the opro that wrote it",
            )
        cells = tuple(Cell(str(row["name"]), dict(row["values"])) for row in content["cells"])
        # Sweeps from before budgets have only those of their cells.
        budget = read_section(BudgetSettings, content.get("budget", {}), (), []) or _NO_BUDGET
        return RecordedSweep(
            str(content["name"]), folder, cells, budget, str(content.get("id", ""))
        )
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
    """Be the only process that works on this shard ("2/5") of a sweep.

    Others may work on other shards, even on cells that both have: a run has its own lock.

    Raises:
        RunFolderError: Another process works on it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(_build_lock_path(folder, shard))
    try:
        # Half a second, because `is_at_work` takes the lock for a moment to look at it.
        with lock.acquire(timeout=0.5):
            yield
    except Timeout:
        part = f" (--shard {shard})" if "/" in shard and shard != WHOLE else ""
        raise _build_busy_error(folder, part) from None


def is_at_work(folder: Path, shard: str) -> bool:
    """Return True while a process works on this shard of a sweep."""
    return is_held(_build_lock_path(folder, shard))


def is_any_at_work(folder: Path) -> bool:
    """Return True while a process works on any shard of a sweep."""
    return any(map(is_held, folder.glob(f"{_LOCK}*")))


def require_rest(folder: Path) -> None:
    """Raise RunFolderError while a process works on any shard of a sweep."""
    if is_any_at_work(folder):
        raise _build_busy_error(folder)


def _build_busy_error(folder: Path, part: str = "") -> RunFolderError:
    return RunFolderError(
        f"{folder}: another opro is working on this sweep{part}", "wait for it to end, or stop it"
    )


def _build_lock_path(folder: Path, shard: str) -> Path:
    return folder / f"{_LOCK}{shard.replace('/', '-')}"
