"""Racing: a candidate that can no longer be the best is not asked the rest of the questions.

Method. Races among candidates on one order of questions are O. Maron and A. Moore's (Hoeffding
races, NIPS 6, 1994), pairing by question is M. Birattari and others' (F-race, GECCO 2002). Here
a candidate is not compared with one lucky answer sheet. The candidates of earlier steps tell how
hard each question is and how able the best of them is, without its luck (racing.abilities). At
each boundary the score test of "as able as that best one" looks at the candidate's answers so far:
surplus = sum of (answer - chance of a right one) * weight, which has mean 0 and the Fisher
information as its variance. It stops where

    surplus < -(a + b * information)   and   it has fewer right than the best one on train,

the line of a one-sided sequential probability ratio test against the mean of all proposals
(A. Wald, 1947), cut off at the last boundary before the end. `a` is such that a candidate as able
as the best crosses the line with chance ALPHA over all looks together (exit of a Brownian motion
over a line, with D. Siegmund's 0.583 for looks in blocks, Sequential Analysis, 1985; the error
spent on the looks as K. Lan and D. DeMets, Biometrika 70, 1983, think of it; C. Jennison and
B. Turnbull, Group Sequential Methods, 2000). The questions that tell most between the mean
proposal and the best come first; the same for the candidates of a step.

What is controlled. The best of the run is one candidate, so however many race, it is dropped
with a chance of ALPHA at most, if the model holds and the best before it is not overrated.
The error of each of several equals is not controlled: of those as good as the best before them,
up to some 13 % are stopped in the settings measured, and others as good are not.
Only candidates of earlier steps count and only boundaries decide, so neither the concurrency nor
the order of arrival matters.

A partial score is the score that the whole of train would have given: the answers asked, and the
model's chances for the others at the ability that prior and answers make likely. Two candidates
in a hundred are taken to be unlike the others: their own answers count for more. Its interval is
for that full score, not for the accuracy on all questions there are.

Measured over simulated runs of 160 candidates (`python -m tests.bench.racing`; accuracies
normal(.70, .06), latent correlation .6), on 50 / 100 / 261 questions, 1,000 runs
each): 37 / 58 / 75 % of the scorer's calls are saved (a plain anytime-valid test on discordant
pairs: 13 / 32 / 56 %), the true best is stopped in 1.5 / 2.1 / 2.0 % of runs, the choice is as
good as full evaluation's within .0005, and intervals hold the full score of 95 to 96 %.
Where proposals improve with the steps a race saves less and partial scores are up to .03 too
low; where nearly everything is right (normal(.9, .04), 261 questions) intervals hold 91 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from opro_cli.core.draws import create_rng
from opro_cli.core.racing.abilities import (
    Difficulties,
    Prediction,
    Prior,
    estimate_best,
    estimate_prior,
    measure_abilities,
)
from opro_cli.core.run.candidates import Answers, Estimate
from opro_cli.core.stats.intervals import Z_95, Interval

BLOCK = 10
"""Questions between decisions."""
ALPHA = 0.05
"""The chance that a candidate as able as the best before it is stopped."""
LEAST = 4
"""Candidates that must have answered everything before any is stopped."""
REFERENCE = 48
"""Candidates for estimating difficulties: a third early ones, then the latest."""
RECENT = 64
"""Candidates, the latest, for estimating abilities."""
UNLIKE, UNLIKE_VARIANCE = 0.02, 9.0
"""The share of candidates unlike the others, and the variance of their abilities, logits squared.

The more of them, the further are estimates of the others from their full scores.
"""
OVERSHOOT = 0.583
MODEL_ERROR = 0.02
"""Standard deviation of the model's mean chance on unasked questions."""


class _RaceQuestion(NamedTuple):
    """A train `question`, the expectation for the best ability, and the leader's score."""

    question: int
    chance: float
    weight: float
    information: float
    lead: float


@dataclass(frozen=True, slots=True)
class _Test:
    """The questions in order, and the line surplus = -(start + slope * information)."""

    questions: list[_RaceQuestion]
    start: float
    slope: float


