"""Questions that belong together: what a test and an interval may still take for independent.

Answers to questions of one document, or to one question in several wordings, are right or wrong
together. Groups are the sample then, not questions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence

from opro_cli.core.stats.intervals import find_least_gain


def compute_design_effect(groups: Sequence[Hashable]) -> float:
    """Return by how much the variance of a mean is larger than of as many independent values.

    That is the mean size of a question's group, 1 where each is alone: the design effect of
    clusters whose members are all alike (L. Kish, Survey Sampling, 1965, section 5.4), which no
    correlation exceeds.
    """
    sizes = Counter(groups).values()
    return sum(size * size for size in sizes) / len(groups) if groups else 1.0


def count_independent(n: int, groups: Sequence[Hashable] = ()) -> int:
    """Return how many independent questions tell as much as `n` of these groups; () for none."""
    return int(n / compute_design_effect(groups))


def find_provable_gain(n: int, groups: Sequence[Hashable] = (), alpha: float = 0.05) -> float:
    """Return the smallest gain that a split of `n` questions can prove, 4 times in 5.

    Args:
        n: Its questions.
        groups: What each belongs to; empty where each is alone.
        alpha: What the p-value must be below.
    """
    return find_least_gain(count_independent(n, groups), alpha=alpha)


def sum_groups(values: Sequence[float], groups: Sequence[Hashable]) -> list[float]:
    """Return the sum of the values of each group, in the order of their first values."""
    sums: dict[Hashable, list[float]] = {}
    for value, group in zip(values, groups, strict=True):
        sums.setdefault(group, []).append(value)
    return [math.fsum(each) for each in sums.values()]


def average_groups(values: Sequence[float], groups: Sequence[Hashable]) -> list[float]:
    """Return a value for each group, whose mean is that of all values.

    A group differs from that mean by what its values differ together, so that the variance of
    these values is that of the mean for groups as a random sample (W. Cochran, Sampling
    Techniques, 1977, section 9A.2: the ratio to size).
    """
    counts = Counter(groups)
    if not groups or len(counts) == len(groups):
        return list(values)
    mean = math.fsum(values) / len(values)
    weight = len(counts) / len(values)
    sums = sum_groups([value - mean for value in values], groups)
    return [mean + weight * each for each in sums]
