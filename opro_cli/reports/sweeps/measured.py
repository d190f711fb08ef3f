"""What a cell's run says of unseen questions, and why another says nothing."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opro_cli.core.draws import create_rng
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.selection import baseline, winner
from opro_cli.core.stats.hierarchical import (
    Estimate,
    estimate_over_seeds,
    estimate_over_tasks,
    estimate_these_tasks,
)
from opro_cli.core.stats.intervals import Interval, difference_interval, wilson_interval
from opro_cli.core.stats.paired import compare_graded_scores
from opro_cli.reports.paired import QuestionKey, index_answers
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.sweeps.tasks import MatrixKey, SweptCell, locate_cells

Values = Mapping[QuestionKey, float]
"""A score, or a difference of two, for each test question."""


@dataclass(frozen=True, slots=True)
class MeasuredCell:
    """A cell of a sweep. status: of its run, "new" where there is none, "damaged"
    where it cannot be read.

    left_out: why it has no say in any mean, "" when it has. start, best: what its run began with,
    and what it chose. before, after: their scores on the test questions that both were graded on;
    empty when it is left out.
    """

    swept: SweptCell
    place: MatrixKey
    status: str
    left_out: str
    start: Candidate | None
    best: Candidate | None
    before: Values
    after: Values

    @property
    def name(self) -> str:
        return self.swept.cell.name

    @property
    def run(self) -> RecordedRun | None:
        return self.swept.run

    @property
    def scorer(self) -> str | None:
        """The model that answered; None before there is a run."""
        return None if self.run is None else str(self.run.settings["scorer"]["model"])

    @property
    def gains(self) -> Values:
        """Score of the best instruction less that of the first, a question each."""
        return {question: after - self.before[question] for question, after in self.after.items()}

    @property
    def kept_start(self) -> bool:
        """Was no candidate better than the start prompt? Then its gain is 0, and not by chance."""
        return self.start is not None and self.start is self.best


def measure_cells(cells: Sequence[SweptCell]) -> tuple[MeasuredCell, ...]:
    """All cells, in their order."""
    return tuple(
        _measure_cell(cell, place) for cell, place in zip(cells, locate_cells(cells), strict=True)
    )


def _measure_cell(swept: SweptCell, place: MatrixKey) -> MeasuredCell:
    run = swept.run
    if run is None:
        status, why = ("damaged", "cannot be read") if swept.problem else ("new", "never begun")
        return MeasuredCell(swept, place, status, why, None, None, {}, {})
    start, best = baseline(run.state), winner(run.state)
    before, after = _pair_scores(run, start, best)
    why = _explain_exclusion(run, bool(after))
    if why:
        before, after = {}, {}
    return MeasuredCell(swept, place, run.status, why, start, best, before, after)


def _pair_scores(
    run: RecordedRun, start: Candidate | None, best: Candidate | None
) -> tuple[Values, Values]:
    if start is None or best is None:
        return {}, {}
    first, last = index_answers(run, start, "test"), index_answers(run, best, "test")
    shared = [
        question
        for question, answer in first.items()
        if question in last and not (answer.outcome.excluded or last[question].outcome.excluded)
    ]
    return {q: first[q].score for q in shared}, {q: last[q].score for q in shared}


def _explain_exclusion(run: RecordedRun, has_answers: bool) -> str:
    if run.status != "finished":
        return run.status
    if not run.state.sizes["test"]:
        return "no test split"
    return "" if has_answers else "no test question was graded"


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """Runs that differ in their seeds alone: one task, one variant.

    cells: those that count. questions: that all of them were graded on. start: mean score of what
    they began with; best: of what they chose; gain: the difference. All None where none counts.
    """

    place: MatrixKey
    cells: tuple[MeasuredCell, ...]
    left_out: tuple[MeasuredCell, ...]
    questions: int
    start: float | None
    best: Estimate | None
    gain: Estimate | None


def build_matrix(cells: Sequence[MeasuredCell]) -> tuple[MatrixCell, ...]:
    """One for each place at which there is a cell, in the order of the cells."""
    at: dict[MatrixKey, list[MeasuredCell]] = defaultdict(list)
    for cell in cells:
        at[cell.place].append(cell)
    return tuple(_build_matrix_cell(place, found) for place, found in at.items())


def _build_matrix_cell(place: MatrixKey, cells: Sequence[MeasuredCell]) -> MatrixCell:
    counted = tuple(cell for cell in cells if not cell.left_out)
    others = tuple(cell for cell in cells if cell.left_out)
    shared = [q for q in counted[0].after if all(q in c.after for c in counted)] if counted else []
    if not shared:
        return MatrixCell(place, counted, others, 0, None, None, None)
    before = [[cell.before[q] for q in shared] for cell in counted]
    after = [[cell.after[q] for q in shared] for cell in counted]
    gains = [
        [new - old for old, new in zip(*pair, strict=True)]
        for pair in zip(before, after, strict=True)
    ]
    kept = all(cell.kept_start for cell in counted)
    gain = Estimate(0.0, Interval(0.0, 0.0)) if kept else estimate_gain(gains)
    start = _mean([_mean(values) for values in before])
    return MatrixCell(place, counted, others, len(shared), start, _estimate_score(after), gain)


def estimate_gain(gains: Sequence[Sequence[float]]) -> Estimate:
    """The mean difference: with one seed over questions, with more over seeds and questions."""
    middle, n = _mean([_mean(values) for values in gains]), len(gains[0])
    flat = [value for values in gains for value in values]
    if len(set(flat)) > 1 and len(gains) > 1:
        return estimate_over_seeds(gains)
    if all(value in (-1.0, 0.0, 1.0) for value in flat):  # of one seed, or all the same
        up, down = (sum(value == sign for value in gains[0]) for sign in (1.0, -1.0))
        return Estimate(middle, difference_interval(up, down, n))
    return Estimate(middle, compare_graded_scores(gains[0]).interval)


def _estimate_score(scores: Sequence[Sequence[float]]) -> Estimate:
    middle, n = _mean([_mean(values) for values in scores]), len(scores[0])
    if len(scores) == 1 or len({value for values in scores for value in values}) == 1:
        return Estimate(middle, wilson_interval(middle, n))
    found = estimate_over_seeds(scores).interval
    return Estimate(middle, Interval(max(0.0, found.low), found.high))


@dataclass(frozen=True, slots=True)
class TaskMean:
    """The mean over the runs of one task; the interval is over its questions."""

    task: str
    runs: int
    questions: int
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class MeanOverTasks:
    """A mean difference over tasks; estimate: None where nothing counts.

    estimate: what to expect of another task like these. With one task its interval is over the
    questions, and says nothing of other tasks. these: the same mean of these very tasks, its
    interval over their questions; None for fewer than two.
    """

    tasks: tuple[TaskMean, ...]
    runs: int
    estimate: Estimate | None
    these: Estimate | None = None


def average_over_tasks(found: Sequence[tuple[str, Values]]) -> MeanOverTasks:
    """The mean over tasks of the means over runs. found: task and differences of each run."""
    by_task: dict[str, list[Values]] = defaultdict(list)
    for task, values in found:
        if values:
            by_task[task].append(values)
    questions = {task: _average_by_question(runs) for task, runs in by_task.items()}
    means = tuple(
        TaskMean(task, len(by_task[task]), len(values), _estimate_task(by_task[task], values))
        for task, values in questions.items()
    )
    runs = sum(each.runs for each in means)
    if len(means) < 2:
        return MeanOverTasks(means, runs, means[0].estimate if means else None)
    everything = list(questions.values())
    estimate = estimate_over_tasks(everything, create_rng(0, "tasks", len(means)))
    return MeanOverTasks(means, runs, estimate, estimate_these_tasks(everything))


def _average_by_question(runs: Sequence[Values]) -> list[float]:
    """Values, one a question, whose mean is the mean of the runs' means.

    What several runs made of one question stays together. Where all asked the same questions it
    is their mean for each.
    """
    everything = dict.fromkeys(question for run in runs for question in run)
    total: dict[QuestionKey, list[float]] = defaultdict(list)
    for run in runs:
        weight = len(everything) / (len(runs) * len(run))  # exactly 1 for a single run
        for question, value in run.items():
            total[question].append(weight * value)
    return [math.fsum(total[question]) for question in everything]


def _estimate_task(runs: Sequence[Values], by_question: Sequence[float]) -> Estimate:
    if len(runs) == 1 or len(set(by_question)) == 1:
        return estimate_gain([by_question])
    return estimate_these_tasks([by_question])


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
