"""A run under limits that it shares with others: asked before every call, told after it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from opro_cli.calls.budget import sum_spend
from opro_cli.core.run.spend import Cost
from opro_cli.core.settings.models import PriceSettings
from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.errors import BudgetReached, Interrupted, ModelError
from tests.loop.runs import MemoryJournal, ShuffledModel, new_runner, outcome


class Permits:
    """Limits that let so many calls go, and remember what became of them."""

    def __init__(self, many: int | None = None, over: Exception | None = None) -> None:
        self.many, self.over = many, over
        self.asked: list[tuple[str, Cost]] = []
        self.open: set[int] = set()
        self.told: list[tuple[Any, ...]] = []
        self.waits = asyncio.Event()

    async def enter(self, address: str, cost: Cost) -> int:
        self.asked.append((address, cost))
        number = len(self.asked)
        if self.many is not None and number > self.many:
            if self.over is not None:
                raise self.over
            self.waits.set()
            await asyncio.Event().wait()
        self.open.add(number)
        return number

    def record_answer(self, permit: int, tokens: int | None, pico_usd: int | None) -> None:
        self._over(permit, "answered", tokens, pico_usd)

    def record_failure(self, permit: int, wait: float | None, *, congested: bool) -> None:
        self._over(permit, "failed", wait, congested)

    def record_loss(self, permit: int) -> None:
        self._over(permit, "lost")

    async def aclose(self) -> None:
        pass

    def _over(self, permit: int, *how: Any) -> None:
        self.open.remove(permit)
        self.told.append(how)


async def test_every_call_has_a_permit_and_gives_it_back_with_what_it_took() -> None:
    permits, model = Permits(), ShuffledModel()
    priced = {"price": PriceSettings(input=1.0, output=2.0)}
    runner = new_runner(
        MemoryJournal(), scorer=model, shared=permits, scoring=priced, proposing=priced
    )
    assert await runner.run() == "finished"
    assert len(permits.asked) == len(model.requests)
    assert not permits.open
    assert {how for how, *_ in permits.told} == {"answered"}
    spent = sum_spend(runner.state)
    assert sum(tokens for _, tokens, _ in permits.told) == spent.tokens > 0
    assert sum(pico_usd for _, _, pico_usd in permits.told) == spent.pico_usd > 0
    assert {address for address, *_ in permits.asked} == {"scripted/scorer", "scripted/optimizer"}


async def test_a_run_that_shares_limits_comes_to_the_same() -> None:
    alone = new_runner(MemoryJournal())
    await alone.run()
    runner = new_runner(MemoryJournal(), shared=Permits())
    await runner.run()
    assert outcome(runner) == outcome(alone)


async def test_it_asks_for_the_most_that_a_call_may_cost() -> None:
    permits = Permits()
    await new_runner(MemoryJournal(), shared=permits, scoring={"max_tokens": 77}, steps=0).run()
    assert all(cost.tokens > cost.expected_tokens > 77 for _, cost in permits.asked)


async def test_where_all_together_have_spent_enough_the_run_ends_as_by_its_own_budget() -> None:
    over = BudgetReached("usd 5 reached (over all cells of the sweep)")
    permits, model = Permits(9, over), ShuffledModel()
    runner = new_runner(MemoryJournal(), scorer=model, shared=permits)
    assert await runner.run() == "budget"
    assert runner.stopped_by == "budget.usd 5 reached (over all cells of the sweep)"
    assert len(model.requests) == 9
    assert not permits.open


async def test_a_stop_does_not_wait_for_a_permit() -> None:
    permits, model = Permits(9), ShuffledModel()
    runner = new_runner(MemoryJournal(), scorer=model, shared=permits)
    work = asyncio.create_task(runner.run())
    await asyncio.wait_for(permits.waits.wait(), 30)
    runner.stop()
    assert await asyncio.wait_for(work, 30) == "interrupted"
    assert len(model.requests) == 9
    assert not permits.open


async def test_the_sweep_that_has_gone_ends_the_run() -> None:
    permits = Permits(9, Interrupted("the sweep has gone"))
    runner = new_runner(MemoryJournal(), shared=permits)
    with pytest.raises(Interrupted, match="has gone"):
        await runner.run()
    assert not permits.open


async def test_failed_calls_give_their_permit_back_and_say_how() -> None:
    model = ShuffledModel()
    failures = iter(
        [
            ModelError("429: slower", transient=True, status=429, retry_after=0.01),
            ModelError("500", transient=True, status=500),
        ]
    )

    async def reply(request: ChatRequest) -> ChatReply:
        error = next(failures, None)
        if error is not None:
            raise error
        return await ShuffledModel.reply(model, request)

    model.reply = reply  # type: ignore[method-assign]
    permits = Permits()
    runner = new_runner(MemoryJournal(), scorer=model, shared=permits, concurrency=1, steps=0)
    assert await runner.run() == "finished"
    assert permits.told[:2] == [("failed", 0.01, True), ("failed", None, False)]
    assert Counter(how for how, *_ in permits.told)["answered"] == len(model.requests)
    assert not permits.open


async def test_a_call_that_is_cut_off_is_lost() -> None:
    model = ShuffledModel()
    begun = asyncio.Event()

    async def reply(request: ChatRequest) -> ChatReply:
        begun.set()
        await asyncio.Event().wait()
        return await ShuffledModel.reply(model, request)

    model.reply = reply  # type: ignore[method-assign]
    permits = Permits()
    runner = new_runner(MemoryJournal(), scorer=model, shared=permits, concurrency=1)
    work = asyncio.create_task(runner.run())
    await asyncio.wait_for(begun.wait(), 30)
    work.cancel()
    await asyncio.wait([work])
    assert permits.told == [("lost",)]
    assert not permits.open
