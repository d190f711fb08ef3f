"""Intervals and paired tests.

They assume that the questions are a random sample and that answers to different questions are
independent. Answers of two prompts to one question are not, so every comparison is paired.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

Z_95 = 1.959963984540054
POWER = 0.8
"""The statistical power assumed by `count_questions_needed`."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval: for a mean in [0, 1], or for a difference of two in [-1, 1]."""

    low: float
    high: float


def wilson_interval(mean: float, n: float, z: float = Z_95) -> Interval:
    """Return Wilson's score interval for a proportion (E. B. Wilson, JASA 22, 1927).

    Assumes `n` >= 1 independent right/wrong answers, mean = right / n; where some belong together,
    `n` is as many independent ones as tell as much, and need not be whole. For scores between 0
    and 1 it is conservative: their variance is at most that of right/wrong.
    """
    if n < 1:
        raise ValueError("an interval needs at least one answer")
    centre = (mean + z * z / (2 * n)) / (1 + z * z / n)
    spread = z * math.sqrt(mean * (1 - mean) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # Rounding may move the bound past a mean of exactly 0 or 1.
    return Interval(max(0.0, min(mean, centre - spread)), min(1.0, max(mean, centre + spread)))


def mcnemar_mid_p(gained: int, lost: int) -> float:
    """Return McNemar's two-sided mid-p value that two prompts are equally good.

    `gained` and `lost` count questions that only the second, or only the first, prompt answered
    right (McNemar, Psychometrika 12, 1947). Mid-p omits half the probability of the observed
    counts. The exact test is conservative, since counts are whole numbers; mid-p keeps its level
    in all but contrived cases and has more power (Fagerland, Lydersen and Laake, BMC Medical
    Research Methodology 13:91, 2013). The value is 1.0 if the counts are equal.
    """
    n, fewer = gained + lost, min(gained, lost)
    if gained == lost:
        return 1.0
    tail = sum(math.comb(n, heads) for heads in range(fewer + 1)) / (1 << n)
    return 2 * tail - math.comb(n, fewer) / (1 << n)


def difference_interval(gained: float, lost: float, n: float, z: float = Z_95) -> Interval:
    """Return Tango's score interval for a paired difference of proportions (Stat. Med. 17, 1998).

    Of `n` >= 1 questions, only the second prompt answered `gained` right, and only the first
    `lost`. The interval holds the differences that McNemar's score test does not reject.
    """
    if n < 1:
        raise ValueError("an interval needs at least one question")
    observed = (gained - lost) / n

    def rejects(delta: float) -> bool:
        return abs(tango_score(gained, lost, n, delta)) > z

    return Interval(find_edge(rejects, observed, -1.0), find_edge(rejects, observed, 1.0))


def tango_score(gained: float, lost: float, n: float, delta: float) -> float:
    """Return the score statistic of a true difference `delta`, standard normal under it."""
    # The maximum-likelihood probability of a loss under delta: the root of a quadratic.
    b = -gained - lost + (2 * n - gained + lost) * delta
    c = -lost * delta * (1 - delta)
    chance = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
    variance = n * (2 * chance + delta * (1 - delta))
    off = gained - lost - n * delta
    if variance <= 0:
        return 0.0 if off == 0 else math.copysign(math.inf, off)
    return off / math.sqrt(variance)


def find_edge(
    rejects: Callable[[float], bool], inside: float, outside: float, steps: int = 60
) -> float:
    """Return the last point from `inside` towards `outside` that is not rejected, by bisection."""
    if not rejects(outside):
        return outside
    for _ in range(steps):
        middle = (inside + outside) / 2
        if rejects(middle):
            outside = middle
        else:
            inside = middle
    return inside


def count_questions_needed(gained: float, lost: float, alpha: float = 0.05) -> int | None:
    """Return the questions needed to detect a difference with a power of 80 %.

    `gained` and `lost` are shares of all questions (Connor, Biometrics 43, 1987). None if they
    are equal: no number suffices.
    """
    difference, differing = abs(gained - lost), gained + lost
    if difference == 0:
        return None
    normal = NormalDist()
    level, power = normal.inv_cdf(1 - alpha / 2), normal.inv_cdf(POWER)
    root = level * math.sqrt(differing) + power * math.sqrt(differing - difference**2)
    return math.ceil((root / difference) ** 2)


def rescale_questions(needed: int, alpha: float) -> int:
    """Return the questions needed at another level, where so many are needed at 5 %."""
    normal = NormalDist()
    power = normal.inv_cdf(POWER)
    ratio = (normal.inv_cdf(1 - alpha / 2) + power) / (Z_95 + power)
    return math.ceil(needed * ratio**2 - 1e-9)  # at 5 % the ratio is 1 but for rounding


def find_least_gain(n: int, differing: float = 0.3, alpha: float = 0.05) -> float:
    """Return the smallest difference of means that `n` questions detect with a power of 80 %.

    `differing` is the share of questions that one of two prompts answers right, the other wrong;
    `alpha` is the two-sided significance level. 1.0 where they detect none.
    """
    low, high = 0.0, differing
    if n < 1 or (count_questions_needed(high, 0.0, alpha) or 0) > n:
        return 1.0
    for _ in range(40):
        middle = (low + high) / 2
        shares = (differing + middle) / 2, (differing - middle) / 2
        needed = count_questions_needed(*shares, alpha)
        if needed is None or needed > n:
            low = middle
        else:
            high = middle
    return high


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for multiple tests (S. Holm, 1979), in the given order.

    The smallest of m is multiplied by m, the next by m - 1 and so on, monotonically and up to 1.
    Valid under any dependence between the tests.
    """
    adjusted = list(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
