"""How hard questions are, by hand: what is counted, what is left out, and the ends of the scale."""

from __future__ import annotations

import math

import pytest

from opro_cli.core.racing.abilities import Difficulties, _count_answers
from opro_cli.core.run.candidates import Answers
from tests.core.test_racing import a_field, answered


def test_half_a_right_answer_agrees_by_a_quarter() -> None:
    # Right answers 0.5 + 0.5; of the two ordered pairs each agrees by 0.5 · 0.5.
    assert _count_answers([answered([0.5]), answered([0.5])], 1) == ([1.0], [2], 0.5, 2)


def test_the_ability_of_one_that_has_everything_right_is_finite() -> None:
    # 10.5 to 0.5; one candidate alone tells of no spread.
    difficulties = Difficulties([answered([1.0] * 10)], 10)
    assert difficulties.spread < 0.01
    assert difficulties.centre == pytest.approx(math.log(21), abs=0.001)


def more(answers: Answers) -> Answers:
    """With one question that is right, one that is wrong, and ten that do not count."""
    longer = answered([*(outcome.score for outcome in answers.by_question.values()), 1.0, 0.0])
    for question in range(32, 42):
        longer.refuse(question, exclude=True)
    return longer


def test_questions_that_do_not_count_tell_nothing_and_nothing_is_known_of_them() -> None:
    field = [more(answers) for answers in a_field(questions=30)]
    without = [answered([o.score for o in list(a.by_question.values())[:32]]) for a in field]
    told, expected = Difficulties(field, 42), Difficulties(without, 32)
    assert (told.spread, told.centre) == (expected.spread, expected.centre)
    chances = told.predict(told.centre).chances
    assert chances[:32] == expected.predict(told.centre).chances
    right, wrong, unknown = chances[30:33]
    assert wrong < unknown < right
    assert set(chances[32:]) == {unknown}


@pytest.mark.parametrize("ability", [-40.0, 40.0])
def test_at_the_ends_of_the_scale_no_answer_has_more_weight_than_its_logit(ability: float) -> None:
    expected = Difficulties(a_field(), 40).predict(ability)
    assert all(0 < chance < 1 for chance in expected.chances)
    assert all(0 < weight < 1 + 1e-6 for weight in expected.weights())
