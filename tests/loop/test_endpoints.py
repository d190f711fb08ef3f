"""Which endpoint takes a call, and what becomes of one that fails; the clock is the test's."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field

import pytest

from opro_cli.calls.endpoints import (
    FIRST_REST_S,
    LONGEST_REST_S,
    Admission,
    ConcurrencyLimit,
    Endpoint,
    Endpoints,
    RateLimiter,
)
from opro_cli.errors import ModelError
from opro_cli.testing.session import ScriptedModel

DOWN = ModelError("refused the connection", transient=True)
BUSY = ModelError("429: slower", transient=True, status=429)
TOO_LONG = ModelError("400: too long", transient=False, status=400, unanswerable=True)
NO_KEY = ModelError("401: no such key", transient=False, status=401)


@pytest.mark.parametrize(
    ("wait", "held"), [(86_400.0, 60.0), (1e297, 60.0), (math.inf, 0.0), (math.nan, 0.0)]
)
def test_no_call_is_held_back_for_longer_than_the_longest_wait(wait: float, held: float) -> None:
    limit = ConcurrencyLimit(4, longest_wait=60.0)
    limit.narrow(0.0, 1000.0, wait, "rate limit")
    assert max(0.0, limit.held_until - 1000.0) == held
    assert limit.limit == 2.0


@dataclass
class Farm:
    """Endpoints A, B, C … of so many places, with weights; time passes by `now` alone."""

    places: tuple[int, ...]
    weights: tuple[float, ...] = ()
    now: float = 100.0
    out: dict[str, str] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        weights = self.weights or (1.0,) * len(self.places)
        self.each = [
            Endpoint(ScriptedModel([]), ConcurrencyLimit(most), weight, name)
            for most, weight, name in zip(self.places, weights, "ABCDE", strict=False)
        ]
        self.all = Endpoints(
            self.each,
            RateLimiter(**self.limits),
            clock=lambda: self.now,
            sleep=self.sleep,
            out=self.out,
        )

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)

    async def enter(self, *, moved: bool = False) -> Admission:
        """A call that must not have to wait."""
        return await asyncio.wait_for(self.all.enter(1, moved=moved), 1)

    async def names(self, calls: int) -> str:
        """Where so many calls go, none of them over."""
        return "".join([(await self.enter()).endpoint.label for _ in range(calls)])

    def answer(self, call: Admission) -> None:
        self.all.record_answer(call)
        self.all.leave(call)

    def fail(self, call: Admission, error: ModelError = DOWN) -> bool:
        elsewhere = self.all.record_failure(call, error, error.message)
        self.all.leave(call)
        return elsewhere


async def test_the_least_loaded_for_its_weight_goes_first() -> None:
    # A 0/2, B 0/1: both free, the heavier. Then B (0 < 0.5), A (0.5 < 1), A (both 1, the heavier).
    assert await Farm((9, 9), (2, 1)).names(6) == "ABAABA"


async def test_a_full_one_is_passed_over() -> None:
    assert await Farm((1, 3)).names(4) == "ABBB"


async def test_calls_queue_once_for_all() -> None:
    farm = Farm((1, 1))
    slow, quick = await farm.enter(), await farm.enter()
    waiting = [asyncio.create_task(farm.all.enter(1)) for _ in range(3)]
    await asyncio.sleep(0)
    for place in range(3):
        assert not waiting[place].done()
        farm.answer(quick)
        quick = await asyncio.wait_for(waiting[place], 1)
        assert quick.endpoint.label == "B"
    assert slow.endpoint.pace.in_flight == 1


async def test_one_that_fails_rests_and_its_call_goes_on_elsewhere_at_once() -> None:
    farm = Farm((4, 4))
    call = await farm.enter()
    assert call.endpoint.label == "A"
    assert farm.fail(call)
    assert farm.out == {"A": "refused the connection"}
    assert (await farm.enter(moved=True)).endpoint.label == "B"
    farm.now += FIRST_REST_S - 0.01
    assert await farm.names(3) == "BBB"


async def test_after_its_rest_one_call_tries_it_and_brings_it_back() -> None:
    farm = Farm((4, 4))
    farm.fail(await farm.enter())
    farm.now += FIRST_REST_S
    # A call that A has failed is not to try it again.
    assert (await farm.enter(moved=True)).endpoint.label == "B"
    probe = await farm.enter()
    assert (probe.endpoint.label, probe.probe) == ("A", True)
    assert await farm.names(2) == "BB"
    farm.now += 1
    farm.answer(probe)
    assert farm.out == {}
    assert await farm.names(2) == "AA"


async def test_each_rest_is_twice_as_long_up_to_the_longest() -> None:
    farm = Farm((4, 4))
    farm.fail(await farm.enter())
    for rest in (2, 4, 8, 16, 32, 60, 60):
        farm.now += rest - 0.01
        other = await farm.enter()
        assert other.endpoint.label == "B"
        farm.answer(other)
        farm.now += 0.01
        probe = await farm.enter()
        assert probe.endpoint.label == "A"
        farm.now += 0.5
        assert farm.fail(probe)
    assert rest == LONGEST_REST_S


async def test_a_volley_that_fails_together_counts_once() -> None:
    farm = Farm((4, 4))
    calls = [await farm.enter() for _ in range(6)]
    of_a = [call for call in calls if call.endpoint.label == "A"]
    farm.now += 1
    for call in of_a:
        assert farm.fail(call)
    farm.now += FIRST_REST_S
    assert (await farm.enter()).endpoint.label == "A"


async def test_what_a_dying_server_still_answers_does_not_bring_it_back() -> None:
    farm = Farm((4, 4))
    early, other, late = [await farm.enter() for _ in range(3)]
    assert (early.endpoint, late.endpoint) == (farm.each[0], farm.each[0])
    farm.now += 1
    farm.fail(late)
    farm.answer(early)
    farm.answer(other)
    assert await farm.names(2) == "BB"


async def test_a_rate_limit_is_over_with_any_answer_and_is_no_outage() -> None:
    farm = Farm((4, 4))
    early, other, late = [await farm.enter() for _ in range(3)]
    farm.now += 1
    assert farm.fail(late, BUSY)
    assert (farm.out, farm.each[0].pace.limit) == ({}, 2)
    assert (await farm.enter()).endpoint.label == "B"
    farm.answer(early)
    assert (await farm.enter()).endpoint.label == "A"
    assert farm.each[1].pace.limit == 4, "each adapts by itself"
    farm.answer(other)


async def test_what_one_asks_to_wait_is_waited_for_that_one_alone() -> None:
    farm = Farm((2, 2))
    farm.fail(await farm.enter(), ModelError("", transient=True, status=429, retry_after=30))
    farm.now += 29
    assert await farm.names(2) == "BB"
    farm.now += 1
    assert await farm.names(1) == "A"


async def test_while_none_is_well_the_one_that_failed_least_is_asked_as_before() -> None:
    farm = Farm((2, 2))
    farm.fail(await farm.enter())
    farm.now += FIRST_REST_S
    assert farm.fail(await farm.enter()), "B is well"
    assert not farm.fail(await farm.enter()), "none is: the retries count"
    assert await farm.names(2) == "BB"
    assert farm.now == 100 + FIRST_REST_S, "without a wait of its own"


async def test_a_request_that_is_refused_for_what_it_says_is_no_fault_of_the_endpoint() -> None:
    farm = Farm((2, 2))
    assert not farm.fail(await farm.enter(), TOO_LONG)
    assert not farm.fail(await farm.enter(), ModelError("400", transient=False, status=400))
    assert await farm.names(1) == "A"
    assert farm.out == {}


async def test_a_refusal_of_one_request_shows_that_the_endpoint_is_back() -> None:
    farm = Farm((2, 2))
    farm.fail(await farm.enter())
    farm.now += FIRST_REST_S
    farm.fail(await farm.enter(), TOO_LONG)
    assert farm.out == {}
    assert await farm.names(1) == "A"


@pytest.mark.parametrize("status", [301, 401, 402, 403, 404, 429, 500])
async def test_one_that_refuses_everybody_is_out_for_good_unless_it_is_the_last(
    status: int,
) -> None:
    error = ModelError("not here", transient=False, status=status)
    error.about = "endpoint" if status in (429, 500) else ""  # no credit, no memory
    farm = Farm((2, 2))
    flying = [await farm.enter() for _ in range(3)]
    assert farm.fail(flying[0], error)
    assert farm.out == {"A": "not here"}
    assert flying[2].endpoint.label == "A"
    farm.answer(flying[2])  # what it has begun it may end
    assert farm.out == {"A": "not here"}
    farm.now += 1000
    assert await farm.names(1) == "B"
    assert not farm.fail(flying[1], error), "as ever, where no other is left"
    assert await farm.names(1) == "B"


async def test_limits_a_minute_are_those_of_all_together() -> None:
    farm = Farm((4, 4), limits={"requests_per_minute": 30})
    assert [(await farm.enter()).since for _ in range(3)] == [100.0, 102.0, 104.0]


async def test_a_probe_that_is_given_up_leaves_the_way_to_the_next() -> None:
    farm = Farm((2, 2))
    farm.fail(await farm.enter())
    farm.now += FIRST_REST_S
    probe = await farm.enter()
    farm.all.leave(probe)  # cancelled
    again = await farm.enter()
    assert (again.endpoint.label, again.probe) == ("A", True)
