"""The report on a sweep, for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from rich.console import Console

from opro_cli import shell
from opro_cli.render.consoles import print_blocks
from opro_cli.render.safe import display_instruction, measure_width, printable
from opro_cli.render.tables import (
    MOST_CELLS,
    Block,
    Heading,
    Paragraph,
    Table,
    Untrusted,
    format_blocks,
    format_code,
)
from opro_cli.reports.formats import format_points, format_span, pluralize
from opro_cli.reports.sweeps.measured import MatrixKey, MeasuredCell
from opro_cli.reports.sweeps.problem_grids import Grid, GridPair, build_section, describe_found
from opro_cli.reports.sweeps.report import (
    INTERVAL,
    NOTHING,
    READ,
    SEEN,
    TRANSFER,
    CellPair,
    SweepDiff,
    SweepReport,
    describe_counted,
    describe_difference,
    describe_gain,
    describe_these_tasks,
    format_cell_score,
    format_choice,
    format_estimate,
    format_matrix_cell,
    format_task_mean,
    format_test_score,
    format_winner_gain,
    format_worth,
)
from opro_cli.reports.sweeps.winners import RULE, Transfer

_GAP = 3
"""Terminal cells between two columns, as `print_table` draws them."""
_LEAST = 30
"""Terminal cells of a column of a matrix; what has no room goes into further tables."""


def print_sweep(report: SweepReport, console: Console, *, explain: bool = False) -> None:
    """Print the mean gain, then the scores and gains behind it.

    A terminal gets a line about each table, and how the figures are computed if asked to `explain`.
    """
    blocks = _report_sweep(report, console.width)
    is_brief = console.is_terminal and not explain
    print_blocks(console, _shorten_notes(blocks, report.name) if is_brief else blocks)


def format_sweep(report: SweepReport) -> str:
    """Return the same report as Markdown."""
    title = f"## Sweep {format_code(report.name)}\n\n"
    return title + format_blocks(_report_sweep(report))


def print_transfer(report: SweepReport, console: Console) -> None:
    """Print the scores of the winners on other tasks and models, as far as they were asked."""
    print_blocks(console, _report_transfer(report))


_BRIEF = {
    READ: "Test score of the chosen prompt, then its gain: ▲ ▼ more than chance, ≈ not.",
    INTERVAL: "The interval says what to expect of another task like these.",
    RULE: "Chosen by what the runs themselves choose by; test scores have no say.",
}
"""Notes on tables in a line each."""


def _shorten_notes(blocks: Iterable[Block], name: str) -> Iterator[Block]:
    """Yield blocks with a sentence in place of each note, and where the notes are."""
    is_cut = False
    for block in blocks:
        if not isinstance(block, Paragraph) or block.style != "note" or len(block.parts) > 1:
            yield block
            continue
        (note,) = block.parts
        first, stop, rest = note.partition(". ")
        brief = _BRIEF.get(note) or (f"{first}." if rest else first + stop)
        is_cut |= brief != note
        yield replace(block, parts=(brief,))
    if is_cut:
        command = Untrusted(f"opro diff {shell.quote(name)} --explain")
        yield Paragraph((command, " says how the figures are computed"), "note")


def print_sweep_diff(diff: SweepDiff, console: Console) -> None:
    """Print two sweeps cell by cell, and the mean over tasks."""
    print_blocks(console, _report_diff(diff))


def format_sweep_diff(diff: SweepDiff) -> str:
    """Return the same comparison as Markdown."""
    return "## Sweeps compared\n\n" + format_blocks(_report_diff(diff))


def _report_sweep(report: SweepReport, width: int | None = None) -> Iterator[Block]:
    """Yield the parts of a report; width: of the terminal, None for Markdown."""
    if report.of_problems:
        yield Paragraph((describe_found(report.problems),), "strong")
        yield from _state(describe_counted(report.of_problems))
    if report.searches_prompts:
        yield Paragraph((describe_gain(report.gain, report.left_out),), "strong")
        yield from _state(describe_these_tasks(report.gain), describe_counted(report.prompts))
    for cell in report.left_out:
        why = (": ", Untrusted(cell.swept.problem)) if cell.swept.problem else ()
        yield Paragraph((Untrusted(cell.name), f", {cell.left_out}", *why), mark=" ")
    yield from _report_problems(report, width)
    if report.searches_prompts:
        yield from _report_prompts(report)


def _report_problems(report: SweepReport, width: int | None) -> Iterator[Block]:
    for problem in report.problems:
        section = build_section(problem)
        for pair in section.pairs:
            yield Heading(pair.title)
            yield from _build_grids(pair, width)
        for text in section.notes:
            yield Paragraph((text,), "note")


def _report_prompts(report: SweepReport) -> Iterator[Block]:
    yield Heading("test scores")
    yield _build_matrix(report)
    yield Paragraph((READ,), "note")
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
        yield Paragraph((TRANSFER,), "note")
        if transfer.seen:
            yield Paragraph((SEEN,), "note")
    if transfer.missing:
        squares = f"{pluralize(transfer.missing, 'square')} not asked yet: "
        yield Paragraph((squares, Untrusted(f"opro eval --sweep {shell.quote(report.name)}")))


def _report_diff(diff: SweepDiff) -> Iterator[Block]:
    for mark, report in (("-", diff.before), ("+", diff.after)):
        name = Untrusted(report.name)
        yield Paragraph((name, f": {describe_counted(report.cells)}"), mark=mark)
    prompts = diff.before.searches_prompts or diff.after.searches_prompts
    if prompts:
        yield Paragraph((describe_difference(diff),), "strong")
        yield from _state(describe_these_tasks(diff.mean))
    if diff.pairs:
        yield Heading(f"best {'instruction of each cell, on test' if prompts else 'values'}")
        titles = ("", "-", "+", "difference", "on")
        yield Table.build(titles, map(_list_pair, diff.pairs))
    yield from _list_only("first", diff.only_before)
    yield from _list_only("second", diff.only_after)
    if prompts:
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
            *(_stack(format_matrix_cell(cells.get(MatrixKey(task, v)))) for v in variants),
        )
        for task in tasks
    )
    means = ("mean gain", *(_stack(format_task_mean(report.by_variant[v])) for v in variants))
    several = len(tasks) > 1  # the mean of one task is its square's, in another interval
    return Table.build(
        ("", *map(Untrusted, variants)), (*rows, means) if several else rows, least=_LEAST
    )


def _build_grids(pair: GridPair, width: int | None) -> Iterator[Table]:
    """Yield the paper's numbers beside ours where there is room, else below them."""
    grids = [pair.ours] if pair.paper is None else [pair.ours, pair.paper]
    table = _build_grid(grids, terminal=width is not None)
    if width is None or _measure(table) <= width:
        yield table
        return
    for grid in grids:
        table = _build_grid([grid], terminal=True)
        widest = max(_measure_columns(table)[1:])
        yield table if _measure(table) <= width else replace(table, least=widest + 1)


