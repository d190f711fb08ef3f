"""A p-value and an interval that disagree on whether a difference is 0."""

from __future__ import annotations

LEVEL = 0.05
"""`core.stats.paired.ALPHA`, whose module is slow to import for `opro show`."""


def describe_disagreement(p_value: float, low: float, high: float) -> str:
    """Say that test and interval of a difference disagree, as they can near p = 0.05.

    McNemar's mid-p test and Tango's interval are different methods, neither the inverse of the
    other. For scores between 0 and 1 the interval agrees with the test by construction.

    Args:
        p_value: The p-value of the test, which decides.
        low: The lower end of the 95 % interval.
        high: The upper end.

    Returns:
        A sentence without a full stop; "" if both agree.
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
