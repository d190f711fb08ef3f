"""A row of numbers as a row of blocks."""

from __future__ import annotations

from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], low: float, high: float, width: int) -> str:
    """One block a value between `low` and `high`; at most `width`, both ends kept."""
    if width < 1 or not values:
        return ""
    spread = high - low
    if spread <= 0:  # all the same: neither a floor nor a peak
        return _BLOCKS[3] * min(width, len(values))
    top = len(_BLOCKS) - 1
    levels = (round((value - low) / spread * top) for value in _sampled(values, width))
    return "".join(_BLOCKS[max(0, min(top, level))] for level in levels)


def _sampled(values: Sequence[float], width: int) -> list[float]:
    if len(values) <= width:
        return list(values)
    if width == 1:
        return [values[-1]]
    return [values[round(i * (len(values) - 1) / (width - 1))] for i in range(width)]
