"""The curve of the scores by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from statistics import fmean
from typing import Any

from opro_cli.core.run.candidates import Score
from opro_cli.core.scale import Scale
from opro_cli.errors import UsageError
from opro_cli.reports.figures.values import (
    Role,
    Value,
    find_roles,
    find_scale,
    list_notes,
    read_value,
    require_search,
)
from opro_cli.reports.problem import read_problem
from opro_cli.reports.recorded import RecordedRun


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
    return Curve(curves, find_scale(runs), list_notes(runs), of_solutions)


def _build_run_curve(run: RecordedRun) -> RunCurve:
    state = run.state
    require_search(run, "curve")
    scored = [(each, score) for each in state.candidates.values() if (score := each.score("train"))]
    whole = {each.id for each, _ in scored if state.is_scored(each, "train")}
    # Under a budget that does not buy everything the best are known by estimates, too.
    ranked = whole | {each.id for each, score in scored if state.looks and score.estimated}
    if not ranked:
        raise _build_unscored_error(run)
    roles = find_roles(state)
    points = tuple(
        CurvePoint(
            each.step,
            each.instruction,
            roles.get(each.id, "other"),
            read_value(score, state.scale),
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
        if each.id in ranked:
            best = tops.get(each.step)
            tops[each.step] = score if best is None or score.mean > best.mean else best
    steps = sorted(tops)
    so_far = accumulate((tops[step] for step in steps), _pick_better)
    return RunCurve(
        run.name,
        run.status == "finished",
        points,
        tuple((s, read_value(v, state.scale)) for s, v in zip(steps, so_far, strict=True)),
        tuple((step, fmean(values)) for step, values in sorted(means.items())),
    )


def _build_unscored_error(run: RecordedRun) -> UsageError:
    remedy = f"`opro resume {run.argument}` continues it"
    if run.status == "finished":
        remedy = f"`opro show {run.argument}` says what there is"
    return UsageError(f"no candidate of {run.name} has a train score", remedy)


def _pick_better(one: Score, other: Score) -> Score:
    return other if other.mean > one.mean else one
