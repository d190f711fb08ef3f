"""The figures of a sweep as text, equal on a terminal, in Markdown and on the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from opro_cli.core.run.answers import Score
from opro_cli.core.stats.hierarchical import Estimate
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
    """Return ▲ for better, ▼ for worse, ≈ for an interval with 0: no color is needed."""
    if low > 0:
        return "▲"
    return "▼" if high < 0 else "≈"


def format_estimate(gain: Estimate) -> str:
    """Format a difference: "▲ +12.3 [+4.1 to +20.0]"."""
    low, high = gain.interval.low, gain.interval.high
    bounds = f"{format_points(low)} to {format_points(high)}"
    return f"{sign(low, high)} {format_points(gain.mean)} [{bounds}]"


def format_comparison(comparison: PairedComparison | None) -> str:
    """Format the difference of two prompts like `format_estimate`; "" for None."""
    if comparison is None:
        return ""
    if not comparison.together:
        return "asked in other sessions, so not compared"
    return format_estimate(Estimate(comparison.difference, comparison.interval))


def format_test_score(score: Score | Estimate | None) -> str:
    """Format a mean: "73.3 % [59.0–84.0]"."""
    if score is None:
        return NOTHING
    return f"{format_percent(score.mean)} {format_bounds(score.interval.low, score.interval.high)}"


def format_matrix_cell(cell: MatrixCell | None) -> tuple[str, ...]:
    """Return the lines of a matrix cell: score, gain, seeds and questions."""
    if cell is None:
        return (NOTHING,)
    if cell.best is None or cell.gain is None:
        return (NOTHING, format_left_out(cell.left_out) or "no test question in common")
    seeds, questions = pluralize(len(cell.cells), "seed"), pluralize(cell.questions, "question")
    basis = ", ".join(filter(None, (seeds, questions, format_left_out(cell.left_out))))
    return format_test_score(cell.best), format_estimate(cell.gain), basis


def format_task_mean(over: MeanOverTasks) -> tuple[str, ...]:
    """Return the lines below a column: the mean gain over its tasks."""
    if over.estimate is None:
        return (NOTHING,)
    tasks = pluralize(len(over.tasks), "task")
    return format_estimate(over.estimate), f"{tasks}, {pluralize(over.runs, 'run')}"


def format_left_out(cells: Sequence[MeasuredCell]) -> str:
    """Format the reasons of cells that do not count: "2 stopped, 1 never begun"."""
    reasons = Counter(cell.left_out for cell in cells)
    return ", ".join(f"{format_count(number)} {reason}" for reason, number in reasons.most_common())


def format_choice(winner: Winner) -> str:
    """Format the score that decided: "dev 95.0 %, of 3 runs"."""
    score = format_percent(winner.chosen_score.mean)
    return f"{winner.chosen_by} {score}, of {pluralize(winner.chosen_among, 'run')}"


def format_winner_gain(winner: Winner) -> str:
    """Format the winner's gain, or the reason why there is none."""
    if winner.gain is not None:
        return format_comparison(winner.gain)
    if winner.cell.kept_start:
        return "the start prompt itself"
    return winner.cell.left_out or NOTHING


def format_worth(worth: Worth, *, home: bool = False) -> tuple[str, ...]:
    """Return the lines of a cell of the transfer matrix."""
    seen = f"† {pluralize(worth.seen, 'question')} seen" if worth.seen else ""
    if worth.score is None:
        return (seen or "not asked",)
    gain, home_mark = format_comparison(worth.against_start), "home" if home else ""
    return tuple(filter(None, (format_test_score(worth.score), gain, seen, home_mark)))
