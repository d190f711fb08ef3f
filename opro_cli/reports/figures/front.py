"""The front of accuracy against cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.cheapest import (
    Point,
    find_front,
    get_cost_kind,
    get_cost_split,
    get_deciding_cost,
)
from opro_cli.core.run.deciding import Basis, get_basis, list_splits, measure_mean, measure_score
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import Scale
from opro_cli.core.settings.search import CostKind
from opro_cli.core.task.example import Split
from opro_cli.errors import UsageError
from opro_cli.reports.figures.values import Role, Value, find_roles, read_value, require_search
from opro_cli.reports.recorded import RecordedRun


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
    """The candidates of a run by score and cost.

    Attributes:
        unknown: Those whose cost nobody knows.
        cost_on: The split whose answers tell the cost.
    """

    run: str
    basis: Basis
    cost: CostKind
    scale: Scale
    points: tuple[FrontPoint, ...]
    unknown: int
    cost_on: Split
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
    require_search(run, "front of score and cost")
    state, basis, kind = run.state, get_basis(run.state), get_cost_kind(run.state)
    splits = list_splits(basis)
    scored = [
        each
        for each in state.candidates.values()
        if all(_is_ranked(state, each, split) for split in splits)
    ]
    costs = {each.id: get_deciding_cost(state, each) for each in scored}
    known = [
        Point(each, measure_mean(each, basis), cost)
        for each in scored
        if (cost := costs[each.id]) is not None
    ]
    if not known:
        raise _build_missing_error(run.argument, kind, is_scored=bool(scored))
    front = {point.candidate.id for point in find_front(known)}
    roles = find_roles(state)
    points = tuple(
        FrontPoint(
            each.candidate.step,
            each.candidate.instruction,
            roles.get(each.candidate.id, "other"),
            read_value(score, state.scale),
            each.cost,
            each.candidate.id in front,
        )
        for each in sorted(known, key=lambda point: (point.cost, -point.mean))
        if (score := measure_score(each.candidate, basis))
    )
    unknown, cost_on = len(scored) - len(known), get_cost_split(state)
    return Front(run.name, basis, kind, state.scale, points, unknown, cost_on)


def _build_missing_error(run: str, kind: CostKind, *, is_scored: bool) -> UsageError:
    """Return why a run has no front; `is_scored`: its prompts have scores, so it lacks costs.

    The run is named as a command takes it.
    """
    why, remedy = "no prompt is scored", f"`opro resume {run}` continues one that is not finished"
    if is_scored:
        unit = "price" if kind == "usd_per_1000" else "number of tokens"
        why = f"the {unit} of its answers is unknown"
        remedy = "give prices in the config, or use a model that counts tokens: `opro docs cheaper`"
    return UsageError(f"{run} has no front of score and cost: {why}", remedy)


def _is_ranked(state: RunState, candidate: Candidate, split: Split) -> bool:
    """Return whether a candidate has a score that it could win by: an estimate is one in looks."""
    if state.is_scored(candidate, split):
        return True
    score = candidate.score(split)
    return state.looks and score is not None and score.estimated
