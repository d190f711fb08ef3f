"""Ceilings: what fits, what waits for calls in flight, what ends a session."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from opro_cli.calls.budget import Spent, sum_spend
from opro_cli.calls.ledger import Ledger
from opro_cli.core.run.events import Event, InFlight, LimitExceeded, SessionStarted, Uncounted
from opro_cli.core.run.progress import Role
from opro_cli.core.run.spend import Bounds, Cost
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.models import PriceSettings
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.core.task.example import ChatReply, ChatRequest, Message
from opro_cli.errors import BudgetReached, ModelError
from tests.core.runs import answered, new_state

REQUEST = ChatRequest((Message("user", "x" * 136),), 0.0, max_tokens=100)
"""136 bytes and a chat's frame of 64 are 200 tokens of prompt at most, with 100 of reply."""
PRICES: dict[Role, PriceSettings | None] = {
    "scorer": PriceSettings(1.0, 2.0),
    "optimizer": PriceSettings(10.0, 20.0),
}


class Book(Ledger):
    """A ledger with its state, and all events that it wrote down."""

    def __init__(self, state: RunState | None = None, **ceilings: Any) -> None:
        self.state = state or new_state(train=20)
        self.events: list[Event] = []
        budget = BudgetSettings(**ceilings)
        super().__init__(budget, self.state, PRICES, record=self.write, clock=lambda: 0.0)

    def write(self, event: Event) -> None:
        self.events.append(event)
        self.state.apply(event)


def reply(prompt: int | None, completion: int | None, usd: float | None = None) -> ChatReply:
    return ChatReply("a", "stop", prompt, completion, usd)


def test_a_call_may_cost_its_bytes_and_the_longest_reply() -> None:
    assert Book().cost_of("scorer", REQUEST) == Cost(300, 400_000_000, 147)
    assert Book().cost_of("optimizer", REQUEST) == Cost(300, 4_000_000_000, 147)
    accents = ChatRequest((Message("user", "é" * 68),), 0.0, max_tokens=100)
    assert Book().cost_of("scorer", accents).tokens == 300


async def test_what_limits_a_minute_expect_is_learnt_from_the_densest_prompt() -> None:
    book = Book()
    held = await book.reserve("scorer", REQUEST)
    for prompt in (34, 17):  # 4 and 8 bytes a token; the estimate keeps to the 4
        book.record_usage(held, reply(prompt, 1))
        assert book.cost_of("scorer", REQUEST).expected_tokens == 34 + 1 + 100
    assert book.cost_of("scorer", REQUEST).tokens == 300  # the bound is none of the estimate's
    assert book.cost_of("optimizer", REQUEST).expected_tokens == 147


async def test_a_reply_beyond_max_tokens_bounds_all_later_calls() -> None:
    book = Book(tokens=10_000)
    first, second = [await book.reserve("scorer", REQUEST) for _ in range(2)]
    book.record_usage(first, reply(30, 900))
    (learnt,) = [event for event in book.events if isinstance(event, LimitExceeded)]
    assert (learnt.longest_reply, learnt.prompt_overhead, learnt.max_tokens) == (900, 0, 100)
    assert book.cost_of("scorer", REQUEST).tokens == 200 + 900
    assert book.cost_of("optimizer", REQUEST).tokens == 300
    assert second.cost.tokens == 200 + 900  # what is in flight may do the same
    book.record_usage(second, reply(30, 900))
    assert [event for event in book.events if isinstance(event, LimitExceeded)] == [learnt]
    # A resume knows it again.
    assert Book(book.state).cost_of("scorer", REQUEST).tokens == 200 + 900


async def test_a_prompt_that_takes_more_than_its_bytes_bounds_all_later_ones() -> None:
    book = Book()
    held = await book.reserve("scorer", REQUEST)
    book.record_usage(held, reply(136 + 64, 100))
    assert not any(isinstance(event, LimitExceeded) for event in book.events)
    book.record_usage(held, reply(136 + 500, 100))
    assert book.cost_of("scorer", REQUEST).tokens == 136 + 500 + 100
    book.record_usage(held, reply(136 + 300, 100))
    assert book.cost_of("scorer", REQUEST).tokens == 136 + 500 + 100  # the largest, not the last


@pytest.mark.parametrize(
    ("ceilings", "fitting", "says"),
    [
        ({"calls": 3}, 3, "calls 3 reached"),
        ({"tokens": 700}, 2, "tokens 700 reached: 0 are spent, and the next call may take 300"),
        ({"usd": 0.0013}, 3, r"usd 0.0013 reached: \$0.0000 are spent, and the next call may cost"),
        ({"calls": 9, "tokens": 300}, 1, "tokens 300 reached"),
    ],
)
async def test_what_is_in_flight_counts_before_it_is_answered(
    ceilings: dict[str, Any], fitting: int, says: str
) -> None:
    book = Book(**ceilings)
    held = [await book.reserve("scorer", REQUEST) for _ in range(fitting)]
    waiting = asyncio.create_task(book.reserve("scorer", REQUEST))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    for question, each in enumerate(held):
        event = answered("start", question)
        book.state.apply(event)
        spend = book.state.spend["scorer"]
        spend.counted_prompt, spend.counted_completion = 200 * (question + 1), 100 * (question + 1)
        spend.counted_pico_usd = 400_000_000 * (question + 1)
        book.release(each)
    with pytest.raises(BudgetReached, match=says.split(":")[0]):
        await book.reserve("scorer", REQUEST)


