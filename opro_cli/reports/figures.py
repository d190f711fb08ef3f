"""The numbers of the figures that `opro plot` draws.

Values are as people read them: shares of right answers from 0 to 1, losses as losses. An interval
is None where nothing is known of the spread.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from statistics import fmean
from typing import Any, Literal

from opro_cli.core.run.candidates import Candidate, Score
from opro_cli.core.run.cheapest import (
    Point,
    find_front,
    get_cost_kind,
    get_deciding_cost,
)
from opro_cli.core.run.deciding import Basis, get_basis, list_splits, measure_mean, measure_score
from opro_cli.core.run.selection import find_baseline, find_winner
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import SHARE, Scale
from opro_cli.core.settings.settings import CostKind
from opro_cli.core.task.example import Split
from opro_cli.errors import UsageError
from opro_cli.reports.comparison import SelectedPrompt
from opro_cli.reports.formats import are_shares
from opro_cli.reports.labels import MOST_IN_MATRIX, Confusion, build_confusion, find_labels
from opro_cli.reports.problem import read_problem
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import build_result
from opro_cli.reports.sweeps.report import SweepReport
from opro_cli.reports.verdict import is_evaluation

Role = Literal["start", "best", "other"]


@dataclass(frozen=True, slots=True)
class Value:
    """A figure with its 95 % interval.

    Attributes:
        low: None for a figure without an interval, as is `high`.
        n: Questions behind it.
        estimated: The candidate was stopped early.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    estimated: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        interval = None if self.low is None else [self.low, self.high]
        early = {"estimated": True} if self.estimated else {}
        return {"mean": self.mean, "interval": interval, "n": self.n, **early}

    @property
    def ends(self) -> tuple[float, ...]:
        """The ends of the interval, or the figure itself."""
        return (self.mean,) if self.low is None or self.high is None else (self.low, self.high)


def _read_value(score: Score, scale: Scale) -> Value:
    if not are_shares(scale):
        return Value(scale.orient(score.mean), None, None, score.n, score.estimated)
    low, high = score.interval.low, score.interval.high
    return Value(score.mean, low, high, score.n, score.estimated)


