"""The paired test behind every verdict: two prompts, scored on the same questions.

Right/wrong scores are compared by McNemar's test, scores in between by `compare_graded_scores`.

Graded scores are harder. A prompt that is a little better on nineteen questions of twenty and
useless on the last can have the same mean, and 28 % of samples of 25 questions show no useless
answer. Tests based on the sample alone then report an improvement: t, bootstrap-t, and sign flips,
which assume symmetric differences (studentising does not help: flips keep the sum of squares).
`python -m tests.bench.graded` prints the figures.

Where questions belong together, groups are compared: their sums, by `compare_graded_scores`. Its
unseen question is then an unseen group. One that is all lost would leave nothing to be found: of
20 documents, no gain below 17 points. So it is half as far again from 0 as the farthest group seen.
Even so it costs half of the power where a pair of copies is all that there is; with few and small
groups right/wrong scores are compared by `flip_mid_p`. `python -m tests.bench.groups` prints the
figures of both.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

from opro_cli.core.stats.groups import compute_design_effect, sum_groups
from opro_cli.core.stats.intervals import (
    POWER,
    Interval,
    count_questions_needed,
    difference_interval,
    find_edge,
    mcnemar_mid_p,
    tango_score,
)

MCNEMAR, GAFFKE = "McNemar mid-p", "Gaffke p"
BY_GROUP = " by group"
"""The end of a test's name where questions belong together."""

FEW_COPIES = 1.1
"""The design effect up to which signs of group sums are flipped: 1 question of 10 is a pair, say.

At most 4 % instead of 2.5 % then for group sums as skewed as can be, +1 or -size.
"""

ALPHA = 0.05
CAUTION = 0.75
"""The weight of the unseen worst case against the unseen best case, 0.5 to 1.

1 is Gaffke's test. On right/wrong scores 1/2 is McNemar's mid-p test, and 1 the exact one. At 1/2
the rate of false improvements, nominally 2.5 %, reaches 4 % for skewed scores; at 3/4 it stayed
below 3 % in all simulations.
"""

UNSEEN_GROUP = 1.5
"""How far from 0 the sum of an unseen group may be, in units of the farthest one seen.

At 1 a prompt that gains a little on nine documents of ten and loses all of the tenth is "improved"
in up to 9 %, at 1.5 in no more than 3 %.
"""

MOST_VALUES = 250
"""More distinct differences than this are binned, which bounds the time."""

STEPS = 24
"""Bisections for an end of the interval, to 1e-7."""

DIGITS = 12
"""Decimal places of differences; smaller ones are rounding errors."""

Weighted = Sequence[tuple[float, int]]
"""Values and their counts."""


@dataclass(frozen=True, slots=True)
class GradedTest:
    """A p-value and the 95 % interval that agrees with it: 0 is outside exactly when p < 0.05.

    `questions_needed` would detect this difference with a power of 80 %; None without one.
    """

    p_value: float
    interval: Interval
    questions_needed: int | None


@dataclass(frozen=True, slots=True)
class PairedTest:
    """The test `name` of two prompts on the same `n` questions.

    `gained` and `lost` count questions on which the second, or the first, prompt scored higher.
    `difference` is that of the means, second minus first, with its 95 % `interval`.
    `questions_needed` is as in `GradedTest`. `groups` counts the groups that were compared; None
    where each question is alone.
    """

    name: str
    n: int
    gained: int
    lost: int
    p_value: float
    difference: float
    interval: Interval
    questions_needed: int | None
    groups: int | None


def compare_scores(
    pairs: Sequence[tuple[float, float]], groups: Sequence[Hashable] = ()
) -> PairedTest:
    """Test whether the second of two prompts scores differently from the first.

    Args:
        pairs: The first and the second prompt's score, 0 to 1, for each question.
        groups: What each question belongs to; empty where each is alone.

    Raises:
        ValueError: There is no question.
    """
    graded = any(score not in (0.0, 1.0) for pair in pairs for score in pair)
    differences = [second - first for first, second in pairs]
    return compare_differences(differences, graded=graded, groups=groups)