async def test_a_call_waits_for_one_in_flight_that_may_turn_out_cheaper() -> None:
    book = Book(tokens=400)
    first = await book.reserve("scorer", REQUEST)
    second = asyncio.create_task(book.reserve("scorer", REQUEST))
    await asyncio.sleep(0)
    assert not second.done()
    book.state.apply(answered("start", 0))  # it took 12 tokens
    book.release(first)
    assert await asyncio.wait_for(second, 5)


async def test_an_answer_that_nobody_counted_is_spent_at_its_bound() -> None:
    book = Book(tokens=650)
    held = await book.reserve("scorer", REQUEST)
    book.record_usage(held, reply(None, None))
    book.state.apply(answered("start", 0, prompt=None, completion=None, usd=None))
    book.release(held)
    assert book.spent() == Spent(1, 300, 400_000_000)
    assert sum_spend(book.state) == Spent(1, 300, 400_000_000)
    await book.reserve("scorer", REQUEST)
    spend = book.state.spend["scorer"]
    assert (spend.calls, spend.prompt_tokens, spend.usd) == (1, None, None)
    assert (spend.uncounted.answered, spend.uncounted.tokens, spend.known_usd) == (1, 300, 0.0)


async def test_an_answer_of_a_free_server_costs_nothing_though_nobody_counted() -> None:
    book = Book()
    held = await book.reserve("scorer", REQUEST)
    book.record_usage(held, reply(None, None, usd=0.0))
    assert book.spent() == Spent(0, 300, 0)


@pytest.mark.parametrize("billed", [True, False])
async def test_a_call_without_an_answer_is_spent_where_it_may_be_billed(billed: bool) -> None:
    book = Book(calls=1)
    held = await book.reserve("scorer", REQUEST)
    book.record_failure(held, ModelError("late", transient=True, maybe_billed=billed))
    book.release(held)
    assert book.spent() == (Spent(1, 300, 400_000_000) if billed else Spent(0, 0, 0))
    if billed:
        with pytest.raises(BudgetReached, match="calls 1 reached"):
            await book.reserve("scorer", REQUEST)
    else:
        await book.reserve("scorer", REQUEST)


async def test_what_was_in_flight_at_a_kill_is_spent() -> None:
    book = Book(tokens=100_000)
    for _ in range(10):
        await book.reserve("scorer", REQUEST)
    book.state.apply(SessionStarted(0.0, 1, "1"))  # another process goes on
    spent = Book(book.state, tokens=100_000).spent()
    # Written down with headroom, so that not every call has to be.
    assert Spent(10, 3_000, 4_000_000_000) <= spent
    assert spent.tokens <= 1.25 * 3_000 + 1
    assert sum(isinstance(event, InFlight) for event in book.events) < 8


async def test_a_kill_never_leaves_more_spent_than_there_is_to_spend() -> None:
    book = Book(tokens=1_000, calls=3)
    held = [await book.reserve("scorer", REQUEST) for _ in range(3)]
    for number, each in enumerate(held):
        assert sum_spend(book.state, in_flight=True) <= Spent(3, 1_000, 10**12)
        event = answered("start", number, prompt=190, completion=100)
        book.state.apply(event)
        book.release(each)
        assert sum_spend(book.state, in_flight=True).tokens <= 1_000
    assert sum_spend(book.state, in_flight=True) == sum_spend(book.state)


async def test_a_session_that_ends_in_order_leaves_nothing_in_flight() -> None:
    book = Book()
    held = [await book.reserve("scorer", REQUEST) for _ in range(4)]
    for each in held:
        book.release(each)
    assert book.state.spend["scorer"].in_flight == Bounds()
    book.state.apply(SessionStarted(0.0, 1, "1"))
    assert book.spent() == Spent(0, 0, 0)


def test_answers_that_an_older_opro_left_uncounted_are_spent_at_the_largest_call() -> None:
    state = new_state(train=20)
    for question in range(2):
        state.apply(answered("start", question, prompt=None, completion=None, usd=None))
    book = Book(state, tokens=10_000)
    book.cost_of("scorer", REQUEST)
    assert book.spent() == Spent(2, 600, 800_000_000)


def test_calls_that_had_no_price_have_one_when_it_becomes_known() -> None:
    state = new_state(train=20)
    state.apply(answered("start", 0, prompt=1_000, completion=10, usd=None))
    state.apply(Uncounted(0.0, "scorer", False, 100, None, "late"))
    assert sum_spend(state) == Spent(2, 1_110, 0)
    # 1,010 tokens at the prices of each, and 100 that may all be of a reply.
    assert Book(state).spent().pico_usd == 1_000_000_000 + 20_000_000 + 200_000_000


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
    book = Book()
    for _ in range(1000):
        await book.reserve("scorer", REQUEST)
