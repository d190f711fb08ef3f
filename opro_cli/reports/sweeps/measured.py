"""The scores of a sweep's cells on unseen questions, with their means."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from opro_cli.core.draws import create_rng
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.selection import find_baseline, find_winner
from opro_cli.core.scale import SHARE
from opro_cli.core.stats.groups import average_groups, compute_design_effect
from opro_cli.core.stats.hierarchical import (
    Estimate,
    estimate_over_seeds,
    estimate_over_tasks,
    estimate_these_tasks,
)
from opro_cli.core.stats.intervals import Interval, wilson_interval
from opro_cli.core.stats.paired import compare_differences
from opro_cli.reports.paired import QuestionKey, pair_answers
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.sweeps.places import (
    MatrixKey,
    SweptCell,
    encode_values,
    find_problem_cells,
    locate_cells,
)
from opro_cli.reports.sweeps.same_questions import find_same_tasks, unify_questions

__all__ = ["MatrixKey", "SweptCell", "encode_values", "locate_cells"]

NOT_SHARES = "not scored in shares"

Scores = Mapping[QuestionKey, float]
"""A score, or a difference of two, for each test question."""
QuestionGroups = Mapping[QuestionKey, str]
"""What questions belong to; a question that is alone need not be there."""


@dataclass(frozen=True, slots=True)
class MeasuredCell:
    """A cell of a sweep with the test scores of its run.

    Attributes:
        status: Of its run; "new" without one, "damaged" if it cannot be read.
        left_out: The reason why no mean counts the cell; "" when it counts.
        start: The prompt that its run began with.
        best: The prompt that its run chose.
        before: Scores of `start` on the questions scored under both; empty when left out.
        after: Scores of `best` on the same questions.
        groups: What questions belong to, of those that belong together.
        is_problem: It searches solutions of a problem, whose values need no questions.
    """

    swept: SweptCell
    key: MatrixKey
    status: str
    left_out: str
    start: Candidate | None
    best: Candidate | None
    before: Scores
    after: Scores
    is_problem: bool = False
    groups: QuestionGroups = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the cell and of its run folder."""
        return self.swept.cell.name

    @property
    def run(self) -> RecordedRun | None:
        """The run; None before it begins, and when it cannot be read."""
        return self.swept.run

    @property
    def scorer(self) -> str | None:
        """The scorer model; None without a run."""
        return None if self.run is None else str(self.run.settings["scorer"]["model"])

    @property
    def gains(self) -> Scores:
        """The score of the best prompt less that of the start prompt, by question."""
        return {question: after - self.before[question] for question, after in self.after.items()}

    @property
    def is_graded(self) -> bool:
        """Whether some score is between right and wrong, which decides the paired test."""
        scores = (*self.before.values(), *self.after.values())
        return any(score not in (0.0, 1.0) for score in scores)

    @property
    def kept_start(self) -> bool:
        """Whether no candidate beat the start prompt; the gain is then 0 without any error."""
        return self.start is not None and self.start is self.best


def measure_cells(cells: Sequence[SweptCell]) -> tuple[MeasuredCell, ...]:
    """Return all cells with their scores, in their order."""
    return tuple(map(_measure_cell, cells, locate_cells(cells), find_problem_cells(cells)))


def _measure_cell(swept: SweptCell, key: MatrixKey, is_problem: bool) -> MeasuredCell:
    run = swept.run
    if run is None:
        status, reason = ("damaged", "cannot be read") if swept.problem else ("new", "never begun")
        return MeasuredCell(swept, key, status, reason, None, None, {}, {}, is_problem)
    start, best = find_baseline(run.state), find_winner(run.state)
    if is_problem:
        reason = "" if run.status == "finished" else run.status
        return MeasuredCell(swept, key, run.status, reason, start, best, {}, {}, True)
    answers = pair_answers(run, start, run, best, "test") if start and best else []
    pairs = [pair for pair in answers if pair.is_scored]
    reason = "" if pairs else "no test question was graded"
    if run.status != "finished":
        reason = run.status
    elif not run.state.sizes["test"]:
        reason = "no test split"
    elif run.state.scale != SHARE:
        reason = NOT_SHARES
    if reason:
        pairs = []
    before, after = {p.key: p.before.score for p in pairs}, {p.key: p.after.score for p in pairs}
    groups = {p.key: g for p in pairs if (g := run.examples["test"][p.before.number].group)}
    figures = (start, best, before, after)
    return MeasuredCell(swept, key, run.status, reason, *figures, groups=groups)


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """One task under one variant: runs that differ only in their seeds.

    Attributes:
        cells: The cells that count. All figures are None where none does.
        questions: Test questions scored in all of these cells.
        start: The mean score of the start prompts.
        best: The mean score of the chosen prompts.
        gain: The mean difference.
    """

    key: MatrixKey
    cells: tuple[MeasuredCell, ...]
    left_out: tuple[MeasuredCell, ...]
    questions: int
    start: float | None
    best: Estimate | None
    gain: Estimate | None


