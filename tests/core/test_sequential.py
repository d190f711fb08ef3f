"""Looks at a comparison: when they are, what they need, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_cli.core.stats.sequential import (
    ALPHA,
    LEAST_ROWS,
    MOST_LOOKS,
    Differences,
    Look,
    Spending,
    compute_levels,
    count_least_rows,
    count_rows_needed,
    look_at,
    make_design,
    make_hwang_shih_decani,
    spend_like_obrien_fleming,
    spend_like_pocock,
)
from tests.bench.gate import KINDS, decide, simulate

SPENDINGS = [spend_like_pocock, spend_like_obrien_fleming, *map(make_hwang_shih_decani, (-4, 0, 1))]
spendings = st.sampled_from(SPENDINGS)
FIFTHS = (0.2, 0.4, 0.6, 0.8, 1.0)
PATHS = 200_000
z_of = NormalDist().inv_cdf


@pytest.mark.parametrize(
    ("spending", "published"),
    [
        (spend_like_pocock, (2.4380, 2.4268, 2.4101, 2.3966, 2.3859)),
        (partial(spend_like_obrien_fleming, alpha=0.025), (4.8769, 3.3569, 2.6803, 2.2898, 2.0310)),
    ],
)
def test_bounds_are_the_published_ones(spending: Spending, published: tuple[float, ...]) -> None:
    """Those of Lan and DeMets for five looks and .025, as their program and others print them."""
    bounds = [z_of(1 - level) for level in compute_levels(FIFTHS, spending, 0.025)]
    assert bounds == pytest.approx(published, abs=2e-4)


@pytest.mark.parametrize("margin", [0.05, 0.1, 0.3])
def test_equal_answers_rule_out_a_loss_from_the_least_rows_on(margin: float) -> None:
    rows = count_least_rows(margin)
    assert look_last(rows, margin) == "not_worse"
    assert look_last(rows - 1, margin) == ""


def look_last(rows: int, margin: float) -> str:
    """What the last look says of two prompts whose answers are the same."""
    equal = Differences((0.0,) * rows, (0.0,) * rows)
    return look_at(equal, margin=margin, rows=rows, level=make_design(rows).levels[-1]).decision


def test_the_first_look_spends_its_share_and_a_single_one_all() -> None:
    spending = make_hwang_shih_decani(-2)
    levels = compute_levels((0.5, 1.0), spending)
    assert levels[0] == pytest.approx(ALPHA * spending(0.5), abs=1e-9)
    assert compute_levels((1.0,), spending) == pytest.approx((ALPHA,), abs=1e-9)
    # By hand: (1 - e^1) / (1 - e^2) = .2689.
    assert spending(0.5) == pytest.approx(0.26894, abs=1e-5)


def test_all_looks_together_spend_alpha() -> None:
    """By counting paths, with numpy's normal numbers instead of an integral."""
    rng = np.random.default_rng(5)
    steps = rng.standard_normal((PATHS, 5)).cumsum(axis=1) / np.sqrt(np.arange(1, 6))
    for spending in SPENDINGS:
        levels = compute_levels(FIFTHS, spending)
        bounds = np.array([z_of(1 - level) if level > 1e-15 else 9.0 for level in levels])
        crossed = steps > bounds
        for look in range(5):
            spent = ALPHA * spending(FIFTHS[look])
            share = float(crossed[:, : look + 1].any(axis=1).mean())
            assert share == pytest.approx(spent, abs=4 * (0.05 / PATHS) ** 0.5)


