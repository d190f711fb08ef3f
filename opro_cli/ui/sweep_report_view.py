"""`opro diff SWEEP` for people: it reads without colour."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from opro_cli.reports.formats import plural
from opro_cli.reports.sweeps import words
from opro_cli.reports.sweeps.diff import SweepDiff
from opro_cli.reports.sweeps.measured import Measured
from opro_cli.reports.sweeps.report import (
    INTERVAL,
    SweepReport,
    counted,
    difference_told,
    headline,
    of_these,
)
from opro_cli.reports.sweeps.winners import RULE
from opro_cli.ui import sweep_grids
from opro_cli.ui.blocks import print_block
from opro_cli.ui.grids import Grid
from opro_cli.ui.safe import printable

LEAST_COLUMN = 30
"""Cells of a square's column at least; what has no room goes into further tables."""
_INSTRUCTION = 2000


def print_sweep(report: SweepReport, console: Console) -> None:
    """The mean gain first, then what it is made of."""
    console.print(Text(headline(report.gain), style="bold"))
    for line in filter(None, (of_these(report.gain), counted(report.cells))):
        print_block(console, "", [line])
    if report.left_out:
        console.print(sweep_grids.left_out_grid(report).table())
    _heading(console, "test scores")
    _print_parts(sweep_grids.matrix_grid(report), console)
    _note(console, words.READ)
    _heading(console, "mean gain of each task")
    console.print(sweep_grids.tasks_grid(report).table())
    _note(console, INTERVAL)
    _heading(console, "winners")
    console.print(sweep_grids.winners_grid(report).table())
    for name, instruction in sweep_grids.instructions(report):
        print_block(console, "  ", [printable(f"{name}: {instruction}", _INSTRUCTION)])
    _note(console, RULE)
    print_transfer(report, console)


def print_transfer(report: SweepReport, console: Console) -> None:
    """What the winners are worth elsewhere, as far as it was asked."""
    found = report.transfer
    if not found.targets or not found.winners:
        return
    _heading(console, "transfer")
    if found.asked:
        _print_parts(sweep_grids.transfer_grid(found), console)
        _note(console, words.TRANSFER)
        if found.seen:
            _note(console, words.SEEN)
    if found.missing:
        squares = plural(found.missing, "square")
        command = printable(f"opro eval --sweep {shlex.quote(report.name)}", _INSTRUCTION)
        print_block(console, "", [f"{squares} not asked yet: {command}"])


def print_sweep_diff(diff: SweepDiff, console: Console) -> None:
    """Cell by cell, and the mean over tasks."""
    for mark, report in (("-", diff.before), ("+", diff.after)):
        console.print(Text(printable(f"{mark} {report.name}: {counted(report.cells)}")))
    print_block(console, "", [difference_told(diff.mean), *filter(None, [of_these(diff.mean)])])
    if diff.pairs:
        _heading(console, "best instruction of each cell, on test")
        console.print(sweep_grids.pairs_grid(diff).table())
    _only(console, "first", diff.only_before)
    _only(console, "second", diff.only_after)
    _note(console, INTERVAL)


def _only(console: Console, which: str, cells: Sequence[Measured]) -> None:
    if cells:
        names = ", ".join(cell.name for cell in cells)
        told = f"{plural(len(cells), 'cell')} only in the {which}: {names}"
        print_block(console, "", [printable(told, _INSTRUCTION)])


def _print_parts(grid: Grid, console: Console) -> None:
    for part in grid.in_parts(console.width, LEAST_COLUMN):
        console.print(part.table())


def _heading(console: Console, title: str) -> None:
    console.print(Text(f"\n{title}", style="bold"))


def _note(console: Console, text: str) -> None:
    print_block(console, "", [text], "dim")
