"""The live view of a sweep and the sentences about its cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from opro_cli.core.sweep.table import CellRow, Status, SweepTable
from opro_cli.render.frame import MEANINGFUL, fill_between, join_fitting
from opro_cli.render.safe import measure_width, printable
from opro_cli.reports import formats
from opro_cli.reports.formats import format_unmetered

# Where there is no room for all, the first are left.
_COUNTED: tuple[Status, ...] = ("failed", "stopped", "elsewhere", "running", "waiting")
ELSEWHERE = "another process is at work on it"
NONE = "–"
MORE = "…"


def count_statuses(table: SweepTable) -> Iterator[str]:
    """How many cells stand where."""
    total = formats.pluralize(len(table.rows), "cell")
    yield f"{formats.format_count(table.count('finished'))} of {total} finished"
    for status in _COUNTED:
        if many := table.count(status):
            yield f"{formats.format_count(many)} {'at work ' if status == 'elsewhere' else ''}{status}"


def format_spend(table: SweepTable) -> Iterator[str]:
    """What all cells have spent, out of the sweep's budget where it has one."""
    spent, budget = table.spent(), table.budget
    usd = "" if budget.usd is None else f" of {formats.format_money(budget.usd)}"
    tokens = "" if budget.tokens is None else f" of {formats.format_tokens(budget.tokens)}"
    yield f"cost {formats.format_money(spent.usd)}{usd}"
    yield f"tokens {formats.format_tokens(spent.tokens)}{tokens}"
    if more := format_unmetered(spent.uncounted):
        yield more
    if budget.calls is not None:
        yield f"at most {formats.format_count(budget.calls)} calls"


def format_sweep_stopping(table: SweepTable) -> str:
    """What a clean stop waits for, and how not to wait."""
    running = table.count("running")
    cells = f" of {formats.pluralize(running, 'cell')}" if running else ""
    return f"stopping: waiting for calls{cells} (Ctrl-C again to stop at once)"


def explain_stop(row: CellRow) -> str:
    """How far a cell is that was stopped."""
    by = f" by {row.stopped_by}" if row.stopped_by else ""
    return f"stopped{by} after {formats.pluralize(row.calls, 'call')}"


def format_test_scores(result: Mapping[str, Any] | None) -> tuple[str, str, str]:
    """Start, best and their difference on test, as far as they are known."""
    start, best = _on_test(result, "initial"), _on_test(result, "best")
    if start is None or best is None:
        return NONE, NONE, NONE
    return (
        formats.format_percent(start),
        formats.format_percent(best),
        formats.format_points(best - start),
    )


def _on_test(result: Mapping[str, Any] | None, which: str) -> float | None:
    candidate = result and result.get(which)
    score = candidate and candidate["scores"].get("test")
    return score["mean"] if score else None


def format_closing(table: SweepTable, again: str) -> Iterator[str]:
    """After the table: what went wrong, how many are finished, and how to go on.

    again: the command that goes on with what is not finished.
    """
    for failed in _by_error(table):
        first, others = failed[0], len(failed) - 1
        more = f" and {formats.pluralize(others, 'other')}" if others else ""
        yield f"{first.name}{more} failed: {first.error.partition(chr(10))[0]}"
        if first.hint:
            yield f"  hint: {first.hint}"
    ceilings = sorted({row.stopped_by for row in table.of("stopped") if row.stopped_by})
    for ceiling in ceilings:
        yield f"stopped by {ceiling}"
    told = list(count_statuses(table))
    if table.count("finished") == len(table.rows):
        yield told[0]
    else:
        raised = "raise the budget, and " if ceilings else ""
        yield f"{', '.join(told)}; {raised}go on with: {again}"


def _by_error(table: SweepTable) -> list[list[CellRow]]:
    """The cells that failed; those with one error together, since one server fails them all."""
    errors: dict[str, list[CellRow]] = {}
    for row in table.rows.values():
        if row.status == "failed":
            errors.setdefault(row.error, []).append(row)
    return list(errors.values())


def shorten_name(name: str, width: int) -> str:
    """A name of at most `width` cells: its middle is left out, since both ends tell it apart."""
    name = printable(name)
    if measure_width(name) <= width:
        return name
    head = (width - 1) // 2
    return name[:head] + MORE + name[len(name) - (width - 1 - head) :]


SHOWN: Sequence[Status] = ("running", "failed", "stopped", "elsewhere", "finished")
"""The kinds of cells that have rows, in their order."""
_WITH_BAR = 80
"""Terminals from here on have room for a bar beside the counted calls."""
_BAR = 8
_AT, _BEST, _START = len("step 10/20"), len("100.0 % on train"), len("100.0 %")


