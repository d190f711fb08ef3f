"""Asking again, on a clock that only moves when somebody sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from opro_cli.calls.attempts import RetryPolicy, call_with_retries
from opro_cli.core.task.example import ChatReply
from opro_cli.errors import ModelError
from opro_cli.testing.session import ScriptedModel
from tests.server import Fault
from tests.wire.conftest import Wire, asking


@dataclass
class Clock:
    """Sleeps at once and remembers for how long; `told` is what on_wait heard."""

    slept: list[float] = field(default_factory=list)
    told: list[tuple[int, float, str]] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def on_wait(self, attempt: int, seconds: float, error: ModelError) -> None:
        self.told.append((attempt, seconds, error.message))


def busy(retry_after: float | None = None) -> ModelError:
    return ModelError("busy", "wait", transient=True, status=429, retry_after=retry_after)


async def ask(
    model: ScriptedModel,
    clock: Clock,
    policy: RetryPolicy | None = None,
    random: Callable[[], float] = lambda: 0.5,
) -> ChatReply:
    return await call_with_retries(
        lambda: model.reply(asking()),
        policy=policy or RetryPolicy(),
        sleep=clock.sleep,
        random=random,
        on_wait=clock.on_wait,
    )


async def test_an_answer_is_not_asked_for_twice() -> None:
    model, clock = ScriptedModel(["yes"]), Clock()
    assert (await ask(model, clock)).text == "yes"
    assert clock.slept == []


async def test_each_wait_may_last_twice_as_long() -> None:
    model, clock = ScriptedModel([busy()] * 4 + ["yes"]), Clock()
    assert (await ask(model, clock, RetryPolicy(base=2.0))).text == "yes"
    assert clock.slept == [1.0, 2.0, 4.0, 8.0], "half (the jitter drawn) of 2, 4, 8, 16"
    assert clock.told == [(i + 1, s, "busy") for i, s in enumerate(clock.slept)]


async def test_full_jitter_may_be_nothing() -> None:
    model, clock = ScriptedModel([busy(), "yes"]), Clock()
    await ask(model, clock, random=lambda: 0.0)
    assert clock.slept == [0.0]


async def test_what_the_provider_asked_for_is_waited_at_least() -> None:
    model, clock = ScriptedModel([busy(20.0), busy(), "yes"]), Clock()
    await ask(model, clock)
    assert clock.slept == [20.5, 1.0]


async def test_no_wait_exceeds_the_longest() -> None:
    model, clock = ScriptedModel([busy(3600.0), "yes"]), Clock()
    await ask(model, clock, RetryPolicy(max_wait=60.0))
    assert clock.slept == [60.0]


async def test_the_last_error_says_how_often_it_was_tried() -> None:
    model, clock = ScriptedModel([busy()] * 2 + [busy(9.0)]), Clock()
    with pytest.raises(ModelError) as caught:
        await ask(model, clock, RetryPolicy(attempts=3))
    error = caught.value
    assert error.message == "busy (tried 3 times)"
    assert (error.hint, error.status, error.retry_after) == ("wait", 429, 9.0)
    assert error.transient
    assert len(clock.slept) == 2


async def test_a_permanent_error_is_raised_at_once() -> None:
    wrong = ModelError("no such model", transient=False, status=404)
    model, clock = ScriptedModel([wrong]), Clock()
    with pytest.raises(ModelError) as caught:
        await ask(model, clock)
    assert caught.value is wrong
    assert clock.slept == []


async def test_other_exceptions_pass() -> None:
    with pytest.raises(asyncio.CancelledError):
        await call_with_retries(cancelled, policy=RetryPolicy())


async def cancelled() -> ChatReply:
    raise asyncio.CancelledError


def test_at_least_one_attempt() -> None:
    with pytest.raises(ValueError, match="at least one"):
        RetryPolicy(attempts=0)


async def test_retry_after_from_the_wire_is_honoured(wire: Wire) -> None:
    await wire.serve(faults={0: Fault.http(429, "slower", Retry_After="3"), 1: Fault("reset")})
    model, clock = wire.model(), Clock()
    reply = await call_with_retries(
        lambda: model.reply(asking("hi")),
        policy=RetryPolicy(),
        sleep=clock.sleep,
        random=lambda: 0.0,
    )
    assert reply.text.endswith("of: hi")
    assert clock.slept == [3.0, 0.0]
    assert [entry.status for entry in wire.server.requests] == [429, None, 200]


@pytest.mark.parametrize(
    ("words", "slept"),
    [
        ("too many tokens per day", [0.0]),
        ("tokens per day (TPD): try again in 2h9m", []),
        ("tokens per day (TPD): try again in 1m5s", [65.0] * 3),
    ],
)
async def test_a_limit_of_a_day_is_tried_again_where_that_can_help(
    wire: Wire, words: str, slept: list[float]
) -> None:
    await wire.serve(faults=lambda number: Fault.http(429, words) if number < 3 else None)
    model, clock = wire.model(), Clock()

    async def retry() -> ChatReply:
        return await call_with_retries(
            lambda: model.reply(asking("hi")),
            policy=RetryPolicy(),
            sleep=clock.sleep,
            random=lambda: 0.0,
        )

    if len(slept) == 3:
        assert (await retry()).text.endswith("of: hi")
    else:
        with pytest.raises(ModelError, match=r"tried 2 times" if slept else r"2h9m\Z"):
            await retry()
        assert len(wire.server.requests) == len(slept) + 1
    assert clock.slept == slept


async def test_the_last_error_says_what_the_failures_may_have_cost() -> None:
    for may in (True, False):
        lost = ModelError("lost", transient=True, maybe_billed=may)
        with pytest.raises(ModelError, match=r"lost \(tried 2 times\)") as caught:
            await ask(ScriptedModel([lost, lost]), Clock(), RetryPolicy(attempts=2))
        assert caught.value.maybe_billed is may
