"""A sweep when it is over, or before it begins: its cells as a table; and who shows it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from opro_cli.core.sweep_table import Row
from opro_cli.reports.formats import count, money
from opro_cli.ui.page import aligned
from opro_cli.ui.safe import cells, printable
from opro_cli.ui.sweep_words import NONE, shortened, test_scores

if TYPE_CHECKING:
    from opro_cli.ui.sweep_live import SweepLive
    from opro_cli.ui.sweep_plain import PlainSweep

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
    from opro_cli.ui.consoles import console_for

    stream = stream or sys.stderr
    console = console_for(stream)
    if plain or not console.is_terminal or console.is_dumb_terminal:
        from opro_cli.ui.plain import Lines
        from opro_cli.ui.sweep_plain import PlainSweep

        return PlainSweep(Lines(stream))
    from opro_cli.ui.sweep_live import SweepLive

    return SweepLive(console)
