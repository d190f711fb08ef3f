"""Intervals and tests against cases worked by hand and published tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.stats import mcnemar_exact, wilson_interval


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I: 81/263, 15/148, 0/20, 1/29.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_agrees_with_newcombe(
    correct: int, n: int, low: float, high: float
) -> None:
    interval = wilson_interval(correct / n, n)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@given(st.integers(1, 5000), st.data())
def test_wilson_interval_holds_the_mean(n: int, data: st.DataObject) -> None:
    mean = data.draw(st.integers(0, n)) / n
    interval = wilson_interval(mean, n)
    assert 0.0 <= interval.low <= mean <= interval.high <= 1.0


def test_an_interval_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one answer"):
        wilson_interval(0.0, 0)


@pytest.mark.parametrize(
    ("gained", "lost", "p_value"),
    [
        (0, 0, 1.0),
        (5, 0, 2 * 1 / 32),
        (9, 1, 2 * (1 + 10) / 1024),
        (3, 3, 1.0),
        (1, 9, 2 * (1 + 10) / 1024),
    ],
)
def test_mcnemar_by_hand(gained: int, lost: int, p_value: float) -> None:
    assert mcnemar_exact(gained, lost) == pytest.approx(p_value)


def test_mcnemar_does_not_overflow_on_large_counts() -> None:
    assert mcnemar_exact(3000, 2000) < 1e-40
