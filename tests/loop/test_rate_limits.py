"""A provider with limits: the run slows down to what it takes, and loses nothing."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from opro_cli.calls.endpoints import build_turns
from opro_cli.core.run.events import Answered, Refused, Retried
from opro_cli.core.settings.models import ExtraSettings, ModelSettings
from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.errors import ModelError
from opro_cli.testing.session import ScriptedModel
from tests.loop.runs import MemoryJournal, ShuffledModel, new_runner, outcome, say
from tests.seams.toys import Judged


class Narrow(ShuffledModel):
    """Answers so many calls at a time, and tells all others to come back."""

    def __init__(self, places: int) -> None:
        super().__init__()
        self.places = places
        self.inside = 0
        self.most_inside = 0
        self.turned_away = 0

    async def reply(self, request: ChatRequest) -> ChatReply:
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            if self.inside > self.places:
                self.turned_away += 1
                raise ModelError("429: slower", transient=True, status=429)
            await asyncio.sleep(0.001)
            return await super().reply(request)
        finally:
            self.inside -= 1


async def whole() -> dict[str, Any]:
    runner = new_runner(MemoryJournal())
    await runner.run()
    return outcome(runner)


async def test_concurrency_falls_to_what_the_provider_takes_and_nothing_is_lost() -> None:
    model = Narrow(places=3)
    journal = MemoryJournal()
    runner = new_runner(journal, scorer=model, concurrency=32, attempts=8)
    assert await runner.run() == "finished"
    assert outcome(runner) == await whole()
    assert not any(isinstance(event, Refused) for event in journal.events)
    answered = len(model.requests)
    # Without adapting, each volley of 32 would send 29 away: some nine times as many as answered.
    assert model.turned_away < answered
    assert model.most_inside > model.places


async def test_a_call_that_is_only_ever_told_to_wait_is_not_given_up_while_others_go_on() -> None:
    model = ShuffledModel()
    answered = turned_away = 0
    changed = asyncio.Condition()

    async def reply(request: ChatRequest) -> ChatReply:
        """Turn one question away three times; between two of them another one is answered."""
        nonlocal answered, turned_away
        is_turned_away = "What is 2 plus" in request.messages[-1].content and turned_away < 3
        while is_turned_away and count_recorded() < turned_away:
            await asyncio.sleep(0.001)  # what the model has answered, the run may not know yet
        async with changed:
            if is_turned_away:
                turned_away += 1
                changed.notify_all()
                raise ModelError("429: slower", transient=True, status=429)
            await changed.wait_for(lambda: answered < turned_away or turned_away == 3)
            answered += 1
            changed.notify_all()
        return await ShuffledModel.reply(model, request)

    model.reply = reply  # type: ignore[method-assign]
    journal = MemoryJournal()

    def count_recorded() -> int:
        return sum(isinstance(event, Answered) for event in journal.events)

    # So many places that all others may wait here while the one is turned away.
    runner = new_runner(journal, scorer=model, concurrency=1000, attempts=2, steps=0)
    async with asyncio.timeout(30):  # a question given up would leave the others waiting for good
        assert await runner.run() == "finished"
    assert turned_away == 3
    retried = [event for event in journal.events if isinstance(event, Retried)]
    assert len(retried) == turned_away


@pytest.mark.parametrize("minute", [{"requests_per_minute": 6000}, {"tokens_per_minute": 10**6}])
async def test_limits_a_minute_are_queues(minute: dict[str, int]) -> None:
    runner = new_runner(MemoryJournal(), concurrency=8, scoring=minute, proposing=minute)
    assert await runner.run() == "finished"
    assert outcome(runner) == await whole()


async def test_what_a_call_waits_for_can_be_seen_and_is_gone_once_answers_come() -> None:
    model = ShuffledModel()
    failures = iter([ModelError("429: slower", transient=True, status=429, retry_after=0.05)])

    async def reply(request: ChatRequest) -> ChatReply:
        error = next(failures, None)
        if error is not None:
            raise error
        return await ShuffledModel.reply(model, request)

    model.reply = reply  # type: ignore[method-assign]
    journal = MemoryJournal()
    runner = new_runner(journal, scorer=model, concurrency=1, steps=0)
    seen: list[tuple[str, bool]] = []

    def look(_: int) -> None:
        if isinstance(journal.events[-1], Retried):
            activity = runner.activity
            seen.append((activity.waiting, activity.waiting_until > time.monotonic()))

    journal.on_append = look
    assert await runner.run() == "finished"
    assert seen == [("rate limit", True)]
    assert runner.activity.waiting == ""


async def test_a_provider_that_asks_for_a_day_is_asked_again_as_the_log_says() -> None:
    """As it was found: the log said 300 s, and every other call waited until the next day."""
    failures = iter([ModelError("429: slower", transient=True, status=429, retry_after=86_400)])

    def answer(request: ChatRequest) -> ModelError | str:
        return next(failures, None) or say(request)

    journal = MemoryJournal()
    runner = new_runner(journal, scorer=ScriptedModel(answer), max_wait=0.05, steps=0)
    assert await asyncio.wait_for(runner.run(), 30) == "finished"
    assert [event.wait for event in journal.events if isinstance(event, Retried)] == [0.05]


async def test_no_wait_is_longer_than_the_time_that_is_left() -> None:
    def busy(request: ChatRequest) -> ModelError:
        return ModelError("429: slower", transient=True, status=429, retry_after=3600)

    runner = new_runner(MemoryJournal(), scorer=ScriptedModel(busy), budget={"minutes": 0.002})
    assert await asyncio.wait_for(runner.run(), 60) == "budget"
    assert runner.stopped_by == "budget.minutes 0.002 reached"


def account(model: str = "openai/m", **keys: Any) -> ModelSettings:
    return ModelSettings(model, **keys)


def test_roles_that_ask_the_same_account_share_its_limits_the_lowest_ones() -> None:
    mine = {"Authorization": "${MINE}"}
    turns = build_turns(
        {
            "scorer": account(requests_per_minute=60),
            "optimizer": account(requests_per_minute=30, tokens_per_minute=600),
            "judge": account(),
            "elsewhere": account(api_base="http://here/v1", requests_per_minute=6),
            "other key": account(extra=ExtraSettings({}, mine), requests_per_minute=6),
            "other model": account("openai/n"),
        }
    )
    assert turns["scorer"] is turns["optimizer"] is turns["judge"]
    assert len(set(map(id, turns.values()))) == 4
    turns["judge"].take(1, 100.0)
    assert turns["scorer"].take(0, 100.0) == (102.0, "requests_per_minute")
    turns["scorer"].correct(0, 99)
    assert turns["optimizer"].take(0, 100.0) == (110.0, "tokens_per_minute")
    turns["other model"].take(10**6, 100.0)
    assert turns["other model"].take(1, 100.0)[0] == 100.0


async def test_two_roles_at_one_address_ask_no_more_in_a_minute_than_one_may() -> None:
    model, journal = ShuffledModel(), MemoryJournal()
    runner = new_runner(journal, evaluator=Judged(), steps=1, scorer=model)
    limited: Any = {"model": "openai/m", "requests_per_minute": 6000}
    runner.settings = replace(
        runner.settings,
        scorer=replace(runner.settings.scorer, **limited),
        roles={"judge": ModelSettings(**limited)},
    )
    runner.models = {**runner.models, "judge": (ScriptedModel(lambda _: "yes"),)}
    runner.__post_init__()
    began = time.monotonic()
    await runner.run()
    calls = sum(runner.state.spend[role].calls for role in ("scorer", "judge"))
    assert time.monotonic() - began >= (calls - 1) * 60 / 6000
