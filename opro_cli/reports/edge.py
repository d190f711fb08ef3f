"""Where a p-value and the interval beside it say different things about 0."""

from __future__ import annotations

LEVEL = 0.05
"""That of `core.paired_tests`, whose imports `opro show` does without."""


def describe_disagreement(p_value: float, low: float, high: float) -> str:
    """Say that the test and the interval of a difference disagree, as they can near p = 0.05.

    McNemar's mid-p test and Tango's interval are two methods, and neither is the inverse of the
    other; for scores in between, the interval agrees with the test by construction.

    Args:
        p_value: Of the test; it decides.
        low: Lower end of the 95 % interval.
        high: Upper end of it.

    Returns:
        A sentence without a full stop, "" where both agree.
    """
    told_apart = p_value < LEVEL
    if told_apart == (low > 0 or high < 0):
        return ""
    contains = "contains" if told_apart else "does not contain"
    below = "is" if told_apart else "is not"
    return (
        f"the interval {contains} 0 although p {below} below {LEVEL:g}: so close to the edge "
        "the two methods can differ, and p decides"
    )
