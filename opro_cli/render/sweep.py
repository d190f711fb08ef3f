"""The cells of a sweep: the sentences, the table and the live view of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from opro_cli.core.sweep import CellRow, Status, SweepTable
from opro_cli.render.frame import build_frame, draw_foot
from opro_cli.render.frame_head import MEANINGFUL, fill_between, join_fitting
from opro_cli.render.safe import measure_width, printable
from opro_cli.render.tables import Table, align_rows
from opro_cli.reports import formats
from opro_cli.reports.formats import format_count, format_money, pluralize

# Where there is no room for all, the last ones are left out.
_COUNTED: tuple[Status, ...] = ("failed", "stopped", "elsewhere", "running", "waiting")
ELSEWHERE = "another process is at work on it"
NONE = "–"
_MORE = "…"


def count_statuses(table: SweepTable) -> Iterator[str]:
    """Yield how many cells have each status, the finished ones first."""
    total = pluralize(len(table.rows), "cell")
    yield f"{format_count(table.count('finished'))} of {total} finished"
    for status in _COUNTED:
        if number := table.count(status):
            yield f"{format_count(number)} {'at work ' if status == 'elsewhere' else ''}{status}"


def format_spend(table: SweepTable) -> Iterator[str]:
    """Yield what all cells have spent, out of the sweep's budget where it has one."""
    spent, budget = table.sum_spend(), table.budget
    usd = "" if budget.usd is None else f" of {format_money(budget.usd)}"
    tokens = "" if budget.tokens is None else f" of {formats.format_tokens(budget.tokens)}"
    yield f"cost {format_money(spent.usd)}{usd}"
    yield f"tokens {formats.format_tokens(spent.tokens)}{tokens}"
    if unmetered := formats.format_unmetered(spent.uncounted):
        yield unmetered
    if budget.calls is not None:
        yield f"at most {format_count(budget.calls)} calls"


def format_sweep_stopping(table: SweepTable) -> str:
    """Say what a clean stop waits for, and how not to wait."""
    running = table.count("running")
    cells = f" of {pluralize(running, 'cell')}" if running else ""
    return f"stopping: waiting for calls{cells} (Ctrl-C again to stop at once)"


def explain_stop(row: CellRow) -> str:
    """Say how far a stopped cell is."""
    by = f" by {row.stopped_by}" if row.stopped_by else ""
    return f"stopped{by} after {pluralize(row.calls, 'call')}"


def format_test_scores(result: Mapping[str, Any] | None) -> tuple[str, str, str]:
    """Return start, best and their difference on test, as far as they are known."""
    start, best = _get_test_score(result, "initial"), _get_test_score(result, "best")
    if result is None or start is None or best is None:
        return NONE, NONE, NONE
    scale = formats.read_scale(result)
    first, second = (formats.format_mean(score["mean"], scale) for score in (start, best))
    if result.get("status") == "finished":
        return first, second, formats.format_change(start["mean"], best["mean"], scale)
    # Before that each may have been asked a part of the questions, and another one.
    return f"{first} of {start['n']}", f"{second} of {best['n']}", NONE


def format_outcome(result: Mapping[str, Any] | None) -> tuple[str, str, str]:
    """Return start, best and what they come to: test scores, or what was found of a problem."""
    problem = result and result.get("problem")
    if not result or not problem or result["initial"] is None or problem["value"] is None:
        return format_test_scores(result)
    scale = formats.read_scale(result)
    start = formats.format_mean(result["initial"]["scores"]["train"]["mean"], scale)
    minimise = scale is not None and scale.minimise
    return start, formats.format_number(problem["value"]), describe_find(problem, minimise=minimise)


def describe_find(problem: Mapping[str, Any], *, minimise: bool) -> str:
    """Say of the key `problem` of a result how near the optimum is: "in step 4", "6.0 % above"."""
    if found := problem["found"]:
        return f"in step {found['step']}" if found["step"] else "at the start"
    if problem["gap"] is None:
        return NONE
    if problem["gap"] < 0:
        return "no solution"  # what is better than the optimum
    return f"{100 * problem['gap']:,.1f} % {'above' if minimise else 'below'}"