class Race:
    """The race of the candidates of one step.

    Attributes:
        order: All train questions in the order in which they are asked.
        boundaries: Ascending numbers of questions after which decisions fall, the last one all
            of them; only that one if no candidate can be stopped.
    """

    __slots__ = ("_difficulties", "_prior", "_test", "boundaries", "order")

    def __init__(self, order: Sequence[int]) -> None:
        self.order = tuple(order)
        self.boundaries: tuple[int, ...] = (len(self.order),)
        self._test: _Test | None = None
        self._difficulties: Difficulties | None = None
        self._prior = Prior(0.0, 1.0)

    @classmethod
    def start(cls, earlier: Sequence[Answers], questions: int, seed: int, step: int) -> Race:
        """Return the race of a step.

        With fewer than LEAST candidates that answered everything, or with one block of questions,
        no candidate is stopped.

        Args:
            earlier: Train answers of candidates of earlier steps, in the order in which they
                joined, stopped early or not.
            questions: Number of train questions.
            seed: The seed of the run.
            step: The step, which with the seed decides the order among ties.
        """
        order = list(range(questions))
        create_rng(seed, "race", step).shuffle(order)
        full = [a for a in earlier if _has_all(a, questions)]
        if len(full) < LEAST or questions <= BLOCK:
            return cls(order)
        leader = max(full, key=lambda a: a.mean() or 0.0)
        recent = list(earlier[-RECENT:])
        if not any(answers is leader for answers in recent):
            recent.insert(0, leader)
        difficulties = Difficulties(_select_reference(full, questions), questions)
        abilities = measure_abilities(difficulties, recent)
        prior, best = estimate_prior(abilities), estimate_best(abilities)
        telling = difficulties.predict((prior.mean + best) / 2).information()
        order.sort(key=lambda question: -telling[question])  # stable: ties stay shuffled
        race = cls(order)
        race._difficulties, race._prior = difficulties, prior
        race.boundaries = (*range(BLOCK, questions, BLOCK), questions)
        at_best = difficulties.predict(best)
        race._test = _fit_line(
            _build_questions(race.order, at_best, leader), race.boundaries, (best - prior.mean) / 2
        )
        return race

    def list_order(self, answers: Answers) -> tuple[int, ...]:
        """Return the questions in the order in which a candidate is asked them."""
        if not answers.shown:
            return self.order
        return tuple(question for question in self.order if question not in answers.shown)

    def is_stopped(self, answers: Answers, n: int) -> bool:
        """Return True if a candidate is stopped after the first `n` questions of the order."""
        if self._test is None or n >= len(self.order) - len(answers.shown):
            return False
        by_question = answers.by_question
        surplus = known = lag = 0.0
        own = self._test.questions
        if answers.shown:
            own = [each for each in own if each.question not in answers.shown]
        for question, chance, weight, information, lead in own[:n]:
            outcome = by_question[question]
            if not outcome.excluded:
                score = outcome.score or 0.0
                surplus += (score - chance) * weight
                known += information
                lag += lead - score
        return lag > 0 and surplus < -(self._test.start + self._test.slope * known)

    def estimate(self, answers: Answers) -> Estimate:
        """Estimate a candidate's score on all questions from its answers to some of them.

        Raises ValueError without a model if no answer counts.
        """
        if self._difficulties is None:
            score = answers.score()
            if score is None:
                raise ValueError("an estimate needs at least one answer that counts")
            return Estimate(score.mean, score.interval)
        ability, variance = _estimate_ability(self._difficulties, self._prior, answers)
        expected = self._difficulties.predict(ability)
        missing = [q for q in self.order if q not in answers.by_question]
        chances = [expected.chances[q] for q in missing]
        slope = math.fsum(expected.slopes[q] for q in missing)
        chance_alone = math.fsum(chance * (1 - chance) for chance in chances)
        spread = math.sqrt(
            chance_alone + slope * slope * variance + (MODEL_ERROR * len(missing)) ** 2
        )
        n = max(1, len(self.order) - answers.excluded)
        sure = answers.total()
        mean = (sure + math.fsum(chances)) / n
        low = max(sure / n, mean - Z_95 * spread / n)
        high = min((sure + len(missing)) / n, mean + Z_95 * spread / n)
        return Estimate(mean, Interval(min(low, mean), max(high, mean)))


def _has_all(answers: Answers, questions: int) -> bool:
    """Return whether a candidate has answered all questions, but for those that it shows."""
    return len(answers.by_question) == questions - len(answers.shown) > answers.excluded