def build_matrix(cells: Sequence[MeasuredCell]) -> tuple[MatrixCell, ...]:
    """Return the matrix cells in the order of the sweep's cells."""
    by_key: dict[MatrixKey, list[MeasuredCell]] = defaultdict(list)
    for cell in cells:
        by_key[cell.key].append(cell)
    return tuple(_build_matrix_cell(key, group) for key, group in by_key.items())


def _build_matrix_cell(key: MatrixKey, cells: Sequence[MeasuredCell]) -> MatrixCell:
    counted = tuple(cell for cell in cells if not cell.left_out)
    others = tuple(cell for cell in cells if cell.left_out)
    shared = [q for q in counted[0].after if all(q in c.after for c in counted)] if counted else []
    if not shared:
        return MatrixCell(key, counted, others, 0, None, None, None)
    after = [[cell.after[q] for q in shared] for cell in counted]
    gains = [[cell.after[q] - cell.before[q] for q in shared] for cell in counted]
    kept = all(cell.kept_start for cell in counted)
    graded = any(cell.is_graded for cell in counted)
    groups = find_groups(shared, *(cell.groups for cell in counted))
    gain = Estimate(0.0, Interval(0.0, 0.0))
    if not kept:
        gain = estimate_gain(gains, graded=graded, groups=groups)
    start = fmean([fmean([cell.before[q] for q in shared]) for cell in counted])
    best = _estimate_score(after, groups)
    return MatrixCell(key, counted, others, len(shared), start, best, gain)


def find_groups(questions: Iterable[QuestionKey], *known: QuestionGroups) -> tuple[Hashable, ...]:
    """Return what each question belongs to, by the first that knows it; () where all are alone."""
    groups = tuple(
        next((each[question] for each in known if question in each), question)
        for question in questions
    )
    return groups if len({*groups}) < len(groups) else ()


def estimate_gain(
    gains: Sequence[Sequence[float]], *, graded: bool, groups: Sequence[Hashable] = ()
) -> Estimate:
    """Estimate the mean difference over questions, and over seeds where there are several.

    Args:
        gains: Differences by seed and question, the questions the same for all seeds.
        graded: Whether some scores are between right and wrong, even if no difference is.
        groups: What each question belongs to; empty where each is alone.
    """
    values = {value for of_seed in gains for value in of_seed}
    if len(values) > 1 and len(gains) > 1:
        return estimate_over_seeds([average_groups(of_seed, groups) for of_seed in gains])
    graded = graded or not values <= {-1.0, 0.0, 1.0}
    interval = compare_differences(gains[0], graded=graded, groups=groups).interval
    return Estimate(fmean([fmean(of_seed) for of_seed in gains]), interval)


def _estimate_score(scores: Sequence[Sequence[float]], groups: Sequence[Hashable] = ()) -> Estimate:
    mean = fmean([fmean(of_seed) for of_seed in scores])
    if len(scores) == 1 or len({value for of_seed in scores for value in of_seed}) == 1:
        independent = max(1.0, len(scores[0]) / compute_design_effect(groups))
        return Estimate(mean, wilson_interval(mean, independent))
    interval = estimate_over_seeds([average_groups(each, groups) for each in scores]).interval
    return Estimate(mean, Interval(max(0.0, interval.low), interval.high))


@dataclass(frozen=True, slots=True)
class TaskMean:
    """The mean over the runs of one task; the interval is over its questions.

    Attributes:
        same: Further names under which the sweep has it: with the same questions.
    """

    task: str
    runs: int
    questions: int
    estimate: Estimate
    same: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """All its names."""
        return " = ".join((self.task, *self.same))


@dataclass(frozen=True, slots=True)
class MeanOverTasks:
    """A mean difference over tasks.

    Attributes:
        estimate: The expectation for another task like these; None where nothing counts. With one
            task its interval is over the questions alone.
        these: The mean of exactly these tasks, its interval over their questions; None for fewer
            than two.
    """

    tasks: tuple[TaskMean, ...]
    runs: int
    estimate: Estimate | None
    these: Estimate | None = None


