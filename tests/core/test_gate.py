"""A gate read off its state: its looks, what is asked next, and that no order of arrival shows."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import Refused
from opro_cli.core.run.gate import (
    count_further_rows,
    draw_test_order,
    get_sides,
    is_gate,
    list_differences,
    read_gate,
)
from opro_cli.core.run.snapshot import restore, take_snapshot
from opro_cli.core.run.state import RunState
from opro_cli.loop.planner import Evaluate, Finish, plan_next
from tests.core.runs import answered, new_state

OLD, NEW = "old", "new"


def new_gate(rows: int = 60, margin: float = 0.05, **more: Any) -> RunState:
    return new_state(OLD, NEW, steps=0, train=0, test=rows, gate_margin=margin, **more)


def answer(state: RunState, rows: list[int], old: float | None, new: float | None) -> None:
    """Answer questions under both prompts; refusals are None."""
    for row in rows:
        for prompt, score in ((OLD, old), (NEW, new)):
            if score is None:
                refusal = Refused(0.0, make_candidate_id(prompt), "test", row, "no")
                state.apply(refusal)
            else:
                state.apply(answered(prompt, row, score, "test"))


def test_a_gate_asks_up_to_its_next_look_both_prompts_side_by_side() -> None:
    state = new_gate(60)
    order, _ = draw_test_order(state)
    work = plan_next(state)
    assert isinstance(work, Evaluate)
    assert [question.index for question in work.questions[::2]] == order[:20]
    names = {make_candidate_id(OLD), make_candidate_id(NEW)}
    for first, second in zip(work.questions[::2], work.questions[1::2], strict=True):
        assert {first.candidate, second.candidate} == names
        assert first.index == second.index


def test_a_clear_loss_ends_at_the_first_look_and_nothing_more_is_asked() -> None:
    state = new_gate(60)
    order, _ = draw_test_order(state)
    answer(state, order[:19], 1.0, 0.0)
    assert not read_gate(state).looks
    work = plan_next(state)
    assert isinstance(work, Evaluate)
    assert {question.index for question in work.questions} == {order[19]}
    answer(state, order[19:20], 1.0, 0.0)
    gate = read_gate(state)
    assert (gate.decision, gate.is_over, len(gate.looks)) == ("worse", True, 1)
    assert plan_next(state) == Finish()


def test_without_any_difference_all_sixty_are_asked() -> None:
    state = new_gate(60)
    order, _ = draw_test_order(state)
    answer(state, order[:40], 1.0, 1.0)
    assert read_gate(state).decision == ""
    assert set(read_gate(state).due) == set(order[40:])
    answer(state, order[40:], 0.0, 0.0)
    gate = read_gate(state)
    assert [look.rows for look in gate.looks] == [20, 40, 60]
    assert gate.decision == "not_worse"
    assert plan_next(state) == Finish()


def test_too_few_rows_leave_it_open_and_say_how_many_more_would_do() -> None:
    state = new_gate(20)
    answer(state, list(range(20)), 1.0, 1.0)
    gate = read_gate(state)
    assert (gate.decision, gate.is_over) == ("", True)
    assert plan_next(state) == Finish()
    further = count_further_rows(gate)
    assert further is not None
    assert 60 <= further <= 140


def test_answers_beyond_a_look_do_not_change_what_it_says() -> None:
    """They were in flight as it was taken, or are of an earlier session."""
    early, late = new_gate(60), new_gate(60)
    order, _ = draw_test_order(early)
    for state in (early, late):
        answer(state, order[:20], 1.0, 0.0)
    answer(late, order[20:], 0.0, 1.0)
    assert read_gate(early) == read_gate(late)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(21, 70), st.floats(0.4, 1))
def test_no_order_of_arrival_shows(seed: int, rows: int, right: float) -> None:
    rng = random.Random(seed)
    events = [
        answered(prompt, row, float(rng.random() < right), "test")
        for row in range(rows)
        for prompt in (OLD, NEW)
    ]
    one, other = new_gate(rows), new_gate(rows)
    for event in events:
        one.apply(event)
    rng.shuffle(events)
    for event in events:
        other.apply(event)
    assert read_gate(one) == read_gate(other)
    assert plan_next(one) == plan_next(other) == Finish()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(21, 70))
def test_a_gate_that_is_resumed_from_any_moment_asks_the_same(seed: int, rows: int) -> None:
    """The answers are a function of the question, so that only the plan can differ."""
    rng = random.Random(seed)
    truth = {(p, row): float(rng.random() < 0.7) for p in (OLD, NEW) for row in range(rows)}
    names = {make_candidate_id(prompt): prompt for prompt in (OLD, NEW)}

    def play(*, breaks: bool) -> tuple[RunState, int]:
        state, asked = new_gate(rows), 0
        while isinstance(work := plan_next(state), Evaluate):
            questions = list(work.questions)
            if breaks:
                rng.shuffle(questions)
                questions = questions[: rng.randint(1, len(questions))]
            for question in questions:
                prompt = names[question.candidate]
                score = truth[prompt, question.index]
                state.apply(answered(prompt, question.index, score, "test"))
                asked += 1
            if breaks:
                state = restore(new_gate(rows), take_snapshot(state))
        return state, asked

    whole, broken = play(breaks=False), play(breaks=True)
    assert read_gate(whole[0]) == read_gate(broken[0])
    assert whole[1] == broken[1]


def test_a_question_refused_under_one_prompt_counts_against_whatever_is_said() -> None:
    state = new_state(OLD, NEW, steps=0, train=0, test=4, gate_margin=0.05)
    state.exclude_refused = True
    answer(state, [0], 1.0, None)
    answer(state, [1], None, 0.0)
    answer(state, [2], None, None)
    answer(state, [3], 0.5, 1.0)
    pairs = list_differences(get_sides(state), range(4))
    assert pairs.cautious == (-1.0, -1.0, 0.5)
    assert pairs.lenient == (0.0, 0.0, 0.5)
    assert (pairs.left_out, pairs.one_sided, pairs.graded) == (1, 2, True)


def test_a_refusal_that_counts_as_wrong_is_a_loss() -> None:
    state = new_gate(1)
    answer(state, [0], 1.0, None)
    assert list_differences(get_sides(state), [0]).cautious == (-1.0,)


def test_other_runs_are_no_gates() -> None:
    assert is_gate(new_gate(5))
    assert not is_gate(new_state(OLD, NEW, steps=0, train=0, test=5))
    assert not is_gate(new_state(OLD, NEW, steps=0, train=5, test=5, gate_margin=0.05))
    assert not is_gate(new_state(OLD, steps=0, train=0, test=5, gate_margin=0.05))
    with pytest.raises(ValueError, match="compares no two prompts"):
        read_gate(new_state(OLD, NEW, steps=0, train=0, test=5))
