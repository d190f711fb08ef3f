"""Exemplars chosen with what is known from earlier steps: those that counting anew gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.run.exemplars import Memo, choose_exemplars
from opro_cli.core.run.selection import select_trajectory
from opro_cli.core.run.state import RunState
from tests.core.runs import answered, new_state, proposed, wrong_on

CHOICES = [
    (rules, choice)
    for rules in ("opro", "paper")
    for choice in ("most_wrong_so_far", "most_wrong_now")
]


def chosen(state: RunState, memo: Memo | None = None) -> tuple[int, ...]:
    return choose_exemplars(state, select_trajectory(state), memo)


@pytest.mark.parametrize(("rules", "choice"), CHOICES)
@given(wrong=st.lists(st.sets(st.integers(0, 5)), min_size=6, max_size=6))
def test_a_step_chooses_what_counting_anew_would(
    rules: str, choice: str, wrong: list[set[int]]
) -> None:
    state = new_state(
        "start", steps=9, train=6, per_step=1, rules=rules, exemplar_choice=choice, history=2
    )
    memo = Memo()
    texts = ["start", "count", "add", "start", "list", "sum"]  # by the paper's rules one again
    for step, text in enumerate(texts):
        if step:
            state.apply(proposed(step, 0, text))
        if step != 3:
            wrong_on(state, text, *wrong[step])
        with_memory, again = chosen(state, memo), chosen(state, memo)
        assert with_memory == again == chosen(state)


def test_what_is_not_all_answered_is_counted_each_time() -> None:
    memo = Memo()
    state = new_state("a", "b", train=3)
    wrong_on(state, "a", 0, 1)
    state.apply(answered("b", 0, 0.0))

    def counts() -> dict[int, int]:
        return dict(
            memo.wrong_under(
                list(state.candidates.values()),
                lambda each: state.is_scored(each, "train"),
                lambda each: [
                    question
                    for question, outcome in each.answers["train"].by_question.items()
                    if not outcome.score
                ],
            )
        )

    assert counts() == {0: 2, 1: 1}
    state.apply(answered("b", 2, 0.0))
    assert counts() == {0: 2, 1: 1, 2: 1}
    state.apply(answered("b", 1, 0.0))
    assert counts() == counts() == {0: 2, 1: 2, 2: 1}
    assert memo.counted == 2
