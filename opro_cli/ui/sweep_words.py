"""What is said of a sweep, on a terminal and in a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opro_cli.core.sweep_table import Row, Status, Table
from opro_cli.reports import formats
from opro_cli.reports.spend_words import uncounted_words
from opro_cli.ui.safe import cells, printable

# Where there is no room for all, the first are left.
_COUNTED: tuple[Status, ...] = ("failed", "stopped", "elsewhere", "running", "waiting")
ELSEWHERE = "another process is at work on it"
NONE = "–"
MORE = "…"


def standing_line(table: Table) -> Iterator[str]:
    """How many cells stand where."""
    total = formats.plural(len(table.rows), "cell")
    yield f"{formats.count(table.count('finished'))} of {total} finished"
    for status in _COUNTED:
        if many := table.count(status):
            yield f"{formats.count(many)} {'at work ' if status == 'elsewhere' else ''}{status}"


def spent_line(table: Table) -> Iterator[str]:
    """What all cells have spent, out of the sweep's budget where it has one."""
    spent, budget = table.spent(), table.budget
    usd = "" if budget.usd is None else f" of {formats.money(budget.usd)}"
    tokens = "" if budget.tokens is None else f" of {formats.tokens(budget.tokens)}"
    yield f"cost {formats.money(spent.usd)}{usd}"
    yield f"tokens {formats.tokens(spent.tokens)}{tokens}"
    if more := uncounted_words(spent.uncounted):
        yield more
    if budget.calls is not None:
        yield f"at most {formats.count(budget.calls)} calls"


def stopping_line(table: Table) -> str:
    """What a clean stop waits for, and how not to wait."""
    running = table.count("running")
    cells = f" of {formats.plural(running, 'cell')}" if running else ""
    return f"stopping: waiting for calls{cells} (Ctrl-C again to stop at once)"


def why_stopped(row: Row) -> str:
    """How far a cell is that was stopped."""
    by = f" by {row.stopped_by}" if row.stopped_by else ""
    return f"stopped{by} after {formats.plural(row.calls, 'call')}"


def test_scores(result: Mapping[str, Any] | None) -> tuple[str, str, str]:
    """Start, best and their difference on test, as far as they are known."""
    start, best = _on_test(result, "initial"), _on_test(result, "best")
    if start is None or best is None:
        return NONE, NONE, NONE
    return formats.percent(start), formats.percent(best), formats.points(best - start)


def _on_test(result: Mapping[str, Any] | None, which: str) -> float | None:
    candidate = result and result.get(which)
    score = candidate and candidate["scores"].get("test")
    return score["mean"] if score else None


def closing_lines(table: Table, again: str) -> Iterator[str]:
    """After the table: what went wrong, how many are finished, and how to go on.

    again: the command that goes on with what is not finished.
    """
    for failed in _by_error(table):
        first, others = failed[0], len(failed) - 1
        more = f" and {formats.plural(others, 'other')}" if others else ""
        yield f"{first.name}{more} failed: {first.error.partition(chr(10))[0]}"
        if first.hint:
            yield f"  hint: {first.hint}"
    ceilings = sorted({row.stopped_by for row in table.of("stopped") if row.stopped_by})
    for ceiling in ceilings:
        yield f"stopped by {ceiling}"
    told = list(standing_line(table))
    if table.count("finished") == len(table.rows):
        yield told[0]
    else:
        raised = "raise the budget, and " if ceilings else ""
        yield f"{', '.join(told)}; {raised}go on with: {again}"


def _by_error(table: Table) -> list[list[Row]]:
    """The cells that failed; those with one error together, since one server fails them all."""
    errors: dict[str, list[Row]] = {}
    for row in table.rows.values():
        if row.status == "failed":
            errors.setdefault(row.error, []).append(row)
    return list(errors.values())


def shortened(name: str, width: int) -> str:
    """A name of at most `width` cells: its middle is left out, since both ends tell it apart."""
    name = printable(name)
    if cells(name) <= width:
        return name
    head = (width - 1) // 2
    return name[:head] + MORE + name[len(name) - (width - 1 - head) :]
