"""The paired test of graded scores: cases worked by hand, its size by simulation, its interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from opro_cli.core.stats.intervals import difference_interval
from opro_cli.core.stats.paired import (
    CAUTION,
    GAFFKE,
    MCNEMAR,
    MOST_VALUES,
    compare_graded_scores,
    compare_scores,
    compute_chance_below_zero,
    refute_loss,
)

RUNS = 1_000
MOST = 42
"""Of 1,000 runs, for a rate of 3 %: 30 and more than two standard errors (a chance of 2 %)."""


def heads(throws: int, least: int) -> float:
    """The chance of at least so many heads in fair throws."""
    return sum(math.comb(throws, k) for k in range(least, throws + 1)) / (1 << throws)


@pytest.mark.parametrize(
    ("values", "chance"),
    [
        # Two exponential variables: either is the larger one.
        ([(1.0, 1), (-1.0, 1)], 1 / 2),
        # P(E1 / 4 <= E2) = 1 / (1 + 1/4)
        ([(0.25, 1), (-1.0, 1)], 1 / 1.25),
        # Four times in a row the other one comes first.
        ([(1.0, 4), (-1.0, 1)], 1 / 16),
        # P(0.1 (E1 + … + E25) <= E0) = (1 / 1.1) ** 25: 25 gains of 0.1 and no loss.
        ([(0.1, 25), (-1.0, 1)], 1.1**-25),
        ([(0.1, 25)], 0.0),
        ([(0.1, 25), (0.0, 9)], 0.0),
        ([(-0.1, 25)], 1.0),
        ([(0.0, 25)], 1.0),
        ([], 1.0),
    ],
)
def test_the_chance_of_a_weighted_sum_by_hand(
    values: list[tuple[float, int]], chance: float
) -> None:
    assert compute_chance_below_zero(values) == pytest.approx(chance, rel=0.03)


@given(st.integers(1, 60), st.integers(0, 60))
@example(1, 0)
@example(60, 60)
def test_gains_and_losses_of_1_are_races_between_two_coins(gained: int, lost: int) -> None:
    """P(gained before lost + 1): with losses of -1 it is the exact McNemar test."""
    exact = heads(gained + lost, gained)
    found = compute_chance_below_zero([(1.0, gained), (-1.0, lost + 1)])
    assert found == pytest.approx(exact, rel=0.03 if exact >= 0.01 else 0.06)


def test_the_p_value_by_hand() -> None:
    # 12 gains of 0.5, nothing lost. One question more at -1: (1 / 1.5) ** 12; at +1: 0.
    found = compare_graded_scores([0.5] * 12 + [0.0] * 30)
    assert found.p_value == pytest.approx(2 * CAUTION * 1.5**-12, rel=0.03)
    # 5 gains of 1: between the exact McNemar test, 2 / 32, and the mid-p one, 1 / 32.
    found = compare_graded_scores([1.0] * 5 + [0.0] * 95)
    assert found.p_value == pytest.approx(2 * (CAUTION / 32), rel=0.03)


@pytest.mark.parametrize("seed", range(3))
def test_the_p_value_is_that_of_random_weights(seed: int) -> None:
    """Rubric scores, their weights drawn 20,000 times instead of the approximation."""
    random = Random(seed)
    levels = (-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0)
    differences = random.choices(levels, weights=(2, 2, 4, 6, 6, 4, 2), k=30)
    draws, no_gain, no_loss = 20_000, 0.0, 0.0
    for _ in range(draws):
        total = math.fsum(random.expovariate(1.0) * each for each in differences)
        unseen = random.expovariate(1.0)
        no_gain += CAUTION * (total - unseen <= 0) + (1 - CAUTION) * (total + unseen <= 0)
        no_loss += CAUTION * (total + unseen >= 0) + (1 - CAUTION) * (total - unseen >= 0)
    expected = min(1.0, 2 * no_gain / draws, 2 * no_loss / draws)
    assert compare_graded_scores(differences).p_value == pytest.approx(expected, abs=0.02)


def steady_or_useless(random: Random, n: int, loses: float) -> list[float]:
    """The start prompt always scores 1 - loses, the other 1 or, with that chance, 0."""
    return [loses - (random.random() < loses) for _ in range(n)]


def partial_or_all(random: Random, n: int) -> list[float]:
    """The start prompt gets partial credit, .8 in the mean, the other all or nothing."""
    return [(random.random() < 0.8) - random.choice((0.7, 0.9)) for _ in range(n)]


def few_differ(random: Random, n: int) -> list[float]:
    """One question of ten differs: by +0.25 four times of five, else by -1."""
    return [random.choices((0.0, 0.25, -1.0), (0.9, 0.08, 0.02))[0] for _ in range(n)]


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda random: steady_or_useless(random, 25, 0.1), id="steady, 25"),
        pytest.param(lambda random: steady_or_useless(random, 50, 0.1), id="steady, 50"),
        pytest.param(lambda random: steady_or_useless(random, 50, 0.05), id="rarer, 50"),
        pytest.param(lambda random: partial_or_all(random, 25), id="partial credit, 25"),
        pytest.param(lambda random: few_differ(random, 50), id="few differ, 50"),
    ],
)
def test_equal_means_are_not_told_apart(draw: Callable[[Random], list[float]]) -> None:
    """Rates of 11 % and more for sign flips, 7 to 34 % for bootstrap-t, where this has 3 %."""
    random = Random(1)
    better = worse = 0
    p_values = cache(lambda differences: compare_graded_scores(differences).p_value)
    for _ in range(RUNS):
        differences = tuple(sorted(draw(random)))  # the same answers, in some order, come often
        if p_values(differences) < 0.05:
            better += sum(differences) > 0
            worse += sum(differences) < 0
    assert (better <= MOST, worse <= MOST) == (True, True), (better, worse)


def test_a_gain_is_found() -> None:
    """Scores that differ by a normal variable of spread .4: 100 questions tell a gain of .15."""
    random = Random(1)
    found = 0
    for _ in range(50):
        differences = [max(-1.0, min(1.0, random.gauss(0.15, 0.4))) for _ in range(100)]
        test = compare_graded_scores(differences)
        found += test.p_value < 0.05 and test.interval.low > 0
    assert found >= 40


GRADES = st.lists(st.integers(-20, 20).map(lambda each: each / 20), min_size=1, max_size=25)


@settings(deadline=None)
@given(GRADES)
@example([0.25] * 14)
@example([-1.0] * 4)
@example([1.0])
@example([0.0])
def test_the_interval_holds_0_exactly_when_the_p_value_is_no_reason_to_doubt_it(
    differences: list[float],
) -> None:
    test = compare_graded_scores(differences)
    assert 0.0 <= test.p_value <= 1.0
    assert (test.interval.low <= 0.0 <= test.interval.high) == (test.p_value >= 0.05)
    mean = math.fsum(differences) / len(differences)
    assert -1.0 <= test.interval.low <= mean + 1e-9
    assert mean - 1e-9 <= test.interval.high <= 1.0


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=9))
@example([5e-324])
@example([1e-200, -1e-200, 1e-190])
@example([0.1 + 0.2 - 0.3] * 9)
@example([1.0, 5e-324])
@example([-1.0, 1.0 - 2**-53])
def test_no_score_is_too_small_to_compute_with(differences: list[float]) -> None:
    test = compare_graded_scores(differences)
    assert 0.0 <= test.p_value <= 1.0
    assert -1.0 <= test.interval.low <= test.interval.high <= 1.0


@settings(deadline=None)
@given(GRADES)
def test_the_other_way_round_everything_is_mirrored(differences: list[float]) -> None:
    test, mirrored = (
        compare_graded_scores(differences),
        compare_graded_scores([-each for each in differences]),
    )
    assert mirrored.p_value == pytest.approx(test.p_value, rel=1e-9)
    assert mirrored.interval.low == pytest.approx(-test.interval.high, abs=1e-6)
    assert mirrored.questions_needed == test.questions_needed


def test_the_interval_of_many_questions_is_the_normal_one() -> None:
    differences = [0.1 * (place % 11) - 0.4 for place in range(5_000)]
    spread = math.sqrt(0.1 / 5_000)  # the variance of 0, …, 10 is 10
    interval = compare_graded_scores(differences).interval
    assert interval.low == pytest.approx(0.1 - 1.96 * spread, abs=0.1 * spread)
    assert interval.high == pytest.approx(0.1 + 1.96 * spread, abs=0.1 * spread)


def test_bins_change_nothing_that_shows() -> None:
    random = Random(1)
    whole = [random.gauss(0.02, 0.2) for _ in range(MOST_VALUES)]
    exact = compare_graded_scores(whole)
    binned = compare_graded_scores([*whole, 0.02])
    assert binned.p_value == pytest.approx(exact.p_value, rel=0.05)
    assert binned.interval.low == pytest.approx(exact.interval.low, abs=5e-4)


def test_where_nothing_differs_nothing_is_claimed() -> None:
    test = compare_graded_scores([0.0] * 40)
    assert (test.p_value, test.questions_needed) == (1.0, None)
    # (1 / (1 + x)) ** 40 = 1/30 at x = 0.089: losses that 40 questions can miss.
    assert test.interval.high == pytest.approx(-test.interval.low)
    assert 0.05 < test.interval.high < 0.12


def test_questions_needed_by_hand() -> None:
    # Mean .1, variance .26 - .01 = .25, z = 1.960 + .842: 0.1 n - 0.5 ≥ z √(0.25 n + 1) from
    # n = 210 on: 20.5 ≥ 20.49; 20.4 < 20.45 before.
    assert compare_graded_scores([0.6, -0.4] * 30).questions_needed == 210
    assert compare_graded_scores([-0.6, 0.4] * 30).questions_needed == 210


def test_no_question_is_refused() -> None:
    for test in (compare_graded_scores, compare_scores):
        with pytest.raises(ValueError, match="at least one question"):
            test([])


def test_right_or_wrong_scores_are_mcnemars() -> None:
    found = compare_scores([(0.0, 1.0)] * 5 + [(1.0, 1.0)] * 15)
    assert (found.name, found.n, found.gained, found.lost) == (MCNEMAR, 20, 5, 0)
    assert found.p_value == pytest.approx(1 / 32)
    assert found.interval == difference_interval(5, 0, 20)


def test_one_score_in_between_makes_them_graded() -> None:
    pairs = [(0.0, 1.0)] * 5 + [(1.0, 1.0)] * 14
    found = compare_scores([*pairs, (0.5, 0.5)])
    assert (found.name, found.n, found.gained, found.lost) == (GAFFKE, 20, 5, 0)
    assert found.p_value == pytest.approx(2 * CAUTION / 32, rel=0.03)
    assert found.difference == pytest.approx(0.25)


def test_a_loss_is_refuted_by_hand() -> None:
    # Nothing differs: Tango's statistic is sqrt(n m / (1 - m)), here sqrt(3 / .95) = 1.777.
    assert refute_loss([0.0] * 60, 0.05, graded=False) == pytest.approx(0.0378, abs=1e-4)
    # As many are lost as would matter: the statistic is 0.
    lost = [-1.0] * 5 + [0.0] * 95
    assert refute_loss(lost, 0.05, graded=False) == pytest.approx(0.5)
    # A graded score that never changes: the unseen question is all the doubt there is.
    assert refute_loss([0.0] * 60, 0.05, graded=True) == pytest.approx(0.75 * 0.95**60, rel=0.05)


def test_a_loss_needs_a_question_to_be_refuted() -> None:
    with pytest.raises(ValueError, match="at least one question"):
        refute_loss([], 0.05, graded=False)
