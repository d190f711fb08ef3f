"""What a square says, in the same words on a terminal, in Markdown and on the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from opro_cli.core.run.answers import Score
from opro_cli.core.stats.hierarchical import Estimate
from opro_cli.core.stats.intervals import Interval
from opro_cli.reports.formats import bounds, count, percent, plural, points
from opro_cli.reports.paired import Comparison
from opro_cli.reports.sweeps.measured import MatrixCell, Measured, OverTasks
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


def gained(mean: float, interval: Interval) -> str:
    """ "▲ +12.3 [+4.1 to +20.0]"."""
    low, high = interval.low, interval.high
    return f"{sign(low, high)} {points(mean)} [{points(low)} to {points(high)}]"


def scored(mean: float, interval: Interval) -> str:
    """ "73.3 % [59.0–84.0]"."""
    return f"{percent(mean)} {bounds(interval.low, interval.high)}"


def estimated_gain(estimate: Estimate) -> str:
    """The same of an estimate."""
    return gained(estimate.mean, estimate.interval)


def compared(found: Comparison | None) -> str:
    """The same of a comparison; "" for none."""
    if found is not None and not found.together:
        return "asked in other sessions, so not compared"
    return gained(found.difference, found.interval) if found else ""


def score_said(score: Score | None) -> str:
    """A score with its interval."""
    return scored(score.mean, score.interval) if score else NOTHING


def square_lines(square: MatrixCell | None) -> tuple[str, ...]:
    """The lines of a square: score, gain, what they rest on."""
    if square is None:
        return (NOTHING,)
    if square.best is None or square.gain is None:
        return (NOTHING, left_out(square.left_out) or "no test question in common")
    return (
        scored(square.best.mean, square.best.interval),
        estimated_gain(square.gain),
        rests_on(square),
    )


def mean_lines(over: OverTasks) -> tuple[str, ...]:
    """The lines below a column: the mean gain over its tasks."""
    if over.estimate is None:
        return (NOTHING,)
    tasks = plural(len(over.tasks), "task")
    return estimated_gain(over.estimate), f"{tasks}, {plural(over.runs, 'run')}"


def rests_on(square: MatrixCell) -> str:
    """ "3 seeds, 45 questions, 1 stopped"."""
    told = [plural(len(square.cells), "seed"), plural(square.questions, "question")]
    return ", ".join(filter(None, (*told, left_out(square.left_out))))


def left_out(cells: Sequence[Measured]) -> str:
    """ "2 stopped, 1 never begun"; "" for none."""
    reasons = Counter(cell.left_out for cell in cells)
    return ", ".join(f"{count(number)} {why}" for why, number in reasons.most_common())


def chosen_by(winner: Winner) -> str:
    """ "dev 95.0 %, of 3 runs"."""
    runs = plural(winner.of, "run")
    return f"{winner.chosen_by} {percent(winner.chosen_score.mean)}, of {runs}"


def winner_gain(winner: Winner) -> str:
    """What it gained, or why there is nothing to tell."""
    if winner.gain is not None:
        return compared(winner.gain)
    if winner.cell.kept_start:
        return "the start prompt itself"
    return winner.cell.left_out or NOTHING


def worth_lines(worth: Worth, *, home: bool = False) -> tuple[str, ...]:
    """The lines of a square of the transfer matrix."""
    seen = f"† {plural(worth.seen, 'question')} seen" if worth.seen else ""
    if worth.score is None:
        return (seen or "not asked",)
    place = "home" if home else ""
    lines = (score_said(worth.score), compared(worth.against_start), seen, place)
    return tuple(filter(None, lines))