def average_over_tasks(
    runs: Sequence[tuple[str, Scores]],
    graded: Collection[str] = (),
    groups: Mapping[str, QuestionGroups] | None = None,
    sources: Mapping[str, Hashable] | None = None,
) -> MeanOverTasks:
    """Return the mean over tasks of the means over runs.

    Args:
        runs: The task and the differences of each run. Tasks that ask the same questions are one.
        graded: The tasks with scores between right and wrong.
        groups: By task, what questions belong to.
        sources: By task, what its questions are drawn from.
    """
    by_name: dict[str, list[Scores]] = defaultdict(list)
    for task, scores in runs:
        if scores:
            by_name[task].append(scores)
    known = {task: (groups or {}).get(task, {}) for task in by_name}
    means, values = [], []
    for names, own, together in _merge_tasks(by_name, known, sources or {}):
        asked, of_task = _average_by_question(own)
        found = find_groups(asked, together)
        is_graded = any(name in graded for name in names)
        estimate = _estimate_task(own, of_task, found, graded=is_graded)
        means.append(TaskMean(names[0], len(own), len(asked), estimate, tuple(names[1:])))
        values.append(average_groups(of_task, found))
    total = sum(mean.runs for mean in means)
    if len(means) < 2:
        return MeanOverTasks(tuple(means), total, means[0].estimate if means else None)
    over = estimate_over_tasks(values, create_rng(0, "tasks", len(means)))
    return MeanOverTasks(tuple(means), total, over, estimate_these_tasks(values))


def _merge_tasks(
    runs: Mapping[str, Sequence[Scores]],
    groups: Mapping[str, QuestionGroups],
    sources: Mapping[str, Hashable],
) -> Iterator[tuple[list[str], Sequence[Scores], QuestionGroups]]:
    """Yield the names of each task, its runs and its groups; one name for most tasks."""
    questions = {task: dict.fromkeys(q for run in of for q in run) for task, of in runs.items()}
    same: dict[str, list[str]] = defaultdict(list)
    for task, first in find_same_tasks(questions, sources).items():
        same[first].append(task)
    for task, names in same.items():
        if len(names) == 1:
            yield names, runs[task], groups[task]
            continue
        own: list[Scores] = []
        together: dict[QuestionKey, str] = {}
        for name, keys in zip(names, unify_questions([questions[n] for n in names]), strict=True):
            own += [{keys[question]: value for question, value in r.items()} for r in runs[name]]
            together |= {keys[q]: group for q, group in groups[name].items() if q in keys}
        yield names, own, together


def average_gain(cells: Sequence[MeasuredCell]) -> MeanOverTasks:
    """Return the mean gain of cells over their tasks."""
    graded = {cell.key.task for cell in cells if cell.is_graded}
    gains = [(cell.key.task, cell.gains) for cell in cells]
    return average_over_tasks(gains, graded, list_groups_by_task(cells), find_sources(cells))


def list_groups_by_task(cells: Iterable[MeasuredCell]) -> dict[str, dict[QuestionKey, str]]:
    """Return what questions belong to, by task."""
    groups: dict[str, dict[QuestionKey, str]] = {}
    for cell in cells:
        groups.setdefault(cell.key.task, {}).update(cell.groups)
    return groups


def find_sources(cells: Iterable[MeasuredCell]) -> dict[str, Hashable]:
    """Return what the test questions of tasks are drawn from: the content of a file, and how."""
    sources: dict[str, Hashable] = {}
    for cell in cells:
        if cell.run is None or cell.left_out:
            continue
        data = cell.run.settings["task"].get("data", {})
        files = cell.run.identity.get("data_files", {})
        digest = files.get(data.get("test") or data.get("train"))
        if digest is not None:
            sources[cell.key.task] = (digest, data.get("target"), data.get("rows"))
    return sources


def _average_by_question(runs: Sequence[Scores]) -> tuple[list[QuestionKey], list[float]]:
    """Return the questions, and one value for each; their mean is the mean of the runs' means.

    Values of one question stay together. Where all runs have the same questions, each value is
    the mean of the runs' values.
    """
    questions = dict.fromkeys(question for run in runs for question in run)
    weighted: dict[QuestionKey, list[float]] = defaultdict(list)
    for run in runs:
        weight = len(questions) / (len(runs) * len(run))  # exactly 1 for a single run
        for question, value in run.items():
            weighted[question].append(weight * value)
    return [*questions], [math.fsum(weighted[question]) for question in questions]


def _estimate_task(
    runs: Sequence[Scores],
    by_question: Sequence[float],
    groups: Sequence[Hashable],
    *,
    graded: bool,
) -> Estimate:
    if len(runs) == 1 or len(set(by_question)) == 1:
        return estimate_gain([by_question], graded=graded, groups=groups)
    return estimate_these_tasks([average_groups(by_question, groups)])
