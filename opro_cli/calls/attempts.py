"""Parts of one call: known answers, retries, and limits shared with other processes."""

from __future__ import annotations

import asyncio
import math
import random as rng
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

from opro_cli.calls.budget import read_clock
from opro_cli.calls.endpoints import LONGEST_WAIT_S, is_congested
from opro_cli.calls.ledger import count_tokens
from opro_cli.core.run.events import Via
from opro_cli.core.run.progress import Role
from opro_cli.core.run.spend import Cost
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import ChatReply, ChatRequest, Choice
from opro_cli.errors import ModelError
from opro_cli.ports import AnswerCache, SharedLimits


@dataclass(frozen=True, slots=True)
class TimedReply:
    """A reply and how it was come by.

    Attributes:
        reply: As it came; it is read and graded, and not kept.
        seconds: Of the successful call, 0 where there was none.
        redacted: The reply without keys that were sent, for the journal and the cache; None where
            it holds none.
    """

    reply: ChatReply
    seconds: float
    via: Via = "call"
    redacted: ChatReply | None = None

    @property
    def recorded(self) -> ChatReply:
        """The reply as it may be written down."""
        return self.redacted or self.reply


def remove_keys(reply: ChatReply, redact: Callable[[str], str]) -> ChatReply:
    """Return the reply with `redact` applied to every text of it."""

    def clean(each: Said) -> Said:
        return replace(each, text=redact(each.text), finish_reason=redact(each.finish_reason))

    return replace(clean(reply), more=tuple(map(clean, reply.more)))


def describe_reply(answered: TimedReply) -> dict[str, Any]:
    """Return the fields that every event of an answered request has."""
    return {**describe_call(answered), "via": answered.via}


def describe_answer(answered: TimedReply) -> dict[str, Any]:
    """Return the fields that every event of the reply to a question has."""
    return {**describe_reply(answered), "took": answered.recorded.took}


def describe_call(answered: TimedReply) -> dict[str, Any]:
    """Return those fields but `via`, for requests that always cost a call."""
    reply = answered.recorded
    return {
        "at": read_clock(),
        "text": reply.text,
        "finish_reason": reply.finish_reason,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "reasoning_tokens": reply.reasoning_tokens,
        "usd": reply.usd,
        "seconds": answered.seconds,
    }


class CacheSlot(NamedTuple):
    """The slot of a cache for the answer to a request; equal requests have an equal one."""

    cache: AnswerCache
    key: bytes


class AnswerLookup:
    """Answers that are known, by request. A role without a cache is always asked."""

    def __init__(self, settings: Settings, caches: Mapping[Role, AnswerCache]) -> None:
        self._settings, self._caches = settings, caches
        self._asked: dict[bytes, asyncio.Future[ChatReply | None]] = {}

    def find_slot(self, role: Role, request: ChatRequest) -> CacheSlot | None:
        """Return the slot of a request's answer; None for a request that is always asked."""
        wanted = self._settings.models[role].cache
        if wanted is None:
            wanted = request.temperature == 0
        cache = self._caches.get(role) if wanted and request.choices == 1 else None
        return None if cache is None else CacheSlot(cache, cache.key(request))

    async def find_reply(self, slot: CacheSlot) -> ChatReply | None:
        """Return the known reply, at no cost; None if the caller has to ask the model.

        Waits for an equal request under way; where that one comes to nothing, this one is next.
        """
        cache, key = slot
        reply = cache.get(key)
        while reply is None and key in self._asked:
            reply = await asyncio.shield(self._asked[key]) or cache.get(key)
        if reply is None:
            return None
        # A run of known answers waits for nothing else: let Ctrl-C and the view have their turn.
        await asyncio.sleep(0)
        return reply

    def begin(self, slot: CacheSlot) -> None:
        """Let equal requests wait until `end`: the model is being asked."""
        self._asked[slot.key] = asyncio.get_running_loop().create_future()

    def keep(self, slot: CacheSlot, reply: ChatReply) -> None:
        """Keep an answer, unless asking again may bring a better one."""
        if not reply.text.strip() or reply.failed or reply.filtered:
            return
        if reply.finish_reason == "content_filter":
            return
        slot.cache.put(slot.key, reply)
        waiting = self._asked.get(slot.key)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply.set_free())

    def end(self, slot: CacheSlot) -> None:
        """Let the next of the equal requests go, where there was no answer to keep."""
        reply = self._asked.pop(slot.key)
        if not reply.done():
            reply.set_result(None)