def _find_roles(state: RunState) -> dict[str, Role]:
    """Return the roles of start prompt and winner, by id; the others have none."""
    named: tuple[tuple[Candidate | None, Role], ...] = (
        (find_baseline(state), "start"),
        (find_winner(state), "best"),
    )
    return {candidate.id: role for candidate, role in named if candidate is not None}


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A candidate of a step with its train score; whole: all of its train answers are in."""

    step: int
    instruction: str
    role: Role
    score: Value
    whole: bool


@dataclass(frozen=True, slots=True)
class RunCurve:
    """One run in a curve.

    Attributes:
        best: The best score so far after each step that had a whole candidate.
        means: The mean of each step, over candidates that are whole or were stopped early.
    """

    name: str
    finished: bool
    points: tuple[CurvePoint, ...]
    best: tuple[tuple[int, Value], ...]
    means: tuple[tuple[int, float], ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "run": self.name,
            "candidates": [{**asdict(p), "score": p.score.to_json()} for p in self.points],
            "best_so_far": [{"step": step, **value.to_json()} for step, value in self.best],
            "step_mean": [{"step": step, "mean": mean} for step, mean in self.means],
        }


@dataclass(frozen=True, slots=True)
class Curve:
    """Train scores by step, of one run or several; of_solutions: of a problem, not of prompts."""

    runs: tuple[RunCurve, ...]
    scale: Scale
    notes: tuple[str, ...] = ()
    of_solutions: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        minimise = {"minimise": True} if self.scale.minimise else {}
        return {"split": "train", **minimise, "runs": [run.to_json() for run in self.runs]}


MOST_CURVES = 6
"""Runs in one curve: more lines, dashes and marks nobody tells apart."""


def build_curve(runs: Sequence[RecordedRun]) -> Curve:
    """Return the curve of some runs.

    Raises:
        UsageError: A run has none, their scores are not alike, or there are too many.
    """
    if len(runs) > MOST_CURVES:
        raise UsageError(
            f"a curve of {len(runs)} runs: no more than {MOST_CURVES} can be told apart",
            "name fewer, or compare their gains with --kind forest",
        )
    of_solutions = all(read_problem(run.settings, run.examples) is not None for run in runs)
    curves = tuple(map(_build_run_curve, runs))
    return Curve(curves, _find_scale(runs), _list_notes(runs), of_solutions)


def _build_run_curve(run: RecordedRun) -> RunCurve:
    state = run.state
    _require_search(run, "curve")
    scored = [(each, score) for each in state.candidates.values() if (score := each.score("train"))]
    whole = {each.id for each, _ in scored if state.is_scored(each, "train")}
    if not whole:
        raise UsageError(
            f"no candidate of {run.name} has all of its train answers",
            f"`opro resume {run.name}` continues it",
        )
    roles = _find_roles(state)
    points = tuple(
        CurvePoint(
            each.step,
            each.instruction,
            roles.get(each.id, "other"),
            _read_value(score, state.scale),
            each.id in whole,
        )
        for each, score in scored
    )
    tops: dict[int, Score] = {}
    means: dict[int, list[float]] = {}
    for each, score in scored:
        # Those that were stopped early are the worse ones: a mean without them would flatter.
        if each.id in whole or score.estimated:
            means.setdefault(each.step, []).append(state.scale.orient(score.mean))
        if each.id in whole:
            best = tops.get(each.step)
            tops[each.step] = score if best is None or score.mean > best.mean else best
    steps = sorted(tops)
    so_far = accumulate((tops[step] for step in steps), _pick_better)
    return RunCurve(
        run.name,
        run.status == "finished",
        points,
        tuple((s, _read_value(v, state.scale)) for s, v in zip(steps, so_far, strict=True)),
        tuple((step, fmean(values)) for step, values in sorted(means.items())),
    )


def _require_search(run: RecordedRun, kind: str) -> None:
    if is_evaluation(run.state):
        raise UsageError(
            f"{run.name} is an evaluation of given prompts: without a search there is no {kind}",
            "name a run of `opro optimize`; two prompts are compared by "
            f"`opro diff {run.folder}@0.1 {run.folder}@0.2`",
        )


def _pick_better(one: Score, other: Score) -> Score:
    return other if other.mean > one.mean else one


def _find_scale(runs: Sequence[RecordedRun]) -> Scale:
    """Return how all scores are read."""
    first = runs[0]
    for other in runs[1:]:
        if other.state.scale != first.state.scale:
            raise UsageError(
                f"the scores of {other.name} are not on the scale of {first.name}: one axis "
                "cannot show both",
                "draw them apart",
            )
    return first.state.scale


def _list_notes(runs: Sequence[RecordedRun]) -> tuple[str, ...]:
    if len({run.identity.get("data_fingerprint") for run in runs}) < 2:
        return ()
    return ("these runs were scored on different questions: their scores do not compare",)


@dataclass(frozen=True, slots=True)
class FrontPoint:
    """A candidate with its score and its cost, of 1,000 answers; on_front: none dominates it."""

    step: int
    instruction: str
    role: Role
    score: Value
    cost: float
    on_front: bool


@dataclass(frozen=True, slots=True)
class Front:
    """The candidates of a run by score and cost; unknown: those whose cost nobody knows."""

    run: str
    basis: Basis
    cost: CostKind
    scale: Scale
    points: tuple[FrontPoint, ...]
    unknown: int
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        points = [{**asdict(p), "score": p.score.to_json()} for p in self.points]
        facts = {"run": self.run, "split": self.basis, "cost": self.cost, "unknown": self.unknown}
        return {**facts, "candidates": points}


def build_front(run: RecordedRun) -> Front:
    """Return score against cost of a run's candidates, cheapest first.

    Raises:
        UsageError: Nothing is scored, or nobody knows what it cost.
    """
    _require_search(run, "front of score and cost")
    state, basis, kind = run.state, get_basis(run.state), get_cost_kind(run.state)
    splits = list_splits(basis)
    scored = [
        each
        for each in state.candidates.values()
        if all(state.is_scored(each, split) for split in splits)
    ]
    costs = {each.id: get_deciding_cost(state, each) for each in scored}
    known = [
        Point(each, measure_mean(each, basis), cost)
        for each in scored
        if (cost := costs[each.id]) is not None
    ]
    if not known:
        unit = "price" if kind == "usd_per_1000" else "number of tokens"
        why = f"the {unit} of its answers is unknown" if scored else "no prompt is scored"
        raise UsageError(
            f"{run.name} has no front of score and cost: {why}",
            "give prices in the config, or use a model that counts tokens: `opro docs cheaper`"
            if scored
            else f"`opro resume {run.name}` continues it",
        )
    front = {point.candidate.id for point in find_front(known)}
    roles = _find_roles(state)
    points = tuple(
        FrontPoint(
            each.candidate.step,
            each.candidate.instruction,
            roles.get(each.candidate.id, "other"),
            _read_value(score, state.scale),
            each.cost,
            each.candidate.id in front,
        )
        for each in sorted(known, key=lambda point: (point.cost, -point.mean))
        if (score := measure_score(each.candidate, basis))
    )
    return Front(run.name, basis, kind, state.scale, points, len(scored) - len(known))


@dataclass(frozen=True, slots=True)
class ForestRow:
    """A gain on unseen questions.

    Attributes:
        about: What it counts, "45 questions".
        whole: It sums up the other rows.
        kept: No other prompt was better: the start prompt is the winner, without any error.
        is_run: The name is that of a run.
    """

    name: str
    gain: Value
    about: str
    whole: bool = False
    kept: bool = False
    is_run: bool = False


@dataclass(frozen=True, slots=True)
class Forest:
    """Gains with their intervals; subject: what the rows are."""

    subject: str
    rows: tuple[ForestRow, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        rows = [
            {"name": row.name, **row.gain.to_json(), "whole": row.whole, "kept_start": row.kept}
            for row in self.rows
        ]
        return {"split": "test", "rows": rows}


def build_forest(runs: Sequence[RecordedRun]) -> Forest:
    """Return the gains of runs on test; of one run that of its winner and of the baselines.

    Raises:
        UsageError: No run has a gain to show.
    """
    if len(runs) == 1:
        return _build_own_forest(runs[0])
    rows, notes = [], []
    for run in runs:
        result = build_result(run, finished=run.status == "finished")
        row = _read_gain(run.name, result)
        if row is None:
            notes.append(f"{run.name} is left out: {result['verdict_sentence']}")
        else:
            rows.append(replace(row, is_run=True))
    if not rows:
        raise UsageError(f"none of these runs has a gain to show; {notes[0]}", _GAIN_REMEDY)
    return Forest(
        f"{len(rows)} run{'s' * (len(rows) != 1)}", tuple(rows), (*notes, *_list_notes(runs))
    )


_GAIN_REMEDY = "`opro docs verdicts` says when a gain is claimed"


def _read_gain(name: str, result: Mapping[str, Any]) -> ForestRow | None:
    """Return a row from a verdict or a comparison; None where nothing was compared."""
    test = result["paired_test"]
    if test is None:
        return None
    if result["difference"] is None:  # the start prompt against itself
        return ForestRow(name, Value(0.0, None, None, 0), "", kept=True)
    (low, high), n = result["difference"]["interval"], test["n"]
    gain = Value(result["difference"]["mean"], low, high, n)
    return ForestRow(name, gain, _count_questions(n))


def _count_questions(n: int) -> str:
    return f"{n:,} question{'s' * (n != 1)}"


def _build_own_forest(run: RecordedRun) -> Forest:
    _require_search(run, "gain")
    result = build_result(run, finished=run.status == "finished")
    winner = _read_gain("winner", result)
    if winner is None:
        raise UsageError(
            f"{run.name} has no gain to show: {result['verdict_sentence']}", _GAIN_REMEDY
        )
    rivals = [
        (each["instruction"] or "(empty)", each["against_start"]) for each in result["baselines"]
    ]
    if closed := result.get("closed_set"):
        majority = closed["majority"]
        rivals.append((f"always “{majority['answer']}”", majority["against_start"]))
    others = (_read_gain(name, compared) for name, compared in rivals if compared)
    return Forest(f"prompts of {run.name}", (winner, *filter(None, others)))


def build_sweep_forest(report: SweepReport) -> Forest:
    """Return the mean gain of each task of a sweep, and over all of them.

    Raises:
        UsageError: No cell counts.
    """
    over = report.gain
    if over.estimate is None:
        raise UsageError(f"sweep {report.name} has no gain to show", f"`opro diff {report.name}`")
    rows = []
    for task in over.tasks:
        about = f"{task.runs:,} run{'s' * (task.runs != 1)}, {_count_questions(task.questions)}"
        rows.append(_read_estimate(task.name, task.estimate, task.questions, about))
    total = sum(task.questions for task in over.tasks)
    if over.these is not None:
        these = _read_estimate("these tasks alone", over.these, total, "over questions", whole=True)
        like = _read_estimate("tasks like these", over.estimate, total, "over tasks", whole=True)
        rows += [these, like]
    return Forest(f"tasks of {report.name}", tuple(rows))


def _read_estimate(
    name: str, estimate: Any, n: int, about: str, *, whole: bool = False
) -> ForestRow:
    interval = estimate.interval
    return ForestRow(name, Value(estimate.mean, interval.low, interval.high, n), about, whole)


@dataclass(frozen=True, slots=True)
class ConfusionFigure:
    """Which gold labels one prompt answered with which."""

    prompt: str
    confusion: Confusion
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as `result.json` has it."""
        return {"prompt": self.prompt, **self.confusion.to_json()}


