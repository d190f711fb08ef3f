"""The report on a sweep with its figures as text, and two sweeps compared cell by cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opro_cli.core.run.candidates import Candidate, Score
from opro_cli.core.scale import Scale
from opro_cli.core.stats.hierarchical import Estimate
from opro_cli.reports.formats import (
    are_shares,
    format_bounds,
    format_count,
    format_mean,
    format_percent,
    format_points,
    format_span,
    pluralize,
)
from opro_cli.reports.paired import PairedComparison
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.sweeps.measured import (
    NOT_SHARES,
    MatrixCell,
    MeanOverTasks,
    MeasuredCell,
    Scores,
    SweptCell,
    average_gain,
    average_over_tasks,
    build_matrix,
    encode_values,
    estimate_gain,
    find_groups,
    find_sources,
    list_groups_by_task,
    measure_cells,
)
from opro_cli.reports.sweeps.problems import ProblemTable, build_problem_tables
from opro_cli.reports.sweeps.winners import (
    Target,
    Transfer,
    Winner,
    Worth,
    build_transfer,
    choose_winners,
    list_targets,
)

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
    return f"{sign(low, high)} {format_points(gain.mean)} [{format_span(low, high)}]"


def format_gain(gain: Estimate) -> str:
    """Format a difference without its interval, by which it has its sign: "▲ +12.3"."""
    return f"{sign(gain.interval.low, gain.interval.high)} {format_points(gain.mean)}"


def format_comparison(comparison: PairedComparison | None) -> str:
    """Format the difference of two prompts like `format_estimate`; "" for None."""
    if comparison is None:
        return ""
    if not comparison.together:
        return "asked in other sessions, so not compared"
    return format_estimate(Estimate(comparison.difference, comparison.interval))


def format_test_score(score: Score | Estimate | None, scale: Scale | None = None) -> str:
    """Format a mean: "73.3 % [59.0–84.0]", of a loss "12.4"."""
    if score is None:
        return NOTHING
    if not are_shares(scale):
        return format_mean(score.mean, scale)
    return f"{format_percent(score.mean)} {format_bounds(score.interval.low, score.interval.high)}"


def format_cell_score(cell: MeasuredCell, prompt: Candidate | None) -> str:
    """Format the test score of one of a cell's two prompts, or the value of a solution."""
    if prompt is None or cell.run is None:
        return NOTHING
    score = prompt.score("train" if cell.is_problem else "test")
    return format_test_score(score, cell.run.state.scale)


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
    score = format_mean(winner.chosen_score.mean, winner.run.state.scale)
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
    return tuple(filter(None, (format_test_score(worth.score, worth.scale), gain, seen, home_mark)))


@dataclass(frozen=True, slots=True)
class CellPair:
    """Two cells of different sweeps with equal values.

    Attributes:
        shared: Test questions scored in both.
        difference: The second's score less the first's on these; None where nothing is shared.
        why: The reason why nothing is shared, else "".
    """

    before: MeasuredCell
    after: MeasuredCell
    shared: int
    difference: Estimate | None
    why: str


@dataclass(frozen=True, slots=True)
class SweepDiff:
    """Two sweeps compared.

    Attributes:
        only_before: Cells whose values the second sweep lacks.
        only_after: Cells whose values the first sweep lacks.
        mean: The mean difference over tasks.
    """

    before: SweepReport
    after: SweepReport
    pairs: tuple[CellPair, ...]
    only_before: tuple[MeasuredCell, ...]
    only_after: tuple[MeasuredCell, ...]
    mean: MeanOverTasks


