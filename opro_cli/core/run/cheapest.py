"""Accuracy against cost: the front of the candidates, and the cheapest that is not worse.

"Not worse" is a test on answers that are paid for already: that the candidate loses `search.margin`
points or more against another one is refuted at a level (`core/stats/paired.refute_loss`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from opro_cli.core.run.candidates import Answers, Candidate
from opro_cli.core.run.deciding import measure_mean
from opro_cli.core.run.pairs import list_pairs
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import SHARE
from opro_cli.core.settings.search import PRUNE, CostKind
from opro_cli.core.stats.paired import refute_loss
from opro_cli.core.task.example import Split

SEEN: tuple[Split, ...] = ("train", "dev")
"""The splits whose answers are paid for when the winner is chosen."""
CHOSEN_AT = 0.05
"""The level at which the loss of a cheaper finalist has to be refuted on train and dev.

They are tested from the dearest down, until one fails: in a fixed sequence the chance that any of
them is crowned in error stays at this level (Maurer, Hothorn and Lehmacher, 1995), however many
there are.
"""
PRUNED_AT = 0.2
"""That level for a pruned prompt, whose proof is left to the test split."""
LIKELY_AT = 0.4
"""That level for a pruned prompt on train alone, where it only decides what is tried next."""


@dataclass(frozen=True, slots=True)
class Point:
    """A candidate with its mean score and its cost.

    Attributes:
        cost: Of 1,000 answers.
    """

    candidate: Candidate
    mean: float
    cost: float


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """The test that a prompt does not lose `margin` against another one on `n` questions."""

    p_value: float
    n: int
    difference: float
    margin: float


def get_cost_kind(state: RunState) -> CostKind:
    """Return what the cost is measured in."""
    objectives = state.search.objectives
    return objectives.cost if objectives is not None else "tokens_per_1000"


def measure_cost(answers: Answers, kind: CostKind) -> float | None:
    """Return the cost of 1,000 answers, prompts and replies; None as long as it is unknown."""
    costs = answers.costs
    if kind == "usd_per_1000":
        return None if costs.usd is None else 1000 * costs.usd
    return (
        None if costs.tokens is None else 1000 * (costs.prompt + costs.completion) / costs.answers
    )


def find_front(points: Iterable[Point]) -> list[Point]:
    """Return the points that no other dominates, cheapest first.

    One point dominates another if it costs no more and scores no less, and not both the same.
    """
    front: list[Point] = []
    for point in sorted(points, key=lambda point: (point.cost, -point.mean)):
        last = front[-1] if front else None
        if last is None or point.mean > last.mean or (point.mean, point.cost) == _place(last):
            front.append(point)
    return front


def _place(point: Point) -> tuple[float, float]:
    return point.mean, point.cost


def refute_loss_of(
    candidate: Candidate, reference: Candidate, splits: Sequence[Split], margin: float
) -> NonInferiority | None:
    """Test that a candidate loses less than the margin; None without a question of both.

    Args:
        candidate: The one that may be worse.
        reference: The one that it is compared with.
        splits: Whose questions count, of those that both have answered.
        margin: In shares, above 0.
    """
    pairs = list(list_pairs(reference, candidate, splits))
    if not pairs:
        return None
    differences = [pair.difference for pair in pairs]
    p_value = refute_loss(
        differences,
        margin,
        graded=any(pair.is_graded for pair in pairs),
        groups=[pair.group for pair in pairs],
    )
    return NonInferiority(p_value, len(pairs), math.fsum(differences) / len(pairs), margin)


def list_accepted(state: RunState) -> list[Candidate]:
    """Return the start prompt and the pruned ones that were likely no worse, as they were tried.

    Each is compared on train with the best before it, so that neither small losses add up nor is
    lost again what dropping a harmful part has gained.
    """
    start, *tried = state.candidates.values()
    accepted, best = [start], start
    for each in tried:
        if not state.is_scored(each, "train"):  # it lost its race, or is not done
            continue
        test = refute_loss_of(each, best, ("train",), get_margin(state))
        if test is not None and test.p_value <= LIKELY_AT:
            accepted.append(each)
            if measure_mean(each, "train") > measure_mean(best, "train"):
                best = each
    return accepted


def get_margin(state: RunState) -> float:
    """Return the loss that would matter, as a share."""
    return state.search.margin / 100


def prunes(state: RunState) -> bool:
    """Return whether the run drops parts of its start prompt."""
    return state.search.strategy == PRUNE


def select_pruned(state: RunState) -> list[Candidate]:
    """Return the start prompt, and the shortest pruned ones that were likely no worse."""
    start, *fine = list_accepted(state)
    fine.sort(key=_measure_length)
    return [start, *fine[: state.search.finalists]]


def _measure_length(candidate: Candidate) -> tuple[int, int]:
    return len(candidate.form), len(candidate.instruction)


def choose_cheapest(
    state: RunState, winner: Candidate, finalists: Sequence[Candidate]
) -> Candidate:
    """Return the winner by score or, as `search.prefer` has it, the cheapest that is not worse.

    Args:
        state: Of the run.
        winner: By score.
        finalists: All of them scored on the split that decides; of pruned prompts the start first.
    """
    if state.scale != SHARE:
        return winner
    if prunes(state):
        return _choose_pruned(state, winner, finalists)
    if state.search.prefer == "best":
        return winner
    spent = get_deciding_cost(state, winner)
    costs = ((get_deciding_cost(state, each), each) for each in finalists)
    cheaper = [
        (cost, each)
        for cost, each in costs
        if cost is not None and spent is not None and cost < spent
    ]
    chosen = (math.inf, winner)
    # Initial prompts come last: one that is far worse would end the sequence for all behind it.
    for cost, each in sorted(cheaper, key=lambda pair: (pair[1].step == 0, -pair[0])):
        test = refute_loss_of(each, winner, SEEN, get_margin(state))
        if test is None or test.p_value >= CHOSEN_AT:
            break
        chosen = min(chosen, (cost, each), key=lambda pair: pair[0])
    return chosen[1]


def _choose_pruned(state: RunState, leader: Candidate, finalists: Sequence[Candidate]) -> Candidate:
    """Return the shortest finalist that is likely no worse than the start prompt and the leader.

    They are ordered by length: tokens may be unknown, as of answers that an older opro cached. One
    whose answers are known to cost more than those of the start prompt is passed over.
    """
    start, *pruned = finalists
    for each in sorted(pruned, key=_measure_length):
        tests = [refute_loss_of(each, other, SEEN, get_margin(state)) for other in (start, leader)]
        p_values = [1.0 if test is None else test.p_value for test in tests]
        fine = p_values[0] <= PRUNED_AT and (each is leader or p_values[1] <= LIKELY_AT)
        if fine and not _costs_more(state, each, start):
            return each
    return start


def get_deciding_cost(state: RunState, candidate: Candidate) -> float | None:
    """Return the cost on the split that decides; None as long as it is unknown."""
    return measure_cost(candidate.answers[get_cost_split(state)], get_cost_kind(state))


def get_cost_split(state: RunState) -> Split:
    """Return the split whose answers tell what a prompt costs before test is asked."""
    return "dev" if state.sizes["dev"] else "train"


def _costs_more(state: RunState, candidate: Candidate, start: Candidate) -> bool:
    cost, before = get_deciding_cost(state, candidate), get_deciding_cost(state, start)
    return cost is not None and before is not None and cost > before
