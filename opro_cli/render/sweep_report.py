"""`opro diff SWEEP` for a terminal and as Markdown."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from opro_cli.render.safe import instruction_shown, printable
from opro_cli.render.tables import Grid, Theirs, code, print_block, table
from opro_cli.reports.formats import plural, points
from opro_cli.reports.sweeps import words
from opro_cli.reports.sweeps.measured import Measured
from opro_cli.reports.sweeps.report import (
    INTERVAL,
    Pair,
    SweepDiff,
    SweepReport,
    counted,
    difference_told,
    headline,
    of_these,
)
from opro_cli.reports.sweeps.tasks import Place
from opro_cli.reports.sweeps.winners import RULE, Transfer
from opro_cli.reports.sweeps.words import (
    NOTHING,
    chosen_by,
    estimated_gain,
    mean_lines,
    score_said,
    square_lines,
    winner_gain,
    worth_lines,
)


def matrix_grid(report: SweepReport) -> Grid:
    """A row for each task, a column for each variant."""
    known = {square.place: square for square in report.squares}
    tasks = dict.fromkeys(place.task for place in known)
    variants = dict.fromkeys(place.variant for place in known)
    rows = tuple(
        (
            Theirs(task),
            *("\n".join(square_lines(known.get(Place(task, variant)))) for variant in variants),
        )
        for task in tasks
    )
    means = ("mean gain", *("\n".join(mean_lines(report.by_variant[each])) for each in variants))
    return Grid(("", *map(Theirs, variants)), (*rows, means))


def winners_grid(report: SweepReport) -> Grid:
    """A row for each task and scorer; ★: no other scorer has a better one on the task."""
    rows = tuple(
        (
            Theirs(winner.task),
            Theirs(winner.scorer),
            Theirs(winner.cell.name),
            f"{chosen_by(winner)}{' ★' if winner.is_first else ''}",
            score_said(winner.test),
            winner_gain(winner),
        )
        for winner in report.winners
    )
    return Grid(("", "scorer", "cell", "chosen by", "test score", "gain"), rows)


def instructions(report: SweepReport) -> list[tuple[str, str]]:
    """The cell of each winner, and its instruction."""
    return [(each.cell.name, instruction_shown(each.instruction)) for each in report.winners]


def transfer_grid(transfer: Transfer) -> Grid:
    """A row for the start prompts and for each winner, a column for each task under each scorer."""
    heads = [Theirs(f"{target.task} / {target.model}") for target in transfer.targets]
    starts = ("start prompt", *("\n".join(worth_lines(worth)) for worth in transfer.starts))
    rows = [
        (
            Theirs(winner.cell.name),
            *(
                "\n".join(worth_lines(worth, home=target.key == (winner.task, winner.scorer)))
                for target, worth in zip(transfer.targets, row, strict=True)
            ),
        )
        for winner, row in zip(transfer.winners, transfer.rows, strict=True)
    ]
    return Grid(("", *heads), (starts, *rows))


def tasks_grid(report: SweepReport) -> Grid:
    """What each task has to say in the mean gain."""
    rows = tuple(
        (
            Theirs(each.task),
            str(each.runs),
            str(each.questions),
            points(each.estimate.mean),
            f"{points(each.estimate.interval.low)} to {points(each.estimate.interval.high)}",
        )
        for each in report.gain.tasks
    )
    return Grid(("", "runs", "questions", "mean gain", "95 %, over questions"), rows)


def left_out_grid(report: SweepReport) -> Grid:
    """The cells without a say, and why."""
    rows = tuple(
        (Theirs(cell.name), cell.left_out, Theirs(cell.swept.problem)) for cell in report.left_out
    )
    return Grid(("", "left out", ""), rows)


def pairs_grid(diff: SweepDiff) -> Grid:
    """A row for each two cells of equal values."""
    return Grid(("", "-", "+", "difference", "on"), tuple(map(_pair, diff.pairs)))


def _pair(pair: Pair) -> tuple[str, ...]:
    before, after = (
        score_said(cell.best.score("test")) if cell.best else NOTHING
        for cell in (pair.before, pair.after)
    )
    difference = estimated_gain(pair.difference) if pair.difference else NOTHING
    on = f"{pair.shared} questions" if pair.shared else pair.why
    return Theirs(pair.before.name), before, after, difference, on


LEAST_COLUMN = 30
"""Cells of a square's column at least; what has no room goes into further tables."""
_INSTRUCTION = 2000


def print_sweep(report: SweepReport, console: Console) -> None:
    """The mean gain first, then what it is made of."""
    console.print(Text(headline(report.gain), style="bold"))
    for line in filter(None, (of_these(report.gain), counted(report.cells))):
        print_block(console, "", [line])
    if report.left_out:
        console.print(left_out_grid(report).table())
    _heading(console, "test scores")
    _print_parts(matrix_grid(report), console)
    _note(console, words.READ)
    _heading(console, "mean gain of each task")
    console.print(tasks_grid(report).table())
    _note(console, INTERVAL)
    _heading(console, "winners")
    console.print(winners_grid(report).table())
    for name, instruction in instructions(report):
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
        _print_parts(transfer_grid(found), console)
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
        console.print(pairs_grid(diff).table())
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


def sweep_as_markdown(report: SweepReport) -> str:
    """The mean gain first, then what it is made of."""
    lines = [f"## Sweep {code(report.name)}", "", f"**{headline(report.gain)}**", ""]
    lines += [
        line for told in (of_these(report.gain), counted(report.cells)) for line in _told(told)
    ]
    if report.left_out:
        lines += table(left_out_grid(report))
    lines += ["### Test scores", "", *table(matrix_grid(report)), words.READ, ""]
    lines += [
        "### Mean gain of each task",
        "",
        *table(tasks_grid(report)),
        INTERVAL,
        "",
    ]
    lines += ["### Winners", "", *table(winners_grid(report))]
    lines += [f"- {code(name)}: {code(text)}" for name, text in instructions(report)]
    return _joined([*lines, "", RULE, "", *_transfer(report)])


def diff_as_markdown(diff: SweepDiff) -> str:
    """Cell by cell, and the mean over tasks."""
    lines = ["## Sweeps compared", ""]
    for mark, report in (("-", diff.before), ("+", diff.after)):
        lines.append(f"{mark} {code(report.name)}: {counted(report.cells)}")
    lines += ["", f"**{difference_told(diff.mean)}**", "", *_told(of_these(diff.mean))]
    lines += table(pairs_grid(diff)) if diff.pairs else []
    for which, cells in (("first", diff.only_before), ("second", diff.only_after)):
        if cells:
            names = ", ".join(code(cell.name) for cell in cells)
            lines += [f"{plural(len(cells), 'cell')} only in the {which}: {names}", ""]
    return _joined([*lines, INTERVAL])


def _transfer(report: SweepReport) -> list[str]:
    found = report.transfer
    if not found.targets or not found.winners:
        return []
    lines = ["### Transfer", ""]
    if found.asked:
        lines += [*table(transfer_grid(found)), words.TRANSFER, ""]
    lines += [words.SEEN, ""] if found.seen else []
    if found.missing:
        lines.append(f"{plural(found.missing, 'square')} not asked yet: `opro eval --sweep SWEEP`")
    return lines


def _told(sentence: str) -> list[str]:
    return [sentence, ""] if sentence else []


def _joined(lines: list[str]) -> str:
    return "\n".join(lines).rstrip("\n") + "\n"
