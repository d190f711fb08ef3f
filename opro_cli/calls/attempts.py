"""One attempt of a call: known answers first, limits shared with other processes, and retries."""

from __future__ import annotations

import asyncio
import random as rng
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

from opro_cli.calls.budget import read_clock
from opro_cli.calls.endpoints import is_congested
from opro_cli.calls.ledger import count_tokens
from opro_cli.core.run.events import Via
from opro_cli.core.run.progress import Role
from opro_cli.core.run.spend import Cost
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.errors import ModelError
from opro_cli.ports import AnswerCache, SharedLimits


@dataclass(frozen=True, slots=True)
class TimedReply:
    """A reply, the seconds that the successful call took, and whether there was one.

    reply: as it came; it is read and graded, and not kept. redacted: the same without keys that
    were sent, for the journal and the cache; None where it holds none.
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
    """The reply with `redact` applied to every text of it."""
    more = (
        replace(each, text=redact(each.text), finish_reason=redact(each.finish_reason))
        for each in reply.more
    )
    return replace(
        reply,
        text=redact(reply.text),
        finish_reason=redact(reply.finish_reason),
        more=tuple(more),
    )


def describe_reply(answered: TimedReply) -> dict[str, Any]:
    """Return the fields that every event of an answered request has."""
    return {**describe_call(answered), "via": answered.via}


def describe_call(answered: TimedReply) -> dict[str, Any]:
    """Return those fields but `via`, for requests that always cost a call."""
    reply = answered.recorded
    return {
        "at": read_clock(),
        "text": reply.text,
        "finish_reason": reply.finish_reason,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "usd": reply.usd,
        "seconds": answered.seconds,
    }


class Place(NamedTuple):
    """Where the answer to a request is kept: equal requests have an equal place."""

    cache: AnswerCache
    key: bytes


class AnswerLookup:
    """Answers that are at hand. caches: by role; a role without one is always asked."""

    def __init__(self, settings: Settings, caches: Mapping[Role, AnswerCache]) -> None:
        self._settings, self._caches = settings, caches
        self._asked: dict[bytes, asyncio.Future[ChatReply | None]] = {}

    def place_of(self, role: Role, request: ChatRequest) -> Place | None:
        """Where its answer would be; None for a request that is always asked."""
        wanted = self._settings.models[role].cache
        if wanted is None:
            wanted = request.temperature == 0
        cache = self._caches.get(role) if wanted and request.choices == 1 else None
        return None if cache is None else Place(cache, cache.key(request))

    async def reply_at(self, place: Place) -> ChatReply | None:
        """The known reply, which costs nothing; None where whoever asks has to ask the model.

        Waits for an equal request under way; where that one comes to nothing, this one is next.
        """
        cache, key = place
        reply = cache.get(key)
        while reply is None and key in self._asked:
            reply = await asyncio.shield(self._asked[key]) or cache.get(key)
        if reply is None:
            return None
        # A run of known answers waits for nothing else: let Ctrl-C and the view have their turn.
        await asyncio.sleep(0)
        return replace(reply, prompt_tokens=0, completion_tokens=0, usd=0.0)

    def begin(self, place: Place) -> None:
        """The model is being asked: equal requests wait until `end`."""
        self._asked[place.key] = asyncio.get_running_loop().create_future()

    def keep(self, place: Place, reply: ChatReply) -> None:
        """It has answered."""
        if is_worth_keeping(reply):
            place.cache.put(place.key, reply)
            waiting = self._asked.get(place.key)
            if waiting is not None and not waiting.done():
                waiting.set_result(reply)

    def end(self, place: Place) -> None:
        """It is asked no more."""
        reply = self._asked.pop(place.key)
        if not reply.done():
            reply.set_result(None)


def is_worth_keeping(reply: ChatReply) -> bool:
    """Would asking again say nothing better? Not so of an empty answer, or a filtered one."""
    return bool(reply.text) and reply.finish_reason != "content_filter"


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
            limits.record_loss(permit)
            raise
        limits.record_failure(permit, error.retry_after, congested=is_congested(error))
        raise
    except BaseException:
        limits.record_loss(permit)
        raise
    limits.record_answer(permit, call.tokens, call.pico_usd)
