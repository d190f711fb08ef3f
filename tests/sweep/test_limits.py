"""One budget and one set of limits over calls of several cells."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.calls.budget import Spent
from opro_cli.calls.endpoints import ConcurrencyLimit, RateLimiter
from opro_cli.core.run.spend import Cost
from opro_cli.core.settings.models import EndpointSettings, ModelSettings, ScorerSettings
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.errors import BudgetReached
from opro_cli.sweep.claims import NOTHING
from opro_cli.sweep.limits import Permits, build_permits, limit_budget, share_settings
from tests.sweep.sweeps import limits_of


def served(concurrency: int = 8, **more: int) -> ModelSettings:
    return ScorerSettings("openai/m", "http://one/v1", concurrency=concurrency, **more)  # type: ignore[arg-type]


async def turns_of_the_loop() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_places_are_given_in_the_order_of_asking() -> None:
    door = Permits(ConcurrencyLimit(1), RateLimiter())
    await door.enter(0)
    order: list[str] = []

    async def wait(name: str) -> None:
        await door.enter(0)
        order.append(name)

    async with asyncio.TaskGroup() as group:
        for name in ("first", "second"):
            group.create_task(wait(name))
            await turns_of_the_loop()
        assert order == []
        door.leave()
        await turns_of_the_loop()
        assert order == ["first"]
        door.leave()
    assert order == ["first", "second"]
    assert door.pace.in_flight == 1


async def test_whoever_stops_waiting_holds_up_nobody() -> None:
    door = Permits(ConcurrencyLimit(1), RateLimiter())
    await door.enter(0)
    given_up, patient = (asyncio.create_task(door.enter(0)) for _ in range(2))
    await turns_of_the_loop()
    given_up.cancel()
    door.leave()
    await asyncio.wait_for(patient, 30)
    assert door.pace.in_flight == 1


async def test_one_who_is_let_in_and_cancelled_at_once_gives_the_place_back() -> None:
    door = Permits(ConcurrencyLimit(1), RateLimiter())
    await door.enter(0)
    unlucky = asyncio.create_task(door.enter(0))
    await turns_of_the_loop()
    door.leave()  # it has the place now, and has not run since
    unlucky.cancel()
    await asyncio.wait([unlucky])
    assert door.pace.in_flight == 0


def test_the_lowest_limit_of_all_cells_holds_at_an_endpoint() -> None:
    doors = build_permits([served(8), served(3, requests_per_minute=60), served(5)])
    (door,) = doors.values()
    assert door.pace.most == 3
    door.turns.take(0, 100.0)
    assert door.turns.take(0, 100.0) == (101.0, "requests_per_minute")


def test_every_endpoint_has_places_of_its_own_and_the_model_one_set_of_turns() -> None:
    two = (EndpointSettings("http://one/v1"), EndpointSettings("http://two/v1"))
    model = replace(served(6, requests_per_minute=60), api_base=None, endpoints=two)
    doors = build_permits([model])
    assert {key: door.pace.most for key, door in doors.items()} == {
        "openai/m http://one/v1": 3,
        "openai/m http://two/v1": 3,
    }
    one, two_ = doors.values()
    assert one.turns is two_.turns


def test_embedded_models_share_nothing() -> None:
    assert build_permits([ScorerSettings("embedded/tiny-mistral")]) == {}


def test_shards_have_their_parts_of_the_limits() -> None:
    (door,) = build_permits([served(8, requests_per_minute=60)], parts=4).values()
    assert door.pace.most == 2
    door.turns.take(0, 0.0)
    assert door.turns.take(0, 0.0)[0] == 4.0
    (narrow,) = build_permits([served(2)], parts=4).values()
    assert narrow.pace.most == 1
    whole = BudgetSettings(usd=2.0, calls=10, tokens=9)
    assert share_settings(whole, 4) == BudgetSettings(usd=0.5, calls=2, tokens=2)
    assert share_settings(BudgetSettings(), 4) == BudgetSettings()


def test_a_cell_may_spend_the_lower_of_its_own_ceiling_and_the_sweeps() -> None:
    own, all_cells = BudgetSettings(usd=1.0, minutes=5), BudgetSettings(usd=3.0, tokens=7)
    assert limit_budget(own, all_cells) == BudgetSettings(usd=1.0, tokens=7, minutes=5)


def test_calls_for_all_cells_are_no_budget_of_one() -> None:
    """A search is laid out by its own, and nobody knows what of a shared one will be left."""
    assert limit_budget(BudgetSettings(), BudgetSettings(calls=7)) == BudgetSettings()
    assert limit_budget(BudgetSettings(calls=9), BudgetSettings(calls=7)).calls == 9


async def test_what_cells_spent_before_counts() -> None:
    limits = limits_of(BudgetSettings(calls=3), {}, Spent(2, 0, 0))
    leave = await limits.enter("m", Cost(1, 1))
    limits.record_answer(leave, 1, 1)
    with pytest.raises(BudgetReached, match="calls 3 reached"):
        await limits.enter("m", Cost(1, 1))
    assert limits.over == "calls 3 reached"


async def test_a_call_waits_while_one_in_flight_may_turn_out_cheaper() -> None:
    limits = limits_of(BudgetSettings(tokens=100))
    first = await limits.enter("m", Cost(80, 0))
    second = asyncio.create_task(limits.enter("m", Cost(60, 0)))
    await turns_of_the_loop()
    assert not second.done()
    limits.record_answer(first, 30, None)
    await asyncio.wait_for(second, 30)
    assert limits.budget.spent_by_all == Spent(1, 30, 0)


async def test_a_call_that_gives_up_before_a_full_endpoint_sets_nothing_aside() -> None:
    limits = limits_of(BudgetSettings(calls=2), {"m": Permits(ConcurrencyLimit(1), RateLimiter())})
    await limits.enter("m", Cost(1, 1))
    impatient = asyncio.create_task(limits.enter("m", Cost(1, 1)))
    await turns_of_the_loop()
    impatient.cancel()
    await asyncio.wait([impatient])
    await asyncio.wait_for(limits.enter("elsewhere", Cost(1, 1)), 30)


async def test_failed_calls_cost_nothing_and_lost_ones_their_most() -> None:
    limits = limits_of(BudgetSettings())
    limits.record_failure(await limits.enter("m", Cost(5, 50)), None, congested=False)
    assert limits.budget.spent_by_all == NOTHING
    limits.record_loss(await limits.enter("m", Cost(5, 50)))
    limits.record_answer(await limits.enter("m", Cost(7, 70)), None, None)
    assert limits.budget.spent_by_all == Spent(2, 12, 120)


async def test_a_providers_limit_that_one_cell_meets_holds_for_all() -> None:
    doors = build_permits([served(4)])
    (address,) = doors
    limits = limits_of(BudgetSettings(), doors)
    leave = await limits.enter(address, Cost(1, 1))
    limits.record_failure(leave, 3600.0, congested=True)
    assert doors[address].pace.limit == 2
    other = asyncio.create_task(limits.enter(address, Cost(1, 1)))
    await turns_of_the_loop()
    assert not other.done()
    other.cancel()
    await asyncio.wait([other])
    assert doors[address].pace.in_flight == 0


async def test_limits_a_minute_count_the_tokens_that_a_call_probably_takes() -> None:
    door = Permits(ConcurrencyLimit(2), RateLimiter(tokens_per_minute=60_000))
    limits = limits_of(BudgetSettings(tokens=1000), {"m": door})
    leave = await limits.enter("m", Cost(900, 0, expected_tokens=100))
    now = time.monotonic()
    assert door.turns.take(0, now)[0] == pytest.approx(now + 0.1, abs=0.05)
    limits.record_answer(leave, 150, 0)
    assert door.turns.take(0, now)[0] == pytest.approx(now + 0.15, abs=0.05)
    assert limits.budget.spent_by_all == Spent(1, 150, 0)


async def test_a_lost_call_says_nothing_about_the_providers_limits() -> None:
    door = Permits(ConcurrencyLimit(4), RateLimiter())
    limits = limits_of(BudgetSettings(), {"m": door})
    limits.record_loss(await limits.enter("m", Cost(5, 50)))
    assert (door.pace.limit, door.pace.in_flight) == (4.0, 0)


async def test_what_a_provider_bills_beyond_the_bound_counts() -> None:
    limits = limits_of(BudgetSettings(tokens=100))
    limits.record_answer(await limits.enter("m", Cost(10, 0)), 95, 0)
    with pytest.raises(BudgetReached, match=r"tokens 100 reached: 95 are spent"):
        await limits.enter("m", Cost(10, 0))


async def test_a_provider_cannot_talk_the_bill_down() -> None:
    limits = limits_of(BudgetSettings(tokens=100))
    limits.record_answer(await limits.enter("m", Cost(10, 0)), -1000, -5)
    assert limits.budget.spent_by_all == Spent(1, 0, 0)


CALLS = st.tuples(
    st.integers(1, 40),  # tokens at most
    st.sampled_from(["answered", "failed", "lost", "in flight"]),
    st.integers(0, 100),  # per cent of the most that it takes
)


@given(st.lists(CALLS, max_size=40), st.integers(1, 400), st.integers(1, 20))
def test_the_budget_is_never_overshot(
    calls: list[tuple[int, str, int]], tokens: int, most_calls: int
) -> None:
    async def work() -> None:
        limits = limits_of(BudgetSettings(tokens=tokens, calls=most_calls))
        flying: list[int] = []
        for most, how, per_cent in calls:
            task = asyncio.ensure_future(limits.enter("m", Cost(most, 0)))
            await turns_of_the_loop()
            if not task.done():  # it waits for those in flight
                task.cancel()
                await asyncio.wait([task])
                continue
            if task.exception() is not None:
                assert isinstance(task.exception(), BudgetReached)
                continue
            leave = task.result()
            match how:
                case "answered":
                    limits.record_answer(leave, most * per_cent // 100, None)
                case "failed":
                    limits.record_failure(leave, None, congested=False)
                case "lost":
                    limits.record_loss(leave)
                case _:
                    flying.append(most)
            spent = limits.budget.spent_by_all
            assert spent.tokens + sum(flying) <= tokens
            assert spent.calls + len(flying) <= most_calls

    asyncio.run(work())
