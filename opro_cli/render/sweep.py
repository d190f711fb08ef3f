"""A sweep as a plain log, and its cells as a table."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from opro_cli.core.sweep.table import CellRow, SweepTable
from opro_cli.render.page import align_rows
from opro_cli.render.plain import QUIET, LineWriter
from opro_cli.render.safe import measure_width, printable
from opro_cli.render.sweep_frame import (
    ELSEWHERE,
    NONE,
    count_statuses,
    explain_stop,
    format_spend,
    format_sweep_stopping,
    format_test_scores,
    shorten_name,
)
from opro_cli.reports import formats
from opro_cli.reports.formats import format_count, format_money

if TYPE_CHECKING:
    from opro_cli.render.live import SweepLive


_ERROR = 500


class PlainSweep:
    """Writes lines such as "[02:05] navigate_seed1: finished, 51.1 % → 93.3 % on test (+42.2)".

    Times are counted from the start of the session.
    """

    def __init__(self, lines: LineWriter, clock: Callable[[], float] = time.monotonic) -> None:
        self._lines = lines
        self._clock = clock
        self._status: dict[str, str] = {}

    def begin(self, table: SweepTable) -> None:
        """How many cells there are, and are finished."""
        self._table = table
        self._started = self._said = self._clock()
        self._lines.write(f"sweep {printable(table.name)}: {', '.join(count_statuses(table))}")

    def after(self, row: CellRow) -> None:
        """What is new of a cell; now and then, how all of them stand."""
        if self._status.get(row.name) != row.status:
            self._status[row.name] = row.status
            self._say(f"{printable(row.name)}: {_news(row)}")
        elif self._clock() - self._said >= QUIET:
            self._say_together((*count_statuses(self._table), *format_spend(self._table)))

    def stopping(self) -> None:
        """What a clean stop waits for."""
        self._say(format_sweep_stopping(self._table))

    def end(self) -> None:
        """Nothing: the table follows."""

    def _say_together(self, parts: Iterable[str]) -> None:
        calls = formats.format_count(self._table.spent().calls)
        self._say(f"{', '.join(parts)}, {calls} calls")

    def _say(self, text: str) -> None:
        self._said = self._clock()
        self._lines.write(f"[{formats.format_clock(self._said - self._started)}] {text}")


def _news(row: CellRow) -> str:
    match row.status:
        case "failed":
            return printable(f"failed: {row.error}", _ERROR)
        case "stopped":
            return printable(explain_stop(row), _ERROR)
        case "elsewhere":
            return f"left out: {ELSEWHERE}"
        case "finished":
            start, best, difference = format_test_scores(row.result)
            scores = f", {start} → {best} on test ({difference})" if start != NONE else ""
            return f"finished{scores}, {formats.pluralize(row.calls, 'call')}"
        case _:
            went_on = f" {formats.format_count(row.calls)} are answered" if row.calls else ""
            most = f"{row.status}, at most {formats.pluralize(row.expected, 'call')}"
            return f"{most},{went_on}" if went_on else most


TITLES = ("cell", "status", "calls", "start", "best", "on test")
RIGHT = (2, 3, 4, 5)
SHORTEST = 12
"""Cells of a name that are always shown."""


def build_cells_table(rows: Iterable[CellRow], width: int) -> list[tuple[str, ...]]:
    """The table of a sweep: name, status or phase, calls, test scores and their difference."""
    return _fitted([TITLES, *map(_row, rows)], width)


def _row(row: CellRow) -> tuple[str, ...]:
    status = row.phase if row.status == "running" else row.status
    calls = format_count(row.calls) if row.spend else NONE
    if row.status == "running" and row.expected:
        calls += f"/{format_count(row.expected)}"
    return (printable(row.name), status, calls, *format_test_scores(row.result))


def _fitted(rows: list[tuple[str, ...]], width: int) -> list[tuple[str, ...]]:
    """The same with names so short that nothing else is cut, as far as that goes."""
    over = max(map(measure_width, align_rows(rows))) - width
    name = max(measure_width(row[0]) for row in rows) - max(0, over)
    return [(shorten_name(row[0], max(name, SHORTEST)), *row[1:]) for row in rows]


def build_estimate_table(told: Mapping[str, Any], width: int) -> list[tuple[str, ...]]:
    """What `sweeping.estimate` says, as a table: a row a cell, and the sum."""
    rows: list[tuple[str, ...]] = [("cell", "status", "calls", "at most", "cost", "at most")]
    for row in (*told["cells"], {"cell": "together", "status": "", "total": told["total"]}):
        figures: tuple[str, ...] = (NONE,) * 4
        if row["total"] is not None:
            expected, most = (row["total"][kind] for kind in ("expected", "at_most"))
            calls = format_count(expected["calls"]), format_count(most["calls"])
            figures = (*calls, format_money(expected["usd"]), format_money(most["usd"]))
        rows.append((printable(row["cell"]), row["status"], *figures))
    return _fitted(rows, width)


def make_sweep_observer(*, plain: bool, stream: TextIO | None = None) -> SweepLive | PlainSweep:
    """The live view where a terminal can show it, else the plain log; both on stderr."""
    from opro_cli.render.consoles import make_console

    stream = stream or sys.stderr
    console = make_console(stream)
    if plain or not console.is_terminal or console.is_dumb_terminal:
        from opro_cli.render.plain import LineWriter

        return PlainSweep(LineWriter(stream))
    from opro_cli.render.live import SweepLive

    return SweepLive(console)
