"""What a square says, in the same words on a terminal, in Markdown and on the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from opro_cli.core.run.answers import Score
from opro_cli.core.stats.hierarchical import Estimate
from opro_cli.core.stats.intervals import Interval
from opro_cli.reports.formats import (
    format_bounds,
    format_count,
    format_percent,
    format_points,
    pluralize,
)
from opro_cli.reports.paired import PairedComparison
from opro_cli.reports.sweeps.measured import MatrixCell, MeanOverTasks, MeasuredCell
from opro_cli.reports.sweeps.winners import Winner, Worth

NOTHING = "–"
READ = (
    "Each square: the test score of the chosen instruction, then what it gained on the start "
    "prompt, both with 95 % intervals. ▲ ▼: the interval of the gain leaves out 0; ≈: it does not. "
    "Runs that differ in their seeds alone are one square; its intervals count seeds and questions "
    "both as chance, so that a question is one however many seeds asked it."
)
TRANSFER = (
    "Each winner on every task of the sweep under every scorer, on test questions; ▲ ▼: the "
    "interval of its gain on that task's start prompt, on the same questions, leaves out 0. Home: "
    "the task and scorer that the winner was found for."
)
SEEN = (
    "† Questions that the winner's own search trained on or chose by are left out of its figures."
)


def sign(low: float, high: float) -> str:
    """▲ better, ▼ worse, ≈ not told apart, whatever the colour."""
    if low > 0:
        return "▲"
    return "▼" if high < 0 else "≈"


def format_gain(mean: float, interval: Interval) -> str:
    """ "▲ +12.3 [+4.1 to +20.0]"."""
    low, high = interval.low, interval.high
    return (
        f"{sign(low, high)} {format_points(mean)} [{format_points(low)} to {format_points(high)}]"
    )


def format_score(mean: float, interval: Interval) -> str:
    """ "73.3 % [59.0–84.0]"."""
    return f"{format_percent(mean)} {format_bounds(interval.low, interval.high)}"


def format_estimate(estimate: Estimate) -> str:
    """The same of an estimate."""
    return format_gain(estimate.mean, estimate.interval)


def format_comparison(found: PairedComparison | None) -> str:
    """The same of a comparison; "" for none."""
    if found is not None and not found.together:
        return "asked in other sessions, so not compared"
    return format_gain(found.difference, found.interval) if found else ""


def format_test_score(score: Score | None) -> str:
    """A score with its interval."""
    return format_score(score.mean, score.interval) if score else NOTHING


def format_matrix_cell(square: MatrixCell | None) -> tuple[str, ...]:
    """The lines of a square: score, gain, what they rest on."""
    if square is None:
        return (NOTHING,)
    if square.best is None or square.gain is None:
        return (NOTHING, format_left_out(square.left_out) or "no test question in common")
    return (
        format_score(square.best.mean, square.best.interval),
        format_estimate(square.gain),
        format_basis(square),
    )


def format_task_mean(over: MeanOverTasks) -> tuple[str, ...]:
    """The lines below a column: the mean gain over its tasks."""
    if over.estimate is None:
        return (NOTHING,)
    tasks = pluralize(len(over.tasks), "task")
    return format_estimate(over.estimate), f"{tasks}, {pluralize(over.runs, 'run')}"


def format_basis(square: MatrixCell) -> str:
    """ "3 seeds, 45 questions, 1 stopped"."""
    told = [pluralize(len(square.cells), "seed"), pluralize(square.questions, "question")]
    return ", ".join(filter(None, (*told, format_left_out(square.left_out))))


def format_left_out(cells: Sequence[MeasuredCell]) -> str:
    """ "2 stopped, 1 never begun"; "" for none."""
    reasons = Counter(cell.left_out for cell in cells)
    return ", ".join(f"{format_count(number)} {why}" for why, number in reasons.most_common())


def format_choice(winner: Winner) -> str:
    """ "dev 95.0 %, of 3 runs"."""
    runs = pluralize(winner.of, "run")
    return f"{winner.chosen_by} {format_percent(winner.chosen_score.mean)}, of {runs}"


def format_winner_gain(winner: Winner) -> str:
    """What it gained, or why there is nothing to tell."""
    if winner.gain is not None:
        return format_comparison(winner.gain)
    if winner.cell.kept_start:
        return "the start prompt itself"
    return winner.cell.left_out or NOTHING


def format_worth(worth: Worth, *, home: bool = False) -> tuple[str, ...]:
    """The lines of a square of the transfer matrix."""
    seen = f"† {pluralize(worth.seen, 'question')} seen" if worth.seen else ""
    if worth.score is None:
        return (seen or "not asked",)
    place = "home" if home else ""
    lines = (format_test_score(worth.score), format_comparison(worth.against_start), seen, place)
    return tuple(filter(None, lines))
