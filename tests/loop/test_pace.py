"""Places, turns a minute, and what a rate limit does to them; the clock is the test's."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from opro_cli.calls.endpoints import Admission, ConcurrencyLimit, Endpoint, Endpoints, RateLimiter
from opro_cli.errors import ModelError
from opro_cli.testing.session import ScriptedModel


@dataclass
class Clock:
    """Time that passes only when somebody sleeps."""

    now: float = 100.0
    slept: list[float] = field(default_factory=list)
    said: list[tuple[float, str]] = field(default_factory=list)

    def pace(self, concurrency: int, **limits: int) -> Endpoints:
        """Admission to a model of one endpoint."""
        return Endpoints(
            [Endpoint(ScriptedModel([]), ConcurrencyLimit(concurrency))],
            RateLimiter(**limits),
            clock=lambda: self.now,
            sleep=self.sleep,
            on_wait=lambda until, why: self.said.append((until - self.now, why)),
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def only(pace: Endpoints) -> ConcurrencyLimit:
    (endpoint,) = pace.all
    return endpoint.pace


async def test_no_more_calls_than_places_and_in_order() -> None:
    pace = Clock().pace(2)
    entered: list[int] = []
    inside: list[Admission] = []

    async def call(number: int) -> None:
        inside.append(await pace.enter(1))
        entered.append(number)

    tasks = [asyncio.create_task(call(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert entered == [0, 1]
    pace.leave(inside.pop())
    await asyncio.sleep(0)
    assert entered == [0, 1, 2]
    for _ in range(4):
        pace.leave(inside.pop())
        await asyncio.sleep(0)
    assert entered == [0, 1, 2, 3, 4]
    await asyncio.gather(*tasks)
    assert only(pace).in_flight == 0


async def test_requests_a_minute_are_spaced_evenly() -> None:
    clock = Clock()
    pace = clock.pace(100, requests_per_minute=30)
    times = [(await pace.enter(1)).since for _ in range(4)]
    assert times == [100.0, 102.0, 104.0, 106.0]
    assert clock.said == [(2.0, "requests_per_minute")] * 3


async def test_tokens_a_minute_count_what_calls_took_and_not_what_was_feared() -> None:
    clock = Clock()
    pace = clock.pace(100, tokens_per_minute=600)
    first = await pace.enter(100)  # ten seconds' worth
    pace.leave(first, 100, used=40)  # it was four
    assert (await pace.enter(10)).since == pytest.approx(104.0)
    ((wait, why),) = clock.said
    assert (round(wait, 6), why) == (4.0, "tokens_per_minute")


BUSY = ModelError("429: slower", transient=True, status=429)


async def test_a_rate_limit_halves_once_a_volley_and_answers_give_back() -> None:
    clock = Clock()
    pace = clock.pace(8)
    admitted = [await pace.enter(1) for _ in range(8)]
    clock.now += 1
    for at in admitted:
        assert not pace.record_failure(at, BUSY, "rate limit")
        pace.leave(at)
    assert only(pace).limit == 4
    clock.now += 1
    later = await pace.enter(1)
    clock.now += 1
    pace.record_failure(later, BUSY, "rate limit")
    assert only(pace).limit == 2
    for _ in range(100):
        pace.record_answer(later)
    assert only(pace).limit == 8


async def test_it_never_goes_below_one_place() -> None:
    clock = Clock()
    pace = clock.pace(2)
    for _ in range(5):
        at = await pace.enter(1)
        clock.now += 1
        pace.record_failure(at, BUSY, "rate limit")
        pace.leave(at)
    assert only(pace).limit == 1
    await pace.enter(1)


async def test_what_the_provider_asks_to_wait_is_waited_by_the_next_call() -> None:
    clock = Clock()
    pace = clock.pace(4)
    at = await pace.enter(1)
    wait = ModelError("429", transient=True, status=429, retry_after=12.0)
    pace.record_failure(at, wait, "rate limit")
    assert (await pace.enter(1)).since == 112.0
    assert clock.said == [(12.0, "rate limit")]


async def test_a_call_that_is_given_up_while_it_waits_leaves_its_place() -> None:
    pace = Clock().pace(1)
    first = await pace.enter(1)
    waiting = asyncio.create_task(pace.enter(1))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    pace.leave(first)
    await asyncio.wait_for(pace.enter(1), 5)
    assert only(pace).in_flight == 1


async def test_a_place_given_to_a_call_that_was_just_cancelled_goes_on_to_the_next() -> None:
    pace = Clock().pace(1)
    here = await pace.enter(1)
    first, second = (asyncio.create_task(pace.enter(1)) for _ in range(2))
    await asyncio.sleep(0)
    pace.leave(here)  # the first has the place now, and does not know yet
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await asyncio.wait_for(second, 5)
    assert only(pace).in_flight == 1
