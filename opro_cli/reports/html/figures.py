"""Scores, money and counts as the page writes them, from the plain data of `result.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opro_cli.reports.formats import UNKNOWN, percent

Score = Mapping[str, Any]
"""As `reports.result.score_data` makes it."""


def interval(score: Score) -> str:
    """Its 95 % interval in percent: "[70.1–90.4]"."""
    low, high = score["interval"]
    return f"[{100 * low:.1f}–{100 * high:.1f}]"


def right_of(score: Score) -> str:
    """How many answers were right, of how many: "33/40"."""
    told = f"{score['correct']}/{score['n']}"
    return f"{told}, then stopped" if score.get("estimated", False) else told


def rests_on(score: Score) -> str:
    """What a score rests on: "[70.1–90.4] 33/40"."""
    return f"{interval(score)} {right_of(score)}"


def scored(score: Score) -> str:
    """ "82.5 % [70.1–90.4] 33/40"."""
    return f"{percent(score['mean'])} {rests_on(score)}"


def count(number: float | None) -> str:
    """12345 -> "12,345"; unknown is said, never 0."""
    return UNKNOWN if number is None else f"{number:,.0f}"


def duration(seconds: float) -> str:
    """ "12 s", "2 min 05 s", "1 h 02 min"."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minute:02d} min"
    return f"{minute} min {second:02d} s" if minute else f"{second} s"
