"""`opro diff SWEEP` for a terminal and as Markdown."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from opro_cli.render.safe import display_instruction, printable
from opro_cli.render.tables import Grid, Untrusted, format_code, format_table, print_block
from opro_cli.reports.formats import format_points, pluralize
from opro_cli.reports.sweeps import words
from opro_cli.reports.sweeps.measured import MeasuredCell
from opro_cli.reports.sweeps.report import (
    INTERVAL,
    CellPair,
    SweepDiff,
    SweepReport,
    describe_counted,
    describe_difference,
    describe_gain,
    describe_these_tasks,
)
from opro_cli.reports.sweeps.tasks import MatrixKey
from opro_cli.reports.sweeps.winners import RULE, Transfer
from opro_cli.reports.sweeps.words import (
    NOTHING,
    format_choice,
    format_estimate,
    format_matrix_cell,
    format_task_mean,
    format_test_score,
    format_winner_gain,
    format_worth,
)


def build_matrix(report: SweepReport) -> Grid:
    """A row for each task, a column for each variant."""
    known = {square.place: square for square in report.squares}
    tasks = dict.fromkeys(place.task for place in known)
    variants = dict.fromkeys(place.variant for place in known)
    rows = tuple(
        (
            Untrusted(task),
            *(
                "\n".join(format_matrix_cell(known.get(MatrixKey(task, variant))))
                for variant in variants
            ),
        )
        for task in tasks
    )
    means = (
        "mean gain",
        *("\n".join(format_task_mean(report.by_variant[each])) for each in variants),
    )
    return Grid(("", *map(Untrusted, variants)), (*rows, means))


def build_winners(report: SweepReport) -> Grid:
    """A row for each task and scorer; ★: no other scorer has a better one on the task."""
    rows = tuple(
        (
            Untrusted(winner.task),
            Untrusted(winner.scorer),
            Untrusted(winner.cell.name),
            f"{format_choice(winner)}{' ★' if winner.is_first else ''}",
            format_test_score(winner.test),
            format_winner_gain(winner),
        )
        for winner in report.winners
    )
    return Grid(("", "scorer", "cell", "chosen by", "test score", "gain"), rows)


def instructions(report: SweepReport) -> list[tuple[str, str]]:
    """The cell of each winner, and its instruction."""
    return [(each.cell.name, display_instruction(each.instruction)) for each in report.winners]


def build_transfer(transfer: Transfer) -> Grid:
    """A row for the start prompts and for each winner, a column for each task under each scorer."""
    heads = [Untrusted(f"{target.task} / {target.model}") for target in transfer.targets]
    starts = ("start prompt", *("\n".join(format_worth(worth)) for worth in transfer.starts))
    rows = [
        (
            Untrusted(winner.cell.name),
            *(
                "\n".join(format_worth(worth, home=target.key == (winner.task, winner.scorer)))
                for target, worth in zip(transfer.targets, row, strict=True)
            ),
        )
        for winner, row in zip(transfer.winners, transfer.rows, strict=True)
    ]
    return Grid(("", *heads), (starts, *rows))


def build_tasks(report: SweepReport) -> Grid:
    """What each task has to say in the mean gain."""
    rows = tuple(
        (
            Untrusted(each.task),
            str(each.runs),
            str(each.questions),
            format_points(each.estimate.mean),
            f"{format_points(each.estimate.interval.low)} to {format_points(each.estimate.interval.high)}",
        )
        for each in report.gain.tasks
    )
    return Grid(("", "runs", "questions", "mean gain", "95 %, over questions"), rows)


def build_left_out(report: SweepReport) -> Grid:
    """The cells without a say, and why."""
    rows = tuple(
        (Untrusted(cell.name), cell.left_out, Untrusted(cell.swept.problem))
        for cell in report.left_out
    )
    return Grid(("", "left out", ""), rows)


def build_pairs(diff: SweepDiff) -> Grid:
    """A row for each two cells of equal values."""
    return Grid(("", "-", "+", "difference", "on"), tuple(map(_pair, diff.pairs)))


def _pair(pair: CellPair) -> tuple[str, ...]:
    before, after = (
        format_test_score(cell.best.score("test")) if cell.best else NOTHING
        for cell in (pair.before, pair.after)
    )
    difference = format_estimate(pair.difference) if pair.difference else NOTHING
    on = f"{pair.shared} questions" if pair.shared else pair.why
    return Untrusted(pair.before.name), before, after, difference, on


LEAST_COLUMN = 30
"""Cells of a square's column at least; what has no room goes into further tables."""
_INSTRUCTION = 2000


