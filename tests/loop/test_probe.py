"""The probe in memory: what it asks, in which order, and what a resume still asks."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from opro_cli import wiring
from opro_cli.core.run.candidates import Candidate, Outcome
from opro_cli.core.run.events import Answered, Proposed
from opro_cli.loop.probe import (
    SHAPES,
    ProbeShape,
    choose_shape,
    list_rows,
    measure_gain,
    order_rows,
    plan_probe,
)
from opro_cli.loop.runner import Runner
from opro_cli.strategies.headroom import HeadroomStrategy, build_kinds
from opro_cli.testing.session import ScriptedModel
from tests.loop.runs import MemoryJournal, calls, examples, new_runner, outcome, settings

SHAPE = ProbeShape(5, 3, 2, 2, ((2, 2), (4, 1), (5, 0)))


def probing(**options: Any) -> Runner:
    """A session of a probe of the six train rows, the last of which is shown."""
    search: dict[str, Any] = {"steps": 1, "candidates_per_step": SHAPE.proposals, "baselines": ()}
    config = settings(**search)
    start = config.search.initial_instructions[0]
    kinds = build_kinds(config.task, start, (), SHAPE.rows, wordings=3, others=2)
    inner = wiring.build_strategy(config)
    runner = new_runner(
        MemoryJournal(),
        policy=HeadroomStrategy(kinds, inner, SHAPE.proposals),
        **search,
        **options,
    )
    runner.plan = partial(
        plan_probe, shape=SHAPE, aside=[kind.id for kind in kinds if not kind.wording]
    )
    runner.evaluator.examples = examples()["train"]  # type: ignore[attr-defined]
    return runner


def answered(candidate: Candidate) -> dict[int, float | None]:
    return {row: each.score for row, each in candidate.answers["train"].by_question.items()}


async def test_the_start_prompt_is_asked_all_and_the_others_less_and_less() -> None:
    runner = probing()
    assert await runner.run() == "finished"
    state = runner.state
    assert [len(answered(each)) for each in state.of_step(0)] == [6]
    asked = sorted(len(answered(each)) for each in state.of_step(1))
    assert asked == [2] * 5 + [4, 5]  # three kinds, two set aside, two proposals
    wording = [each for each in state.of_step(1) if not each.form]
    assert max(len(answered(each)) for each in state.of_step(1) if each.form) == 2
    order = order_rows(state.of_step(0)[0], SHAPE.rows)
    start = state.of_step(0)[0]
    gains = {each.id: measure_gain(each, start, order, 2) for each in wording}
    further = [gains[each.id] for each in wording if len(answered(each)) > 2]
    dropped = [gains[each.id] for each in wording if len(answered(each)) == 2]
    assert min(further) >= max(dropped)
    assert calls(runner).asked().total() == SHAPE.count_calls(1) - 2  # no tiny calls here


async def test_order_of_arrival_does_not_show() -> None:
    first = probing(concurrency=1)
    await first.run()
    for salt in (1, 2, 3):
        other = probing(salt=salt)
        await other.run()
        assert outcome(other)["all"] == outcome(first)["all"]


async def test_a_resume_from_any_point_asks_only_what_is_missing_and_ends_equal() -> None:
    whole = probing()
    await whole.run()
    assert isinstance(whole.journal, MemoryJournal)
    events = whole.journal.events
    everything = calls(whole).asked().total()
    for cut in range(len(events)):
        resumed = probing(past=events[:cut], salt=cut)
        assert await resumed.run() == "finished"
        assert outcome(resumed)["all"] == outcome(whole)["all"]
        known = sum(
            isinstance(event, Answered | Proposed) and event.via == "call" for event in events[:cut]
        )
        assert calls(resumed).asked().total() == everything - known


async def test_nothing_is_tried_where_everything_is_right() -> None:
    def right(request: Any) -> str:
        text = request.messages[-1].content
        assert "generate" not in text
        return f"The answer is {int(text.split('What is ')[1].split(' ')[0]) * 2}."

    model = ScriptedModel(right)
    runner = probing(scorer=model)
    assert await runner.run() in ("finished", "fruitless")
    assert len(model.requests) == 6


async def test_it_ends_at_its_ceiling() -> None:
    runner = probing(budget={"calls": 11})
    assert await runner.run() == "budget"
    assert calls(runner).asked().total() == 11


def test_rows_alternate_in_proportion() -> None:
    start = Candidate("0000", "s", 0)
    for row, score in enumerate((1, 1, 0, 1, 1, 0, 1, 1, None)):
        answer = None if score is None else "a"
        start.answers["train"].add(row, Outcome(answer, score))
    order = order_rows(start, 9)
    assert sorted(order) == list(range(9))
    for third in (order[:3], order[3:6], order[6:]):
        assert sum(row in (2, 5, 8) for row in third) == 1
    assert list_rows(Candidate("000b", "x", 1), order, 4) == [order[2], *order[3:6]]
    assert len(list_rows(Candidate("ffff", "x", 1), order, 20)) == 9


@pytest.mark.parametrize("available", [150, 100, 60, 50, 38, 20])
@pytest.mark.parametrize("starts", [1, 2])
@pytest.mark.parametrize("rounds", [1, 2])
def test_no_shape_takes_more_calls_than_there_are(available: int, starts: int, rounds: int) -> None:
    shape = choose_shape(available, 200, starts, rounds)
    if shape is not None:
        assert shape.count_calls(starts, rounds) <= available
    assert (shape is None) == (SHAPES[-1].count_calls(starts, rounds) > available)


def test_few_rows_make_a_smaller_probe_and_hardly_any_none() -> None:
    shape = choose_shape(150, 7)
    assert shape is not None
    assert shape.rows == 7
    assert max(until for until, _ in shape.rounds) <= 7
    assert choose_shape(150, 3) is None


def test_rows_of_a_later_round_change_nothing_in_an_earlier_one() -> None:
    """Or somebody else would be asked further, as answers come in."""
    start, other = Candidate("0000", "s", 0), Candidate("0000", "o", 1)
    for row in range(4):
        start.answers["train"].add(row, Outcome("a", 0.0))
        other.answers["train"].add(row, Outcome("a", float(row < 2)))
    order = [0, 1, 2, 3]
    assert measure_gain(other, start, order, 2) == 1.0
    assert measure_gain(other, start, order, 4) == 0.5
