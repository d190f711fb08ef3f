"""The tables of a sweep, as rows: what a terminal and a Markdown page both show."""

from __future__ import annotations

from opro_cli.reports.formats import points
from opro_cli.reports.sweeps.diff import Pair, SweepDiff
from opro_cli.reports.sweeps.report import SweepReport
from opro_cli.reports.sweeps.tasks import Place
from opro_cli.reports.sweeps.transfer import Transfer
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
from opro_cli.ui.grids import Grid, Theirs
from opro_cli.ui.safe import instruction_shown


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