def print_sweep(report: SweepReport, console: Console) -> None:
    """The mean gain first, then what it is made of."""
    console.print(Text(describe_gain(report.gain), style="bold"))
    for line in filter(None, (describe_these_tasks(report.gain), describe_counted(report.cells))):
        print_block(console, "", [line])
    if report.left_out:
        console.print(build_left_out(report).table())
    _heading(console, "test scores")
    _print_parts(build_matrix(report), console)
    _note(console, words.READ)
    _heading(console, "mean gain of each task")
    console.print(build_tasks(report).table())
    _note(console, INTERVAL)
    _heading(console, "winners")
    console.print(build_winners(report).table())
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
        _print_parts(build_transfer(found), console)
        _note(console, words.TRANSFER)
        if found.seen:
            _note(console, words.SEEN)
    if found.missing:
        squares = pluralize(found.missing, "square")
        command = printable(f"opro eval --sweep {shlex.quote(report.name)}", _INSTRUCTION)
        print_block(console, "", [f"{squares} not asked yet: {command}"])


def print_sweep_diff(diff: SweepDiff, console: Console) -> None:
    """Cell by cell, and the mean over tasks."""
    for mark, report in (("-", diff.before), ("+", diff.after)):
        console.print(Text(printable(f"{mark} {report.name}: {describe_counted(report.cells)}")))
    print_block(
        console,
        "",
        [describe_difference(diff.mean), *filter(None, [describe_these_tasks(diff.mean)])],
    )
    if diff.pairs:
        _heading(console, "best instruction of each cell, on test")
        console.print(build_pairs(diff).table())
    _only(console, "first", diff.only_before)
    _only(console, "second", diff.only_after)
    _note(console, INTERVAL)


def _only(console: Console, which: str, cells: Sequence[MeasuredCell]) -> None:
    if cells:
        names = ", ".join(cell.name for cell in cells)
        told = f"{pluralize(len(cells), 'cell')} only in the {which}: {names}"
        print_block(console, "", [printable(told, _INSTRUCTION)])


def _print_parts(grid: Grid, console: Console) -> None:
    for part in grid.in_parts(console.width, LEAST_COLUMN):
        console.print(part.table())


def _heading(console: Console, title: str) -> None:
    console.print(Text(f"\n{title}", style="bold"))


def _note(console: Console, text: str) -> None:
    print_block(console, "", [text], "dim")


def format_sweep(report: SweepReport) -> str:
    """The mean gain first, then what it is made of."""
    lines = [f"## Sweep {format_code(report.name)}", "", f"**{describe_gain(report.gain)}**", ""]
    lines += [
        line
        for told in (describe_these_tasks(report.gain), describe_counted(report.cells))
        for line in _told(told)
    ]
    if report.left_out:
        lines += format_table(build_left_out(report))
    lines += ["### Test scores", "", *format_table(build_matrix(report)), words.READ, ""]
    lines += [
        "### Mean gain of each task",
        "",
        *format_table(build_tasks(report)),
        INTERVAL,
        "",
    ]
    lines += ["### Winners", "", *format_table(build_winners(report))]
    lines += [f"- {format_code(name)}: {format_code(text)}" for name, text in instructions(report)]
    return _joined([*lines, "", RULE, "", *_transfer(report)])


def format_sweep_diff(diff: SweepDiff) -> str:
    """Cell by cell, and the mean over tasks."""
    lines = ["## Sweeps compared", ""]
    for mark, report in (("-", diff.before), ("+", diff.after)):
        lines.append(f"{mark} {format_code(report.name)}: {describe_counted(report.cells)}")
    lines += [
        "",
        f"**{describe_difference(diff.mean)}**",
        "",
        *_told(describe_these_tasks(diff.mean)),
    ]
    lines += format_table(build_pairs(diff)) if diff.pairs else []
    for which, cells in (("first", diff.only_before), ("second", diff.only_after)):
        if cells:
            names = ", ".join(format_code(cell.name) for cell in cells)
            lines += [f"{pluralize(len(cells), 'cell')} only in the {which}: {names}", ""]
    return _joined([*lines, INTERVAL])


def _transfer(report: SweepReport) -> list[str]:
    found = report.transfer
    if not found.targets or not found.winners:
        return []
    lines = ["### Transfer", ""]
    if found.asked:
        lines += [*format_table(build_transfer(found)), words.TRANSFER, ""]
    lines += [words.SEEN, ""] if found.seen else []
    if found.missing:
        lines.append(
            f"{pluralize(found.missing, 'square')} not asked yet: `opro eval --sweep SWEEP`"
        )
    return lines


def _told(sentence: str) -> list[str]:
    return [sentence, ""] if sentence else []


def _joined(lines: list[str]) -> str:
    return "\n".join(lines).rstrip("\n") + "\n"
