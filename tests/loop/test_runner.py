"""Whole runs in memory: determinism, resume from every point, clean stops, failures."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from opro_cli.core.run.events import Answered, Proposed, Retried, SessionEnded
from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.errors import JournalError, ModelError
from opro_cli.testing.session import ScriptedModel
from tests.loop.runs import (
    MemoryJournal,
    ShuffledModel,
    calls,
    digest,
    finished,
    new_runner,
    outcome,
    say,
)


async def test_concurrency_and_order_of_arrival_do_not_show_in_the_result() -> None:
    plain = outcome(await finished(concurrency=1))
    for concurrency in (2, 5, 32):
        for salt in (1, 2, 3):
            assert outcome(await finished(concurrency=concurrency, salt=salt)) == plain


async def test_another_seed_gives_another_run() -> None:
    assert outcome(await finished()) != outcome(await finished(seed=1))


async def test_a_run_asks_each_question_once() -> None:
    runner = await finished()
    asked = calls(runner).asked()
    assert max(asked.values()) == 1
    assert runner.activity.session_calls == asked.total()


async def test_a_resume_from_any_point_asks_only_what_is_missing_and_ends_equal() -> None:
    whole = await finished()
    assert isinstance(whole.journal, MemoryJournal)
    events = whole.journal.events
    expected = outcome(whole)
    everything = calls(whole).asked()
    for cut in range(len(events)):
        past = events[:cut]
        resumed = new_runner(MemoryJournal(), past=past, salt=cut)
        assert await resumed.run() == "finished"
        assert outcome(resumed) == expected
        answers = sum(isinstance(event, Answered | Proposed) for event in past)
        assert calls(resumed).asked().total() == everything.total() - answers


async def test_a_stop_waits_for_calls_in_flight_and_hands_out_no_more() -> None:
    journal = MemoryJournal()
    runner = new_runner(journal, concurrency=5)

    def stop_after_twenty(_: int) -> None:
        if sum(isinstance(e, Answered | Proposed) for e in journal.events) == 20:
            runner.stop()

    journal.on_append = stop_after_twenty
    assert await runner.run() == "interrupted"
    answered = [e for e in journal.events if isinstance(e, Answered | Proposed)]
    assert len(answered) == calls(runner).asked().total()
    assert 20 <= len(answered) <= 25
    assert journal.events[-1] == SessionEnded(journal.events[-1].at, "interrupted")
    resumed = new_runner(MemoryJournal(), past=journal.events)
    await resumed.run()
    assert outcome(resumed) == outcome(await finished())


async def test_a_cancelled_run_can_be_resumed() -> None:
    journal = MemoryJournal()
    runner = new_runner(journal)
    task = asyncio.create_task(runner.run())

    def cancel_after_thirty(count: int) -> None:
        if count == 30:
            task.cancel()

    journal.on_append = cancel_after_thirty
    with pytest.raises(asyncio.CancelledError):
        await task
    resumed = new_runner(MemoryJournal(), past=journal.events)
    await resumed.run()
    assert outcome(resumed) == outcome(await finished())


async def test_transient_errors_are_tried_again_and_recorded() -> None:
    failed: set[int] = set()

    def flaky(request: ChatRequest) -> Any:
        key = digest(request)
        if key % 5 == 0 and key not in failed:
            failed.add(key)
            return ModelError("429", transient=True)
        return say(request)

    journal = MemoryJournal()
    runner = new_runner(journal, scorer=ScriptedModel(flaky))
    assert await runner.run() == "finished"
    assert sum(isinstance(event, Retried) for event in journal.events) == len(failed) > 0
    assert outcome(runner) == outcome(await finished())


async def test_a_permanent_error_stops_the_run_at_once_and_keeps_the_rest() -> None:
    def refused(request: ChatRequest) -> Any:
        if "What is 3 " in request.messages[-1].content:
            return ModelError("401: no such key", "set OPENAI_API_KEY", transient=False)
        return say(request)

    journal = MemoryJournal()
    model = ScriptedModel(refused)
    with pytest.raises(ModelError, match="no such key"):
        await new_runner(journal, concurrency=2, scorer=model).run()
    assert len(model.requests) <= 4
    ended = journal.events[-1]
    assert isinstance(ended, SessionEnded)
    assert (ended.reason, ended.detail) == ("failed", "401: no such key")
    resumed = new_runner(MemoryJournal(), past=journal.events)
    await resumed.run()
    assert outcome(resumed) == outcome(await finished())


async def test_an_error_does_not_wait_for_calls_that_wait_to_be_tried_again() -> None:
    def mixed(request: ChatRequest) -> Any:
        if "What is 1 " in request.messages[-1].content:
            return ModelError("busy", transient=True, retry_after=3600)
        return ModelError("gone", transient=False)

    runner = new_runner(MemoryJournal(), concurrency=2, scorer=ScriptedModel(mixed))
    with pytest.raises(ModelError, match="gone"):
        await asyncio.wait_for(runner.run(), 20)


async def test_an_optimizer_that_is_gone_is_told_though_the_scorer_only_waits() -> None:
    """Two models fail at one time: what only waited was stopped because of the other."""
    waiting = asyncio.Event()

    class HalfGone(ShuffledModel):
        proposed = 0

        async def reply(self, request: ChatRequest) -> ChatReply:
            if "Your task is to generate" in request.messages[-1].content:
                self.proposed += 1
                if self.proposed > 1:
                    await waiting.wait()
                    raise ModelError("the optimizer is gone", transient=False)
            elif self.proposed:
                waiting.set()
                raise ModelError("busy", transient=True, retry_after=3600)
            return await super().reply(request)

    runner = new_runner(MemoryJournal(), scorer=HalfGone())
    with pytest.raises(ModelError, match="the optimizer is gone"):
        await asyncio.wait_for(runner.run(), 60)


async def test_each_model_has_a_queue_of_its_own() -> None:
    inside, most = {"scorer": 0, "optimizer": 0}, {"scorer": 0, "optimizer": 0}

    class Counted(ShuffledModel):
        async def reply(self, request: ChatRequest) -> ChatReply:
            role = "optimizer" if request.temperature else "scorer"
            inside[role] += 1
            most[role] = max(most[role], inside[role])
            await asyncio.sleep(0.001)
            inside[role] -= 1
            return await super().reply(request)

    runner = new_runner(MemoryJournal(), scorer=Counted())
    runner.settings = replace(
        runner.settings, scorer=replace(runner.settings.scorer, concurrency=3)
    )
    assert await runner.run() == "finished"
    # From the second step on the three proposals are asked for at once.
    assert most == {"scorer": 3, "optimizer": 3}


async def test_every_call_carries_a_seed_of_its_own_step_and_sample() -> None:
    runner = await finished()
    proposals = [
        request
        for request in calls(runner.models["optimizer"][0]).requests
        if "Your task is to generate" in request.messages[-1].content
    ]
    seeds = [request.seed for request in proposals]
    assert None not in seeds
    assert len(set(seeds)) == len(seeds) == 9


async def test_the_meta_prompt_shows_scores_ascending() -> None:
    runner = await finished()
    last = next(
        request.messages[-1].content
        for request in reversed(calls(runner.models["optimizer"][0]).requests)
        if "Your task is to generate" in request.messages[-1].content
    )
    scores = [int(part.split("\n")[0]) for part in last.split("score:\n")[1:]]
    assert len(scores) > 2
    assert scores == sorted(scores)


async def test_a_disk_that_fails_between_two_answers_stops_the_run() -> None:
    class Failing(MemoryJournal):
        def sync(self) -> None:
            raise JournalError("events.jsonl: cannot write the journal: Input/output error")

    class Slow(ShuffledModel):
        async def reply(self, request: ChatRequest) -> ChatReply:
            await asyncio.sleep(0.05)
            return await super().reply(request)

    model = Slow()
    with pytest.raises(JournalError, match="Input/output error"):
        await new_runner(Failing(), scorer=model).run()
    whole = await finished()
    assert len(model.requests) < len(calls(whole).requests) / 2
