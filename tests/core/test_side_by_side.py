"""The order in which prompts that are compared are asked the test questions."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from opro_cli.core.run.candidates import AGAIN, make_candidate_id
from opro_cli.core.run.events import SessionStarted
from opro_cli.core.run.selection import select_compared
from opro_cli.core.run.state import RunState
from opro_cli.loop.planner import Evaluate, Question, plan_next
from tests.core.runs import answered, new_state, proposed, score_all

START, BEST, BASELINE = map(make_candidate_id, ("start", "better", "known"))


def at_the_test(test: int, seed: int = 0, format_version: int = 5, noise: bool = True) -> RunState:
    """A run whose search is over: a start prompt, a winner, a baseline."""
    search: dict[str, Any] = {"seed": seed, "baselines": ("known",), "noise_check": noise}
    state = new_state(steps=1, per_step=1, train=2, test=test, **search)
    state.apply(SessionStarted(0.0, 1, "1", format_version))
    score_all(state, "start", 0)
    state.apply(proposed(1, 0, "better"))
    score_all(state, "better", 2)
    return state


def planned(state: RunState) -> list[Question]:
    work = plan_next(state)
    assert isinstance(work, Evaluate)
    assert {question.split for question in work.questions} == {"test"}
    return list(work.questions)


@pytest.mark.parametrize("test", [1, 2, 3, 7, 40, 101])
def test_every_question_is_asked_of_all_before_the_next_one(test: int) -> None:
    questions = [q for q in planned(at_the_test(test)) if not q.candidate.startswith(AGAIN)]
    assert len(questions) == 3 * test
    turns = [questions[place : place + 3] for place in range(0, len(questions), 3)]
    for turn in turns:
        assert {q.candidate for q in turn} == {START, BEST, BASELINE}
        assert len({q.index for q in turn}) == 1
    assert sorted(turn[0].index for turn in turns) == list(range(test))


@pytest.mark.parametrize("test", [1, 2, 3, 7, 40, 101])
def test_the_second_time_comes_a_quarter_of_the_questions_later(test: int) -> None:
    order = [q.index for q in planned(at_the_test(test)) if q.candidate == START]
    first = {index: turn for turn, index in enumerate(order)}
    turn, second = -1, {}
    for question in planned(at_the_test(test)):
        if question.candidate == START:
            turn = first[question.index]
        elif question.candidate == AGAIN + START:
            second[question.index] = turn
    assert sorted(second) == list(range(test))
    # Spread through the first time: all but the last quarter come while others are first asked.
    assert sum(second[index] == test - 1 for index in second) <= test // 4 + 2
    whole = [q for q in planned(at_the_test(test)) if q.candidate in (START, AGAIN + START)]
    for index in range(test):
        between = whole.index(Question(AGAIN + START, "test", index)) - whole.index(
            Question(START, "test", index)
        )
        assert between >= test / 4


def test_whose_turn_it_is_is_drawn_from_the_seed() -> None:
    ordered = planned(at_the_test(40))
    assert ordered == planned(at_the_test(40))
    assert ordered != planned(at_the_test(40, seed=1))
    firsts = [q.candidate for q in planned(at_the_test(60, noise=False))[::3]]
    # Nobody is always first: of 60 turns each has about a third (a binomial of 20 +- 3.7).
    assert all(8 <= firsts.count(who) <= 32 for who in (START, BEST, BASELINE))


def test_what_was_answered_is_left_out_and_the_order_stays() -> None:
    state = at_the_test(10)
    ordered = planned(state)
    for question in ordered[:7]:
        text = {START: "start", BEST: "better", BASELINE: "known"}.get(question.candidate)
        if text:
            state.apply(answered(text, question.index, 1.0, "test"))
    left = planned(state)
    assert left == [q for q in ordered if q in left]
    assert len(left) >= len(ordered) - 7


def test_a_run_of_an_older_format_keeps_its_plan_to_the_end() -> None:
    state = at_the_test(5, format_version=4)
    assert not state.interleaves
    everyone = [each.id for each in select_compared(state, *state.candidates.values())]
    assert [(q.candidate, q.index) for q in planned(state)] == [
        (who, index) for who in everyone for index in range(5)
    ]


def test_prompts_of_an_evaluation_are_asked_side_by_side_too() -> None:
    state = new_state("one", "two", steps=0, train=0, test=6)
    questions = planned(state)
    for place in range(0, 12, 2):
        assert questions[place].index == questions[place + 1].index
        assert questions[place].candidate != questions[place + 1].candidate


def test_a_second_time_stands_behind_the_first_time_of_its_prompt() -> None:
    questions = planned(at_the_test(40, format_version=8))
    assert sorted(map(str, questions)) == sorted(map(str, planned(at_the_test(40))))
    last = max(n for n, q in enumerate(questions) if q.candidate == BEST)
    pairs = [*pairwise(questions[: last + 1])]
    second = [before.candidate for before, q in pairs if q.candidate == AGAIN + START]
    assert second == [START] * 30  # the last quarter comes behind all others


def test_of_two_prompts_none_comes_behind_itself_more_often() -> None:
    questions = planned(at_the_test(400, format_version=8))
    pairs = pairwise([q.candidate for q in questions if q.candidate != BASELINE])
    behind = [who for before, who in pairs if before.removeprefix(AGAIN) == who]
    # One turn in four for each: 100, and three standard deviations of 8.7.
    assert all(74 <= behind.count(who) <= 126 for who in (START, BEST))
