"""The report on a sweep, or on two, for a terminal and as Markdown."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console

from opro_cli.render.consoles import print_blocks
from opro_cli.render.safe import display_instruction
from opro_cli.render.tables import (
    Block,
    Heading,
    Paragraph,
    Table,
    Untrusted,
    format_blocks,
    format_code,
)
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

_LEAST = 30
"""Terminal cells of a column of a matrix; what has no room goes into further tables."""


def print_sweep(report: SweepReport, console: Console) -> None:
    """Print the mean gain first, then what it is made of."""
    print_blocks(console, _report_sweep(report))


def format_sweep(report: SweepReport) -> str:
    """Return the same report as Markdown."""
    title = f"## Sweep {format_code(report.name)}\n\n"
    return title + format_blocks(_report_sweep(report))


def print_transfer(report: SweepReport, console: Console) -> None:
    """Print what the winners are worth elsewhere, as far as it was asked."""
    print_blocks(console, _report_transfer(report))


def print_sweep_diff(diff: SweepDiff, console: Console) -> None:
    """Print two sweeps cell by cell, and the mean over tasks."""
    print_blocks(console, _report_diff(diff))


def format_sweep_diff(diff: SweepDiff) -> str:
    """Return the same comparison as Markdown."""
    return "## Sweeps compared\n\n" + format_blocks(_report_diff(diff))


def _report_sweep(report: SweepReport) -> Iterator[Block]:
    yield Paragraph((describe_gain(report.gain),), "strong")
    yield from _state(describe_these_tasks(report.gain), describe_counted(report.cells))
    if report.left_out:
        yield _build_left_out(report)
    yield Heading("test scores")
    yield _build_matrix(report)
    yield Paragraph((words.READ,), "note")
    yield Heading("mean gain of each task")
    yield _build_tasks(report)
    yield Paragraph((INTERVAL,), "note")
    yield Heading("winners")
    yield _build_winners(report)
    for winner in report.winners:
        text = Untrusted(display_instruction(winner.instruction))
        yield Paragraph((Untrusted(winner.cell.name), ": ", text), mark=" ")
    yield Paragraph((RULE,), "note")
    yield from _report_transfer(report)


def _report_transfer(report: SweepReport) -> Iterator[Block]:
    transfer = report.transfer
    if not transfer.targets or not transfer.winners:
        return
    yield Heading("transfer")
    if transfer.asked:
        yield _build_transfer(transfer)
        yield Paragraph((words.TRANSFER,), "note")
        if transfer.seen:
            yield Paragraph((words.SEEN,), "note")
    if transfer.missing:
        squares = f"{pluralize(transfer.missing, 'square')} not asked yet: "
        yield Paragraph((squares, Untrusted(f"opro eval --sweep {shlex.quote(report.name)}")))


def _report_diff(diff: SweepDiff) -> Iterator[Block]:
    for mark, report in (("-", diff.before), ("+", diff.after)):
        name = Untrusted(report.name)
        yield Paragraph((name, f": {describe_counted(report.cells)}"), mark=mark)
    yield Paragraph((describe_difference(diff.mean),), "strong")
    yield from _state(describe_these_tasks(diff.mean))
    if diff.pairs:
        yield Heading("best instruction of each cell, on test")
        titles = ("", "-", "+", "difference", "on")
        yield Table.build(titles, map(_list_pair, diff.pairs))
    yield from _list_only("first", diff.only_before)
    yield from _list_only("second", diff.only_after)
    yield Paragraph((INTERVAL,), "note")


def _state(*sentences: str) -> Iterator[Block]:
    return (Paragraph((sentence,)) for sentence in sentences if sentence)


def _list_only(which: str, cells: Sequence[MeasuredCell]) -> Iterator[Block]:
    if cells:
        names = (part for cell in cells for part in (", ", Untrusted(cell.name)))
        next(names)
        yield Paragraph((f"{pluralize(len(cells), 'cell')} only in the {which}: ", *names))


def _build_matrix(report: SweepReport) -> Table:
    """Return a row for each task, a column for each variant."""
    cells = {cell.key: cell for cell in report.squares}
    tasks = dict.fromkeys(key.task for key in cells)
    variants = dict.fromkeys(key.variant for key in cells)
    rows = (
        (
            Untrusted(task),
            *(_stack(words.format_matrix_cell(cells.get(MatrixKey(task, v)))) for v in variants),
        )
        for task in tasks
    )
    means = ("mean gain", *(_stack(words.format_task_mean(report.by_variant[v])) for v in variants))
    return Table.build(("", *map(Untrusted, variants)), (*rows, means), least=_LEAST)


def _stack(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _build_winners(report: SweepReport) -> Table:
    """Return a row for each task and scorer; ★: no other scorer has a better one on the task."""
    rows = (
        (
            Untrusted(winner.task),
            Untrusted(winner.scorer),
            Untrusted(winner.cell.name),
            f"{words.format_choice(winner)}{' ★' if winner.is_first else ''}",
            words.format_test_score(winner.test),
            words.format_winner_gain(winner),
        )
        for winner in report.winners
    )
    return Table.build(("", "scorer", "cell", "chosen by", "test score", "gain"), rows)


def _build_transfer(transfer: Transfer) -> Table:
    """Return start prompts and winners as rows, each task under each scorer as a column."""
    titles = [Untrusted(f"{target.task} / {target.model}") for target in transfer.targets]
    starts = ("start prompt", *(_stack(words.format_worth(worth)) for worth in transfer.starts))
    rows = (
        (
            Untrusted(winner.cell.name),
            *(
                _stack(words.format_worth(worth, home=target.key == (winner.task, winner.scorer)))
                for target, worth in zip(transfer.targets, row, strict=True)
            ),
        )
        for winner, row in zip(transfer.winners, transfer.rows, strict=True)
    )
    return Table.build(("", *titles), (starts, *rows), least=_LEAST)


def _build_tasks(report: SweepReport) -> Table:
    """Return what each task contributes to the mean gain."""
    rows = (
        (
            Untrusted(task.task),
            str(task.runs),
            str(task.questions),
            format_points(task.estimate.mean),
            " to ".join(
                map(format_points, (task.estimate.interval.low, task.estimate.interval.high))
            ),
        )
        for task in report.gain.tasks
    )
    return Table.build(("", "runs", "questions", "mean gain", "95 %, over questions"), rows)


def _build_left_out(report: SweepReport) -> Table:
    """Return the cells that do not count, and why."""
    rows = (
        (Untrusted(cell.name), cell.left_out, Untrusted(cell.swept.problem))
        for cell in report.left_out
    )
    return Table.build(("", "left out", ""), rows)


def _list_pair(pair: CellPair) -> tuple[str, ...]:
    before, after = (
        words.format_test_score(cell.best.score("test")) if cell.best else words.NOTHING
        for cell in (pair.before, pair.after)
    )
    difference = words.format_estimate(pair.difference) if pair.difference else words.NOTHING
    on = f"{pair.shared} questions" if pair.shared else pair.why
    return Untrusted(pair.before.name), before, after, difference, on