@settings(deadline=None)
@given(st.integers(1, 2000))
def test_looks_ascend_to_all_rows_and_need_less_and_less(rows: int) -> None:
    looks, levels = make_design(rows).looks, make_design(rows).levels
    assert looks[-1] == rows
    assert 1 <= len(looks) == len(levels) <= MOST_LOOKS
    gaps = [b - a for a, b in zip((0, *looks), looks, strict=False)]
    assert len(looks) == 1 or min(gaps) >= LEAST_ROWS - 1
    assert max(gaps) - min(gaps) <= 1
    assert all(a < b for a, b in pairwise(levels))
    assert 0 < levels[0] <= levels[-1] <= ALPHA + 1e-9


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 19), min_size=1, max_size=4, unique=True), spendings)
def test_no_look_needs_less_than_alpha_alone(twentieths: list[int], spending: Spending) -> None:
    levels = compute_levels([*(each / 20 for each in sorted(twentieths)), 1.0], spending)
    assert all(0 <= level <= ALPHA + 1e-9 for level in levels)
    assert sum(levels) >= ALPHA - 1e-9  # looks share what they see: Bonferroni is the least


def pairs(differences: Sequence[float], *, graded: bool = False) -> Differences:
    return Differences(tuple(differences), tuple(differences), graded)


def look(differences: list[float], level: float = 0.05, *, graded: bool = False) -> Look:
    seen = pairs(differences, graded=graded)
    return look_at(seen, margin=0.05, rows=len(differences), level=level)


def test_rows_without_a_difference_are_not_worse_from_56_on() -> None:
    said = {rows: look([0.0] * rows, make_design(rows).levels[-1]).decision for rows in (55, 56)}
    assert said == {55: "", 56: "not_worse"}


def test_three_lost_questions_are_no_proof_and_five_are() -> None:
    """1/2 of 1/8 and of 1/32: McNemar's mid-p, one-sided."""
    assert pairs([-1.0] * 3 + [0.0] * 20).refute_gain() == pytest.approx(1 / 16)
    assert pairs([-1.0] * 5 + [0.0] * 20).refute_gain() == pytest.approx(1 / 64)
    assert pairs([1.0] * 5).refute_gain() > 0.9
    assert look([-1.0] * 3 + [0.0] * 20).decision == ""
    assert look([-1.0] * 5 + [0.0] * 20).decision == "worse"


def test_a_small_loss_that_is_certain_is_not_worse_by_the_margin() -> None:
    said = look([-1.0] * 20 + [0.0] * 1980)
    assert said.p_gain < 0.05
    assert said.decision == "not_worse"


def test_what_is_not_known_counts_against_whatever_is_said() -> None:
    cautious, lenient = [-1.0] * 8 + [0.0] * 92, [0.0] * 100
    unknown = Differences(tuple(cautious), tuple(lenient))
    assert look_at(unknown, margin=0.05, rows=100, level=0.05).decision == ""
    assert look(cautious).decision == "worse"
    assert look(lenient).decision == "not_worse"
    nothing = Differences((), ())
    assert look_at(nothing, margin=0.05, rows=5, level=0.05).decision == ""
    assert nothing.find_bounds(0.05) is None


differences = st.lists(st.sampled_from([-1.0, 0.0, 0.0, 0.0, 1.0]), min_size=1, max_size=150)
graded = st.lists(st.integers(-10, 10).map(lambda each: each / 10), min_size=1, max_size=60)


@given(differences, st.sampled_from([0.001, 0.01, 0.05]))
def test_the_bounds_agree_with_the_decision(seen: list[float], level: float) -> None:
    said, bounds = look(seen, level), pairs(seen).find_bounds(level)
    assert bounds is not None
    assert bounds.low <= sum(seen) / len(seen) <= bounds.high + 1e-9
    if abs(said.p_loss - level) > 1e-4:
        assert (bounds.low > -0.05) == (said.p_loss < level)
    if abs(said.p_gain - level) > 1e-4:
        assert (bounds.high < 0) == (said.p_gain < level)


@settings(max_examples=40, deadline=None)
@given(graded, st.sampled_from([0.001, 0.01, 0.05]))
def test_the_bounds_of_graded_scores_agree_with_the_decision(
    seen: list[float], level: float
) -> None:
    said, bounds = look(seen, level, graded=True), pairs(seen, graded=True).find_bounds(level)
    assert bounds is not None
    if abs(said.p_loss - level) > 1e-3:
        assert (bounds.low > -0.05) == (said.p_loss < level)
    if abs(said.p_gain - level) > 1e-3:
        assert (bounds.high < 0) == (said.p_gain < level)


