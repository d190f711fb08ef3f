"""Intervals and tests against cases worked by hand and published tables."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.stats.intervals import (
    count_questions_needed,
    difference_interval,
    find_least_gain,
    mcnemar_mid_p,
    rescale_questions,
    wilson_interval,
)


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
        (4, 0, 1 / 16),
        (5, 0, 1 / 32),
        (9, 1, (2 * (1 + 10) - 10) / 1024),
        (3, 3, 1.0),
        (1, 9, (2 * (1 + 10) - 10) / 1024),
        # Fagerland, Lydersen and Laake (2013), table 1: airway responsiveness, 1 and 7 of 21.
        (1, 7, 0.0391),
    ],
)
def test_mid_p_by_hand(gained: int, lost: int, p_value: float) -> None:
    assert mcnemar_mid_p(gained, lost) == pytest.approx(p_value, abs=5e-5)


@given(st.integers(0, 200), st.integers(0, 200))
def test_mid_p_is_a_chance_and_never_above_the_exact_one(gained: int, lost: int) -> None:
    n, fewer = gained + lost, min(gained, lost)
    exact = min(1.0, 2 * sum(math.comb(n, k) for k in range(fewer + 1)) / 2**n)
    assert 0.0 < mcnemar_mid_p(gained, lost) <= exact
    assert mcnemar_mid_p(gained, lost) == mcnemar_mid_p(lost, gained)


def test_mid_p_does_not_overflow_on_large_counts() -> None:
    assert 0.0 < mcnemar_mid_p(3000, 2000) < 1e-40


def most_likely_loss(gained: int, lost: int, n: int, delta: float) -> float:
    """The most likely chance of a loss when a gain is likelier by `delta`, by trying them all."""

    def likelihood(chance: float) -> float:
        parts = (
            (gained, chance + delta),
            (lost, chance),
            (n - gained - lost, 1 - 2 * chance - delta),
        )
        if any(share < 0 or (count and not share) for count, share in parts):
            return -math.inf
        return sum(count * math.log(share) for count, share in parts if count)

    return max((place / 20_000 for place in range(20_001)), key=likelihood)


@pytest.mark.parametrize(("gained", "lost", "n"), [(7, 0, 10), (20, 4, 45), (3, 9, 200), (1, 0, 1)])
def test_the_interval_of_a_difference_is_where_the_score_test_does_not_reject(
    gained: int, lost: int, n: int
) -> None:
    interval = difference_interval(gained, lost, n)
    for delta in (interval.low, interval.high):
        if abs(delta) == 1:
            continue
        chance = most_likely_loss(gained, lost, n, delta)
        variance = n * (2 * chance + delta * (1 - delta))
        z = abs(gained - lost - n * delta) / math.sqrt(variance)
        assert z == pytest.approx(1.96, abs=0.01)


@given(st.integers(1, 500), st.data())
def test_the_interval_of_a_difference_holds_it_and_turns_with_its_sign(
    n: int, data: st.DataObject
) -> None:
    gained = data.draw(st.integers(0, n))
    lost = data.draw(st.integers(0, n - gained))
    interval = difference_interval(gained, lost, n)
    assert -1.0 <= interval.low <= (gained - lost) / n <= interval.high <= 1.0
    mirrored = difference_interval(lost, gained, n)
    assert mirrored.low == pytest.approx(-interval.high, abs=1e-9)


def test_a_difference_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one question"):
        difference_interval(0, 0, 0)


@pytest.mark.parametrize(
    ("gained", "lost", "needed"),
    [
        # Connor (1987): ((1.95996 √.2 + .84162 √(.2 - .04)) / .2)² = 36.8
        (0.2, 0.0, 37),
        (0.0, 0.2, 37),
        # ((1.95996 √.3 + .84162 √(.3 - .01)) / .1)² = 233.1
        (0.2, 0.1, 234),
        (0.1, 0.1, None),
        (0.0, 0.0, None),
    ],
)
def test_questions_needed_by_hand(gained: float, lost: float, needed: int | None) -> None:
    assert count_questions_needed(gained, lost) == needed


def test_the_least_gain_is_the_other_way_round() -> None:
    for n in (50, 100, 200, 1000):
        gain = find_least_gain(n)
        needed = count_questions_needed((0.3 + gain) / 2, (0.3 - gain) / 2)
        assert needed is not None
        assert abs(needed - n) <= 1
    assert find_least_gain(0) == find_least_gain(5) == 1.0


def test_questions_at_another_level() -> None:
    assert rescale_questions(174, 0.05) == 174
    # (3.0233 + 0.8416)^2 / (1.9600 + 0.8416)^2 = 1.9031
    assert rescale_questions(174, 0.0025) == math.ceil(174 * 1.9031)