def _build_grid(grids: Sequence[Grid], *, terminal: bool) -> Table:
    """Return one table of grids with the same rows; of the paper alone, only its own rows."""
    first, *_ = grids
    titles = [
        _show_title(title, of_paper=grid.of_paper, terminal=terminal)
        for grid in grids
        for title in grid.columns
    ]
    rows = (
        (
            Untrusted(same[0].title),
            *(_stack(cell) for row in same for cell in row.cells),
        )
        for same in zip(*(grid.rows for grid in grids), strict=True)
        if len(grids) > 1 or not first.of_paper or set(same[0].cells) != {(NOTHING,)}
    )
    return Table.build((first.corner, *titles), rows, right=range(1, len(titles) + 1))


def _show_title(title: str, *, of_paper: bool, terminal: bool) -> str:
    if not terminal:
        return f"paper:\n{title}" if of_paper else Untrusted(title)
    # A name would be the widest part of its column: it has two lines.
    title = printable(title, MOST_CELLS)
    title = title.replace("/", "/\n", 1) if "/" in title else title.replace(" ", "\n", 1)
    return f"paper:\n{title}" if of_paper else title


def _measure(table: Table) -> int:
    """Return the terminal cells of a line, with the gaps between the columns."""
    columns = _measure_columns(table)
    return sum(columns) + _GAP * (len(columns) - 1)


def _measure_columns(table: Table) -> list[int]:
    columns = zip([column.title for column in table.columns], *table.rows, strict=True)
    return [
        max(measure_width(printable(line)) for cell in cells for line in cell.split("\n"))
        for cells in columns
    ]


def _stack(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _build_winners(report: SweepReport) -> Table:
    """Return a row for each task and scorer; ★: no other scorer has a better one on the task."""
    rows = (
        (
            Untrusted(winner.task),
            Untrusted(winner.scorer),
            Untrusted(winner.cell.name),
            f"{format_choice(winner)}{' ★' if winner.is_first else ''}",
            format_test_score(winner.test, winner.run.state.scale),
            format_winner_gain(winner),
        )
        for winner in report.winners
    )
    return Table.build(("", "scorer", "cell", "chosen by", "test score", "gain"), rows)


def _build_transfer(transfer: Transfer) -> Table:
    """Return start prompts and winners as rows, each task under each scorer as a column."""
    titles = [Untrusted(f"{target.task} / {target.model}") for target in transfer.targets]
    starts = ("start prompt", *(_stack(format_worth(worth)) for worth in transfer.starts))
    rows = (
        (
            Untrusted(winner.cell.name),
            *(
                _stack(format_worth(worth, home=target.key == (winner.task, winner.scorer)))
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
            Untrusted(task.name),
            str(task.runs),
            str(task.questions),
            format_points(task.estimate.mean),
            format_span(task.estimate.interval.low, task.estimate.interval.high),
        )
        for task in report.gain.tasks
    )
    return Table.build(("", "runs", "questions", "mean gain", "95 %, over questions"), rows)


def _list_pair(pair: CellPair) -> tuple[str, ...]:
    before, after = (format_cell_score(cell, cell.best) for cell in (pair.before, pair.after))
    difference = format_estimate(pair.difference) if pair.difference else NOTHING
    on = f"{pair.shared} questions" if pair.shared else pair.why
    return Untrusted(pair.before.name), before, after, difference, on
