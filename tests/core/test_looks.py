"""Looks and the standings behind them: who is asked next, worked by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.racing.abilities import Ability, Prior
from opro_cli.core.racing.looks import BLOCK, choose_look
from opro_cli.core.racing.standings import Eases, learn_eases, measure_lead
from opro_cli.core.stats.intervals import wilson_interval

CLOSE = {name: Ability(0.1 * place, 1.0) for place, name in enumerate("abcdefgh")}
OPEN = dict.fromkeys(CLOSE, 50)


def test_a_look_goes_to_half_at_first_and_to_two_at_last() -> None:
    chosen, block = choose_look(CLOSE, OPEN, left=160, allowance=160)
    assert chosen == ["h", "g", "f", "e"]
    assert block == 5  # an eighth of 160 calls, for four
    chosen, block = choose_look(CLOSE, OPEN, left=40, allowance=160)
    assert chosen == ["h", "g"]
    assert block == BLOCK


def test_who_has_no_chance_is_not_asked_and_a_leader_alone_needs_no_questions() -> None:
    far = {"a": Ability(0.0, 0.01), "b": Ability(1.0, 0.01)}  # 7 standard deviations
    assert choose_look(far, {"a": 9, "b": 9}, 100, 100) == ([], 0)
    assert choose_look(CLOSE, dict.fromkeys(CLOSE, 0), 100, 100) == ([], 0)
    assert choose_look(CLOSE, OPEN, 0.5, 100) == ([], 0)
    assert choose_look({}, {}, 100, 100) == ([], 0)


def test_one_that_was_asked_little_comes_before_one_found_wanting() -> None:
    known = {"lead": Ability(1.0, 0.1), "new": Ability(0.2, 1.0), "old": Ability(0.4, 0.05)}
    chosen, _ = choose_look(known, dict.fromkeys(known, 50), 100, 100)
    assert chosen == ["lead", "new"]


@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"),
        st.tuples(st.floats(-3, 3), st.floats(0.01, 2), st.integers(0, 60)),
        min_size=1,
    ),
    st.floats(0, 500),
)
def test_a_look_never_takes_more_than_is_left(
    known: dict[str, tuple[float, float, int]], left: float
) -> None:
    abilities = {name: Ability(mean, variance) for name, (mean, variance, _) in known.items()}
    counts = {name: count for name, (_, _, count) in known.items()}
    chosen, block = choose_look(abilities, counts, left, max(left, 200))
    assert len(chosen) * block <= left
    assert block <= BLOCK
    assert bool(chosen) == bool(block)
    assert all(counts[name] for name in chosen)


def test_an_ability_is_where_the_likelihood_is_highest() -> None:
    """Two of two right on questions of ease 0 and prior N(0, 1): a = 2 (1 - 1 / (1 + exp(-a)))."""
    ability = Eases([0.0, 0.0], Prior(0.0, 1.0)).measure([(0, 1.0), (1, 1.0)])
    assert ability.ability == pytest.approx(2 / (1 + math.exp(ability.ability)), abs=1e-4)
    chance = 1 / (1 + math.exp(-ability.ability))
    assert ability.variance == pytest.approx(1 / (1 + 2 * chance * (1 - chance)), rel=0.02)


def test_who_met_hard_questions_is_not_blamed_for_them() -> None:
    """Everyone is right on the first five questions and wrong on the last five."""
    both = [(question, float(question < 5)) for question in range(10)]
    sheets = [both] * 6 + [both[:5], both[5:]]
    eases = learn_eases(sheets, 10)
    easy, hard = (eases.measure(sheet) for sheet in sheets[-2:])
    assert eases.eases[0] > 0.5
    assert eases.eases[9] < -0.5
    on_easy, on_hard = (
        eases.expect(own, sheet, range(10)).mean
        for own, sheet in zip((easy, hard), sheets[-2:], strict=True)
    )
    assert on_hard > 0.25  # by its own answers alone it would be near 0
    assert on_easy < 0.75


def test_an_estimate_of_everything_is_the_score_and_has_no_spread() -> None:
    sheet = [(question, float(question % 2)) for question in range(10)]
    eases = learn_eases([sheet, sheet], 10)
    mean, interval, _ = eases.expect(eases.measure(sheet), sheet, range(10))
    assert mean == interval.low == interval.high == 0.5


def test_the_chance_to_be_abler_is_a_normal_one() -> None:
    assert measure_lead(Ability(1.0, 0.5), Ability(0.0, 0.5)) == pytest.approx(1.0)


def test_an_estimate_by_three_answers_of_one_prompt_is_hardly_one() -> None:
    """Nobody else has answered: that all prompts are about as able is not known either."""
    sheet = [(0, 1.0), (1, 1.0), (2, 1.0)]
    alone, many = learn_eases([sheet], 40), learn_eases([sheet] * 60, 40)
    assert alone.doubt > 1
    assert many.doubt < 0.1
    span = alone.expect(alone.measure(sheet), sheet, range(40)).interval
    assert span.low <= wilson_interval(1.0, 3).low
    assert span.high == 1.0