def build_confusion_figure(chosen: SelectedPrompt) -> ConfusionFigure:
    """Return the confusion matrix of a prompt.

    Raises:
        UsageError: Answers are no labels, there are too many, or none came yet.
    """
    run, closed = chosen.run, find_labels(chosen.run)
    if closed is None:
        raise UsageError(
            f"{run.name} has no confusion matrix: its answers are not a few labels",
            "task.answer: label, labels, boolean and choice have them: `opro docs answers`",
        )
    if len(closed.labels) > MOST_IN_MATRIX:
        raise UsageError(
            f"{run.name} has no confusion matrix: of {len(closed.labels)} labels nobody would "
            f"read it, more than {MOST_IN_MATRIX}",
            "`opro show RUN --json` counts them",
        )
    if chosen.candidate is None and is_evaluation(run.state):
        raise UsageError(
            f"{run.name} is an evaluation of given prompts: none is its best",
            f"name one by number, such as {run.folder}@0.1",
        )
    confusion = chosen.candidate and build_confusion(chosen.candidate, closed)
    if not confusion:
        raise UsageError(
            f"{chosen.name} has no answers yet", f"`opro resume {run.name}` continues it"
        )
    return ConfusionFigure(chosen.name, confusion)


@dataclass(frozen=True, slots=True)
class Promise:
    """The score that the search had measured for a prompt, and its score on unseen questions.

    Attributes:
        chosen_on: The questions that the search went by.
        came_on: Those that had no part in it.
        kept: What came is what was promised, as far as chance explains: 0 is in the interval of
            the difference.
    """

    run: str
    instruction: str
    role: Role
    chosen_on: Basis
    came_on: Split
    promised: Value
    came: Value
    kept: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        values = {"promised": self.promised.to_json(), "came": self.came.to_json()}
        return {**asdict(self), **values}