def test_groups_of_one_are_no_groups() -> None:
    seen = (-1.0, 0.0, 1.0, 0.0, -1.0, 0.0)
    alone = Differences(seen, seen, groups=tuple("abcdef"))
    assert not alone.is_clustered
    assert alone.refute_loss(0.05) == pairs(seen).refute_loss(0.05)


def test_questions_of_one_group_are_less_evidence_than_as_many_of_their_own() -> None:
    """Ten lost questions of one document are one observation."""
    seen = (-1.0,) * 10 + (0.0,) * 30
    single = Differences(seen, seen)
    grouped = Differences(seen, seen, groups=("a",) * 10 + tuple(map(str, range(30))))
    assert single.refute_gain() < 0.001
    assert grouped.refute_gain() > 0.2
    assert look_at(grouped, margin=0.05, rows=40, level=0.05).decision == ""
    bounds = grouped.find_bounds(0.05)
    assert bounds is not None
    assert bounds.low < -0.25 < 0 <= bounds.high
    # Pairs that answer alike, on right/wrong scores: half of the questions, about.
    pairwise = tuple(str(number // 2) for number in range(200))
    none = (0.0,) * 200
    assert Differences(none, none, groups=pairwise).refute_loss(0.05) < 0.05
    assert Differences(none[:56], none[:56], groups=pairwise[:56]).refute_loss(0.05) > 0.05


def test_groups_keep_the_error_that_single_questions_lose() -> None:
    """Documents of five questions that are lost or gained together; nothing is lost in truth."""
    rng, wrong = np.random.default_rng(3), {True: 0, False: 0}
    for _ in range(200):
        drawn = np.repeat(rng.choice([-1.0, 0.0, 0.0, 0.0, 1.0], 24), 5).tolist()
        groups = tuple(str(number // 5) for number in range(120))
        for clustered in wrong:
            seen = Differences(tuple(drawn), tuple(drawn), groups=groups if clustered else ())
            wrong[clustered] += seen.refute_gain() < 0.05
    assert wrong[True] <= 16  # 5 % of 200, and two standard deviations
    assert wrong[False] > 30


def test_the_rows_that_would_decide() -> None:
    """By hand: z = 1 with 100 rows, and 1.645 + .842 are needed: 6.18 times as many."""
    p_value = 1 - NormalDist().cdf(1)
    assert count_rows_needed(Look(100, 0.05, p_value, 0.9, "")) == 619
    assert count_rows_needed(Look(100, 0.05, 0.9, p_value, "")) == 619
    assert count_rows_needed(Look(100, 0.05, 0.5, 0.6, "")) is None
    assert count_rows_needed(Look(100, 0.05, 0.499, 0.6, "")) is None  # more than anybody has
    assert count_rows_needed(Look(100, 0.05, 1e-9, 0.6, "")) == 101


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=20))
def test_the_simulation_decides_as_the_product_does(counts: list[tuple[int, int]]) -> None:
    rows, level = 60, 0.03
    gained, lost = (np.array(each, float) for each in zip(*counts, strict=True))
    good, bad = decide(gained, lost, rows, level)
    for index, (g, w) in enumerate(counts):
        said = look([1.0] * g + [-1.0] * w + [0.0] * (rows - g - w), level)
        found = "not_worse" if good[index] else "worse" if bad[index] else ""
        assert said.decision == found


@pytest.mark.parametrize("kind", ["deterministic, differing on 10 %", "flaky, .6, falling"])
def test_both_errors_are_five_percent(kind: str) -> None:
    """The table of the manual, small: 2,000 runs, whose binomial error is half a point."""
    for truth, wrong in ((-0.05, 1), (0.0, -1)):
        drawn = KINDS[kind](np.random.default_rng(7), 2000, 200, truth)
        verdict, took = simulate(drawn, make_design(200))
        assert (verdict == wrong).mean() <= 0.065
        assert took.mean() < 200