def _get_test_score(result: Mapping[str, Any] | None, which: str) -> Mapping[str, Any] | None:
    candidate = result and result.get(which)
    return (candidate and candidate["scores"].get("test")) or None


def format_closing(table: SweepTable, again: str) -> Iterator[str]:
    """Yield what follows the table: errors, how many cells are finished, and how to resume.

    `again` is the command that resumes what is not finished.
    """
    # One server fails many cells: those with one error are listed together.
    errors: dict[str, list[CellRow]] = {}
    for row in table.rows.values():
        if row.status == "failed":
            errors.setdefault(row.error, []).append(row)
    for first, *others in errors.values():
        more = f" and {pluralize(len(others), 'other')}" if others else ""
        yield f"{first.name}{more} failed: {first.error.partition(chr(10))[0]}"
        if first.hint:
            yield f"  hint: {first.hint}"
    ceilings = sorted({row.stopped_by for row in table.list_rows("stopped") if row.stopped_by})
    for ceiling in ceilings:
        yield f"stopped by {ceiling}"
    statuses = ", ".join(count_statuses(table))
    raised = "raise the budget, and " if ceilings else ""
    done = table.count("finished") == len(table.rows)
    yield statuses if done else f"{statuses}; {raised}resume with: {again}"


def shorten_name(name: str, width: int) -> str:
    """Return a name of at most `width` cells without its middle, since its ends tell it apart."""
    name = printable(name)
    if measure_width(name) <= width:
        return name
    head = (width - 1) // 2
    return name[:head] + _MORE + name[len(name) - (width - 1 - head) :]


_SHORTEST = 12
"""Terminal cells of a name that are always shown."""


_WITH_COST, _WITH_DATE = 100, 120
"""Columns from which there is room for the cost of a cell, and for its date."""


def build_cells_table(rows: Iterable[CellRow], width: int, *, wide: bool = False) -> Table:
    """Build the table of a sweep: name, status or phase, calls, test scores, their difference.

    `wide` adds cost and date of each cell where there is room.
    """
    rows = list(rows)
    titles = ["cell", "status", "calls", "start", "best", _title_outcome(rows)]
    cells = [[*_list_cell(row)] for row in rows]
    if wide and width >= _WITH_COST:
        titles.append("cost")
        for row, cell in zip(rows, cells, strict=True):
            cell.append(formats.format_cost(row.spend) if row.spend else NONE)
    if wide and width >= _WITH_DATE:
        titles.append("began")
        for row, cell in zip(rows, cells, strict=True):
            began = (row.result or {}).get("started")
            cell.append(formats.utc_minute(began) if began else NONE)
    return _fit_names(tuple(titles), map(tuple, cells), width)


def _title_outcome(rows: Iterable[CellRow]) -> str:
    """Return the title above what cells came to: problems have no test questions."""
    results = [row.result for row in rows if row.result is not None]
    kinds = {"optimum" if "problem" in result else "on test" for result in results}
    return " / ".join(sorted(kinds)) or "on test"


def _list_cell(row: CellRow) -> tuple[str, ...]:
    status = row.phase if row.status == "running" else row.status
    calls = format_count(row.calls) if row.spend else NONE
    if row.status == "running" and row.expected:
        calls += f"/{format_count(row.expected)}"
    return (printable(row.name), status, calls, *format_outcome(row.result))


