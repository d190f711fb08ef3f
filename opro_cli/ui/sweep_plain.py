"""The plain log of a sweep: a line whenever a cell begins or is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from opro_cli.core.sweep_table import Row, Table
from opro_cli.reports import formats
from opro_cli.ui.plain import QUIET, Lines
from opro_cli.ui.safe import printable
from opro_cli.ui.sweep_words import (
    ELSEWHERE,
    NONE,
    spent_line,
    standing_line,
    stopping_line,
    test_scores,
    why_stopped,
)

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
