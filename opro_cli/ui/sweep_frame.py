"""One picture of a sweep as a pure function of its table: what `SweepLive` draws on its timer.

A sweep has hundreds of cells and a terminal some twenty lines: how all of them stand comes first,
then who is at work, who failed, who ended last, and how many are not shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.text import Text

from opro_cli.core.sweep_table import Row, Status, Table
from opro_cli.reports import formats
from opro_cli.ui.frame import MEANINGFUL, dotted, opposite
from opro_cli.ui.safe import printable
from opro_cli.ui.sweep_words import (
    ELSEWHERE,
    MORE,
    shortened,
    spent_line,
    standing_line,
    stopping_line,
    test_scores,
    why_stopped,
)

SHOWN: Sequence[Status] = ("running", "failed", "stopped", "elsewhere", "finished")
"""The kinds of cells that have rows, in their order."""
_WITH_BAR = 80
"""Terminals from here on have room for a bar beside the counted calls."""
_BAR = 8
_AT, _BEST, _START = len("step 10/20"), len("100.0 % on train"), len("100.0 %")


def render(table: Table, elapsed: float, width: int, height: int, *, over: bool = False) -> Text:
    """A frame of at most `height` lines and `width` cells.

    elapsed: seconds of this session. over: the session has ended, and a table is to follow, so
    that only the lines above the rows are left.
    """
    lines = [
        opposite(f"sweep {table.name}", formats.duration(elapsed), width),
        dotted(standing_line(table), width),
        dotted(_calls(table, elapsed, over=over), width),
        dotted(spent_line(table), width),
    ]
    if table.stopping and not over:
        lines.append(Text(printable(stopping_line(table), width), style="bold yellow"))
    if not over:
        lines += _rows(table, width, height - len(lines))
    lines = lines[:height]
    for line in lines:
        line.truncate(width)  # most fit by themselves, down to some 50 cells
    frame = Text("\n").join(lines)
    frame.no_wrap = True
    frame.overflow = "crop"
    return frame


def _calls(table: Table, elapsed: float, *, over: bool) -> Iterator[str]:
    """What was asked, out of how much, how fast, and how long it goes on."""
    done, expected = table.spent().calls, table.expected_calls()
    known = not over and expected is not None
    yield f"calls {formats.count(done)}" + (
        f" of about {formats.count(max(done, expected or 0))}" if known else ""
    )
    here = table.calls_of_session()
    if elapsed >= MEANINGFUL and here:
        rate = here / elapsed
        yield f"{rate:.1f}/s" if rate >= 1 else f"{rate:.2f}/s"
        if known and not table.stopping:
            yield f"about {formats.duration(max(0, (expected or 0) - done) / rate)} left"


def _rows(table: Table, width: int, room: int) -> list[Text]:
    """The sections that there is room for, and what is not shown."""
    sections = {status: table.of(status) for status in SHOWN}
    shown = _shares({status: len(rows) for status, rows in sections.items()}, room)
    picked = [row for status in shown for row in sections[status][: shown[status]]]
    columns = _Columns(width, picked)
    lines: list[Text] = []
    for status, many in shown.items():
        lines += [Text(), *columns.section(status, sections[status][:many])]
    left = {status: len(rows) - shown.get(status, 0) for status, rows in sections.items()}
    told = [f"{formats.count(many)} {status}" for status, many in left.items() if many]
    if waiting := table.count("waiting"):
        told.insert(0, f"{formats.count(waiting)} waiting")
    if told and len(lines) < room:
        lines.append(Text(printable(f"{MORE} {', '.join(told)}", width), style="dim"))
    return lines


def _shares(wanted: dict[Status, int], room: int) -> dict[Status, int]:
    """How many rows each section has: two for everyone first, the rest in their order.

    Each section needs two lines more for its title, and one line is for what is not shown.
    """
    room -= 1
    shares: dict[Status, int] = {}
    for status, many in wanted.items():
        if many and room >= 3:
            shares[status] = min(2, many, room - 2)
            room -= 2 + shares[status]
    for status, share in shares.items():
        more = min(wanted[status] - share, room)
        shares[status] += more
        room -= more
    return shares


class _Columns:
    """How the rows of a frame are laid out: names and numbers of all sections line up."""

    def __init__(self, width: int, rows: Iterable[Row]) -> None:
        rows = list(rows)
        self._width = width
        self._gap = "  " if width >= _WITH_BAR else " "
        self._calls = max((len(_counted(row)) for row in rows), default=0)
        self._calls = max(self._calls, len("calls"))
        self._bar = _BAR if width >= _WITH_BAR else 0
        if width >= 100:
            self._bar = 2 * _BAR
        used = _AT + self._calls + _BEST + 3 * len(self._gap)
        used += self._bar + 1 if self._bar else 0
        longest = max((len(row.name) for row in rows), default=0)
        self._name = max(8, min(longest, width - used))

    def section(self, status: Status, rows: Sequence[Row]) -> Iterator[Text]:
        """The title of a section, with the names of its columns, and its rows."""
        if status == "running":
            yield self._line("bold", status, self._running("at", "", "calls", "best so far"))
            for row in rows:
                yield self._line("", row.name, self._running(*self._progress(row)))
        elif status == "finished":
            yield self._line("bold", status, self._ended("calls", "start", "best", "on test"))
            for row in rows:
                yield self._line("", row.name, self._finished(row))
        else:
            yield self._line("bold red" if status == "failed" else "bold", status, "")
            for row in rows:
                yield self._line("", row.name, _why_open(row).partition("\n")[0])

    def _progress(self, row: Row) -> tuple[str, str, str, str]:
        share = min(1.0, row.calls / row.expected) if row.expected else 0.0
        best = f"{formats.percent(row.best[1])} on {row.best[0]}" if row.best else "–"
        return row.phase, _bar(share, self._bar), _counted(row), best

    def _running(self, at: str, bar: str, calls: str, best: str) -> str:
        counted = calls.rjust(self._calls)
        if self._bar:
            counted = f"{bar:<{self._bar}} {counted}"
        return self._gap.join([f"{at:<{_AT}}", counted, best])

    def _finished(self, row: Row) -> str:
        return self._ended(formats.count(row.calls), *test_scores(row.result))

    def _ended(self, calls: str, start: str, best: str, difference: str) -> str:
        gap = self._gap
        scores = gap.join([start.rjust(_START), best.rjust(_START), difference])
        return gap.join([calls.rjust(self._calls), scores])

    def _line(self, style: str, name: str, rest: str) -> Text:
        told = f"{shortened(name, self._name):<{self._name}}{self._gap}{rest}"
        return Text(printable(told.rstrip(), self._width), style=style)


def _why_open(row: Row) -> str:
    """Why a cell that is not at work here is not finished."""
    if row.status == "elsewhere":
        return ELSEWHERE
    return row.error if row.status == "failed" else why_stopped(row)


def _counted(row: Row) -> str:
    """Its calls, "523/1,649" while it goes."""
    done = formats.count(row.calls)
    if row.status != "running":
        return done
    return f"{done}/{formats.count(max(row.calls, row.expected))}"


def _bar(share: float, width: int) -> str:
    """How much of it is done: heavy, then light."""
    full = int(share * width)
    return "━" * full + "─" * (width - full)
