"""Estimate the difficulty of questions and the ability of candidates from earlier answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import mul
from typing import NamedTuple

from opro_cli.core.run.candidates import Answers

NODES = tuple(-3.6 + 0.3 * index for index in range(25))
"""Grid for a standard normal ease; sums over it are close to integrals."""
LEVELS = 8
"""Number of abilities that represent those of the reference."""
WIDEST = 5.0
"""The largest spread of the eases, in logits."""
LOGISTIC = 1.7**2
"""The variance of the normal distribution nearest to the logistic one."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The expected answers of a candidate of some ability to each question.

    `chances` of a right answer are in (0, 1); `slopes`, their derivatives by the ability, above 0.
    """

    chances: list[float]
    slopes: list[float]

    def weights(self) -> list[float]:
        """Return the weights of answers in the score of the likelihood of an ability."""
        return [slope / (p * (1 - p)) for p, slope in zip(self.chances, self.slopes, strict=True)]

    def information(self) -> list[float]:
        """Return the Fisher information on the ability."""
        return list(map(mul, self.slopes, self.weights()))


class Difficulties:
    """Posterior eases of the questions, given the answers of reference candidates.

    `reference` has one or more candidates that were asked all `questions`; a score between 0 and
    1 counts as that share of a right answer. `centre` is their mean ability, in logits.
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
        # Log of the chance that everyone is wrong, per reference candidate.
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

    def predict(self, ability: float) -> Prediction:
        """Return the expected answers of a candidate of this ability (in logits)."""
        chance = [1 / (1 + math.exp(-ability - ease)) for ease in self._eases]
        slope = [p * (1 - p) for p in chance]
        chances = [min(1 - 1e-9, max(1e-9, sum(map(mul, s, chance)))) for s in self._shares]
        slopes = [max(1e-9, sum(map(mul, s, slope))) for s in self._shares]
        return Prediction([chances[k] for k in self._kind], [slopes[k] for k in self._kind])


def _count_answers(
    reference: Sequence[Answers], questions: int
) -> tuple[list[float], list[int], float, int]:
    """Return right answers and answers by question, and in total agreeing right pairs and pairs."""
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
    """Return log-odds of right answers that represent those of the reference."""
    odds = []
    for answers in reference:
        n, right = len(answers.by_question) - answers.excluded, answers.total()
        odds.append(math.log((right + 0.5) / (n - right + 0.5)))
    odds.sort()
    step = max(1, len(odds) // LEVELS)
    groups = (odds[start : start + step] for start in range(0, len(odds), step))
    return [math.fsum(group) / len(group) for group in groups]


def _compute_stretch(spread: float) -> float:
    """Return the ratio of an ability to its log-odds over questions of this spread."""
    return math.sqrt(1 + spread * spread / LOGISTIC)


def _find_spread(levels: Sequence[float], agreement: float) -> float:
    """Return the spread of the eases that explains the agreement of two candidates."""
    low, high = 0.0, WIDEST
    for _ in range(10):
        middle = (low + high) / 2
        if _compute_agreement(levels, middle) < agreement:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _compute_agreement(levels: Sequence[float], spread: float) -> float:
    """Return the covariance over questions of two candidates' right answers."""
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
    """Return the probability of each ease, given the right answers among those asked."""
    logs = [
        right * ease + asked * none - node * node / 2
        for ease, none, node in zip(eases, wrong, NODES, strict=True)
    ]
    largest = max(logs)
    raw = [math.exp(log - largest) for log in logs]
    return list(map(mul, raw, repeat(1 / math.fsum(raw))))


FAR = 3.0
"""The largest distance, in logits, of an estimate from the mean ability of the reference."""
STEP = 0.01
"""A small change of ability, in logits, for derivatives of the information."""
POINTS, ROUNDS = 20, 30
"""Abilities in the mixture, and rounds of EM."""
NARROWEST = 1e-3
"""The smallest variance of new candidates' abilities, in logits squared."""


class Ability(NamedTuple):
    """An ability estimated from a candidate's own answers, in logits, and its variance."""

    ability: float
    variance: float


@dataclass(frozen=True, slots=True)
class Prior:
    """The normal prior of a new candidate's ability, in logits."""

    mean: float
    variance: float


def measure_abilities(difficulties: Difficulties, candidates: Sequence[Answers]) -> list[Ability]:
    """Return the abilities of candidates with any answers, stopped early or not.

    Takes one step from the reference's mean ability along the score, with its curvature.
    """
    expected = difficulties.predict(difficulties.centre)
    beyond = difficulties.predict(difficulties.centre + STEP)
    weights, information = expected.weights(), expected.information()
    slopes = zip(expected.slopes, beyond.slopes, weights, strict=True)
    bends = [(more - slope) / STEP * weight for slope, more, weight in slopes]
    offsets = list(map(mul, expected.chances, weights))
    result = []
    for answers in candidates:
        surplus = known = bend = 0.0
        # Sorted, because the order of a sum changes its last digits.
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
    """Solve surplus = known x + bend x² / 2 on the branch through 0, within FAR."""
    square = known * known + 2 * bend * surplus
    if square > 0 and abs(bend) > 1e-9:
        root = (math.sqrt(square) - known) / bend
    else:
        root = surplus / known
    return min(FAR, max(-FAR, root))


def estimate_prior(abilities: Sequence[Ability]) -> Prior:
    """Return the most likely normal distribution of the abilities (by EM)."""
    mean, variance = 0.0, 0.2
    for _ in range(15):
        shares = [1 / (variance + noise) for _, noise in abilities]
        mean = sum(share * ability for share, (ability, _) in zip(shares, abilities, strict=True))
        mean /= sum(shares)
        spread = 0.0
        for share, (ability, noise) in zip(shares, abilities, strict=True):
            shift = variance * share * (ability - mean)
            spread += shift * shift + variance * noise * share
        variance = max(NARROWEST, spread / len(abilities))
    return Prior(mean, variance)


def estimate_best(abilities: Sequence[Ability]) -> float:
    """Return the expected ability of the best candidate, in logits, given all of them."""
    low = min(ability for ability, _ in abilities)
    high = max(ability for ability, _ in abilities)
    points = [low + (high - low) * index / (POINTS - 1) for index in range(POINTS)]
    # 1e-300 keeps the row of a candidate far from every point above 0.
    rows = [
        [math.exp(-((ability - point) ** 2) / (2 * variance)) + 1e-300 for point in points]
        for ability, variance in abilities
    ]
    columns = list(zip(*rows, strict=True))
    mixture = [1 / POINTS] * POINTS
    for _ in range(ROUNDS):
        inverse = [1 / sum(map(mul, row, mixture)) for row in rows]
        mixture = [
            share * sum(map(mul, column, inverse)) / len(rows)
            for share, column in zip(mixture, columns, strict=True)
        ]
    posteriors = (list(map(mul, row, mixture)) for row in rows)
    best: float = max(sum(map(mul, points, shares)) / sum(shares) for shares in posteriors)
    return best
