"""Asking again when that may help."""

from __future__ import annotations

import asyncio
import random as rng
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from opro_cli.errors import ModelError

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


async def with_retries(
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
                raise tried(error, attempt) from error
            seconds = wait_after(error, attempt, policy, random)
            on_wait(attempt, seconds, error)
        await sleep(seconds)
        attempt += 1


def tried(error: ModelError, times: int) -> ModelError:
    """`error` with how often it was tried."""
    return ModelError(
        f"{error.message} (tried {times} time{'s' if times != 1 else ''})",
        error.hint,
        transient=error.transient,
        status=error.status,
        retry_after=error.retry_after,
        maybe_billed=error.maybe_billed,
    )