@dataclass(frozen=True, slots=True)
class Calibration:
    """Scores that the search went by against those on questions that it had not seen."""

    promises: tuple[Promise, ...]
    scale: Scale
    runs: int
    notes: tuple[str, ...] = ()

    @property
    def change(self) -> float:
        """The mean of what came less what was promised."""
        return fmean(each.came.mean - each.promised.mean for each in self.promises)

    @property
    def kept(self) -> int | None:
        """How many came as promised; None for values without intervals."""
        known = [each.kept for each in self.promises if each.kept is not None]
        return sum(known) if known else None

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        points = [each.to_json() for each in self.promises]
        return {"kept": self.kept, "mean_change": self.change, "prompts": points}


def build_calibration(runs: Sequence[RecordedRun]) -> Calibration:
    """Return what the searches of these runs promised against what came.

    Winners and start prompts were measured on the questions that chose them, and then on test;
    other finalists on train, and then on dev.

    Raises:
        UsageError: No prompt was asked anything unseen.
    """
    scale = _find_scale(runs)
    if len(runs) == 1:
        _require_search(runs[0], "promise to hold it to")
    promises = [promise for run in runs for promise in _list_promises(run)]
    if not promises:
        names = runs[0].name if len(runs) == 1 else "none of these runs"
        raise UsageError(
            f"nothing to calibrate: {names} asked no prompt that the search had scored anything "
            "unseen",
            "a finished run with a dev or a test split has such prompts (task.data.split)",
        )
    return Calibration(tuple(promises), scale, len(runs))


def _list_promises(run: RecordedRun) -> list[Promise]:
    state, found = run.state, []
    roles = _find_roles(state)
    for each in state.candidates.values():
        for basis, split in _list_stages(state):
            settled = all(state.is_settled(each, own) for own in list_splits(basis))
            before = measure_score(each, basis) if settled else None
            after = each.score(split) if state.is_scored(each, split) else None
            if before is None or after is None:
                continue
            promised, came = _read_value(before, state.scale), _read_value(after, state.scale)
            role, kept = roles.get(each.id, "other"), is_alike(promised, came)
            stage = (basis, split, promised, came, kept)
            found.append(Promise(run.name, each.instruction, role, *stage))
            break
    return found


def _list_stages(state: RunState) -> list[tuple[Basis, Split]]:
    """Return what prompts were chosen on, and what came next; the least seen first."""
    if not state.sizes["train"]:
        return []
    stages: list[tuple[Basis, Split]] = [(get_basis(state), "test")]
    return [*stages, ("train", "dev")] if state.sizes["dev"] else stages


def is_alike(one: Value, other: Value) -> bool | None:
    """Return whether 0 is in the 95 % interval of the difference of two independent shares.

    The interval is put together from those of the two (R. G. Newcombe, Stat. Med. 17, 1998,
    method 10). None without intervals.
    """
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return None
    difference = other.mean - one.mean
    low = difference - math.hypot(other.mean - other.low, one.high - one.mean)
    high = difference + math.hypot(other.high - other.mean, one.mean - one.low)
    return low <= 0 <= high


Figure = Curve | Front | Forest | ConfusionFigure | Calibration


def is_of_shares(figure: Figure) -> bool:
    """Return whether the values are shares of right answers, read in percent."""
    return are_shares(getattr(figure, "scale", SHARE))