def diff_sweeps(before: SweepReport, after: SweepReport) -> SweepDiff:
    """Compare the second sweep with the first."""
    old, new = _index_by_values(before), _index_by_values(after)
    both = [(old[values], new[values]) for values in old if values in new]
    differences = [_subtract_scores(*cells) for cells in both]
    return SweepDiff(
        before=before,
        after=after,
        pairs=tuple(_build_pair(*cells, d) for cells, d in zip(both, differences, strict=True)),
        only_before=tuple(cell for values, cell in old.items() if values not in new),
        only_after=tuple(cell for values, cell in new.items() if values not in old),
        mean=average_over_tasks(
            [(cells[0].key.task, d) for cells, d in zip(both, differences, strict=True)],
            {cells[0].key.task for cells in both if any(cell.is_graded for cell in cells)},
            list_groups_by_task(cells[0] for cells in both),
            find_sources(cells[0] for cells in both),
        ),
    )


def _index_by_values(report: SweepReport) -> Mapping[str, MeasuredCell]:
    return {encode_values(cell.swept.cell.values): cell for cell in report.cells}


def _subtract_scores(before: MeasuredCell, after: MeasuredCell) -> Scores:
    return {q: new - before.after[q] for q, new in after.after.items() if q in before.after}


def _build_pair(before: MeasuredCell, after: MeasuredCell, differences: Scores) -> CellPair:
    if differences:
        graded = before.is_graded or after.is_graded
        groups = find_groups(differences, before.groups, after.groups)
        gain = estimate_gain([[*differences.values()]], graded=graded, groups=groups)
        return CellPair(before, after, len(differences), gain, "")
    cells = (("first", before), ("second", after))
    reasons = [f"{which}: {cell.left_out}" for which, cell in cells if cell.left_out]
    exact = before.is_problem or after.is_problem
    nothing = "values are exact" if exact else "no test question in common"
    return CellPair(before, after, 0, None, ", ".join(reasons) or nothing)


INTERVAL = (
    "The interval of the mean resamples tasks and then questions, and is at no end narrower than "
    "Student's t over the tasks: it says what to expect of another task like these. Questions "
    "that several runs asked count once."
)


@dataclass(frozen=True, slots=True)
class SweepReport:
    """The results of one sweep.

    Attributes:
        squares: The matrix of the cells that search prompts, as everything else but `problems`.
        gain: The mean gain over all cells that count.
        by_variant: The mean gain of each variant.
        problems: What the other cells found of their problems.
    """

    name: str
    cells: tuple[MeasuredCell, ...]
    squares: tuple[MatrixCell, ...]
    winners: tuple[Winner, ...]
    targets: tuple[Target, ...]
    gain: MeanOverTasks
    by_variant: Mapping[str, MeanOverTasks]
    transfer: Transfer
    problems: tuple[ProblemTable, ...] = ()

    @property
    def prompts(self) -> tuple[MeasuredCell, ...]:
        """The cells that search prompts."""
        return tuple(cell for cell in self.cells if not cell.is_problem)

    @property
    def of_problems(self) -> tuple[MeasuredCell, ...]:
        """The cells that search solutions of problems."""
        return tuple(cell for cell in self.cells if cell.is_problem)

    @property
    def searches_prompts(self) -> bool:
        """Whether there is something to say about prompts, if only that there is nothing yet."""
        return bool(self.prompts) or not self.of_problems

    @property
    def left_out(self) -> tuple[MeasuredCell, ...]:
        """The cells that the mean gain does not count."""
        return tuple(cell for cell in self.cells if cell.left_out)


def build_sweep_report(
    name: str,
    swept: Sequence[SweptCell],
    evaluated: Mapping[tuple[str, str], RecordedRun] | None = None,
) -> SweepReport:
    """Return the report on a sweep; evaluated: the existing evaluations by `Target.key`."""
    every = measure_cells(swept)
    cells = tuple(cell for cell in every if not cell.is_problem)
    winners = choose_winners(cells)
    targets = list_targets(cells, winners)
    variants = dict.fromkeys(cell.key.variant for cell in cells)
    return SweepReport(
        name=name,
        cells=every,
        squares=build_matrix(cells),
        winners=winners,
        targets=targets,
        gain=average_gain(cells),
        by_variant={
            variant: average_gain([cell for cell in cells if cell.key.variant == variant])
            for variant in variants
        },
        transfer=build_transfer(winners, targets, evaluated or {}),
        problems=build_problem_tables(cell for cell in every if cell.is_problem),
    )