Reply = TypeVar("Reply")
Said = TypeVar("Said", ChatReply, Choice)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The patience of a call.

    Attributes:
        attempts: Calls in all, the first one included.
        base: Seconds that the first wait may last; each further wait may last twice as long.
        max_wait: Seconds that no wait exceeds, not even one that a provider asked for.
    """

    attempts: int = 8
    base: float = 1.0
    max_wait: float = LONGEST_WAIT_S

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"at least one attempt is needed, not {self.attempts}")


def wait_after(
    error: ModelError, attempt: int, policy: RetryPolicy, random: Callable[[], float]
) -> float:
    """Return the seconds to pause after failed attempt number `attempt`.

    Full jitter (Brooker, "Exponential Backoff and Jitter", AWS 2015) on top of what the provider
    asked for: many calls that are given the same number of seconds must not come back together.
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
    most_tries: Callable[[ModelError], float] = lambda error: error.tries or math.inf,
    on_wait: Callable[[int, float, ModelError], None] = lambda *_: None,
) -> Reply:
    """Return the reply of `call`, asked again after transient errors.

    Args:
        call: Makes an attempt.
        policy: The patience.
        sleep: Pauses for some seconds.
        random: Returns numbers in [0, 1).
        counts: Returns False for a failure that does not count, and starts the count anew.
        most_tries: Returns how many calls in all a failure is worth.
        on_wait: Called before each pause with the number of the attempt that failed (1, 2, ...),
            the seconds to the next one, and the error.

    Raises:
        ModelError: That of the last attempt, with how often it was tried; a permanent one at once.
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
            if attempt >= min(policy.attempts, most_tries(error)):
                if attempt == 1:
                    raise
                raise count_tries(error, attempt) from error
            seconds = wait_after(error, attempt, policy, random)
            on_wait(attempt, seconds, error)
        await sleep(seconds)
        attempt += 1


def count_tries(error: ModelError, times: int) -> ModelError:
    """Return `error` with how often the call was tried."""
    tried = type(error).__new__(type(error))
    vars(tried).update(vars(error))
    tried.message += f" (tried {times} time{'s' if times != 1 else ''})"
    tried.args = (tried.message,)
    return tried


@dataclass(slots=True)
class Usage:
    """Tokens and dollars (in whole 1e-12) of a call, None where they were not reported."""

    tokens: int | None = None
    pico_usd: int | None = None

    def set_from(self, reply: ChatReply) -> None:
        """Take them from the answer to the call."""
        self.tokens = count_tokens(reply)
        self.pico_usd = None if reply.usd is None else round(reply.usd * 1e12)


@asynccontextmanager
async def enter_shared_limits(
    limits: SharedLimits | None,
    address: str,
    cost: Cost,
    wait: Callable[[Awaitable[int]], Awaitable[int]],
) -> AsyncIterator[Usage]:
    """Hold a permit during a call to an endpoint; the caller fills in the usage that is yielded.

    `wait` awaits the permit, and may raise to end the waiting. Raises BudgetReached when the call
    does not fit under the shared budget.
    """
    usage = Usage()
    if limits is None:
        yield usage
        return
    permit = await wait(limits.enter(address, cost))
    try:
        yield usage
    except BaseException as error:
        if isinstance(error, ModelError) and not error.maybe_billed:
            limits.record_failure(permit, error.retry_after, congested=is_congested(error))
        else:
            limits.record_loss(permit)
        raise
    limits.record_answer(permit, usage.tokens, usage.pico_usd)
