"""The significance level of a verdict on test questions that earlier verdicts have used.

Twenty verdicts at 2.5 % each find some improvement by chance in 40 % of cases where there is none.
So the level is spent over the uses of one set of test questions: use i is tested at the one-sided
level FAMILY / (i (i + 1)). The sum telescopes to FAMILY however many uses there are, and the first
use has FAMILY / 2, the 2.5 % on the side of a gain that a two-sided test at 5 % has.

By Bonferroni's inequality all uses together find a false improvement with a probability of at most
FAMILY. Nothing is assumed about how their p-values depend on each other; those of tests on the same
questions do. This is alpha-spending for hypotheses that come one after the other, their number
unknown, in J. Tian and A. Ramdas, "Online control of the familywise error rate", Statistical
Methods in Medical Research 30, 2021 (arXiv:1910.04900), with weights 1 / (i (i + 1)).

Their online fallback, after B. L. Wiens, "A fixed sequence Bonferroni procedure for testing
multiple endpoints", Pharmaceutical Statistics 2, 2003, lets the level of a test that rejects pass
on to the next one: a true improvement costs nothing. That holds under any dependence, too, since
false improvements are counted up to the first one, and until then only true ones have passed
anything on. The cap at FAMILY / 2 lowers levels, and so can only lower the rate.
"""

from __future__ import annotations

FAMILY = 0.05
"""The largest probability of any false improvement over all uses together."""
MOST = FAMILY / 2
"""The level of a first use, and of no other more."""


def compute_level(number: int, passed_on: float = 0.0, sharers: int = 1) -> float:
    """Return the one-sided level of a use.

    Args:
        number: 1 for the first use of these questions.
        passed_on: The level of the use before, where that ended in an improvement.
        sharers: Verdicts that share the use in equal parts, such as the cells of a sweep.

    Raises:
        ValueError: There is no such use.
    """
    if number < 1 or sharers < 1 or passed_on < 0:
        raise ValueError(f"no use: number {number}, {sharers} sharers, {passed_on} passed on")
    return min(MOST, FAMILY / (number * (number + 1)) + passed_on) / sharers


def compute_threshold(level: float) -> float:
    """Return what a two-sided p-value must be below, for a one-sided level of its better side."""
    return 2 * level
