"""Train rows that a prompt shows as worked examples: they are no questions of it, and no gain."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from opro_cli.core.racing.race import BLOCK, Race
from opro_cli.core.run.candidates import Candidate, make_candidate_id
from opro_cli.core.run.deciding import measure_handicap, measure_mean
from opro_cli.core.run.events import FORMAT_VERSION, Answered, Proposed, SessionStarted
from opro_cli.core.run.remaining import estimate_calls_left
from opro_cli.core.run.selection import rank
from opro_cli.core.run.snapshot import restore, take_snapshot
from opro_cli.core.run.state import IllegalEvent, RunState
from opro_cli.core.task.prompt import Demo, Prompt, encode_form
from opro_cli.loop.planner import Evaluate, Stop, plan_next
from opro_cli.loop.probe import list_rows
from tests.core.runs import answered, new_state, proposed, score_all


def form_of(*rows: int) -> str:
    return encode_form(Prompt("", tuple(map(Demo, rows))))


def showing(text: str, *rows: int, sample: int = 0) -> Proposed:
    return replace(proposed(1, sample, text), forms=(form_of(*rows),))


def answer(candidate: Candidate, question: int, score: float = 1.0) -> Answered:
    return replace(answered("", question, score), candidate=candidate.id)


def begin(version: int = FORMAT_VERSION, *, train: int = 10, right: int = 4) -> RunState:
    """A run whose start prompt has its first `right` questions right, before one proposal."""
    state = new_state("start", train=train, per_step=1)
    state.apply(SessionStarted(0.0, 1, "1.0", version))
    score_all(state, "start", right)
    return state


def propose(state: RunState, *rows: int) -> Candidate:
    state.apply(showing("new", *rows))
    return state.candidates[make_candidate_id("new", form_of(*rows))]


def test_a_prompt_is_asked_all_rows_but_those_that_it_shows() -> None:
    state = begin()
    new = propose(state, 8, 3)
    assert new.excluded_rows == {3, 8}
    assert state.missing(new, "train") == [0, 1, 2, 4, 5, 6, 7, 9]
    assert state.count_missing(new, "train") == 8
    work = plan_next(state)
    assert isinstance(work, Evaluate)
    assert [question.index for question in work.questions] == [0, 1, 2, 4, 5, 6, 7, 9]
    with pytest.raises(IllegalEvent, match="which the prompt shows"):
        state.apply(answer(new, 3))
    for question in state.missing(new, "train"):
        assert not state.is_done(new)
        state.apply(answer(new, question))
    assert state.is_scored(new, "train")
    score = new.score("train")
    assert score is not None
    assert (score.n, score.correct) == (8, 8)


def test_what_belongs_together_with_a_shown_row_is_not_asked_either() -> None:
    state = begin()
    state.groups["train"] = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert propose(state, 5).excluded_rows == {4, 5}


def test_a_run_that_began_before_format_9_asks_every_row() -> None:
    state = begin(8)
    new = propose(state, 8, 3)
    assert new.excluded_rows == frozenset()
    assert len(state.missing(new, "train")) == 10


@pytest.mark.parametrize(("version", "shown"), [(8, set[int]()), (9, {1})])
def test_the_first_session_says_what_start_prompts_are_asked(version: int, shown: set[int]) -> None:
    state = new_state("start", train=4, initial_forms=(form_of(1),))
    state.apply(SessionStarted(0.0, 1, "1.0", version))
    state.apply(SessionStarted(1.0, 1, "1.0", FORMAT_VERSION))
    (start,) = state.of_step(0)
    assert start.excluded_rows == shown


def test_a_prompt_that_shows_every_row_has_no_question_left_and_is_not_tried() -> None:
    state = begin(train=3)
    state.apply(showing("new", 0, 1, 2))
    assert [text.skipped for text in state.proposals.texts] == ["shows all train questions"]
    assert len(state.candidates) == 1


def test_who_shows_the_hard_rows_gains_nothing_by_it() -> None:
    """Worked by hand: rows 0 to 3 of 10 are right under the start prompt.

    The new one shows 8 and 9, and is right where the start is: 4 of 8, which is .5. The start has
    0 on the shown rows and .5 on the others, so that two rows of ten take .1 off.
    """
    state = begin()
    new = propose(state, 8, 9)
    for question in range(8):
        state.apply(answer(new, question, float(question < 4)))
    assert new.answers["train"].mean() == 0.5
    assert measure_handicap(new) == pytest.approx(-0.1)
    assert measure_mean(new, "train") == pytest.approx(0.4)
    assert rank(state.candidates.values(), "train")[0].instruction == "start"


def test_who_shows_the_easy_rows_loses_nothing_by_it() -> None:
    """Rows 0 and 1 are right under the start prompt: 2 of 8 others are, which is .25."""
    state = begin()
    new = propose(state, 0, 1)
    for question in range(2, 10):
        state.apply(answer(new, question, float(question < 4)))
    assert measure_handicap(new) == pytest.approx(0.2 * (1 - 0.25))
    assert measure_mean(new, "train") == pytest.approx(0.4)


def test_train_and_dev_together_count_the_shown_rows_as_they_are_likely_to_be() -> None:
    state = begin()
    state.sizes["dev"] = 10
    new = propose(state, 8, 9)
    for question in range(8):
        state.apply(answer(new, question, float(question < 4)))
    for question in range(10):
        state.apply(replace(answer(new, question, float(question < 6)), split="dev"))
    assert measure_mean(new, "train+dev") == pytest.approx((0.4 * 10 + 6) / 20)


def test_a_prompt_without_examples_has_no_handicap() -> None:
    state = begin()
    assert measure_handicap(state.candidates[make_candidate_id("start")]) == 0.0


FIRST = ("one", "two", "three", "four")


def race(*shown: int) -> tuple[RunState, Candidate, list[int]]:
    """A race of a prompt that shows rows of its order, by their place in it, and that order."""
    state = new_state(*FIRST, racing=True, train=30, per_step=1)
    for place, instruction in enumerate(FIRST):
        score_all(state, instruction, 12 + 4 * place)
    earlier = [each.answers["train"] for each in state.of_step(0)]
    order = Race.start(earlier, 30, state.search.seed, 1).order
    new = propose(state, *(order[place] for place in shown))
    own = [question for question in order if question not in new.excluded_rows]
    return state, new, own


def test_a_race_has_blocks_of_the_rows_that_are_asked() -> None:
    state, new, own = race(0, 5, 12)
    asked: list[list[int]] = []
    while isinstance(work := plan_next(state), Evaluate):
        asked.append([question.index for question in work.questions])
        for question in asked[-1]:
            state.apply(answer(new, question))
    assert asked == [own[:BLOCK], own[BLOCK : 2 * BLOCK], own[2 * BLOCK :]]
    assert sum(map(len, asked)) == 27
    assert state.is_scored(new, "train")


def test_a_race_stops_who_shows_rows_too_and_estimates_all_rows() -> None:
    state, new, own = race(0, 5, 12)
    for question in own[:BLOCK]:
        state.apply(answer(new, question, 0.0))
    work = plan_next(state)
    assert isinstance(work, Stop)
    assert work.candidate == new.id
    assert 0.0 < work.estimate.mean < 0.5  # of the others, shown ones among them, some are right


def test_prompts_with_examples_tell_later_races_how_hard_questions_are() -> None:
    """None of four has answered all 30 rows, and each all that it may be asked."""
    state = new_state("start", racing=True, train=30, per_step=4)
    for sample in range(4):
        state.apply(showing("new", sample, sample=sample))
    for place, each in enumerate(state.of_step(1)):
        for at, question in enumerate(state.missing(each, "train")):
            state.apply(answer(each, question, float(at < 12 + 4 * place)))
    race = Race.start([each.answers["train"] for each in state.of_step(1)], 30, 0, 2)
    assert race.boundaries == (10, 20, 30)


def test_a_restored_state_knows_what_its_prompts_show() -> None:
    state = begin()
    new = propose(state, 8, 9)
    state.apply(answer(new, 0))
    again = restore(begin(), take_snapshot(state))
    assert again.candidates[new.id].excluded_rows == {8, 9}
    assert measure_mean(again.candidates[new.id], "train") == measure_mean(new, "train")


def test_the_calls_left_do_not_count_shown_rows() -> None:
    state = new_state("start", train=10, per_step=1, steps=1, baselines=(), noise_check=False)
    score_all(state, "start", 4)
    new = propose(state, 8, 9)
    before = estimate_calls_left(state).total
    for question in state.missing(new, "train"):
        state.apply(answer(new, question))
    assert before - estimate_calls_left(state).total == 8


def test_of_equals_the_one_with_fewer_examples_comes_first() -> None:
    state = new_state("start", train=10, per_step=2)
    score_all(state, "start", 10)
    state.apply(showing("a", 1, 2, 3))
    state.apply(showing("longer", 1, sample=1))
    for each in state.of_step(1):
        for question in state.missing(each, "train"):
            state.apply(answer(each, question))
    assert [each.instruction for each in rank(state.of_step(1), "train")] == ["longer", "a"]


def test_a_probe_asks_no_row_that_a_prompt_shows() -> None:
    state = begin()
    new = propose(state, 8, 3)
    order = [*range(10)]
    assert sorted(list_rows(new, order, 10)) == [0, 1, 2, 4, 5, 6, 7, 9]
    assert sorted(list_rows(state.of_step(0)[0], order, 10)) == order
