"""Tests and intervals of questions that belong together: by hand, by brute force, by simulation."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.run.candidates import Candidate, Outcome
from opro_cli.core.stats.groups import average_groups, compute_design_effect, sum_groups
from opro_cli.core.stats.intervals import mcnemar_mid_p, wilson_interval
from opro_cli.core.stats.paired import (
    compare_graded_scores,
    compare_scores,
    flip_mid_p,
    refute_loss,
)
from tests.bench.groups import LAYOUTS, measure


def test_groups_by_hand() -> None:
    assert compute_design_effect("aab") == pytest.approx(5 / 3)
    assert compute_design_effect("abc") == compute_design_effect("") == 1.0
    assert sum_groups([1.0, -1.0, 0.5, 1.0], "abab") == [1.5, 0.0]
    # 1/3 is the mean; a differs by 1/3 in all, b by -1/3; two groups of three values.
    assert average_groups([1.0, 0.0, 0.0], "aab") == pytest.approx([1 / 3 + 2 / 9, 1 / 3 - 2 / 9])
    assert average_groups([1.0, 0.0], "ab") == [1.0, 0.0]


@given(st.lists(st.tuples(st.floats(-1, 1), st.integers(0, 4)), min_size=1, max_size=20))
def test_the_mean_of_groups_is_the_mean_of_values(pairs: list[tuple[float, int]]) -> None:
    values, groups = zip(*pairs, strict=True)
    found = average_groups(values, groups)
    assert sum(found) / len(found) == pytest.approx(sum(values) / len(values), abs=1e-9)


def flip_by_brute_force(sums: Sequence[int]) -> float:
    total = abs(sum(sums))
    flipped = [
        sum(sign * each for sign, each in zip(signs, sums, strict=True))
        for signs in itertools.product((1, -1), repeat=len(sums))
    ]
    beyond = sum(abs(each) > total for each in flipped)
    equal = sum(abs(each) == total for each in flipped)
    return (beyond + equal / 2) / len(flipped)


def test_flipped_sums_by_hand() -> None:
    # Of 8 equally likely sums 4 and -4 are as far from 0, and half of them counts.
    assert flip_mid_p([2, 1, 1]) == 1 / 8
    # 3 and -3 are farther than 1, 1 and -1 as far.
    assert flip_mid_p([2, -1]) == 0.75
    assert flip_mid_p([3, -1, -2]) == flip_mid_p([]) == 1.0


@given(st.lists(st.integers(-4, 4), max_size=9))
def test_flipped_sums_are_all_ways_to_flip_them(sums: list[int]) -> None:
    expected = 1.0 if not sum(sums) else flip_by_brute_force(sums)
    assert flip_mid_p(sums) == pytest.approx(expected)


@given(st.integers(0, 40), st.integers(0, 40))
def test_of_single_questions_it_is_mcnemars_test(gained: int, lost: int) -> None:
    assert flip_mid_p([1] * gained + [-1] * lost) == pytest.approx(mcnemar_mid_p(gained, lost))


SCORES = st.sampled_from([0.0, 1.0, 0.5])


@given(st.lists(st.tuples(SCORES, SCORES), min_size=1, max_size=30))
def test_where_each_question_is_alone_nothing_changes(pairs: list[tuple[float, float]]) -> None:
    alone = compare_scores(pairs)
    assert compare_scores(pairs, range(len(pairs))) == alone
    assert alone.groups is None


@given(
    st.lists(st.tuples(SCORES, SCORES, st.integers(0, 6)), min_size=8, max_size=30),
    st.booleans(),
)
def test_zero_is_outside_of_the_interval_where_the_test_rejects(
    rows: list[tuple[float, float, int]], right_or_wrong: bool
) -> None:
    pairs = [(round(a), round(b)) if right_or_wrong else (a, b) for a, b, _ in rows]
    test = compare_scores(pairs, [group for *_, group in rows])
    assert test.name == "Gaffke p by group"
    assert (test.n, test.groups) == (len(rows), len({group for *_, group in rows}))
    assert test.interval.low <= test.difference + 1e-6
    assert test.difference - 1e-6 <= test.interval.high
    assert (test.p_value < 0.05) == (test.interval.low > 0 or test.interval.high < 0)


def test_one_pair_of_copies_costs_nothing_but_itself() -> None:
    pairs = [(0.0, 1.0)] * 9 + [(1.0, 0.0)] * 2 + [(1.0, 1.0)] * 29
    found = compare_scores(pairs, [0, 0, *range(2, 40)])
    assert (found.name, found.groups) == ("McNemar mid-p by group", 39)
    alone = compare_scores(pairs)
    assert alone.p_value < found.p_value < 2 * alone.p_value
    assert found.interval.low < alone.interval.low
    assert found.interval.high > alone.interval.high


def test_a_question_four_times_counts_about_once() -> None:
    once = [(0.0, 1.0)] * 6 + [(1.0, 0.0)] * 2 + [(1.0, 1.0)] * 17
    groups = [index for index in range(25) for _ in range(4)]
    four_times = compare_scores([once[group] for group in groups], groups)
    assert compare_scores([once[group] for group in groups]).p_value < 0.01
    assert four_times.p_value > compare_scores(once).p_value > 0.05
    assert (four_times.n, four_times.gained, four_times.groups) == (100, 24, 25)


def test_an_unseen_group_is_half_as_far_again_as_the_farthest_seen() -> None:
    gained, tied = [(0.0, 1.0)], [(1.0, 1.0)]
    found = compare_scores(gained * 2 + tied * 5 + gained + tied * 4, "aaaabbbbcccc")
    # Sums of 2, 1 and 0, and 3 is as far as one goes; then of 2 and 1, where 2 is all there is.
    assert found.p_value == compare_graded_scores([2 / 3, 1 / 3, 0.0]).p_value
    whole = compare_scores(gained * 3 + tied * 3, "aabbcc")
    assert whole.p_value == compare_graded_scores([1.0, 0.5, 0.0]).p_value


def test_a_loss_by_group_takes_more_to_refute() -> None:
    differences = [0.0] * 100
    alone = refute_loss(differences, 0.05, graded=False)
    by_group = refute_loss(differences, 0.05, graded=False, groups=[i // 4 for i in range(100)])
    # Twenty-five groups without a loss, and an unseen one that loses all.
    assert by_group == pytest.approx(0.75 * 0.95**25, rel=0.05)
    assert alone < by_group
    assert refute_loss(differences, 0.05, graded=False, groups=range(100)) == alone


def test_a_score_has_the_interval_of_as_many_independent_questions() -> None:
    candidate = Candidate("c", "c", 0, groups={"test": [0, 0, 0, 0, -5, -6]})
    for question in range(5):
        candidate.answers["test"].add(question, Outcome("a", float(question % 2)))
    candidate.answers["test"].refuse(5, exclude=True)
    score = candidate.score("test")
    assert score is not None
    assert score.n == 5
    assert score.interval == wilson_interval(0.4, 5 / (17 / 5))
    assert candidate.score("train") is None


def test_documents_that_differ_make_no_gain() -> None:
    """A small version of `python -m tests.bench.groups`, of a fixed seed."""
    improved, held = measure(60, np.arange(100) % 10, shared=0.3, gain=0.0, seed=7)
    assert improved[0] >= 6
    assert improved[1] <= 3
    assert held[1] >= 57
    assert {groups.shape[0] for groups in LAYOUTS.values()} == {50, 200}