def build_estimate_table(estimate: Mapping[str, Any], width: int) -> Table:
    """Build the table of what a sweep would cost, with a row for each cell and for the sum."""
    titles = ("cell", "status", "calls", "at most", "cost", "at most")
    rows: list[tuple[str, ...]] = []
    total = {"cell": "together", "status": "", "total": estimate["total"]}
    for row in (*estimate["cells"], total):
        figures: tuple[str, ...] = (NONE,) * 4
        if row["total"] is not None:
            expected, most = (row["total"][kind] for kind in ("expected", "at_most"))
            calls = format_count(expected["calls"]), format_count(most["calls"])
            figures = (*calls, format_money(expected["usd"]), format_money(most["usd"]))
        rows.append((printable(row["cell"]), row["status"], *figures))
    return _fit_names(titles, rows, width)


def _fit_names(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]], width: int) -> Table:
    """Return a table whose names are so short that nothing else is cut, if possible."""
    rows = list(rows)
    excess = max(map(measure_width, align_rows([titles, *rows]))) - width
    name = max(measure_width(row[0]) for row in (titles, *rows)) - max(0, excess)
    shortened = [(shorten_name(row[0], max(name, _SHORTEST)), *row[1:]) for row in rows]
    return Table.build(titles, shortened, right=range(2, min(7, len(titles))))


_SHOWN: Sequence[Status] = ("running", "failed", "stopped", "elsewhere", "finished")
"""The statuses whose cells have rows, in their order."""
_WITH_BAR = 80
"""Columns from which there is room for a bar beside the counted calls."""
_BAR = 8
_PHASE, _BEST = len("step 10/20"), len("100.0 % on train")


def render_sweep(
    table: SweepTable,
    elapsed: float,
    width: int,
    height: int,
    *,
    over: bool = False,
    foot: Sequence[str] = (),
) -> Text:
    """Render a frame of at most `height` lines and `width` cells, `elapsed` seconds into a session.

    Once the session is `over`, a table follows, so that only the lines above the rows are left.
    `foot` names the keys, in a line at the foot.
    """
    lines = [
        fill_between(f"sweep {table.name}", formats.format_duration(elapsed), width),
        join_fitting(count_statuses(table), width),
        join_fitting(_format_calls(table, elapsed, over=over), width),
        join_fitting(format_spend(table), width),
    ]
    if table.stopping and not over:
        lines.append(Text(printable(format_sweep_stopping(table), width), style="bold yellow"))
    if not over:
        room = height - bool(foot)
        lines += _draw_rows(table, width, room - len(lines))
        if foot:
            lines = [*lines[:room], *[Text()] * (room - len(lines))]
            lines.append(draw_foot(foot, width))
    return build_frame(lines, width, height)


def _format_calls(table: SweepTable, elapsed: float, *, over: bool) -> Iterator[str]:
    """Yield the calls so far, out of how many, how fast, and for how long."""
    done, expected = table.sum_spend().calls, table.estimate_calls()
    known = not over and expected is not None
    most = f" of about {format_count(max(done, expected or 0))}" if known else ""
    yield f"calls {format_count(done)}{most}"
    session_calls = table.count_session_calls()
    if elapsed >= MEANINGFUL and session_calls:
        rate = session_calls / elapsed
        yield formats.format_rate(rate)
        if known and not table.stopping:
            left = max(0, (expected or 0) - done) / rate
            yield f"about {formats.format_duration(left)} left"


def _draw_rows(table: SweepTable, width: int, room: int) -> list[Text]:
    """Return the sections that there is room for, and how many cells are not shown."""
    sections = {status: table.list_rows(status) for status in _SHOWN}
    shares = _share_room({status: len(rows) for status, rows in sections.items()}, room)
    columns = _Columns(width, [row for s, share in shares.items() for row in sections[s][:share]])
    lines: list[Text] = []
    for status, share in shares.items():
        lines += [Text(), *columns.draw_section(status, sections[status][:share])]
    hidden = {status: len(rows) - shares.get(status, 0) for status, rows in sections.items()}
    hidden = {"waiting": table.count("waiting"), **hidden}
    counts = [f"{format_count(number)} {status}" for status, number in hidden.items() if number]
    if counts and len(lines) < room:
        lines.append(Text(printable(f"{_MORE} {', '.join(counts)}", width), style="dim"))
    return lines


