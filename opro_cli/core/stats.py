"""Intervals and paired tests, as small pure functions with their assumptions stated."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval for a mean in [0, 1]."""

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


def mcnemar_exact(gained: int, lost: int) -> float:
    """Two-sided exact p-value that two prompts are equally good on the same questions.

    gained, lost: questions that only the second, or only the first, prompt answered right
    (McNemar, Psychometrika 12, 1947; the exact form is a sign test on discordant pairs).
    1.0 when no question differs.
    """
    n = gained + lost
    if n == 0:
        return 1.0
    tail = sum(math.comb(n, k) for k in range(min(gained, lost) + 1)) / (1 << n)
    return min(1.0, 2 * tail)
