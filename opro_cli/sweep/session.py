"""One session of a sweep: works on the unfinished cells until all are over or it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from opro_cli import wiring
from opro_cli.app.signals import stop_signals_to
from opro_cli.core.settings.differences import convert_to_plain
from opro_cli.core.settings.settings import Settings
from opro_cli.core.sweep import CellRow, SweepTable
from opro_cli.errors import Interrupted
from opro_cli.store.run_folder import read_result
from opro_cli.store.sweep_folder import hold_sweep, make_sweep_folder, write_sweep
from opro_cli.sweep.cells import (
    Job,
    Shard,
    build_limits,
    plan_uses,
    read_standing,
    require_ready,
    select_shard,
)
from opro_cli.sweep.file import Sweep, SweepCell, load_sweep
from opro_cli.sweep.launch.channel import SweepEngine
from opro_cli.sweep.limits import Limits
from opro_cli.sweep.served import refuse_far_cells, serve_models

__all__ = ["hold", "plan_sweep", "refuse_far_cells", "work_on"]


class SweepObserver(Protocol):
    """An observer of a sweep, called on its event loop."""

    def begin(self, table: SweepTable) -> None:
        """Show the table before the first cell; it keeps changing afterwards."""

    def after(self, row: CellRow) -> None:
        """Show a cell that has just reported."""

    def stopping(self) -> None:
        """Show that a clean stop was requested."""

    def end(self) -> None:
        """Clean up after the session, however it ended."""


@dataclass(frozen=True, slots=True)
class PlannedSweep:
    """The part of a sweep that this session works on.

    Attributes:
        whole: The sweep of the file.
        part: Its share here, of `--shard`.
        cells: Those of the part.
        folder: Where their runs are.
        table: Where they stand.
        ledger: The file that records the use of test rows; None for the user's own.
        uses: How each cell uses its test rows, by name, from `hold` on.
    """

    whole: Sweep
    part: Shard
    cells: tuple[SweepCell, ...]
    folder: Path
    table: SweepTable
    ledger: Path | None = None
    uses: dict[str, dict[str, Any]] = field(default_factory=dict)


def plan_sweep(file: Path, runs_dir: Path, shard: str, ledger: Path | None = None) -> PlannedSweep:
    """Read a sweep file and find where its cells stand; nothing is made or asked.

    `ledger` is the file that records the use of test rows, None for the user's own.

    Raises:
        ConfigError, UsageError, DataError: The file, or what a cell needs, is not in order.
        RunFolderError: A folder there is of other settings.
    """
    whole = load_sweep(file, wiring.NAMES)
    part = select_shard(whole, shard)
    cells, folder = require_ready(part.sweep), runs_dir / whole.name
    table = build_table(whole.name, cells, folder)
    table.budget = part.sweep.budget
    return PlannedSweep(whole, part, cells, folder, table, ledger)


@contextmanager
def hold(planned: PlannedSweep, note: Callable[[str], None]) -> Iterator[Limits]:
    """Make the sweep's folder, lock this part of it, and yield the limits that its cells share.

    Args:
        planned: The part.
        note: Gets what the user has to know about the budget.

    Raises:
        RunBusyError: Another session works on the same part.
    """
    whole, part, folder = planned.whole, planned.part, planned.folder
    notes: list[str] = []
    make_sweep_folder(folder)
    with (
        hold_sweep(folder, part.label),
        build_limits(part, whole, planned.cells, folder, notes) as limits,
    ):
        id = write_sweep(folder, whole.name, [each.cell for each in whole.cells], whole.budget)
        planned.uses.update(plan_uses(whole.cells, id, planned.ledger))
        for sentence in notes:
            note(sentence)
        yield limits


def build_table(name: str, cells: Sequence[SweepCell], folder: Path) -> SweepTable:
    """Return how far the cells are; raises RunFolderError for one with other settings."""
    table = SweepTable(name)
    for cell in cells:
        row = table.rows[cell.name] = CellRow(cell.name)
        if read_standing(cell, folder) != "new":
            row.recall(read_result(folder / cell.name))
    return table


async def work_on(
    planned: PlannedSweep,
    engine: SweepEngine,
    observer: SweepObserver,
    limits: Limits,
    *,
    note: Callable[[str], object],
) -> str:
    """Work on all cells of a part that are not finished, within limits that they share.

    Args:
        planned: The part.
        engine: Runs the cells.
        observer: Told of every report.
        limits: Those that `hold` has yielded.
        note: Gets sentences for people about models that are loaded here.

    Returns:
        The ceiling of the sweep's budget that ended the session, "" for none.

    Raises:
        Interrupted: It was stopped.
        OproError: The budget could not be kept.
    """
    table = planned.table

    def report(name: str, what: dict[str, Any]) -> None:
        if limits.over:
            engine.drain()
        observer.after(table.update(name, what))

    stop = partial(_stop, table, engine, observer)
    limits.on_broken = stop
    left = [cell for cell in planned.cells if table.rows[cell.name].status != "finished"]
    async with serve_models(left, note) as describe:
        with stop_signals_to(_from_any_thread(stop)):
            observer.begin(table)
            try:
                await engine.run(_list_jobs(planned, left, describe), limits, report)
            finally:
                observer.end()
    for row in table.list_rows("elsewhere"):
        row.recall(read_result(planned.folder / row.name))
    if limits.broken is not None:
        raise limits.broken
    if table.stopping:
        raise Interrupted("stopped; nothing answered is lost")
    return limits.over


def _list_jobs(
    planned: PlannedSweep,
    cells: Sequence[SweepCell],
    describe: Callable[[Settings], dict[str, Any]],
) -> list[Job]:
    return [
        Job(
            cell.name,
            str(planned.folder / cell.name),
            convert_to_plain(cell.settings),
            part_folder=cell.part_folder,
            servers=describe(cell.settings),
            uses=planned.uses.get(cell.name, {}),
        )
        for cell in cells
    ]


def _stop(table: SweepTable, engine: SweepEngine, observer: SweepObserver) -> None:
    if not table.stopping:
        table.stopping = True
        observer.stopping()
    engine.stop()


def _from_any_thread(function: Callable[[], None]) -> Callable[[], None]:
    """Return a function that makes the running loop call this one, from whatever thread."""
    loop = asyncio.get_running_loop()

    def call() -> None:
        loop.call_soon_threadsafe(function)

    return call
