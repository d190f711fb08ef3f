"""Questions that are asked in two rounds, as the state sees them."""

from __future__ import annotations

import copy

import msgspec
import pytest

from opro_cli.core.run.candidates import Answers, make_candidate_id
from opro_cli.core.run.events import Event, FirstReply
from opro_cli.core.run.progress import count_calls
from opro_cli.core.run.state import IllegalEvent, RunState, replay
from opro_cli.core.task.example import Split
from opro_cli.loop.planner import Evaluate, plan_next
from tests.core.runs import answered, new_state, reasoned

START = make_candidate_id("start")


def two_rounds() -> RunState:
    return new_state(train=3, dev=1, rounds=2)


def second(instruction: str, question: int, text: str = "18", split: Split = "train") -> FirstReply:
    return msgspec.structs.replace(reasoned(instruction, question, text, split), round=2)


def answers(state: RunState) -> Answers:
    return state.candidates[START].answers["train"]


def test_a_first_reply_is_kept_until_the_answer() -> None:
    state = two_rounds()
    state.apply(reasoned("start", 1, "9 + 9"))
    state.apply(reasoned("start", 2, ""))
    assert answers(state).first_replies == {1: "9 + 9", 2: ""}
    state.apply(answered("start", 1))
    assert answers(state).first_replies == {2: ""}
    assert list(answers(state).by_question) == [1]


def test_a_first_reply_grades_nothing() -> None:
    state = two_rounds()
    state.apply(reasoned("start", 1))
    assert state.candidates[START].score("train") is None
    work = plan_next(state)
    assert isinstance(work, Evaluate)
    assert [question.index for question in work.questions] == [0, 1, 2]


def test_a_second_reply_is_kept_until_its_grade_and_paid_for_once() -> None:
    state = replay(two_rounds(), [reasoned("start", 1, "9 + 9"), second("start", 1, "18")])
    assert answers(state).first_replies == {1: "9 + 9"}
    assert answers(state).second_replies == {1: "18"}
    state.apply(answered("start", 1))
    assert (answers(state).first_replies, answers(state).second_replies) == ({}, {})
    assert state.spend["scorer"].calls == 2


def test_both_rounds_are_paid_for() -> None:
    state = replay(two_rounds(), [reasoned("start", 0), answered("start", 0, usd=0.03)])
    scorer = state.spend["scorer"]
    assert (scorer.calls, count_calls(state)) == (2, 2)
    assert (scorer.prompt_tokens, scorer.completion_tokens, scorer.usd) == (40, 7, 0.04)


def test_an_answer_may_come_without_a_first_round() -> None:
    state = replay(two_rounds(), [answered("start", 0)])
    assert list(answers(state).by_question) == [0]


ILLEGAL: list[tuple[FirstReply, str]] = [
    (reasoned("start", 1), "round 1 of question 1 out of turn"),
    (reasoned("start", 1, "other"), "round 1 of question 1 out of turn"),
    (second("start", 2), "round 2 of question 2 out of turn"),
    (second("start", 0, split="dev"), "round 2 of question 0 out of turn"),
    (reasoned("start", 0), "a second answer to question 0 of train"),
    (reasoned("stranger", 1), "the unknown candidate"),
    (reasoned("start", 3), "question 3 of train"),
    (reasoned("start", -1), "question -1 of train"),
    (reasoned("start", 1, split="dev"), "question 1 of dev"),
    (reasoned("start", 0, split="test"), "question 0 of test"),
]


@pytest.mark.parametrize(("event", "complaint"), ILLEGAL)
def test_an_illegal_first_round_raises_and_changes_nothing(
    event: FirstReply, complaint: str
) -> None:
    past: list[Event] = [reasoned("start", 0), answered("start", 0), reasoned("start", 1)]
    state = replay(two_rounds(), [*past, reasoned("start", 2), second("start", 2)])
    before = copy.deepcopy(vars(state))
    with pytest.raises(IllegalEvent, match=complaint):
        state.apply(event)
    assert vars(state) == before


def test_a_first_round_is_of_one_split_and_one_candidate() -> None:
    state = new_state("start", "other", train=1, dev=1, rounds=2)
    for event in (
        reasoned("start", 0),
        reasoned("other", 0),
        reasoned("start", 0, split="dev"),
    ):
        state.apply(event)
    assert state.spend["scorer"].calls == 3
