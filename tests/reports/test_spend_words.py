"""What is said of calls that nobody metered."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.reports.formats import format_cost, format_unmetered, format_unmetered_briefly

COUNTED = {"usd": 0.42, "prompt_tokens": 10, "completion_tokens": 5}


def bounds(calls: int, tokens: int = 0, usd: float | None = 0.0) -> dict[str, Any]:
    return {"calls": calls, "unanswered": 0, "tokens": tokens, "usd": usd}


def test_nothing_is_said_of_none() -> None:
    assert (
        format_unmetered(bounds(0))
        == format_unmetered(None)
        == format_unmetered_briefly(bounds(0))
        == ""
    )
    spend = {"usd": 0.42, "counted": COUNTED, "uncounted": bounds(0)}
    assert format_cost(spend) == format_cost({"usd": 0.42}) == "$0.420"


@pytest.mark.parametrize(
    ("unmetered", "long", "short", "cost"),
    [
        (
            bounds(5, 12_345, 0.03),
            "plus at most $0.030 and 12.3k tokens in 5 unmetered calls",
            " + at most $0.030 unmetered",
            "≤ $0.450",
        ),
        (
            bounds(1, 900, 0.0),
            "plus at most 900 tokens in 1 unmetered call",
            " + 1 unmetered call",
            "$0.420",
        ),
        (
            bounds(2, 900, None),
            "plus at most 900 tokens in 2 unmetered calls",
            " + 2 unmetered calls",
            "$0.420 + unknown",
        ),
    ],
)
def test_unmetered_calls_are_named(
    unmetered: dict[str, Any], long: str, short: str, cost: str
) -> None:
    assert format_unmetered(unmetered) == long
    assert format_unmetered_briefly(unmetered) == short
    assert format_cost({"usd": None, "counted": COUNTED, "uncounted": unmetered}) == cost