def compare_differences(
    differences: Sequence[float], *, graded: bool, groups: Sequence[Hashable] = ()
) -> PairedTest:
    """Test whether a mean of paired differences is 0.

    Args:
        differences: Score of the second prompt minus that of the first, for each question.
        graded: Whether some scores are between right and wrong.
        groups: What each question belongs to; empty where each is alone.

    Raises:
        ValueError: There is no question.
    """
    if len({*groups}) < len(groups):
        return _compare_groups(differences, groups, graded=graded)
    n = len(differences)
    gained = sum(difference > 0 for difference in differences)
    lost = sum(difference < 0 for difference in differences)
    if not graded:
        name, p_value = MCNEMAR, mcnemar_mid_p(gained, lost)
        interval = difference_interval(gained, lost, n)
        needed = count_questions_needed(gained / n, lost / n)
    else:
        test = compare_graded_scores(differences)
        name, p_value = GAFFKE, test.p_value
        interval, needed = test.interval, test.questions_needed
    mean = math.fsum(differences) / n
    return PairedTest(name, n, gained, lost, p_value, mean, interval, needed, None)


def _compare_groups(
    differences: Sequence[float], groups: Sequence[Hashable], *, graded: bool
) -> PairedTest:
    n, sizes = len(differences), Counter(groups)
    gained = sum(difference > 0 for difference in differences)
    lost = sum(difference < 0 for difference in differences)
    sums, effect = sum_groups(differences, groups), compute_design_effect(groups)
    mean = math.fsum(differences) / n
    needed: int | None
    if not graded and effect <= FEW_COPIES:
        name, p_value = MCNEMAR, flip_mid_p([round(each) for each in sums])
        # As many independent questions as have the variance of the groups.
        if gained + lost:
            effect = max(1.0, math.fsum(each * each for each in sums) / (gained + lost))
        interval = difference_interval(gained / effect, lost / effect, n / effect)
        needed = count_questions_needed(gained / n, lost / n)
        needed = None if needed is None else math.ceil(needed * effect)
    else:
        farthest = UNSEEN_GROUP * max(map(abs, sums)) or math.inf
        reach = min(farthest, max(sizes.values()))
        test = compare_graded_scores([each / reach for each in sums])
        whole = len(sizes) * reach / n
        low, high = (whole * end for end in (test.interval.low, test.interval.high))
        name, p_value, interval = GAFFKE, test.p_value, Interval(max(-1.0, low), min(1.0, high))
        needed = test.questions_needed
        needed = None if needed is None else math.ceil(needed * n / len(sizes))
    return PairedTest(name + BY_GROUP, n, gained, lost, p_value, mean, interval, needed, len(sizes))


