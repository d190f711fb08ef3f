"""Not worse, or worse: a comparison that is looked at while it goes on, and stops when it is clear.

Two questions are asked of the same paired differences, each with an error of its own. *Not worse*:
is a loss of the margin or more refuted? *Worse*: is it refuted that nothing is lost? Neither
waits for the other, and to stop for one can only make the other's error smaller.

A test that is repeated at every look rejects too often. Alpha is therefore spent over the looks
(K. K. G. Lan and D. L. DeMets, "Discrete sequential boundaries for clinical trials", Biometrika
70, 1983): the share of alpha that may be gone by a look depends on the share of the rows that it
has, and each look's level is what the looks before it left. The levels are those of a process of
independent normal increments, by numerical integration (P. Armitage, C. K. McPherson and
B. C. Rowe, JRSS A 132, 1969); `python -m tests.bench.gate` says what they come to on answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Literal

from opro_cli.core.stats.intervals import POWER, Interval, find_edge, mcnemar_mid_p
from opro_cli.core.stats.paired import refute_loss

Decision = Literal["not_worse", "worse", ""]
"""Of a look; "" for go on."""

ALPHA = 0.05
"""One-sided, of each of the two: wrong "not worse", and wrong "worse"."""
GAMMA = -2.0
"""How alpha is spent (`make_hwang_shih_decani`).

Chosen by `python -m tests.bench.gate --designs`: of the spendings that decide at most 3 points
fewer comparisons than a single look at the end, it asks the fewest questions.
"""
MOST_LOOKS = 10
"""Looks at all rows; more of them save next to nothing."""
LEAST_ROWS = 20
"""Rows between two looks, at least."""
MOST_ROWS = 100_000
"""More rows than anybody has: as good as none that would decide."""

_POINTS = 161
"""Of the grid of an integral; odd, for Simpson's rule."""
_FAR = 8.0
"""Standard deviations beyond which there is nothing."""
_NORMAL = NormalDist()

Spending = Callable[[float], float]
"""The share of alpha that may be spent by a share of the rows, both 0 to 1."""


def spend_like_pocock(share: float) -> float:
    """Return the spending of Lan and DeMets that is like Pocock's bounds: about equal levels."""
    return math.log(1 + (math.e - 1) * share)


def spend_like_obrien_fleming(share: float, alpha: float = ALPHA) -> float:
    """Return the spending of Lan and DeMets that is like O'Brien's and Fleming's bounds.

    Next to nothing is spent early, and nearly all of alpha is left for the last look.
    """
    if share <= 0:
        return 0.0
    z = _NORMAL.inv_cdf(1 - alpha / 2)
    return min(1.0, 2 * _tail(z / math.sqrt(share)) / alpha)


def make_hwang_shih_decani(gamma: float) -> Spending:
    """Return the spending of Hwang, Shih and De Cani (Statistics in Medicine 9, 1990).

    Args:
        gamma: -4 is about O'Brien's and Fleming's, 1 about Pocock's; 0 spends evenly.
    """

    def spend(share: float) -> float:
        if not gamma:
            return share
        return (1 - math.exp(-gamma * share)) / (1 - math.exp(-gamma))

    return spend


def compute_levels(
    shares: Sequence[float], spending: Spending, alpha: float = ALPHA
) -> tuple[float, ...]:
    """Return the p-value that each look needs, one-sided.

    Args:
        shares: The share of all rows that each look has, ascending to 1.
        spending: How alpha is spent over them.
        alpha: The error of all looks together.
    """
    levels: list[float] = []
    process = _Process()
    before = spent = 0.0
    for share in shares:
        allowed = alpha * spending(share)
        bound = process.find_bound(share - before, allowed - spent)
        levels.append(_tail(bound / math.sqrt(share)))
        process.pass_look(share - before, bound)
        before, spent = share, allowed
    return tuple(levels)


@dataclass(frozen=True, slots=True)
class Design:
    """When a comparison is looked at, and what each look needs.

    Attributes:
        looks: Rows that each look has, ascending; the last has all.
        levels: The one-sided p-value below which a look decides.
    """

    looks: tuple[int, ...]
    levels: tuple[float, ...]