def describe_gain(gain: MeanOverTasks, left_out: Sequence[MeasuredCell] = ()) -> str:
    """Return one sentence on whether OPRO helps, as far as the sweep shows it.

    Nothing is claimed while cells are missing, nor from one task: its interval is over questions
    alone, and a second task would widen it.
    """
    if gain.estimate is None:
        if any(cell.left_out == NOT_SHARES for cell in left_out):
            return "no gain can be told: scores that are no shares have no such test"
        return "no gain can be told: no finished run has test questions"
    claims = {"▲": "OPRO helps by", "▼": "OPRO does harm:", "≈": "no gain shown:"}
    limited = _limit_claims(claims, gain, left_out)
    return _describe_mean(limited, gain, gain.estimate, pluralize(gain.runs, "run"))


def _limit_claims(
    claims: Mapping[str, str], over: MeanOverTasks, left_out: Sequence[MeasuredCell]
) -> Mapping[str, str]:
    """Return claims without those that a mean of so few tasks, or of so few cells, cannot bear."""
    if missing := count_missing(left_out):
        return dict.fromkeys(claims, f"not finished, {pluralize(missing, 'cell')} missing: so far")
    if len(over.tasks) == 1:
        return {**claims, **dict.fromkeys("▲▼", "one task says nothing about others:")}
    return claims


def count_missing(left_out: Sequence[MeasuredCell]) -> int:
    """Count the cells that may still change the mean gain: those whose runs are not finished."""
    return sum(cell.status != "finished" for cell in left_out)


def _describe_mean(
    claims: Mapping[str, str], over: MeanOverTasks, estimate: Estimate, runs: str
) -> str:
    """Return the claim for the sign of a mean with its figures, tasks and runs."""
    interval = estimate.interval
    span = format_span(interval.low, interval.high)
    grounds = f"on average (95 % interval {span}) over {pluralize(len(over.tasks), 'task')}, {runs}"
    if len(over.tasks) == 1:
        grounds = f"on one task (95 % interval {span}, over its questions only), {runs}"
    claim = claims[sign(interval.low, interval.high)]
    same = "".join(
        f"; {' and '.join((task.task, *task.same))} ask the same questions, and are one task"
        for task in over.tasks
        if task.same
    )
    return f"{claim} {format_points(estimate.mean)} points {grounds}, on unseen questions{same}"


def describe_these_tasks(over: MeanOverTasks) -> str:
    """Return the mean of exactly these tasks; "" where the headline says it already."""
    if over.these is None:
        return ""
    span = format_span(over.these.interval.low, over.these.interval.high)
    return (
        f"on these {len(over.tasks)} tasks alone the mean is {format_points(over.these.mean)} "
        f"points (95 % interval {span}, over their questions)"
    )


def describe_difference(diff: SweepDiff) -> str:
    """Return one sentence on whether the second sweep is better than the first.

    As of a gain, nothing is claimed while cells are missing, nor from one task.
    """
    over = diff.mean
    if over.estimate is None:
        return "no difference can be told: no two cells share a test question"
    claims = {
        "▲": "the second sweep is better:",
        "▼": "the second sweep is worse:",
        "≈": "no difference shown:",
    }
    pairs = pluralize(over.runs, "pair of cells", "pairs of cells")
    limited = _limit_claims(claims, over, (*diff.before.left_out, *diff.after.left_out))
    return _describe_mean(limited, over, over.estimate, pairs)


def describe_counted(cells: Sequence[MeasuredCell]) -> str:
    """Return how many cells count, and why the others do not."""
    left_out = [cell for cell in cells if cell.left_out]
    total, out = pluralize(len(cells), "cell"), len(left_out)
    if not left_out:
        return f"all {total} counted" if len(cells) > 1 else f"{total} counted"
    counted, reasons = format_count(len(cells) - out), format_left_out(left_out)
    return f"{counted} of {total} counted, {format_count(out)} left out: {reasons}"
