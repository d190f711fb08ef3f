"""The calls and the time that are left of a run, in cases worked by hand."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import (
    Answered,
    Probed,
    Proposed,
    Pruned,
    SessionEnded,
    SessionStarted,
)
from opro_cli.core.run.pace import Pace, Paces
from opro_cli.core.run.remaining import CallsLeft, estimate_calls_left, estimate_time_left
from opro_cli.core.run.state import RunState
from tests.core.runs import answered, new_state, proposed, score_all


def new_search(**changes: Any) -> RunState:
    """4 steps of 4 proposals; 10 train, 6 dev and 5 test questions; the start has its answers."""
    options: dict[str, Any] = {"steps": 4, "per_step": 4, "train": 10, "dev": 6, "test": 5}
    state = new_state(**{**options, **changes})
    score_all(state, "start", 5)
    return state


def take_step(state: RunState, step: int, *new: str, right: int = 9) -> None:
    """A step whose other proposals were made before."""
    for sample in range(4):
        text = new[sample] if sample < len(new) else "start"
        state.apply(proposed(step, sample, text))
    for text in new:
        score_all(state, text, right)


def test_before_the_first_call_three_of_four_proposals_are_new_and_nothing_is_spared() -> None:
    state = new_state(steps=4, per_step=4, train=10, dev=6, test=5)
    left = estimate_calls_left(state)
    # 4 steps of 4 proposals and 3 candidates with 10 questions each
    assert left.search == 4 * (4 + 3 * 10)
    # the start on train; it and five finalists on dev; it and a winner on test
    assert left.questions == 10 + 6 * 6 + 2 * 5


def test_the_share_of_new_proposals_is_learnt_from_the_steps() -> None:
    state = new_search()
    take_step(state, 1, "a")
    take_step(state, 2, "b")
    left = estimate_calls_left(state)
    # 2 in two steps, and 3 as in the one that stands for what was expected: 5/3 a step
    assert left.search == pytest.approx(2 * (4 + 5 / 3 * 10))
    # both, and 10/3 to come, reach dev, where all five finalists are
    assert left.questions == 6 * 6 + 2 * 5


def test_only_the_last_steps_teach() -> None:
    state = new_search(steps=7)
    take_step(state, 1, "a", "b", "c", "d")
    for step in range(2, 6):
        take_step(state, step)
    # four steps without a new one, and the expected 3: 3/5 a step
    assert estimate_calls_left(state).search == pytest.approx(2 * (4 + 3 / 5 * 10))


def test_races_that_stopped_candidates_make_those_to_come_shorter() -> None:
    state = new_search(racing=True)
    for sample, text in enumerate(("a", "b", "start", "start")):
        state.apply(proposed(1, sample, text))
    score_all(state, "a", 9)
    for question in range(4):
        state.apply(answered("b", question, 0.0))
    left = estimate_calls_left(state)
    # b has 6 more like "a" before it; 5/2 new in each of 3 steps, of (10 + 10)/2 questions
    assert left.search == pytest.approx(6 + 3 * (4 + 5 / 2 * 10))
    state.apply(Pruned(0.0, make_candidate_id("b"), 0.1, 0.0, 0.3))
    left = estimate_calls_left(state)
    # (10 + 4 + 10)/3 questions each
    assert left.search == pytest.approx(3 * (4 + 5 / 2 * 8))


def test_a_step_under_way_waits_for_its_other_proposals() -> None:
    state = new_search()
    state.apply(proposed(1, 0, "a"))
    state.apply(proposed(1, 1, "start"))
    left = estimate_calls_left(state)
    # two proposals to come, half a step's 3 new ones; "a" is pending; then 3 whole steps
    assert left.search == pytest.approx(2 + 10 + 0.5 * 3 * 10 + 3 * (4 + 3 * 10))


def test_several_proposals_with_one_call_are_one_call() -> None:

    state = new_search()
    for sample in range(4):
        reply = proposed(1, sample, "start")
        state.apply(reply if sample == 0 else replace(reply, via="choice"))
    # 1 call a step; (0 + 3)/2 new ones
    assert estimate_calls_left(state).search == pytest.approx(3 * (1 + 1.5 * 10))


def from_the_cache(text: str, question: int) -> Answered:

    free = {"prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0}
    return replace(answered(text, question), via="cache", **free)


def test_what_the_cache_has_is_no_call_but_on_test() -> None:
    state = new_state(steps=0, train=10, dev=6, test=5)
    for question in range(6):
        state.apply(from_the_cache("start", question))
    for question in range(6, 8):
        state.apply(answered("start", question))
    # a quarter of the 2 on train and 6 on dev is asked; test anew, of the start prompt alone
    left = estimate_calls_left(state)
    assert left == CallsLeft(0.0, 8 / 4 + 2 * 5)


def test_answers_of_the_probe_say_nothing_of_the_cache() -> None:
    state = new_state(steps=0, train=10, dev=6, test=5)
    state.apply(Probed(0.0, "scorer", 40, 400, 40, 0.0))
    for question in range(6):
        state.apply(replace(answered("start", question), via="cache", seconds=0.0))
    assert (state.spend_of("scorer").cached, state.spend_of("scorer").taken) == (6, 6)
    # 4 on train and 6 on dev are asked, whatever was taken over
    assert estimate_calls_left(state) == CallsLeft(0.0, 4 + 6 + 2 * 5)
    for question in range(6, 8):
        state.apply(from_the_cache("start", question))
    for question in range(8, 10):
        state.apply(answered("start", question))
    assert estimate_calls_left(state) == CallsLeft(0.0, 6 / 2 + 2 * 5)  # the cache had 2 of 4


def test_test_is_expected_as_far_as_there_may_be_a_gain() -> None:
    state = new_search(baselines=("known",), noise_check=True)
    whole = (2 + 1 + 1) * 5  # start, winner, baseline, the start again
    dev = 6 * 6
    assert estimate_calls_left(state).questions == dev + whole  # nothing is known yet
    take_step(state, 1, "a", right=2)
    # Three steps of four are to come: one of them may find something. The start is a finalist.
    assert estimate_calls_left(state).questions == 5 * 6 + 0.75 * whole
    take_step(state, 2, "b", right=6)
    assert estimate_calls_left(state).questions == dev + whole


def test_who_was_stopped_is_no_finalist() -> None:
    state = new_search(steps=2, racing=True, test=0)
    for sample, text in enumerate(("a", "b", "c", "start")):
        state.apply(proposed(1, sample, text))
    score_all(state, "a", 9)
    for text in ("b", "c"):
        for question in range(4):
            state.apply(answered(text, question, 0.0))
        state.apply(Pruned(0.0, make_candidate_id(text), 0.1, 0.0, 0.3))
    # "a", and of (3 + 3)/2 new ones the half that is asked everything, as 1 of 3 and of 1 were
    assert estimate_calls_left(state).questions == pytest.approx((1 + 1 + 3 * 2 / 4) * 6)


def test_once_the_winner_is_known_the_rest_is_counted() -> None:
    for best, compared in (("a", 2), ("start", 0)):
        state = new_search(steps=1)
        take_step(state, 1, "a", right=9)
        assert estimate_calls_left(state) == CallsLeft(0.0, 2 * 6 + 2 * 5)
        for text in ("start", "a"):
            score_all(state, text, 6 if text == best else 0, "dev")
        assert estimate_calls_left(state) == CallsLeft(0.0, compared * 5)


def test_an_old_run_asks_test_whoever_wins() -> None:
    state = new_state(steps=1, per_step=1, train=2, test=3)
    state.apply(SessionStarted(0.0, 1, "0.1.0", 5))
    score_all(state, "start", 2)
    state.apply(proposed(1, 0, "start"))
    assert estimate_calls_left(state).questions == 3


def test_candidates_that_are_scored_on_dev_in_the_search_count() -> None:
    state = new_search(steps=3, eval_interval=2)  # steps 1 and 3
    # 2 steps of 3 with 3 new ones each; start and five finalists in the end
    assert estimate_calls_left(state).questions == 2 * 3 * 6 + 6 * 6 + 2 * 5


def test_an_evaluation_counts_what_is_missing() -> None:
    state = new_state("one", "two", steps=0, train=0, test=5)
    state.apply(answered("one", 0, split="test"))
    assert estimate_calls_left(state) == CallsLeft(0.0, 9)


def test_two_rounds_are_two_calls() -> None:
    state = new_state(steps=2, per_step=4, train=10, rounds=2)
    left = estimate_calls_left(state)
    assert left == CallsLeft(2 * (4 + 3 * 10 * 2), 10 * 2)


def test_no_time_is_told_before_the_first_answers_nor_after_the_end() -> None:
    state = new_state(steps=0, train=10)
    state.apply(SessionStarted(0.0, 1, "1"))
    for question in range(4):
        state.apply(answered("start", question, at=1.0 + question))
    assert estimate_time_left(state) is None
    state.apply(answered("start", 4, at=5.0))
    left = estimate_time_left(state)
    assert left is not None
    assert left.likely == pytest.approx(5.0, rel=0.01)  # 5 questions at one a second
    state.apply(SessionEnded(6.0, "interrupted", ""))
    assert estimate_time_left(state) is None


def test_a_step_is_as_slow_as_steps_are_and_questions_alone_as_fast_as_they_are() -> None:
    state = new_search()
    take_step(state, 1, "a", "b", "c")
    state.working_seconds = 100.0
    state.paces = Paces(Pace(100, 5.0, 50.0), Pace(400, 20.0, 40.0))  # 10 and 2 a second
    left = estimate_time_left(state)
    assert left is not None
    # 3 steps of 4 proposals and 3 new ones; dev 36 and test 10 questions
    assert left.likely == pytest.approx(3 * 34 / 2 + 46 / 10)
    # 4 new ones of 4, all at the pace of the steps
    assert left.at_most == pytest.approx((1 + 3 * 4 + 3 * 4 * 10 + 46) / 2)


def test_while_models_are_loaded_questions_seem_slower_than_steps() -> None:
    state = new_search()
    take_step(state, 1, "a", "b", "c")
    state.working_seconds = 100.0
    state.paces = Paces(Pace(100, 80.0, 40.0), Pace(400, 20.0, 40.0))
    left = estimate_time_left(state)
    assert left is not None
    assert left.likely == pytest.approx((3 * 34 + 46) / 2)


def test_pace_forgets() -> None:
    pace = Pace(half_life=10, seconds=8.0, calls=4.0)
    for _ in range(10):
        pace.count_call()
    assert pace.seconds == pytest.approx(4.0)
    # half of what was, and ten calls each a little lighter than the next
    assert pace.calls == pytest.approx(2 + sum(0.5 ** (n / 10) for n in range(10)))


def test_the_wait_for_the_optimizer_is_time_of_the_steps() -> None:
    state = new_state(steps=2, per_step=1, train=2, test=1)
    state.apply(SessionStarted(0.0, 1, "1"))
    events: list[Answered | Proposed] = [
        answered("start", 0),
        answered("start", 1),
        proposed(1, 0, "a"),
        answered("a", 0),
        answered("a", 1),
        proposed(2, 0, "start"),
        answered("start", 0, split="test"),
    ]
    for second, event in enumerate(events, start=1):
        state.apply(replace(event, at=float(second)))
    paces = state.paces
    assert (round(paces.questions.seconds), round(paces.questions.calls)) == (3, 3)
    assert (round(paces.search.seconds), round(paces.search.calls)) == (4, 4)
