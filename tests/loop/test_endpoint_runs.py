"""Whole runs on a scorer of several endpoints: what one of them loses, the others answer."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.calls.checks import HELLO
from opro_cli.core.run.events import Checked, Refused, Retried
from opro_cli.core.settings.models import EndpointSettings
from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.errors import ModelError
from opro_cli.loop.runner import Runner
from tests.loop.runs import MemoryJournal, ShuffledModel, new_runner, outcome

A, B, C = (f"http://gpu{n}:8000/v1" for n in range(3))
DOWN = ModelError("it refused the connection", transient=True)
NO_KEY = ModelError("401: no such key", transient=False, status=401)


class Mortal(ShuffledModel):
    """Answers so many requests, and none after them."""

    def __init__(self, answers: int, error: ModelError = DOWN) -> None:
        super().__init__(salt=answers)
        self.answers = answers
        self.error = error
        self.failed = 0

    async def reply(self, request: ChatRequest) -> ChatReply:
        reply = await super().reply(request)
        if len(self.requests) > self.answers:
            self.failed += 1
            raise self.error
        return reply


def served_by(journal: MemoryJournal, *models: ShuffledModel, **options: Any) -> Runner:
    """A run whose scorer is at so many endpoints; the optimizer's one is always well."""
    given = tuple(EndpointSettings(place) for place in (A, B, C)[: len(models)])
    runner = new_runner(
        journal,
        scorer=models[0],
        further={"scorer": models[1:]},
        scoring={"endpoints": given},
        **options,
    )
    runner.models = {**runner.models, "optimizer": (ShuffledModel(),)}
    runner.__post_init__()
    return runner


async def undisturbed() -> dict[str, Any]:
    runner = new_runner(MemoryJournal())
    await runner.run()
    return outcome(runner)


@pytest.mark.parametrize("answers", [0, 1, 7, 30])
async def test_one_that_dies_costs_no_answer_and_no_attempt(answers: int) -> None:
    journal, dying, others = MemoryJournal(), Mortal(answers), (ShuffledModel(1), ShuffledModel(2))
    runner = served_by(journal, others[0], dying, others[1], concurrency=6, attempts=1)
    assert await runner.run() == "finished"
    assert outcome(runner) == await undisturbed()
    assert not any(isinstance(event, Retried | Refused) for event in journal.events)
    assert 1 <= dying.failed <= 2, "the volley, and nothing after it for two seconds"
    assert runner.activity.out == {f"scorer endpoint {B}": "it refused the connection"}
    assert all(model.requests for model in others)


async def test_all_of_them_share_the_work_by_weight() -> None:
    models = [ShuffledModel(n) for n in range(2)]
    given = (EndpointSettings(A, weight=3.0), EndpointSettings(B))
    runner = new_runner(
        MemoryJournal(),
        scorer=models[0],
        further={"scorer": models[1:]},
        scoring={"endpoints": given},
        concurrency=8,
    )
    assert await runner.run() == "finished"
    assert outcome(runner) == await undisturbed()
    heavy, light = (len(model.requests) for model in models)
    assert 2 < heavy / light < 4


async def test_one_without_the_key_is_left_out_and_named() -> None:
    journal, locked = MemoryJournal(), Mortal(0, NO_KEY)
    runner = served_by(journal, locked, ShuffledModel(1), concurrency=8)
    assert await runner.run() == "finished"
    assert outcome(runner) == await undisturbed()
    assert 1 <= locked.failed <= 4, "the first volley"
    assert runner.activity.out == {f"scorer endpoint {A}": "401: no such key"}


async def test_where_none_is_left_the_run_ends_as_it_does_with_one() -> None:
    runner = served_by(MemoryJournal(), Mortal(3, NO_KEY), Mortal(5, NO_KEY), attempts=8)
    with pytest.raises(ModelError, match="401: no such key"):
        await runner.run()


async def test_where_all_are_dead_the_retries_count() -> None:
    journal, models = MemoryJournal(), (Mortal(3), Mortal(5))
    runner = served_by(journal, *models, attempts=3)
    with pytest.raises(ModelError, match=r"it refused the connection \(tried 3 times\)"):
        await runner.run()
    assert any(isinstance(event, Retried) for event in journal.events)


async def test_a_question_that_always_fails_is_refused_as_it_is_by_one() -> None:
    class Picky(ShuffledModel):
        async def reply(self, request: ChatRequest) -> ChatReply:
            if "What is 1 plus" in request.messages[-1].content:
                raise ModelError("500: crashed", transient=True, status=500)
            return await super().reply(request)

    journal = MemoryJournal()
    runner = served_by(journal, Picky(1), Picky(2), concurrency=2, steps=0)
    assert await runner.run() == "finished"
    refused = [event for event in journal.events if isinstance(event, Refused)]
    assert refused
    assert {(event.split, event.question) for event in refused} == {("train", 0)}


async def test_the_preflight_asks_each_and_one_that_is_dead_is_no_end() -> None:
    journal, models = MemoryJournal(), (ShuffledModel(1), Mortal(0), ShuffledModel(2))
    runner = served_by(journal, *models, concurrency=6, preflight=True)
    assert await runner.run() == "finished"
    assert [model.requests[0].messages == HELLO for model in models] == [True] * 3
    roles = [event.role for event in journal.events if isinstance(event, Checked)]
    assert sorted(roles) == ["optimizer", "scorer", "scorer"]
    assert f"scorer endpoint {B}" in runner.activity.out
    assert models[1].failed == 1
    told, expected = outcome(runner), await undisturbed()
    del told["spend"], expected["spend"]
    assert told == expected


@pytest.mark.parametrize("error", [DOWN, NO_KEY])
async def test_the_preflight_ends_the_run_where_all_are_dead(error: ModelError) -> None:
    models = (Mortal(0, error), Mortal(0, error))
    runner = served_by(MemoryJournal(), *models, preflight=True)
    with pytest.raises(ModelError, match=error.message):
        await runner.run()
    assert not runner.state.has_readable_answer()


async def test_a_clean_stop_waits_for_what_is_in_flight_at_all_of_them() -> None:
    journal, models = MemoryJournal(), (ShuffledModel(1), ShuffledModel(2))
    runner = served_by(journal, *models, concurrency=6)
    journal.on_append = lambda count: runner.stop() if count == 10 else None
    assert await runner.run() == "interrupted"
    assert sum(runner.activity.in_flight.values()) == 0
    resumed = new_runner(MemoryJournal(), past=journal.events)
    assert await resumed.run() == "finished"
    assert outcome(resumed) == await undisturbed()
