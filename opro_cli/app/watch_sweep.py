"""Follow a sweep that other processes work on, by the journals of its cells."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from opro_cli.core.run.progress import count_calls, describe_phase
from opro_cli.core.run.remaining import estimate_calls_left
from opro_cli.core.run.state import RunState
from opro_cli.core.sweep import CellRow, SweepTable
from opro_cli.errors import OproError
from opro_cli.render.scoreboard import Scoreboard
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import build_result, serialize_scale
from opro_cli.reports.spend import serialize_spend
from opro_cli.store.folders import is_locked
from opro_cli.store.replay import JournalFollower, apply_event
from opro_cli.store.run_folder import read_result, read_run_start
from opro_cli.store.sweep_folder import is_any_at_work, read_sweep

POLL = 0.5
"""Seconds between two looks at the cells."""
BATCH = 250
"""Events of a cell after which the view may draw."""


class SweepSpectator(Protocol):
    """A view of a sweep, as `opro sweep` has it."""

    def begin(self, table: SweepTable) -> None:
        """Show the table; it keeps changing afterwards."""

    def after(self, row: CellRow) -> None:
        """Show a cell that has changed."""

    def end(self) -> None:
        """Clean up."""


def measure_progress(state: RunState, board: Scoreboard) -> dict[str, Any]:
    """Return how far the run of a cell is, as `SweepTable.update` takes it."""
    return {
        "phase": describe_phase(state),
        "expected": count_calls(state) + math.ceil(estimate_calls_left(state).total),
        "best": board.find_leader(state),
        "spend": serialize_spend(state),
        "scale": serialize_scale(state.scale).get("scale"),
    }


class _Cell:
    """The run of one cell, read on as its journal grows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._journal = folder / "events.jsonl"
        self._run: RecordedRun | None = None
        self._board = Scoreboard()
        self._is_over = False

    def read(self) -> Iterator[dict[str, Any] | None]:
        """Yield None now and then, while there is much to read, and news at the end, if any."""
        if self._is_over or not (self._folder / "run.json").is_file():
            return
        # Checked before reading, so that all that a process wrote before its end is read.
        at_work = is_locked(self._journal)
        if not at_work and (result := read_result(self._folder)) is not None:
            self._is_over = result["status"] == "finished"
            if self._is_over or self._run is None:
                yield _report_end(result)
                return
        if self._run is None:
            self._run = read_run_start(self._folder)
            self._follower = JournalFollower(self._journal)
        run = self._run
        state, number = run.state, -1
        follower = self._follower
        news = follower.read_new() if at_work else follower.read_rest()
        for number, (line, event) in enumerate(news):
            apply_event(state, self._journal, line, event)
            if number % BATCH == BATCH - 1:
                yield None
        if number >= 0 and at_work:
            yield measure_progress(state, self._board)
        elif not at_work:
            self._run = None  # a session to come is read with all that was before it
            if state.sessions:
                yield _report_end(build_result(run, finished=False))


def _report_end(result: dict[str, Any]) -> dict[str, Any]:
    failure = result.get("failure") or {}
    if failure.get("reason"):
        return {"error": failure["reason"], "hint": failure.get("hint")}
    finished = result["status"] == "finished"
    return {"ended": "finished" if finished else "interrupted", "result": result}


class WatchedSweep:
    """A sweep as its folder tells it.

    Attributes:
        table: Where its cells stand.
        at_work: Some process was working on it when that was last looked at.

    Raises:
        RunFolderError: It is no sweep, or is damaged.
    """

    def __init__(self, folder: Path) -> None:
        sweep = read_sweep(folder)
        self.folder = folder
        self.table = SweepTable(sweep.name, budget=sweep.budget)
        self._cells = {cell.name: _Cell(folder / cell.name) for cell in sweep.cells}
        self._last: dict[str, dict[str, Any]] = {}
        for name in self._cells:
            row = self.table.rows[name] = CellRow(name)
            with suppress(OproError):
                row.recall(read_result(folder / name))
        self.at_work = self._is_at_work()

    def _is_at_work(self) -> bool:
        if is_any_at_work(self.folder):
            return True
        return any(is_locked(self.folder / name / "events.jsonl") for name in self._cells)

    async def follow(
        self, observer: SweepSpectator, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Show the sweep until nobody works on it any more."""
        await self._read_all(lambda _: None, sleep)
        observer.begin(self.table)
        try:
            while self.at_work:
                await sleep(POLL)
                self.at_work = self._is_at_work()
                await self._read_all(observer.after, sleep)
        finally:
            observer.end()

    async def _read_all(
        self, show: Callable[[CellRow], None], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        for name, cell in self._cells.items():
            if self.table.rows[name].status == "finished":
                continue
            try:
                for report in cell.read():
                    await sleep(0)
                    if report is not None and report != self._last.get(name):
                        self._last[name] = report
                        show(self.table.update(name, report))
            except OproError as error:  # one damaged cell must not hide the others
                show(self.table.update(name, {"error": error.message, "hint": error.hint}))
