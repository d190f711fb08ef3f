"""Races as the planner runs them: blocks in the race's order, and decisions at their ends alone."""

from __future__ import annotations

from msgspec.structs import replace

from opro_cli.core.racing.race import BLOCK, Race
from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.state import RunState
from opro_cli.loop.planner import Evaluate, PlannerCache, Propose, Stop, plan_next
from tests.core.runs import answered, new_state, proposed, score_all

FIRST = ("one", "two", "three", "four")
TRAIN = 30


def at_step_1(*instructions: str, awaited: int = 0) -> RunState:
    """The initial ones have 12 to 24 of 30 right; these were proposed, so many are awaited."""
    samples = len(instructions) + awaited
    state = new_state(*FIRST, racing=True, train=TRAIN, per_step=samples)
    for place, instruction in enumerate(FIRST):
        score_all(state, instruction, 12 + 4 * place)
    for sample, instruction in enumerate(instructions):
        state.apply(proposed(1, sample, instruction))
    return state


def order_of(state: RunState, step: int = 1) -> tuple[int, ...]:
    """The order of a step's race, made of the initial ones alone."""
    earlier = [state.candidates[make_candidate_id(each)].answers["train"] for each in FIRST]
    return Race.start(earlier, TRAIN, state.search.seed, step).order


def open_questions(state: RunState, cache: PlannerCache | None = None) -> dict[str, list[int]]:
    """What is to be asked next of train, by candidate and in order."""
    work = plan_next(state, cache)
    assert isinstance(work, Evaluate | Propose)
    found: dict[str, list[int]] = {}
    for question in work.questions if isinstance(work, Evaluate) else work.meanwhile:
        found.setdefault(question.candidate, []).append(question.index)
    return found


def test_the_initial_instructions_run_no_race() -> None:
    state = new_state(*FIRST, racing=True, train=TRAIN)
    assert open_questions(state) == {make_candidate_id(each): list(range(TRAIN)) for each in FIRST}


def test_a_candidate_is_asked_block_by_block_in_the_order_of_its_race() -> None:
    state = at_step_1("new")
    order = order_of(state)
    assert open_questions(state) == {make_candidate_id("new"): list(order[:BLOCK])}
    for question in order[:BLOCK]:
        state.apply(answered("new", question, 1.0))
    assert open_questions(state) == {make_candidate_id("new"): list(order[BLOCK : 2 * BLOCK])}


def test_it_is_asked_while_other_proposals_are_awaited() -> None:
    state = at_step_1("new", awaited=2)
    work = plan_next(state)
    assert isinstance(work, Propose)
    assert work.samples == (1, 2)
    assert open_questions(state) == {make_candidate_id("new"): list(order_of(state)[:BLOCK])}


def test_one_that_came_in_the_same_call_tells_that_others_may() -> None:
    """One reply by choice is enough: a server that gives fewer than asked for still gives some."""
    state = new_state(*FIRST, racing=True, train=TRAIN, per_step=3)
    for instruction in FIRST:
        score_all(state, instruction, 12)
    state.apply(proposed(1, 0, "a"))
    work = plan_next(state)
    assert isinstance(work, Propose)
    assert not work.together
    state.apply(replace(proposed(1, 1, "b"), via="choice"))
    work = plan_next(state)
    assert isinstance(work, Propose)
    assert work.together


def test_it_is_stopped_at_the_end_of_a_block_and_not_within() -> None:
    state = at_step_1("poor")
    for question in order_of(state)[: BLOCK - 1]:
        state.apply(answered("poor", question, 0.0))
        assert not isinstance(plan_next(state), Stop)
    state.apply(answered("poor", order_of(state)[BLOCK - 1], 0.0))
    work = plan_next(state)
    assert isinstance(work, Stop)
    assert work.candidate == make_candidate_id("poor")


def test_as_many_answers_as_a_block_has_are_no_block() -> None:
    """Answers from before races were turned on may be any."""
    state = at_step_1("poor")
    order = order_of(state)
    for question in order[-BLOCK:]:
        state.apply(answered("poor", question, 0.0))
    assert open_questions(state) == {make_candidate_id("poor"): list(order[:BLOCK])}


def test_those_of_the_same_step_do_not_change_a_race() -> None:
    """Whether it was made at the beginning of the step or after a resume in the middle of it."""
    state = at_step_1("good", "new")
    for question in range(TRAIN):
        state.apply(answered("good", question, float(question % 2)))
    assert open_questions(state) == {make_candidate_id("new"): list(order_of(state)[:BLOCK])}


def test_the_next_step_runs_a_race_of_its_own() -> None:
    state, cache = at_step_1("new"), PlannerCache()
    assert open_questions(state, cache).keys() == {make_candidate_id("new")}
    assert cache.race is not None
    first = cache.race[1]
    score_all(state, "new", 30)
    state.apply(proposed(2, 0, "newer"))
    assert open_questions(state, cache).keys() == {make_candidate_id("newer")}
    assert cache.race[0] == 2
    assert cache.race[1] is not first