def _select_reference(full: Sequence[Answers], questions: int) -> Sequence[Answers]:
    """Return the candidates for estimating difficulties.

    A candidate with everything right or wrong has no information. Early candidates were not
    selected by a race, so they include less able ones.
    """
    informative = [a for a in full if 0 < a.total() < questions - len(a.shown) - a.excluded]
    if len(informative) < 2:
        informative = list(full)
    if len(informative) <= REFERENCE:
        return informative
    early = REFERENCE // 3
    return [*informative[:early], *informative[early - REFERENCE :]]


def _build_questions(
    order: Sequence[int], expected: Prediction, leader: Answers
) -> list[_RaceQuestion]:
    # A question that the leader shows it would answer as one of its ability does.
    scores = (
        (known.score or 0.0)
        if (known := leader.by_question.get(index))
        else expected.chances[index]
        for index in range(len(order))
    )
    parts = (expected.chances, expected.weights(), expected.information(), scores)
    questions = [_RaceQuestion(*row) for row in zip(range(len(order)), *parts, strict=True)]
    return [questions[index] for index in order]


def _fit_line(questions: list[_RaceQuestion], boundaries: Sequence[int], slope: float) -> _Test:
    """Return the line of this slope that a candidate of the best ability crosses with ALPHA."""
    slope = max(0.0, slope)
    whole = math.fsum(question.information for question in questions[: boundaries[-2]])
    beyond = OVERSHOOT * math.sqrt(whole / (len(boundaries) - 1))
    low, high = 0.0, 6 * math.sqrt(whole)
    for _ in range(30):
        middle = (low + high) / 2
        if _compute_crossing(middle + beyond, slope, whole) > ALPHA:
            low = middle
        else:
            high = middle
    return _Test(questions, high, slope)


def _compute_crossing(start: float, slope: float, until: float) -> float:
    """Return the probability that a Brownian motion meets start + slope * t before `until`."""
    root = math.sqrt(until)
    late = _normal_cdf((slope * until - start) / root)
    return _normal_cdf(-(start + slope * until) / root) + math.exp(-2 * start * slope) * late


def _normal_cdf(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2


def _estimate_ability(
    difficulties: Difficulties, prior: Prior, answers: Answers
) -> tuple[float, float]:
    """Return a candidate's expected ability, and its variance, given prior and answers.

    The prior is a mixture: most candidates are like the others, and a few are not, such as a prompt
    whose replies cannot be read. Under one normal prior ten wrong answers of ten would hardly move
    an estimate from the mean of the others.
    """
    fits = []
    for share, variance in ((1 - UNLIKE, prior.variance), (UNLIKE, UNLIKE_VARIANCE)):
        part = Prior(prior.mean, variance)
        ability, noise = _fit_ability(difficulties, part, answers)
        fit = _measure_fit(difficulties.predict(ability), answers)  # Laplace's approximation:
        fit += (math.log(noise / variance) - (ability - prior.mean) ** 2 / variance) / 2
        fits.append((math.log(share) + fit, ability, noise))
    best = max(fit for fit, _, _ in fits)
    chances = [math.exp(fit - best) for fit, _, _ in fits]
    whole = sum(chances)
    mean = sum(p * ability for p, (_, ability, _) in zip(chances, fits, strict=True)) / whole
    spread = sum(
        p * (noise + (ability - mean) ** 2)
        for p, (_, ability, noise) in zip(chances, fits, strict=True)
    )
    return mean, spread / whole


def _measure_fit(expected: Prediction, answers: Answers) -> float:
    """Return the log-likelihood of a candidate's answers."""
    return math.fsum(
        score * math.log(expected.chances[question])
        + (1 - score) * math.log1p(-expected.chances[question])
        for question, outcome in answers.by_question.items()
        if not outcome.excluded
        for score in (outcome.score or 0.0,)
    )


def _fit_ability(difficulties: Difficulties, prior: Prior, answers: Answers) -> tuple[float, float]:
    """Return a candidate's most likely ability, and its variance, given a normal prior."""
    ability, known = prior.mean, 1 / prior.variance
    for _ in range(3):  # Fisher's scoring; after three steps nothing moves
        expected = difficulties.predict(ability)
        weights = expected.weights()
        surplus, known = (prior.mean - ability) / prior.variance, 1 / prior.variance
        for question, outcome in sorted(answers.by_question.items()):
            if not outcome.excluded:
                surplus += ((outcome.score or 0.0) - expected.chances[question]) * weights[question]
                known += expected.slopes[question] * weights[question]
        ability += min(2.0, max(-2.0, surplus / known))
    return ability, 1 / known