def render_sweep(
    table: SweepTable, elapsed: float, width: int, height: int, *, over: bool = False
) -> Text:
    """A frame of at most `height` lines and `width` cells.

    elapsed: seconds of this session. over: the session has ended, and a table is to follow, so
    that only the lines above the rows are left.
    """
    lines = [
        fill_between(f"sweep {table.name}", formats.format_duration(elapsed), width),
        join_fitting(count_statuses(table), width),
        join_fitting(_calls(table, elapsed, over=over), width),
        join_fitting(format_spend(table), width),
    ]
    if table.stopping and not over:
        lines.append(Text(printable(format_sweep_stopping(table), width), style="bold yellow"))
    if not over:
        lines += _rows(table, width, height - len(lines))
    lines = lines[:height]
    for line in lines:
        line.truncate(width)  # most fit by themselves, down to some 50 cells
    frame = Text("\n").join(lines)
    frame.no_wrap = True
    frame.overflow = "crop"
    return frame


def _calls(table: SweepTable, elapsed: float, *, over: bool) -> Iterator[str]:
    """What was asked, out of how much, how fast, and how long it goes on."""
    done, expected = table.spent().calls, table.estimate_calls()
    known = not over and expected is not None
    yield f"calls {formats.format_count(done)}" + (
        f" of about {formats.format_count(max(done, expected or 0))}" if known else ""
    )
    here = table.count_session_calls()
    if elapsed >= MEANINGFUL and here:
        rate = here / elapsed
        yield f"{rate:.1f}/s" if rate >= 1 else f"{rate:.2f}/s"
        if known and not table.stopping:
            yield f"about {formats.format_duration(max(0, (expected or 0) - done) / rate)} left"


def _rows(table: SweepTable, width: int, room: int) -> list[Text]:
    """The sections that there is room for, and what is not shown."""
    sections = {status: table.of(status) for status in SHOWN}
    shown = _shares({status: len(rows) for status, rows in sections.items()}, room)
    picked = [row for status in shown for row in sections[status][: shown[status]]]
    columns = _Columns(width, picked)
    lines: list[Text] = []
    for status, many in shown.items():
        lines += [Text(), *columns.section(status, sections[status][:many])]
    left = {status: len(rows) - shown.get(status, 0) for status, rows in sections.items()}
    told = [f"{formats.format_count(many)} {status}" for status, many in left.items() if many]
    if waiting := table.count("waiting"):
        told.insert(0, f"{formats.format_count(waiting)} waiting")
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

    def __init__(self, width: int, rows: Iterable[CellRow]) -> None:
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

    def section(self, status: Status, rows: Sequence[CellRow]) -> Iterator[Text]:
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

    def _progress(self, row: CellRow) -> tuple[str, str, str, str]:
        share = min(1.0, row.calls / row.expected) if row.expected else 0.0
        best = f"{formats.format_percent(row.best[1])} on {row.best[0]}" if row.best else "–"
        return row.phase, _bar(share, self._bar), _counted(row), best

    def _running(self, at: str, bar: str, calls: str, best: str) -> str:
        counted = calls.rjust(self._calls)
        if self._bar:
            counted = f"{bar:<{self._bar}} {counted}"
        return self._gap.join([f"{at:<{_AT}}", counted, best])

    def _finished(self, row: CellRow) -> str:
        return self._ended(formats.format_count(row.calls), *format_test_scores(row.result))

    def _ended(self, calls: str, start: str, best: str, difference: str) -> str:
        gap = self._gap
        scores = gap.join([start.rjust(_START), best.rjust(_START), difference])
        return gap.join([calls.rjust(self._calls), scores])

    def _line(self, style: str, name: str, rest: str) -> Text:
        told = f"{shorten_name(name, self._name):<{self._name}}{self._gap}{rest}"
        return Text(printable(told.rstrip(), self._width), style=style)


def _why_open(row: CellRow) -> str:
    """Why a cell that is not at work here is not finished."""
    if row.status == "elsewhere":
        return ELSEWHERE
    return row.error if row.status == "failed" else explain_stop(row)


def _counted(row: CellRow) -> str:
    """Its calls, "523/1,649" while it goes."""
    done = formats.format_count(row.calls)
    if row.status != "running":
        return done
    return f"{done}/{formats.format_count(max(row.calls, row.expected))}"


def _bar(share: float, width: int) -> str:
    """How much of it is done: heavy, then light."""
    full = int(share * width)
    return "━" * full + "─" * (width - full)
