"""How hard the questions are, and how able the candidates, learnt from earlier answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import mul
from typing import NamedTuple

from opro_cli.core.run.answers import Answers

NODES = tuple(-3.6 + 0.3 * place for place in range(25))
"""Where a standard normal ease is looked at; sums over so even a grid are close to integrals."""
LEVELS = 8
"""So many abilities stand for those of the reference."""
WIDEST = 5.0
"""The largest spread of the eases that is considered, in logits."""
LOGISTIC = 1.7**2
"""The variance of the normal distribution that the logistic one is nearest to."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a candidate of some ability is expected to answer, a question each.

    chances: of a right answer, in (0, 1). slopes: their derivatives by the ability, above 0.
    """

    chances: list[float]
    slopes: list[float]

    def weights(self) -> list[float]:
        """By how much an answer speaks for a higher ability (the score of the likelihood)."""
        return [slope / (p * (1 - p)) for p, slope in zip(self.chances, self.slopes, strict=True)]

    def information(self) -> list[float]:
        """Fisher's, on the ability."""
        return list(map(mul, self.slopes, self.weights()))


class Difficulties:
    """The questions' eases, as far as the reference candidates tell them.

    reference: one or more candidates that were asked all `questions`; scores between 0 and 1
    count as that share of a right answer. centre: their mean ability, in logits.
    """

    __slots__ = ("_eases", "_kind", "_shares", "centre", "spread")

    def __init__(self, reference: Sequence[Answers], questions: int) -> None:
        right, asked, agreeing, pairs = _count_answers(reference, questions)
        levels = _find_levels(reference)
        both = agreeing / pairs if pairs else 0.0
        mean = math.fsum(right) / sum(asked)
        self.spread = _find_spread(levels, both - mean * mean)
        abilities = [level * _compute_stretch(self.spread) for level in levels]
        self.centre = math.fsum(abilities) / len(abilities)
        self._eases = [self.spread * node for node in NODES]
        # log of the chance that everyone is wrong, for one candidate of the reference.
        wrong = [
            -sum(math.log1p(math.exp(ability + ease)) for ability in abilities) / len(abilities)
            for ease in self._eases
        ]
        kinds: dict[tuple[float, int], int] = {}
        self._shares: list[list[float]] = []
        self._kind: list[int] = []
        for key in zip(right, asked, strict=True):
            if key not in kinds:
                kinds[key] = len(kinds)
                self._shares.append(_compute_posterior(self._eases, wrong, *key))
            self._kind.append(kinds[key])

    def expected(self, ability: float) -> Prediction:
        """What a candidate of this ability (in logits) is expected to answer."""
        chance = [1 / (1 + math.exp(-ability - ease)) for ease in self._eases]
        slope = [p * (1 - p) for p in chance]
        chances = [min(1 - 1e-9, max(1e-9, sum(map(mul, s, chance)))) for s in self._shares]
        slopes = [max(1e-9, sum(map(mul, s, slope))) for s in self._shares]
        return Prediction([chances[k] for k in self._kind], [slopes[k] for k in self._kind])


def _count_answers(
    reference: Sequence[Answers], questions: int
) -> tuple[list[float], list[int], float, int]:
    """A question each: right answers and answers; over all: agreeing pairs of right ones, pairs."""
    right, squares, asked = [0.0] * questions, [0.0] * questions, [0] * questions
    for answers in reference:
        for question, outcome in answers.by_question.items():
            if not outcome.excluded:
                score = outcome.score or 0.0
                right[question] += score
                squares[question] += score * score
                asked[question] += 1
    agreeing = math.fsum(map(mul, right, right)) - math.fsum(squares)
    return right, asked, agreeing, sum(n * (n - 1) for n in asked)


def _find_levels(reference: Sequence[Answers]) -> list[float]:
    """Log-odds of being right that stand for those of the reference."""
    odds = []
    for answers in reference:
        n = len(answers.by_question) - answers.excluded
        right = answers.total()
        odds.append(math.log((right + 0.5) / (n - right + 0.5)))
    odds.sort()
    step = max(1, len(odds) // LEVELS)
    return [
        math.fsum(odds[at : at + step]) / len(odds[at : at + step])
        for at in range(0, len(odds), step)
    ]


def _compute_stretch(spread: float) -> float:
    """How many times its log-odds over questions of such a spread a candidate's ability is."""
    return math.sqrt(1 + spread * spread / LOGISTIC)


def _find_spread(levels: Sequence[float], agreement: float) -> float:
    """The spread of the eases at which two candidates agree as much as they do."""
    low, high = 0.0, WIDEST
    for _ in range(10):
        middle = (low + high) / 2
        if _compute_agreement(levels, middle) < agreement:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _compute_agreement(levels: Sequence[float], spread: float) -> float:
    """The covariance, over questions, of being right of two candidates."""
    abilities = [level * _compute_stretch(spread) for level in levels]
    both = mean = whole = 0.0
    for node in NODES:
        share = math.exp(-node * node / 2)
        chances = (1 / (1 + math.exp(-ability - spread * node)) for ability in abilities)
        right = sum(chances) / len(abilities)
        both += share * right * right
        mean += share * right
        whole += share
    return both / whole - (mean / whole) ** 2


def _compute_posterior(
    eases: Sequence[float], wrong: Sequence[float], right: float, asked: int
) -> list[float]:
    """The share of each ease, given how many of those asked were right."""
    logs = [
        right * ease + asked * none - node * node / 2
        for ease, none, node in zip(eases, wrong, NODES, strict=True)
    ]
    most = max(logs)
    raw = [math.exp(each - most) for each in logs]
    return list(map(mul, raw, repeat(1 / math.fsum(raw))))


FAR = 3.0
"""No estimate lies further, in logits, from the mean ability of the reference."""
STEP = 0.01
"""A small change of ability, in logits, that shows how the information changes."""
POINTS, ROUNDS = 20, 30
"""Abilities that the mixture is made of, and rounds of EM."""
NARROWEST = 1e-3
"""The least variance of new candidates' abilities, in logits squared."""


class Ability(NamedTuple):
    """One candidate's ability by its own answers: estimate and variance, in logits."""

    ability: float
    variance: float


@dataclass(frozen=True, slots=True)
class Prior:
    """What the ability of a candidate may be before it has answered: normal, in logits."""

    mean: float
    variance: float


def measure_abilities(difficulties: Difficulties, candidates: Sequence[Answers]) -> list[Ability]:
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
            step = _find_root(surplus, known, bend)
            slope = min(5 * known, max(known / 5, known + bend * step))
            result.append(Ability(difficulties.centre + step, 1 / slope))
    return result


def _find_root(surplus: float, known: float, bend: float) -> float:
    """Where surplus = known x + bend x² / 2, on the branch through 0; bounded."""
    square = known * known + 2 * bend * surplus
    if square > 0 and abs(bend) > 1e-9:
        root = (math.sqrt(square) - known) / bend
    else:
        root = surplus / known
    return min(FAR, max(-FAR, root))


def estimate_prior(abilities: Sequence[Ability]) -> Prior:
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


def estimate_best(abilities: Sequence[Ability]) -> float:
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
    return max(_weigh(points, list(map(mul, row, mixture))) for row in rows)


def _weigh(points: Sequence[float], shares: Sequence[float]) -> float:
    total: float = sum(map(mul, points, shares))
    return total / sum(shares)
