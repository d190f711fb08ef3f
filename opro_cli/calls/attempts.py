"""One attempt of a call under limits shared with other processes, and its retries."""

from __future__ import annotations

import asyncio
import random as rng
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from opro_cli.calls.endpoints import is_congested
from opro_cli.calls.ledger import count_tokens
from opro_cli.core.run.spend import Cost
from opro_cli.core.task.example import ChatReply
from opro_cli.errors import ModelError
from opro_cli.ports import SharedLimits

Reply = TypeVar("Reply")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient to be.

    attempts: calls in all, the first one included.
    base: seconds that the first wait may last; each further wait may last twice as long.
    max_wait: seconds that no wait exceeds, not even one that a provider asked for.
    """

    attempts: int = 8
    base: float = 1.0
    max_wait: float = 300.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"at least one attempt is needed, not {self.attempts}")


def wait_after(
    error: ModelError, attempt: int, policy: RetryPolicy, random: Callable[[], float]
) -> float:
    """Seconds to pause after failed attempt number `attempt`.

    Full jitter (Brooker, "Exponential Backoff and Jitter", AWS 2015) on top of what the provider
    asked for: many calls that are told the same number of seconds must not come back together.
    """
    jitter = random() * policy.base * 2.0 ** (attempt - 1)
    return min(policy.max_wait, (error.retry_after or 0.0) + jitter)


async def call_with_retries(
    call: Callable[[], Awaitable[Reply]],
    *,
    policy: RetryPolicy,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    random: Callable[[], float] = rng.random,
    counts: Callable[[ModelError], bool] = lambda _: True,
    on_wait: Callable[[int, float, ModelError], None] = lambda *_: None,
) -> Reply:
    """The reply of `call`, asked again after transient errors.

    random: numbers in [0, 1).
    counts: is this failure one of the `attempts`? One that is not starts them anew.
    on_wait: told of each pause before it begins: which attempt failed (1, 2, ...), the seconds
        to the next one, and the error.
    Raises the ModelError of the last attempt, with how often it was tried; a permanent one at once.
    """
    attempt = 1
    while True:
        try:
            return await call()
        except ModelError as error:
            if not error.transient:
                raise
            if not counts(error):
                attempt = 1
            if attempt >= policy.attempts:
                raise count_tries(error, attempt) from error
            seconds = wait_after(error, attempt, policy, random)
            on_wait(attempt, seconds, error)
        await sleep(seconds)
        attempt += 1


def count_tries(error: ModelError, times: int) -> ModelError:
    """`error` with how often it was tried."""
    return ModelError(
        f"{error.message} (tried {times} time{'s' if times != 1 else ''})",
        error.hint,
        transient=error.transient,
        status=error.status,
        retry_after=error.retry_after,
        maybe_billed=error.maybe_billed,
    )


@dataclass(slots=True)
class SharedCall:
    """Tokens and dollars (in whole 1e-12) of a call, None where nobody counted."""

    tokens: int | None = None
    pico_usd: int | None = None

    def took(self, reply: ChatReply) -> None:
        """It was answered with this."""
        self.tokens = count_tokens(reply)
        self.pico_usd = None if reply.usd is None else round(reply.usd * 1e12)


@asynccontextmanager
async def enter_shared_limits(
    limits: SharedLimits | None,
    address: str,
    cost: Cost,
    wait: Callable[[Awaitable[int]], Awaitable[int]],
) -> AsyncIterator[SharedCall]:
    """Around a call to an endpoint of this address that costs so much at most.

    wait: awaits the permit, and may raise to end the waiting. Raises BudgetReached.
    """
    call = SharedCall()
    if limits is None:
        yield call
        return
    permit = await wait(limits.enter(address, cost))
    try:
        yield call
    except ModelError as error:
        if error.maybe_billed:
            limits.lost(permit)
            raise
        limits.failed(permit, error.retry_after, congested=is_congested(error))
        raise
    except BaseException:
        limits.lost(permit)
        raise
    limits.answered(permit, call.tokens, call.pico_usd)
