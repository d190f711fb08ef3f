"""Ceilings: what fits, what waits for calls in flight, what ends a session."""

from __future__ import annotations

import asyncio

import pytest

from opro_cli.core.model import ChatRequest, Message
from opro_cli.core.settings import BudgetSettings, PriceSettings
from opro_cli.engine.budget import Cost, Ledger
from opro_cli.errors import BudgetReached
from tests.core.runs import answered, new_state

REQUEST = ChatRequest((Message("user", "x" * 297),), 0.0, max_tokens=100)
"""99 tokens and one of prompt, and 100 of reply at most."""


def ledger(**ceilings: float) -> Ledger:
    budget = BudgetSettings(**ceilings)  # type: ignore[arg-type]
    prices = {"scorer": PriceSettings(1.0, 2.0), "optimizer": PriceSettings(10.0, 20.0)}
    return Ledger(budget, new_state(train=20), prices, clock=lambda: 0.0)  # type: ignore[arg-type]


def test_a_call_may_cost_its_prompt_and_the_longest_reply() -> None:
    assert ledger().cost_of("scorer", REQUEST) == Cost(200, 300_000_000, 200)
    assert ledger().cost_of("optimizer", REQUEST) == Cost(200, 3_000_000_000, 200)


async def test_what_the_provider_counts_makes_the_next_guess_better() -> None:
    book = ledger()
    book.learn("scorer", REQUEST, 50)
    assert book.cost_of("scorer", REQUEST).tokens == 51 + 100
    assert book.cost_of("optimizer", REQUEST).tokens == 200


@pytest.mark.parametrize(
    ("ceilings", "fitting", "says"),
    [
        ({"calls": 3}, 3, "calls 3 reached"),
        ({"tokens": 500}, 2, "tokens 500 reached: 0 are spent, and the next call may take 200"),
        ({"usd": 0.001}, 3, r"usd 0.001 reached: \$0.0000 are spent, and the next call may cost"),
        ({"calls": 9, "tokens": 200}, 1, "tokens 200 reached"),
    ],
)
async def test_what_is_in_flight_counts_before_it_is_answered(
    ceilings: dict[str, float], fitting: int, says: str
) -> None:
    book = ledger(**ceilings)
    tickets = [await book.reserve("scorer", REQUEST) for _ in range(fitting)]
    waiting = asyncio.create_task(book.reserve("scorer", REQUEST))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    state = book._state
    for question, ticket in enumerate(tickets):
        event = answered("start", question)
        state.apply(event)
        state.spend["scorer"].prompt_tokens = 100 * (question + 1)
        state.spend["scorer"].completion_tokens = 100 * (question + 1)
        state.spend["scorer"].pico_usd = 300_000_000 * (question + 1)
        book.release(ticket)
    with pytest.raises(BudgetReached, match=says.split(":")[0]):
        await book.reserve("scorer", REQUEST)


async def test_a_call_waits_for_one_in_flight_that_may_turn_out_cheaper() -> None:
    book = ledger(tokens=300)
    first = await book.reserve("scorer", REQUEST)
    second = asyncio.create_task(book.reserve("scorer", REQUEST))
    await asyncio.sleep(0)
    assert not second.done()
    book._state.apply(answered("start", 0))  # it took 12 tokens
    book.release(first)
    assert await asyncio.wait_for(second, 5)


async def test_minutes_end_at_once_and_count_earlier_sessions() -> None:
    now = [1000.0]
    state = new_state()
    state.working_seconds = 50.0
    book = Ledger(BudgetSettings(minutes=1), state, {}, clock=lambda: now[0])
    await book.reserve("scorer", REQUEST)
    now[0] += 11.0
    with pytest.raises(BudgetReached, match="minutes 1 reached"):
        await book.reserve("scorer", REQUEST)


async def test_no_ceiling_holds_nothing_back() -> None:
    book = ledger()
    for _ in range(1000):
        await book.reserve("scorer", REQUEST)
