"""Levels of repeated uses, worked by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.stats.paired import ALPHA
from opro_cli.core.stats.spending import FAMILY, MOST, compute_level, compute_threshold


def test_the_first_use_has_the_level_of_a_verdict_without_a_ledger() -> None:
    assert compute_threshold(compute_level(1)) == ALPHA


@pytest.mark.parametrize(
    ("number", "threshold"), [(2, 0.1 / 6), (3, 0.1 / 12), (5, 0.1 / 30), (20, 0.1 / 420)]
)
def test_thresholds_of_later_uses(number: int, threshold: float) -> None:
    assert compute_threshold(compute_level(number)) == pytest.approx(threshold, rel=1e-12)


def test_all_uses_together_stay_below_the_family_level() -> None:
    # 1/2 + 1/6 + 1/12 + … up to use n is n / (n + 1).
    assert sum(map(compute_level, range(1, 21))) == pytest.approx(FAMILY * 20 / 21)
    exact = sum(Fraction(1, i * (i + 1)) for i in range(1, 2001))
    assert exact == Fraction(2000, 2001)


def test_the_level_of_an_improvement_passes_on() -> None:
    # The second use, 0.05 / 6, and the 0.025 of the first: capped at 0.025.
    assert compute_level(2, passed_on=0.025) == MOST
    # The fourth use, 0.05 / 20, and the 0.05 / 12 of the third.
    assert compute_level(4, passed_on=0.05 / 12) == pytest.approx(0.0025 + 0.05 / 12)


def test_cells_share_one_use_in_equal_parts() -> None:
    assert compute_level(1, sharers=4) == MOST / 4
    assert compute_level(3, sharers=2) == pytest.approx(0.05 / 24)


@given(st.integers(1, 10**6), st.floats(0, 1), st.integers(1, 1000))
def test_no_use_has_more_than_the_first(number: int, passed_on: float, sharers: int) -> None:
    level = compute_level(number, passed_on, sharers)
    assert 0 < level <= MOST / sharers
    assert level >= compute_level(number, 0.0, sharers)


@pytest.mark.parametrize("wrong", [(0, 0.0, 1), (1, -0.1, 1), (1, 0.0, 0)])
def test_there_is_no_such_use(wrong: tuple[int, float, int]) -> None:
    with pytest.raises(ValueError, match="no use"):
        compute_level(*wrong)
