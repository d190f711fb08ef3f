"""The scale of scores. It imports next to nothing: `opro runs` needs it for one line."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale of an evaluator's values.

    Attributes:
        minimise: Lower values are better, as with a loss.
        bounded: Values lie between 0 and 1: they are shares, with the intervals of shares.
    """

    minimise: bool = False
    bounded: bool = True

    def refuses(self, value: float) -> bool:
        """Return True for a value that cannot be on this scale."""
        return not math.isfinite(value) or (self.bounded and not 0.0 <= value <= 1.0)

    def orient(self, value: float) -> float:
        """Return a value as scores are kept, higher being better; its own inverse."""
        return -value if self.minimise else value


SHARE = Scale()
"""Shares of right answers: what a metric gives."""


def read_value(value: object) -> float | None:
    """Return a number of any class as a float, such as one of numpy; None for what is no number."""
    if isinstance(value, str | bytes) or not hasattr(value, "__float__"):
        return None
    if getattr(value, "ndim", 0):  # an array, also of a single number
        return None
    try:
        return float(value)
    except (TypeError, ValueError, ArithmeticError, RuntimeError):
        return None