def make_design(rows: int) -> Design:
    """Return the looks at so many rows: a tenth of them each, and at least `LEAST_ROWS`."""
    count = max(1, min(MOST_LOOKS, rows // LEAST_ROWS))
    looks = tuple(-(-rows * number // count) for number in range(1, count + 1))
    return Design(looks, _compute_even_levels(count))


@cache
def _compute_even_levels(count: int) -> tuple[float, ...]:
    shares = [number / count for number in range(1, count + 1)]
    return compute_levels(shares, make_hwang_shih_decani(GAMMA))


@dataclass(frozen=True, slots=True)
class Look:
    """A look at a comparison.

    Attributes:
        rows: The rows that it has.
        level: The p-value below which it decides.
        p_loss: One-sided, of a loss of the margin or more; small values say "not worse".
        p_gain: One-sided, of no loss; small values say "worse".
        decision: What it says.
    """

    rows: int
    level: float
    p_loss: float
    p_gain: float
    decision: Decision


@cache
def count_least_rows(margin: float) -> int:
    """Return the fewest questions that rule out a loss of the margin where no answer differs."""
    rows = 1
    while refute_loss([0.0] * rows, margin, graded=False) >= make_design(rows).levels[-1]:
        rows += 1 + rows // 100
    return rows


@dataclass(frozen=True, slots=True)
class Differences:
    """Two prompts on the same questions: score of the new one minus that of the old one.

    Attributes:
        cautious: One for each question; one that was left out under one prompt alone, since its
            scorer refused it, counts against the new prompt.
        lenient: The same, with that counted in its favour.
        graded: Some scores are between right and wrong.
        groups: What each question belongs to; empty where each is alone.
        left_out: Further questions, left out under both.
        one_sided: Questions that were left out under one alone.
    """

    cautious: tuple[float, ...]
    lenient: tuple[float, ...]
    graded: bool = False
    groups: tuple[Hashable, ...] = ()
    left_out: int = 0
    one_sided: int = 0

    @property
    def mean(self) -> float | None:
        """The mean difference; None for nothing."""
        return math.fsum(self.cautious) / len(self.cautious) if self.cautious else None

    @property
    def gained(self) -> int:
        """Questions on which the new prompt scored higher."""
        return sum(each > 0 for each in self.cautious)

    @property
    def lost(self) -> int:
        """Questions on which the old prompt scored higher."""
        return sum(each < 0 for each in self.cautious)

    def refute_loss(self, margin: float) -> float:
        """Return the one-sided p-value of a loss of a margin or more."""
        return self._refute(self.cautious, -margin) if self.cautious else 1.0

    def refute_gain(self) -> float:
        """Return the one-sided p-value of "no worse": small values say that something was lost.

        Of right/wrong scores it is the larger one of the score test's and McNemar's mid-p: three
        questions lost and none gained pass the first at 5 % (z = 1.73), and not the second (.06).
        """
        if not self.lenient:
            return 1.0
        p_value = self._refute([-each for each in self.lenient], 0.0)
        if self.graded or self.is_clustered:
            return p_value
        gained = sum(each > 0 for each in self.lenient)
        lost = sum(each < 0 for each in self.lenient)
        half = mcnemar_mid_p(gained, lost) / 2
        return max(p_value, half if lost > gained else 1 - half)

    @property
    def is_clustered(self) -> bool:
        """Some questions are of one group."""
        return len(set(self.groups)) < len(self.groups)

    def find_bounds(self, level: float) -> Interval | None:
        """Return the differences that a look of this level does not refute; None for nothing.

        Each end is one-sided, and holds at all looks together at 95 %: a repeated confidence
        interval (C. Jennison and B. W. Turnbull, JRSS B 51, 1989).
        """
        if not self.cautious:
            return None
        low = self._find_end(self.cautious, level)
        high = -self._find_end([-each for each in self.lenient], level)
        if self.refute_gain() >= level:
            high = max(high, 0.0)  # where mid-p is the more cautious one
        return Interval(low, high)

    def _find_end(self, differences: Sequence[float], level: float) -> float:
        """Return the smallest difference that is not refuted in favour of larger ones."""
        mean = math.fsum(differences) / len(differences)
        return find_edge(lambda each: self._refute(differences, each) < level, mean, -1.0, 24)

    def _refute(self, differences: Sequence[float], mean: float) -> float:
        """Return the one-sided p-value of a mean that is no larger than this one."""
        return refute_loss(differences, -mean, graded=self.graded, groups=self.groups)


def look_at(differences: Differences, *, margin: float, rows: int, level: float) -> Look:
    """Return what a look says. A small loss that is certain, and below the margin, is not worse.

    Args:
        differences: Of the rows that it has.
        margin: The loss that would matter.
        rows: As in `Look`.
        level: As in `Look`.
    """
    p_loss, p_gain = differences.refute_loss(margin), differences.refute_gain()
    decision: Decision = "not_worse" if p_loss < level else "worse" if p_gain < level else ""
    return Look(rows, level, p_loss, p_gain, decision)


def count_rows_needed(look: Look) -> int | None:
    """Return the rows that would decide with a power of 80 % if the difference is as it looks.

    A test's z grows with the square root of the rows, so that the one that is nearer to its level
    says how many it takes.

    Returns:
        Rows in all; None where no number that anybody has would do.
    """
    needed = _NORMAL.inv_cdf(1 - look.level) + _NORMAL.inv_cdf(POWER)
    best = max(map(_to_z, (look.p_loss, look.p_gain)))
    if best <= 0:
        return None
    rows = math.ceil(look.rows * (needed / best) ** 2)
    return max(rows, look.rows + 1) if rows <= MOST_ROWS else None


def _to_z(p_value: float) -> float:
    return -_NORMAL.inv_cdf(min(max(p_value, 1e-300), 1 - 1e-15))


class _Process:
    """A Brownian motion that ends where it crosses a bound; its density on a grid."""

    def __init__(self) -> None:
        self._points: list[tuple[float, float]] = [(0.0, 1.0)]
        """Places, each with the probability that stands for its surroundings."""
        self._variance = 0.0

    def find_bound(self, variance: float, chance: float) -> float:
        """Return the bound that is crossed at the next look with this probability."""
        deviation = math.sqrt(variance)
        low = -_FAR * math.sqrt(self._variance + variance)
        high = -low * 2
        for _ in range(80):
            middle = (low + high) / 2
            crossed = sum(weight * _tail((middle - at) / deviation) for at, weight in self._points)
            low, high = (middle, high) if crossed > chance else (low, middle)
        return high

    def pass_look(self, variance: float, bound: float) -> None:
        """Move on to a look, where what is beyond the bound ends."""
        self._variance += variance
        start = -_FAR * math.sqrt(self._variance)
        step = (bound - start) / (_POINTS - 1)
        scale = step / 3 / math.sqrt(2 * math.pi * variance)
        moved = []
        for index in range(_POINTS):
            at = start + index * step
            simpson = 1 if index in (0, _POINTS - 1) else 4 if index % 2 else 2
            density = sum(
                weight * math.exp(-((at - earlier) ** 2) / (2 * variance))
                for earlier, weight in self._points
            )
            moved.append((at, simpson * scale * density))
        self._points = moved


def _tail(z: float) -> float:
    return math.erfc(z / math.sqrt(2)) / 2
