"""Accuracy against cost: the front of the candidates, and the cheapest that is not worse.

"Not worse" is a test on answers that are paid for already: that the candidate loses `search.margin`
points or more against another one is refuted at a level (`core/stats/paired.refute_loss`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from opro_cli.core.run.candidates import Answers, Candidate
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import SHARE
from opro_cli.core.settings.settings import PRUNE, CostKind
from opro_cli.core.stats.paired import refute_loss
from opro_cli.core.task.example import Split

SEEN: tuple[Split, ...] = ("train", "dev")
"""The splits whose answers are paid for when the winner is chosen."""
CHOSEN_AT = 0.05
"""The level at which the loss of a cheaper finalist has to be refuted on train and dev."""
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
    if kind == "usd_per_1000":
        usd = answers.costs.usd
        return None if usd is None else 1000 * usd
    tokens = answers.costs.tokens
    return None if tokens is None else 1000 * sum(tokens)


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
    differences: list[float] = []
    graded = False
    for split in splits:
        own, others = candidate.answers[split].by_question, reference.answers[split].by_question
        for question in sorted(own.keys() & others.keys()):
            mine, other = own[question], others[question]
            if mine.excluded or other.excluded:
                continue
            scores = mine.score or 0.0, other.score or 0.0
            graded = graded or any(score not in (0.0, 1.0) for score in scores)
            differences.append(scores[0] - scores[1])
    if not differences:
        return None
    p_value = refute_loss(differences, margin, graded=graded)
    return NonInferiority(
        p_value, len(differences), math.fsum(differences) / len(differences), margin
    )


def is_likely_no_worse(state: RunState, candidate: Candidate, start: Candidate) -> bool:
    """Return whether a pruned prompt may lose no more than the margin, as far as train tells."""
    if not state.is_scored(candidate, "train"):  # it lost its race, or is not done
        return False
    test = refute_loss_of(candidate, start, ("train",), get_margin(state))
    return test is not None and test.p_value <= LIKELY_AT


def get_margin(state: RunState) -> float:
    """Return the loss that would matter, as a share."""
    return state.search.margin / 100


def prunes(state: RunState) -> bool:
    """Return whether the run drops parts of its start prompt."""
    return state.search.strategy == PRUNE


def select_pruned(state: RunState) -> list[Candidate]:
    """Return the shortest pruned prompts that are likely no worse, behind the start prompt."""
    start, *tried = state.candidates.values()
    fine = [each for each in tried if is_likely_no_worse(state, each, start)]
    fine.sort(key=_measure_length)
    return [start, *fine[: state.search.finalists]]


def _measure_length(candidate: Candidate) -> tuple[int, int]:
    return len(candidate.form), len(candidate.instruction)


def choose_cheapest(
    state: RunState, winner: Candidate, finalists: Sequence[Candidate]
) -> Candidate:
    """Return the winner by score or, as `search.prefer` has it, the cheapest that is not worse.

    A pruned prompt is compared with the start prompt, and ordered by its length: its answers may
    come from the cache, which knows nothing of tokens. One whose answers are known to cost more
    than those of the start prompt is passed over.
    """
    if state.scale != SHARE:
        return winner
    margin = get_margin(state)
    if prunes(state):
        start = finalists[0]
        for each in sorted(finalists[1:], key=_measure_length):
            test = refute_loss_of(each, start, SEEN, margin)
            if test and test.p_value <= PRUNED_AT and not _costs_more(state, each, start):
                return each
        return start
    if state.search.prefer == "best":
        return winner
    spent = get_deciding_cost(state, winner)
    costs = ((get_deciding_cost(state, each), each) for each in finalists)
    cheaper = [
        (cost, each)
        for cost, each in costs
        if cost is not None and spent is not None and cost < spent
    ]
    for _, each in sorted(cheaper, key=lambda pair: pair[0]):
        test = refute_loss_of(each, winner, SEEN, margin)
        if test is not None and test.p_value < CHOSEN_AT:
            return each
    return winner


def get_deciding_cost(state: RunState, candidate: Candidate) -> float | None:
    """Return the cost on the split that decides; None as long as it is unknown."""
    split: Split = "dev" if state.sizes["dev"] else "train"
    return measure_cost(candidate.answers[split], get_cost_kind(state))


def _costs_more(state: RunState, candidate: Candidate, start: Candidate) -> bool:
    cost, before = get_deciding_cost(state, candidate), get_deciding_cost(state, start)
    return cost is not None and before is not None and cost >= before
