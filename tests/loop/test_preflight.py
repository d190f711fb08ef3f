"""Before the first paid question: do both models answer, and can the scorer's answers be read?"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from opro_cli.calls.checks import HELLO
from opro_cli.core.run.events import Answered, Checked, InFlight, SessionEnded
from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.errors import ModelError, RunError
from opro_cli.strategies.listed import ListStrategy
from opro_cli.testing.session import ScriptedModel
from tests.loop.runs import SIZES, MemoryJournal, new_runner, outcome, say

NO_SUCH_MODEL = ModelError("404: no such model", "check its name", transient=False, status=404)


def is_hello(request: ChatRequest) -> bool:
    return request.messages == HELLO


async def test_the_two_checks_wait_for_no_one_but_the_rest_waits_for_both() -> None:
    gate, asked = asyncio.Event(), list[bool]()

    class Slow(ScriptedModel):
        async def reply(self, request: ChatRequest) -> ChatReply:
            asked.append(is_hello(request))
            if len(asked) <= 2:
                await gate.wait()
            return await super().reply(request)

    runner = new_runner(MemoryJournal(), scorer=Slow(say), concurrency=32, preflight=True)
    running = asyncio.create_task(runner.run())
    for _ in range(20):
        await asyncio.sleep(0)
    assert sorted(asked) == [False, True]
    gate.set()
    assert await running == "finished"


async def test_the_optimizer_is_asked_first_and_nothing_is_asked_for_nothing() -> None:
    journal, model = MemoryJournal(), ScriptedModel(say)
    runner = new_runner(journal, scorer=model, preflight=True)
    assert await runner.run() == "finished"
    assert [is_hello(request) for request in model.requests].index(True) == 0
    assert sum(is_hello(request) for request in model.requests) == 1
    plain = new_runner(MemoryJournal())
    await plain.run()
    checked, unchecked = outcome(runner), outcome(plain)
    assert checked["spend"]["calls"] == unchecked["spend"]["calls"] + 1
    del checked["spend"], unchecked["spend"]
    assert checked == unchecked
    assert [event.role for event in journal.events if isinstance(event, Checked)] == ["optimizer"]


async def test_an_optimizer_that_does_not_exist_stops_the_run_after_one_question() -> None:
    def answer(request: ChatRequest) -> Any:
        return NO_SUCH_MODEL if is_hello(request) else say(request)

    journal, model = MemoryJournal(), ScriptedModel(answer)
    with pytest.raises(ModelError, match="404: no such model"):
        await new_runner(journal, scorer=model, preflight=True).run()
    assert len(model.requests) == 2
    # Both checks are made at once, and what is paid for is kept.
    kept = [type(event) for event in journal.events[1:] if not isinstance(event, InFlight)]
    assert kept == [Answered, SessionEnded]
    ended = journal.events[-1]
    assert isinstance(ended, SessionEnded)
    assert (ended.reason, ended.detail) == ("failed", "404: no such model")


async def test_a_scorer_that_does_not_exist_stops_the_run_after_one_question() -> None:
    def answer(request: ChatRequest) -> Any:
        return say(request) if is_hello(request) else NO_SUCH_MODEL

    model = ScriptedModel(answer)
    with pytest.raises(ModelError, match="404: no such model"):
        await new_runner(MemoryJournal(), scorer=model, concurrency=32, preflight=True).run()
    assert len(model.requests) == 2


@pytest.mark.parametrize("unreadable", [1, 3, 5, 6])
async def test_six_unreadable_answers_in_a_row_are_no_accident(
    unreadable: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SIZES, "train", 15)
    asked = 0

    def answer(request: ChatRequest) -> Any:
        nonlocal asked
        asked += not is_hello(request)
        return say(request) if is_hello(request) or asked > unreadable else "I have no idea."

    journal = MemoryJournal()
    runner = new_runner(journal, scorer=ScriptedModel(answer), concurrency=32, preflight=True)
    if unreadable < 6:
        assert await runner.run() == "finished"
        return
    with pytest.raises(RunError, match="none of its first 6 answers could be read") as caught:
        await runner.run()
    assert "`--no-preflight`" in str(caught.value.hint)
    assert asked == 6
    # They are answers like all others: recorded, and not asked again.
    assert sum(isinstance(event, Answered) for event in journal.events) == 6
    again = new_runner(journal, scorer=ScriptedModel(answer), past=journal.events, preflight=True)
    asked = 0
    with pytest.raises(RunError, match="none of its first 6"):
        await again.run()
    resumed = new_runner(MemoryJournal(), past=journal.events, preflight=True)
    assert await resumed.run() == "finished"
    assert outcome(resumed)["initial"]["scores"]["train"]["unreadable"] == 12


async def test_a_first_look_that_is_shorter_decides_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A start prompt under which nothing can be read may be all that is wrong."""
    monkeypatch.setitem(SIZES, "train", 40)
    monkeypatch.setitem(SIZES, "test", 0)

    def answer(request: ChatRequest) -> Any:
        start = any("Let's" in message.content for message in request.messages)
        return "I have no idea." if start and "<INS>" not in str(request) else say(request)

    journal = MemoryJournal()
    runner = new_runner(
        journal, scorer=ScriptedModel(answer), budget={"calls": 60}, racing=True, preflight=True
    )
    assert await runner.run() == "finished"
    first = [each for each in journal.events if isinstance(each, Answered)][:6]
    assert [each.answer for each in first[:3]] == [None] * 3
    assert any(each.answer is not None for each in first[3:])


async def test_without_steps_the_optimizer_is_not_asked() -> None:
    model = ScriptedModel(say)
    assert await new_runner(MemoryJournal(), scorer=model, steps=0, preflight=True).run()
    assert not any(map(is_hello, model.requests))


async def test_a_run_that_has_readable_answers_is_not_checked_again() -> None:
    journal = MemoryJournal()
    await new_runner(journal, preflight=True).run()
    past = journal.events[:5]  # the first instruction has answered three of six questions
    model = ScriptedModel(lambda request: "<INS>x</INS>" if "Your task" in str(request) else "?")
    resumed = new_runner(MemoryJournal(), scorer=model, past=past, preflight=True)
    assert await resumed.run() == "finished"
    assert not any(map(is_hello, model.requests))


async def test_an_optimizer_that_no_step_asks_is_not_asked_whether_it_is_there() -> None:
    runner = new_runner(
        MemoryJournal(),
        preflight=True,
        policy=ListStrategy(("Add.",)),
        strategy="list",
        candidates=("Add.",),
        steps=1,
    )
    assert await runner.run() == "finished"
    assert runner.state.spend_of("optimizer").calls == 0
    asking = new_runner(MemoryJournal(), preflight=True, steps=1)
    assert await asking.run() == "finished"
    assert "optimizer" in asking.state.checked


async def test_first_replies_that_are_all_cut_name_the_key_to_raise() -> None:
    def think(request: ChatRequest) -> ChatReply:
        return ChatReply("<think> So the", "length", 1, 8, 0.0)

    runner = new_runner(MemoryJournal(), scorer=ScriptedModel(think), preflight=True)
    with pytest.raises(RunError, match=r"because they were cut at scorer\.max_tokens") as caught:
        await runner.run()
    assert str(caught.value.hint).startswith("no thought had an end: let the model think less, or")
