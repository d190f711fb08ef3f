"""A sweep as a plain log, and its cells as a table."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from opro_cli.core.sweep.table import Row, Table
from opro_cli.render.page import aligned
from opro_cli.render.plain import QUIET, Lines
from opro_cli.render.safe import cells, printable
from opro_cli.render.sweep_frame import (
    ELSEWHERE,
    NONE,
    shortened,
    spent_line,
    standing_line,
    stopping_line,
    test_scores,
    why_stopped,
)
from opro_cli.reports import formats
from opro_cli.reports.formats import count, money

if TYPE_CHECKING:
    from opro_cli.render.live import SweepLive


_ERROR = 500


class PlainSweep:
    """Writes lines such as "[02:05] navigate_seed1: finished, 51.1 % → 93.3 % on test (+42.2)".

    Times are counted from the start of the session.
    """

    def __init__(self, lines: Lines, clock: Callable[[], float] = time.monotonic) -> None:
        self._lines = lines
        self._clock = clock
        self._status: dict[str, str] = {}

    def begin(self, table: Table) -> None:
        """How many cells there are, and are finished."""
        self._table = table
        self._started = self._said = self._clock()
        self._lines.write(f"sweep {printable(table.name)}: {', '.join(standing_line(table))}")

    def after(self, row: Row) -> None:
        """What is new of a cell; now and then, how all of them stand."""
        if self._status.get(row.name) != row.status:
            self._status[row.name] = row.status
            self._say(f"{printable(row.name)}: {_news(row)}")
        elif self._clock() - self._said >= QUIET:
            self._say_together((*standing_line(self._table), *spent_line(self._table)))

    def stopping(self) -> None:
        """What a clean stop waits for."""
        self._say(stopping_line(self._table))

    def end(self) -> None:
        """Nothing: the table follows."""

    def _say_together(self, parts: Iterable[str]) -> None:
        calls = formats.count(self._table.spent().calls)
        self._say(f"{', '.join(parts)}, {calls} calls")

    def _say(self, text: str) -> None:
        self._said = self._clock()
        self._lines.write(f"[{formats.clock(self._said - self._started)}] {text}")


def _news(row: Row) -> str:
    match row.status:
        case "failed":
            return printable(f"failed: {row.error}", _ERROR)
        case "stopped":
            return printable(why_stopped(row), _ERROR)
        case "elsewhere":
            return f"left out: {ELSEWHERE}"
        case "finished":
            start, best, difference = test_scores(row.result)
            scores = f", {start} → {best} on test ({difference})" if start != NONE else ""
            return f"finished{scores}, {formats.plural(row.calls, 'call')}"
        case _:
            went_on = f" {formats.count(row.calls)} are answered" if row.calls else ""
            most = f"{row.status}, at most {formats.plural(row.expected, 'call')}"
            return f"{most},{went_on}" if went_on else most


TITLES = ("cell", "status", "calls", "start", "best", "on test")
RIGHT = (2, 3, 4, 5)
SHORTEST = 12
"""Cells of a name that are always shown."""


def sweep_rows(rows: Iterable[Row], width: int) -> list[tuple[str, ...]]:
    """The table of a sweep: name, status or phase, calls, test scores and their difference."""
    return _fitted([TITLES, *map(_row, rows)], width)


def _row(row: Row) -> tuple[str, ...]:
    status = row.phase if row.status == "running" else row.status
    calls = count(row.calls) if row.spend else NONE
    if row.status == "running" and row.expected:
        calls += f"/{count(row.expected)}"
    return (printable(row.name), status, calls, *test_scores(row.result))


def _fitted(rows: list[tuple[str, ...]], width: int) -> list[tuple[str, ...]]:
    """The same with names so short that nothing else is cut, as far as that goes."""
    over = max(map(cells, aligned(rows))) - width
    name = max(cells(row[0]) for row in rows) - max(0, over)
    return [(shortened(row[0], max(name, SHORTEST)), *row[1:]) for row in rows]


def estimate_rows(told: Mapping[str, Any], width: int) -> list[tuple[str, ...]]:
    """What `sweeping.estimate` says, as a table: a row a cell, and the sum."""
    rows: list[tuple[str, ...]] = [("cell", "status", "calls", "at most", "cost", "at most")]
    for row in (*told["cells"], {"cell": "together", "status": "", "total": told["total"]}):
        figures: tuple[str, ...] = (NONE,) * 4
        if row["total"] is not None:
            expected, most = (row["total"][kind] for kind in ("expected", "at_most"))
            calls = count(expected["calls"]), count(most["calls"])
            figures = (*calls, money(expected["usd"]), money(most["usd"]))
        rows.append((printable(row["cell"]), row["status"], *figures))
    return _fitted(rows, width)


def observer_for_sweep(*, plain: bool, stream: TextIO | None = None) -> SweepLive | PlainSweep:
    """The live view where a terminal can show it, else the plain log; both on stderr."""
    from opro_cli.render.consoles import console_for

    stream = stream or sys.stderr
    console = console_for(stream)
    if plain or not console.is_terminal or console.is_dumb_terminal:
        from opro_cli.render.plain import Lines

        return PlainSweep(Lines(stream))
    from opro_cli.render.live import SweepLive

    return SweepLive(console)
