"""Intervals and paired tests, as small pure functions with their assumptions stated.

Questions are taken to be a random sample of those that the prompts will meet, and answers to
different questions to be independent; answers of two prompts to one question are not, which is
why every comparison here is a paired one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

Z_95 = 1.959963984540054
POWER = 0.8
"""The chance to tell a true difference that `count_questions_needed` asks for."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval: for a mean in [0, 1], or for a difference of two in [-1, 1]."""

    low: float
    high: float


def wilson_interval(mean: float, n: int, z: float = Z_95) -> Interval:
    """Wilson's score interval for a proportion (E. B. Wilson, JASA 22, 1927).

    Assumes `n` independent right/wrong answers, mean = right / n, n >= 1. For scores
    between 0 and 1 it is conservative: their variance is at most that of right/wrong.
    """
    if n < 1:
        raise ValueError("an interval needs at least one answer")
    centre = (mean + z * z / (2 * n)) / (1 + z * z / n)
    spread = z * math.sqrt(mean * (1 - mean) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # Rounding may carry the bound a hair past a mean of exactly 0 or 1.
    return Interval(max(0.0, min(mean, centre - spread)), min(1.0, max(mean, centre + spread)))


def mcnemar_mid_p(gained: int, lost: int) -> float:
    """Two-sided mid-p value that two prompts are equally good on the same questions.

    gained, lost: questions that only the second, or only the first, prompt answered right
    (McNemar, Psychometrika 12, 1947). Mid-p leaves out half of the chance of exactly this outcome:
    the exact test is conservative, since counts are whole numbers; the mid-p one keeps its level in
    all but contrived cases and finds more (Fagerland, Lydersen and Laake, BMC Medical Research
    Methodology 13:91, 2013). 1.0 when nothing differs or as much was gained as lost.
    """
    n, fewer = gained + lost, min(gained, lost)
    if gained == lost:
        return 1.0
    return 2 * _tail(n, fewer) - math.comb(n, fewer) / (1 << n)


def _tail(n: int, k: int) -> float:
    """The chance of at most `k` heads in `n` fair throws."""
    return sum(math.comb(n, each) for each in range(k + 1)) / (1 << n)


def difference_interval(gained: int, lost: int, n: int, z: float = Z_95) -> Interval:
    """Score interval for the difference of two paired proportions (Tango, Stat. Med. 17, 1998).

    gained, lost: of `n` >= 1 questions, those that only the second, or only the first, prompt
    answered right. Holds the differences that McNemar's score test would not reject.
    """
    if n < 1:
        raise ValueError("an interval needs at least one question")
    observed = (gained - lost) / n

    def rejects(delta: float) -> bool:
        return abs(_tango(gained, lost, n, delta)) > z

    return Interval(find_edge(rejects, observed, -1.0), find_edge(rejects, observed, 1.0))


def _tango(gained: int, lost: int, n: int, delta: float) -> float:
    """The score statistic of a true difference `delta`."""
    # The most likely chance of a loss if delta were true: the root of a quadratic.
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
    """Find where `rejects` turns true between a point inside and the bound of what is possible.

    Returns:
        The last point found not to be rejected, or `outside` when nothing is rejected.
    """
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
    """How many questions would tell such a difference from chance, with a power of 80 %.

    gained, lost: shares of all questions (Connor, Biometrics 43, 1987). None when they are
    equal: no number would do.
    """
    difference, differing = abs(gained - lost), gained + lost
    if difference == 0:
        return None
    normal = NormalDist()
    level, power = normal.inv_cdf(1 - alpha / 2), normal.inv_cdf(POWER)
    root = level * math.sqrt(differing) + power * math.sqrt(differing - difference**2)
    return math.ceil((root / difference) ** 2)


def find_least_gain(n: int, differing: float = 0.3) -> float:
    """The smallest difference of means that `n` questions tell, with a power of 80 %.

    differing: the share of questions that one of two prompts answers right and the other wrong.
    """
    low, high = 0.0, differing
    if n < 1 or (count_questions_needed(high, 0.0) or 0) > n:
        return 1.0
    for _ in range(40):
        middle = (low + high) / 2
        needed = count_questions_needed((differing + middle) / 2, (differing - middle) / 2)
        if needed is None or needed > n:
            low = middle
        else:
            high = middle
    return high


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values of several tests, each made larger so that none is luck (S. Holm, 1979).

    The smallest of m times m, the next times m - 1 and so on; never below a smaller one's,
    at most 1. Right whatever the tests have to do with each other.
    """
    adjusted = list(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
