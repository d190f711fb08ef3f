"""How able the earlier candidates are, without taking luck on these questions for ability.

The best of many scores is partly luck. So abilities are drawn towards what the others show
(empirical Bayes): normal around a mean for what a new candidate may be, and for the best one the
mixture of any shape that explains all of them best (J. Kiefer and J. Wolfowitz, Ann. Math. Stat.
27, 1956), which knows a plateau of equals from a few that are truly better (W. Jiang and C.-H.
Zhang, Ann. Stat. 37, 2009).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul
from typing import NamedTuple

from opro_cli.core.answers import Answers
from opro_cli.core.difficulty import Difficulties

FAR = 3.0
"""No estimate lies further, in logits, from the mean ability of the reference."""
STEP = 0.01
"""A small change of ability, in logits, that shows how the information changes."""
POINTS, ROUNDS = 20, 30
"""Abilities that the mixture is made of, and rounds of EM."""
NARROWEST = 1e-3
"""The least variance of new candidates' abilities, in logits squared."""


class Measured(NamedTuple):
    """One candidate's ability by its own answers: estimate and variance, in logits."""

    ability: float
    variance: float


@dataclass(frozen=True, slots=True)
class Prior:
    """What the ability of a candidate may be before it has answered: normal, in logits."""

    mean: float
    variance: float


def measured(difficulties: Difficulties, candidates: Sequence[Answers]) -> list[Measured]:
    """The abilities of those that have answered anything, whether stopped early or not.

    One step from the reference's mean ability along the likelihood's score, with its curvature.
    """
    expected = difficulties.expected(difficulties.centre)
    beyond = difficulties.expected(difficulties.centre + STEP)
    weights, information = expected.weights(), expected.information()
    slopes = zip(expected.slopes, beyond.slopes, weights, strict=True)
    bends = [(more - slope) / STEP * weight for slope, more, weight in slopes]
    offsets = list(map(mul, expected.chances, weights))
    result = []
    for answers in candidates:
        surplus = known = bend = 0.0
        # Sorted, so that the order of arrival cannot show in the last digit.
        for question, outcome in sorted(answers.by_question.items()):
            if not outcome.excluded:
                surplus += (outcome.score or 0.0) * weights[question] - offsets[question]
                known += information[question]
                bend += bends[question]
        if known:
            step = _root(surplus, known, bend)
            slope = min(5 * known, max(known / 5, known + bend * step))
            result.append(Measured(difficulties.centre + step, 1 / slope))
    return result


def _root(surplus: float, known: float, bend: float) -> float:
    """Where surplus = known x + bend x² / 2, on the branch through 0; bounded."""
    square = known * known + 2 * bend * surplus
    if square > 0 and abs(bend) > 1e-9:
        root = (math.sqrt(square) - known) / bend
    else:
        root = surplus / known
    return min(FAR, max(-FAR, root))


def prior_of(abilities: Sequence[Measured]) -> Prior:
    """The normal distribution that they are most likely drawn from (by EM)."""
    mean, variance = 0.0, 0.2
    for _ in range(15):
        shares = [1 / (variance + each.variance) for each in abilities]
        mean = sum(s * each.ability for s, each in zip(shares, abilities, strict=True))
        mean /= sum(shares)
        spread = 0.0
        for share, each in zip(shares, abilities, strict=True):
            drawn = variance * share * (each.ability - mean)
            spread += drawn * drawn + variance * each.variance * share
        variance = max(NARROWEST, spread / len(abilities))
    return Prior(mean, variance)


def best_ability(abilities: Sequence[Measured]) -> float:
    """What the best of them is expected to be, in logits, given all of them."""
    low = min(each.ability for each in abilities)
    high = max(each.ability for each in abilities)
    points = [low + (high - low) * place / (POINTS - 1) for place in range(POINTS)]
    # Where a candidate is far from every point, 1e-300 keeps its row from being nothing.
    rows = [
        [math.exp(-((each.ability - p) ** 2) / (2 * each.variance)) + 1e-300 for p in points]
        for each in abilities
    ]
    columns = list(zip(*rows, strict=True))
    mixture = [1 / POINTS] * POINTS
    for _ in range(ROUNDS):
        inverse = [1 / sum(map(mul, row, mixture)) for row in rows]
        mixture = [
            share * sum(map(mul, column, inverse)) / len(rows)
            for share, column in zip(mixture, columns, strict=True)
        ]
    return max(_mean(points, list(map(mul, row, mixture))) for row in rows)


def _mean(points: Sequence[float], shares: Sequence[float]) -> float:
    total: float = sum(map(mul, points, shares))
    return total / sum(shares)
