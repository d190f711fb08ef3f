"""How able candidates are, by hand."""

from __future__ import annotations

import math

import pytest

from opro_cli.core.racing.abilities import (
    FAR,
    NARROWEST,
    Ability,
    Difficulties,
    estimate_best,
    estimate_prior,
    measure_abilities,
)
from tests.core.test_race_by_hand import excluding
from tests.core.test_racing import answered

EQUAL = Difficulties([answered([1.0] * 15 + [0.0] * 5)], 20)
"""Twenty questions that are equally hard: one candidate, with 15 right, tells of no spread."""


def test_an_ability_is_found_in_one_step_with_its_curvature() -> None:
    # At the centre log(15.5 / 5.5) the chance is 0.738, the information 20 · 0.193 = 3.87 and its
    # change -1.84. 10 right are 4.76 too few: 4.76 = 3.87 x - 1.84 x² / 2 has the root -1.0,
    # where the slope is √(3.87² + 2 · 1.84 · 4.76) = 5.70. (By the logit: 0, and 1 / 5.)
    assert EQUAL.centre == pytest.approx(math.log(15.5 / 5.5), abs=1e-3)
    ((ability, variance),) = measure_abilities(EQUAL, [answered([1.0, 0.0] * 10)])
    assert ability == pytest.approx(EQUAL.centre - 0.998, abs=0.01)
    assert variance == pytest.approx(1 / 5.70, abs=0.001)


def test_what_is_left_out_tells_nothing() -> None:
    ten = measure_abilities(EQUAL, [answered([1.0, 0.0] * 5)])
    assert measure_abilities(EQUAL, [excluding([1.0, 0.0] * 10, range(10, 20))]) == ten
    assert measure_abilities(EQUAL, [excluding([0.0] * 20, range(20))]) == []


def test_no_estimate_lies_further_than_is_believable() -> None:
    hard = Difficulties([answered([1.0] + [0.0] * 199)], 200)
    ((ability, _),) = measure_abilities(hard, [answered([1.0] * 200)])
    assert ability == hard.centre + FAR


def test_how_far_candidates_differ_is_what_their_luck_does_not_explain() -> None:
    # Half at -1, half at 1, each known to a variance of 0.2: together 1, so 0.8 is theirs.
    apart = [Ability(ability, 0.2) for ability in (-1.0, 1.0)] * 20
    assert estimate_prior(apart).mean == pytest.approx(0)
    assert estimate_prior(apart).variance == pytest.approx(0.8, abs=0.01)
    alike = estimate_prior([Ability(0.5, 0.001)] * 20)
    assert alike.mean == pytest.approx(0.5)
    assert alike.variance == NARROWEST


def test_equals_are_as_good_as_they_are_and_one_far_off_is_no_trouble() -> None:
    assert estimate_best([Ability(0.5, 0.1)] * 5) == pytest.approx(0.5)
    # The one between is hundreds of standard deviations from every point that is looked at.
    sure = [Ability(ability, 1e-8) for ability in (0.0, 0.5, 1.0)]
    assert estimate_best(sure) == pytest.approx(1.0)
