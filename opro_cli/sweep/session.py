"""One session of a sweep: what is not finished is worked on, cell by cell, until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from opro_cli.app.stop_signals import stop_signals_to
from opro_cli.core.settings.differences import convert_to_plain
from opro_cli.core.sweep import CellRow, SweepTable
from opro_cli.errors import Interrupted
from opro_cli.store.run_folder import read_result
from opro_cli.sweep.cells import Job, read_standing
from opro_cli.sweep.file import SweepCell
from opro_cli.sweep.launch.channel import SweepEngine
from opro_cli.sweep.limits import Limits


class SweepObserver(Protocol):
    """Somebody who watches a sweep, on its event loop."""

    def begin(self, table: SweepTable) -> None:
        """Before the first cell; `table` goes on changing afterwards."""

    def after(self, row: CellRow) -> None:
        """After a cell told something."""

    def stopping(self) -> None:
        """A clean stop was asked for."""

    def end(self) -> None:
        """The session is over, in whatever way."""


def build_table(name: str, cells: Sequence[SweepCell], folder: Path) -> SweepTable:
    """Where the cells stand by their folders. Raises RunFolderError for one of other settings."""
    table = SweepTable(name)
    for cell in cells:
        row = table.rows[cell.name] = CellRow(cell.name)
        if read_standing(cell, folder) != "new":
            row.recall(read_result(folder / cell.name))
    return table


async def work_on(
    cells: Sequence[SweepCell],
    folder: Path,
    table: SweepTable,
    engine: SweepEngine,
    observer: SweepObserver,
    limits: Limits,
) -> str:
    """Work on all cells that are not finished, within limits that they share.

    What ended it of the sweep's own budget, "" for nothing. Raises Interrupted when it was stopped,
    OproError when the budget could not be kept.
    """
    loop = asyncio.get_running_loop()

    def report(name: str, what: dict[str, Any]) -> None:
        if limits.over:
            engine.drain()
        observer.after(table.update(name, what))

    def stop() -> None:
        if not table.stopping:
            table.stopping = True
            observer.stopping()
        engine.stop()

    limits.on_broken = stop

    def tell() -> None:
        loop.call_soon_threadsafe(stop)

    jobs = [
        Job(cell.name, str(folder / cell.name), convert_to_plain(cell.settings))
        for cell in cells
        if table.rows[cell.name].status != "finished"
    ]
    with stop_signals_to(tell):
        observer.begin(table)
        try:
            await engine.run(jobs, limits, report)
        finally:
            observer.end()
    for row in table.list_rows("elsewhere"):
        row.recall(read_result(folder / row.name))
    if limits.broken is not None:
        raise limits.broken
    if table.stopping:
        raise Interrupted("stopped; nothing answered is lost")
    return limits.over
