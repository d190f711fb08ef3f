"""The fold over events: sums, order of joining, and refusals that change nothing."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import Event, Pruned, SessionEnded, SessionStarted
from opro_cli.core.run.state import IllegalEvent, RunState, replay
from tests.core.runs import answered, new_state, proposed, score_all


def instructions(state: RunState) -> list[str]:
    return [candidate.instruction for candidate in state.candidates.values()]


def test_a_score_counts_unreadable_answers_apart() -> None:
    state = new_state(train=4)
    for question, value in enumerate([1.0, 0.0, None, 1.0]):
        state.apply(answered("start", question, value))
    score = state.candidates[make_candidate_id("start")].score("train")
    assert score is not None
    assert (score.mean, score.n, score.correct, score.unreadable) == (0.5, 4, 2, 1)


def test_nothing_answered_is_no_score() -> None:
    assert new_state().candidates[make_candidate_id("start")].score("train") is None


def test_candidates_join_by_sample_whatever_the_order_of_arrival() -> None:
    state = new_state(per_step=3)
    score_all(state, "start", 1)
    for sample, text in [(2, "c"), (0, "a"), (1, "b")]:
        state.apply(proposed(1, sample, text))
    assert instructions(state) == ["start", "a", "b", "c"]


def test_a_proposal_that_repeats_an_instruction_adds_nothing() -> None:
    state = new_state(per_step=2)
    state.apply(proposed(1, 0, "start"))
    state.apply(proposed(1, 1))
    assert instructions(state) == ["start"]
    assert (state.step, state.proposals.empty) == (1, 2)


def test_partial_scores_do_not_depend_on_the_order_of_arrival() -> None:
    scores = [0.1, 0.2, 0.3, 0.7, 1e-9]
    forward, backward = new_state(train=5), new_state(train=5)
    for question, score in enumerate(scores):
        forward.apply(answered("start", question, score))
    for question, score in reversed(list(enumerate(scores))):
        backward.apply(answered("start", question, score))
    one, other = (
        s.candidates[make_candidate_id("start")].score("train") for s in (forward, backward)
    )
    assert one == other


def test_money_is_exact_and_unknown_stays_unknown() -> None:
    state = new_state(train=30)
    for question in range(10):
        state.apply(answered("start", question, usd=0.1))
    assert state.spend["scorer"].counted_pico_usd == 10**12
    state.apply(answered("start", 10, usd=None))
    state.apply(answered("start", 11, usd=0.1))
    assert state.spend["scorer"].usd is None
    assert state.spend["scorer"].prompt_tokens == 120


def test_time_between_sessions_is_not_working_time() -> None:
    state = new_state()
    state.apply(SessionStarted(100.0, 1, "0.1.0"))
    state.apply(answered("start", 0, at=103.0))
    state.apply(SessionEnded(104.0, "interrupted"))
    state.apply(SessionStarted(9000.0, 2, "0.1.0"))
    state.apply(answered("start", 1, at=9001.0))
    assert state.working_seconds == 5.0


ILLEGAL: list[tuple[Event, str]] = [
    (answered("stranger", 0), "unknown candidate"),
    (answered("start", 4), "question 4 of train"),
    (answered("start", 0, split="dev"), "question 0 of dev"),
    (answered("start", 1), "second answer"),
    (proposed(2, 0, "x"), "a proposal for step 2"),
    (proposed(1, 2, "x"), "sample number 2"),
    (proposed(1, 0, "x"), "second proposal 0"),
]


@pytest.mark.parametrize(("event", "complaint"), ILLEGAL, ids=[c for _, c in ILLEGAL])
def test_an_illegal_event_raises_and_changes_nothing(event: Event, complaint: str) -> None:
    state = new_state(per_step=2, train=4)
    replay(state, [answered("start", 1), proposed(1, 0, "a")])
    before = copy.deepcopy(vars(state))
    with pytest.raises(IllegalEvent, match=complaint):
        state.apply(event)
    assert vars(state) == before


def stopped(instruction: str, mean: float = 0.3, low: float = 0.1, high: float = 0.5) -> Pruned:
    return Pruned(0.0, make_candidate_id(instruction), mean, low, high)


NO_RACE: list[tuple[Event, str]] = [
    (stopped("stranger"), "nobody to be stopped"),
    (stopped("start"), "nobody to be stopped"),  # an initial one
    (stopped("done"), "nobody to be stopped"),
    (stopped("lost"), "nobody to be stopped"),
    (answered("lost", 1), "an answer for the stopped candidate"),
    (stopped("new", mean=0.6), "an estimate of 0.6 in 0.1 to 0.5"),
    (stopped("new", low=-0.1), "an estimate of 0.3 in -0.1 to 0.5"),
    (stopped("new", high=1.1), "an estimate of 0.3 in 0.1 to 1.1"),
]


@pytest.mark.parametrize(("event", "complaint"), NO_RACE)
def test_only_one_that_races_can_be_stopped_and_only_once(event: Event, complaint: str) -> None:
    state = new_state(per_step=4, train=2)
    for sample, instruction in enumerate(("done", "lost", "new")):
        state.apply(proposed(1, sample, instruction))
    score_all(state, "done", 1)
    replay(state, [answered("lost", 0, 0.0), stopped("lost"), answered("new", 0, 0.0)])
    before = copy.deepcopy(vars(state))
    with pytest.raises(IllegalEvent, match=complaint):
        state.apply(event)
    assert vars(state) == before
    state.apply(stopped("new"))
    assert state.is_done(state.pending[make_candidate_id("new")])


@pytest.mark.parametrize(
    ("score", "complaint"),
    [(None, "unreadable"), (3.0, "a score of 3, which is not between 0 and 1"), (-0.5, "of -0.5")],
)
def test_a_graded_answer_must_be_whole(score: float | None, complaint: str) -> None:
    with pytest.raises(IllegalEvent, match=complaint):
        new_state().apply(replace(answered("start", 0), score=score))


@given(st.permutations(range(8)))
def test_replay_does_not_depend_on_the_order_of_answers(order: list[int]) -> None:
    events = [answered("start", q, float(q % 3 == 0)) for q in range(8)]
    plain = replay(new_state(train=8), events)
    mixed = replay(new_state(train=8), [events[index] for index in order])
    start = make_candidate_id("start")
    assert plain.candidates[start].score("train") == mixed.candidates[start].score("train")
    assert plain.spend == mixed.spend