def _share_room(wanted: dict[Status, int], room: int) -> dict[Status, int]:
    """Return the rows of each section: two for everyone first, the rest in their order.

    Each section needs two lines more for its title, and one line is for what is not shown.
    """
    room -= 1
    shares: dict[Status, int] = {}
    for status, number in wanted.items():
        if number and room >= 3:
            shares[status] = min(2, number, room - 2)
            room -= 2 + shares[status]
    for status, share in shares.items():
        more = min(wanted[status] - share, room)
        shares[status] += more
        room -= more
    return shares


class _Columns:
    """The columns of a frame; names and numbers of all sections line up."""

    def __init__(self, width: int, rows: Sequence[CellRow]) -> None:
        self._width = width
        self._gap = "  " if width >= _WITH_BAR else " "
        self._calls = max(map(len, ("calls", *map(_count_calls, rows))))
        scores = (text for row in rows for text in format_outcome(row.result)[:2])
        self._score = max(map(len, ("100.0 %", *scores)))
        self._outcome = _title_outcome(rows)
        self._bar = 2 * _BAR if width >= 100 else _BAR if width >= _WITH_BAR else 0
        used = _PHASE + self._calls + _BEST + 3 * len(self._gap)
        used += self._bar + 1 if self._bar else 0
        longest = max((len(row.name) for row in rows), default=0)
        self._name = max(8, min(longest, width - used))

    def draw_section(self, status: Status, rows: Sequence[CellRow]) -> Iterator[Text]:
        """Yield the title of a section, with the names of its columns, and its rows."""
        heads = {
            "running": self._join_running("at", "", "calls", "best so far"),
            "finished": self._join_finished("calls", "start", "best", self._outcome),
        }
        style = "bold red" if status == "failed" else "bold"
        yield self._join(style, status, heads.get(status, ""))
        for row in rows:
            yield self._join("", row.name, self._draw_cell(row))

    def _draw_cell(self, row: CellRow) -> str:
        if row.status == "finished":
            return self._join_finished(format_count(row.calls), *format_outcome(row.result))
        if row.status != "running":
            return _explain_open(row)
        share = min(1.0, row.calls / row.expected) if row.expected else 0.0
        full = int(share * self._bar)
        bar = "━" * full + "─" * (self._bar - full)
        best = "–"
        if row.best is not None:
            basis, mean = row.best
            scale = formats.read_scale({"scale": row.scale} if row.scale else {})
            best = f"{formats.format_mean(mean, scale)} on {basis}"
        return self._join_running(row.phase, bar, _count_calls(row), best)

    def _join_running(self, at: str, bar: str, calls: str, best: str) -> str:
        counted = calls.rjust(self._calls)
        if self._bar:
            counted = f"{bar:<{self._bar}} {counted}"
        return self._gap.join([f"{at:<{_PHASE}}", counted, best])

    def _join_finished(self, calls: str, start: str, best: str, difference: str) -> str:
        scores = (start.rjust(self._score), best.rjust(self._score), difference)
        return self._gap.join([calls.rjust(self._calls), *scores])

    def _join(self, style: str, name: str, rest: str) -> Text:
        line = f"{shorten_name(name, self._name):<{self._name}}{self._gap}{rest}"
        return Text(printable(line.rstrip(), self._width), style=style)


def _explain_open(row: CellRow) -> str:
    """Say in one line why a cell that does not run here is not finished."""
    if row.status == "elsewhere":
        return ELSEWHERE
    reason = row.error if row.status == "failed" else explain_stop(row)
    return reason.partition("\n")[0]


def _count_calls(row: CellRow) -> str:
    """Return the calls of a cell, "523/1,649" while it runs."""
    done = format_count(row.calls)
    if row.status != "running":
        return done
    return f"{done}/{format_count(max(row.calls, row.expected))}"