def flip_mid_p(sums: Sequence[int]) -> float:
    """Return the two-sided mid-p value that whole numbers are as likely to have the other sign.

    For sums of 1 and -1 this is McNemar's (`mcnemar_mid_p`). The test is exact where each sum is
    as likely to be s as -s.
    """
    total = abs(sum(sums))
    if not total:
        return 1.0
    single = sum(abs(each) == 1 for each in sums)
    larger = [abs(each) for each in sums if abs(each) > 1]
    ways = {0: 1}  # how often the signs of the larger ones give each sum
    for size in larger:
        flipped: Counter[int] = Counter()
        for at, count in ways.items():
            flipped[at + size] += count
            flipped[at - size] += count
        ways = dict(flipped)
    above = [0] * (single + 2)  # ways of so many plus signs or more among the single ones
    for plus in range(single, -1, -1):
        above[plus] = above[plus + 1] + math.comb(single, plus)
    tail = equal = 0
    for at, count in ways.items():
        plus = -((at - total - single) // 2)  # the fewest that reach the total
        least = min(max(plus, 0), single + 1)
        tail += count * above[least]
        if least == plus and at + 2 * plus - single == total:
            equal += count * math.comb(single, plus)
    whole = 1 << (single + len(larger))
    return (2 * tail - equal) / whole


def refute_loss(
    differences: Sequence[float], margin: float, *, graded: bool, groups: Sequence[Hashable] = ()
) -> float:
    """Return the one-sided p-value of "worse by the margin or more": small values refute it.

    Right/wrong scores are tested by Tango's score statistic (Statistics in Medicine 17, 1998),
    which needs no discordant question: 60 questions without one refute a loss of 5 points at 5 %.
    Others by the one-sided test of `compare_graded_scores` for a mean of -margin.

    Args:
        differences: Score of the second prompt minus that of the first, for each question.
        margin: The loss that would matter, above 0.
        graded: Whether some scores are between right and wrong.
        groups: What each question belongs to; empty where each is alone. Where they are not, the
            sums of groups are tested, and an unseen one may be all lost.

    Raises:
        ValueError: There is no question.
    """
    if not differences:
        raise ValueError("a test needs at least one question")
    sizes = Counter(groups)
    if len(sizes) < len(groups):
        largest = max(sizes.values())
        margin *= len(groups) / (len(sizes) * largest)
        differences = [each / largest for each in sum_groups(differences, groups)]
        graded = True
    if graded:
        values = _count_values([round(d, DIGITS) for d in differences])
        return _compute_known_p_value(tuple(values), -margin)
    gained = sum(difference > 0 for difference in differences)
    lost = sum(difference < 0 for difference in differences)
    return math.erfc(tango_score(gained, lost, len(differences), -margin) / math.sqrt(2)) / 2


def compare_graded_scores(differences: Sequence[float]) -> GradedTest:
    """Test whether a mean of paired differences is 0, whatever their distribution on [-1, 1].

    Gaffke's test (N. Gaffke, "Three test statistics for a nonparametric one-sided hypothesis on the
    mean of a nonnegative variable", Mathematical Methods of Statistics 14, 2005; as an interval in
    Learned-Miller and Thomas, arXiv:1905.06208, 2019). The weights of the observed differences are
    uniform on all that sum to 1, as in the Bayesian bootstrap, and an unobserved question joins
    them at the worst value, -1 for a gain. The one-sided p-value is the probability that the
    weighted mean is not positive. No distribution is known for which its size exceeds the level;
    there is no general proof. It is conservative, so a quarter of the p-value here is the same
    probability with the unobserved question at its best (see `CAUTION`).

    The interval holds the means that are not rejected. Differences of opposite sign give the same
    p-value and the mirrored interval. The computation is deterministic.

    Args:
        differences: Score of the second prompt minus that of the first, for each question.

    Raises:
        ValueError: There is no difference.
    """
    if not differences:
        raise ValueError("an interval needs at least one question")
    differences = [round(difference, DIGITS) for difference in differences]
    values = _count_values(differences)
    mirrored = [(-value, count) for value, count in values]
    p_value = min(1.0, 2 * _compute_p_value(values, 0.0), 2 * _compute_p_value(mirrored, 0.0))
    interval = Interval(_find_lower_bound(values), -_find_lower_bound(mirrored))
    return GradedTest(p_value, interval, _count_questions_needed(differences))


def _count_values(differences: Sequence[float]) -> Weighted:
    """Count the distinct values, or the means of narrow bins if there are too many."""
    counts = Counter(differences)
    if len(counts) <= MOST_VALUES:
        return sorted(counts.items())
    low, high = min(counts), max(counts)
    bins: dict[int, list[float]] = {}
    for value in sorted(differences):
        bins.setdefault(int((value - low) / (high - low) * (MOST_VALUES - 1)), []).append(value)
    return [(math.fsum(inside) / len(inside), len(inside)) for inside in bins.values()]


def _compute_p_value(values: Weighted, mean: float) -> float:
    """Return the p-value of this mean against larger ones."""
    shifted = [(value - mean, count) for value, count in values]
    worst, best = (-1.0 - mean, 1), (1.0 - mean, 1)
    pessimistic, optimistic = (
        compute_chance_below_zero([*shifted, unseen]) for unseen in (worst, best)
    )
    return CAUTION * pessimistic + (1 - CAUTION) * optimistic


@lru_cache(maxsize=512)
def _compute_known_p_value(values: tuple[tuple[float, int], ...], mean: float) -> float:
    """Return `_compute_p_value`: every frame of a view asks for those of all pruned prompts."""
    return _compute_p_value(values, mean)


def _find_lower_bound(values: Weighted) -> float:
    """Find the smallest mean that is not rejected in favour of larger ones."""

    def rejects(mean: float) -> bool:
        return 2 * _compute_p_value(values, mean) < ALPHA

    n = sum(count for _, count in values)
    observed = math.fsum(value * count for value, count in values) / n
    # Searched on one side of 0 only, so that rounding cannot contradict the p-value.
    if rejects(0.0):
        return find_edge(rejects, observed, 0.0, STEPS)
    return find_edge(rejects, min(observed, 0.0), -1.0, STEPS)


def compute_chance_below_zero(values: Weighted) -> float:
    """Return the probability that a randomly weighted sum of these values is not positive.

    The weights are exponential variables; divided by their sum, which keeps the sign, they are
    uniform on all weights that sum to 1. Uses the saddlepoint approximation of Lugannani and Rice
    (Advances in Applied Probability 12, 1980) in the form of Barndorff-Nielsen (Biometrika 73,
    1986): within 3 % of a true probability of 0.01 or more, even for two values.
    """
    values = [(value, count) for value, count in values if value]
    if not any(value > 0 for value, _ in values):
        return 1.0
    if not any(value < 0 for value, _ in values):
        return 0.0
    saddle = _find_saddlepoint(values)
    tilted = [(value / (1 - saddle * value), count) for value, count in values]
    variance = math.fsum(count * value**2 for value, count in tilted)
    exponent = math.fsum(count * math.log1p(-saddle * value) for value, count in values)
    root = math.copysign(math.sqrt(max(0.0, 2 * exponent)), saddle)
    if abs(root) > 1e-3:
        root += math.log(saddle * math.sqrt(variance) / root) / root
    else:  # 0 / 0: the limit is a sixth of the skewness
        root = math.fsum(count * value**3 for value, count in tilted) / (3 * variance**1.5)
    return math.erfc(-root / math.sqrt(2)) / 2


def _find_saddlepoint(values: Weighted) -> float:
    """Minimize the cumulant generating function: Newton's method, kept inside its domain."""
    low = 1 / min(value for value, _ in values)
    high = 1 / max(value for value, _ in values)
    at = 0.0
    for _ in range(100):
        tilted = [(value / (1 - at * value), count) for value, count in values]
        slope = math.fsum(count * value for value, count in tilted)
        curvature = math.fsum(count * value**2 for value, count in tilted)
        if abs(slope) <= 1e-9 * math.sqrt(curvature):
            break
        low, high = (low, at) if slope > 0 else (at, high)
        at -= slope / curvature
        if not low < at < high:
            at = (low + high) / 2
    return at


def _count_questions_needed(differences: Sequence[float]) -> int | None:
    """Solve n d - shift = z √(n s² + 1) for n; shift and 1 are due to the unobserved question."""
    n = len(differences)
    mean = abs(math.fsum(differences)) / n
    if not mean:
        return None
    normal = NormalDist()
    z = normal.inv_cdf(1 - ALPHA / 2) + normal.inv_cdf(POWER)
    variance = math.fsum(difference**2 for difference in differences) / n - mean**2
    shift = 2 * CAUTION - 1
    half = mean * shift + z**2 * variance / 2
    return math.ceil((half + math.sqrt(half**2 + mean**2 * (z**2 - shift**2))) / mean**2)
