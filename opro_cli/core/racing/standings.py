"""How able candidates are, from whatever questions each was asked: no full answer sheet is needed.

The model is G. Rasch's (1960): the chance of a right answer is logistic(ability + ease). Abilities
are normal around the mean of all candidates, eases normal around 0; both spreads are learnt from
the answers (empirical Bayes), with a little prior weight while there are few. So a candidate that
was asked few questions is drawn towards the others, and one that met hard questions is not blamed
for them. Everyone is asked in one order, so two candidates mostly differ on the same questions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from opro_cli.core.racing.abilities import Ability, Prior
from opro_cli.core.run.candidates import Estimate
from opro_cli.core.stats.intervals import Z_95, Interval, wilson_interval

Sheet = Sequence[tuple[int, float]]
"""The scores of a candidate by question, ascending; what is left out of scores is not in it."""

ROUNDS = 8
"""Alternations between abilities and eases; after them nothing moves that matters."""
REFERENCE = 48
"""Candidates from whom eases are learnt: those with the most answers."""
WEIGHT = 2.0
"""Candidates, and questions, that the first guess of a spread is worth."""
ABILITY_SPREAD, EASE_SPREAD = 0.5, 1.0
"""The first guesses of the variances of abilities and of eases, in logits squared."""
LARGEST = 2.0
"""The largest step of one round, in logits."""
DOUBTFUL = 0.25
"""The doubt from which an interval is no narrower than one by a candidate's own answers alone."""
LARGEST_NOISE = 4.0
"""The most that the variance of an ability by its answers alone counts, in logits squared."""
MODEL_ERROR = 0.02
"""Standard deviation of the model's mean chance on unasked questions."""


@dataclass(slots=True)
class Eases:
    """How easy each question is, in logits, and the prior of a candidate's ability.

    Attributes:
        eases: By question.
        prior: Of abilities.
        doubt: The variance of the prior's mean, which few candidates tell poorly. It is common to
            all, so it widens intervals and says nothing about who is abler.
    """

    eases: list[float]
    prior: Prior
    doubt: float = 0.0

    def measure(self, sheet: Sheet) -> Ability:
        """Return the most likely ability given a candidate's answers, and its variance."""
        mean, variance = self.prior.mean, self.prior.variance
        answered = [(self.eases[question], score) for question, score in sheet]
        ability, noise = mean, variance
        for _ in range(4):  # after four steps nothing moves
            step, noise = _improve(ability, mean, variance, answered)
            ability += step
        return Ability(ability, noise)

    def expect(self, ability: Ability, sheet: Sheet, questions: Sequence[int]) -> Estimate:
        """Return the mean score on all of these questions, answered ones as they were answered.

        The interval is of that mean, not of the accuracy on all questions there are.
        """
        known = dict(sheet)
        sure = math.fsum(known[question] for question in questions if question in known)
        total = slope = 0.0
        missing = [question for question in questions if question not in known]
        for question in missing:
            chance = 1 / (1 + math.exp(-ability.ability - self.eases[question]))
            total += chance
            slope += chance * (1 - chance)
        n = max(1, len(questions))
        drawn = ability.variance / self.prior.variance  # the weight of the prior's mean in it
        variance = ability.variance + drawn * drawn * self.doubt
        spread = math.sqrt(slope + slope * slope * variance + (MODEL_ERROR * len(missing)) ** 2)
        mean = (sure + total) / n
        low, high = mean - Z_95 * spread / n, mean + Z_95 * spread / n
        if known and self.doubt > DOUBTFUL:
            alone = wilson_interval(math.fsum(known.values()) / len(known), len(known))
            low, high = min(low, alone.low), max(high, alone.high)
        low, high = max(sure / n, low), min((sure + len(missing)) / n, high)
        return Estimate(mean, Interval(min(low, mean), max(high, mean)))


def learn_eases(sheets: Sequence[Sheet], questions: int) -> Eases:
    """Learn the eases of all questions, and the prior of abilities, from answers to any of them."""
    sheets = [sheet for sheet in _select_reference(sheets) if sheet]
    mean, variance, spread = 0.0, ABILITY_SPREAD, EASE_SPREAD
    abilities = [0.0] * len(sheets)
    eases = [0.0] * questions
    by_question: dict[int, list[tuple[int, float]]] = {}
    for candidate, sheet in enumerate(sheets):
        for question, score in sheet:
            by_question.setdefault(question, []).append((candidate, score))
    noises = 0.0
    for _ in range(ROUNDS):
        shifts = noises = 0.0
        for candidate, sheet in enumerate(sheets):
            own = abilities[candidate]
            step, noise = _improve(own, mean, variance, ((eases[q], score) for q, score in sheet))
            abilities[candidate] = own + step
            shifts += (own + step - mean) ** 2 + noise
            noises += _measure_noise(noise, variance)
        if sheets:
            mean = math.fsum(abilities) / len(abilities)
        variance = (WEIGHT * ABILITY_SPREAD + shifts) / (WEIGHT + len(sheets))
        shifts = 0.0
        for question, answers in by_question.items():
            own = eases[question]
            step, noise = _improve(
                own, 0.0, spread, ((abilities[c], score) for c, score in answers)
            )
            eases[question] = own + step
            shifts += eases[question] ** 2 + noise
        spread = (WEIGHT * EASE_SPREAD + shifts) / (WEIGHT + len(by_question))
    doubt = (variance + noises / len(sheets)) / len(sheets) if sheets else variance
    return Eases(eases, Prior(mean, variance), doubt)


def _measure_noise(noise: float, variance: float) -> float:
    """Return the variance of an ability by its answers alone, given that with the prior's help."""
    known = 1 / noise - 1 / variance
    return 1 / max(known, 1 / LARGEST_NOISE)


def _improve(
    own: float, mean: float, variance: float, others: Iterable[tuple[float, float]]
) -> tuple[float, float]:
    """Return a step of Newton's method towards the most likely value, and its variance."""
    surplus, known = (mean - own) / variance, 1 / variance
    for other, score in others:
        chance = 1 / (1 + math.exp(-own - other))
        surplus += score - chance
        known += chance * (1 - chance)
    return min(LARGEST, max(-LARGEST, surplus / known)), 1 / known


def _select_reference(sheets: Sequence[Sheet]) -> Sequence[Sheet]:
    """Return the candidates with the most answers, earlier ones first among equals."""
    if len(sheets) <= REFERENCE:
        return sheets
    return sorted(sheets, key=lambda sheet: -len(sheet))[:REFERENCE]


def measure_lead(one: Ability, other: Ability) -> float:
    """Return by how many standard deviations one candidate is abler than the other."""
    return (one.ability - other.ability) / math.sqrt(one.variance + other.variance)
