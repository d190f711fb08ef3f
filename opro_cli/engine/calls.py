"""One call to a model: within budget and pace, asked again when that may help, and priced."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from opro_cli.core.events import Checked, Event, Retried
from opro_cli.core.model import ChatReply, ChatRequest, Message
from opro_cli.core.rng import seed_for
from opro_cli.core.session import ROLES, Activity, Role
from opro_cli.core.settings import PriceSettings, Settings
from opro_cli.core.state import RunState
from opro_cli.engine.budget import Ledger, pico_usd
from opro_cli.engine.endpoints import CONGESTED, Endpoint, Endpoints, is_congested
from opro_cli.engine.known import KnownAnswers
from opro_cli.engine.pace import Pace, Turns
from opro_cli.engine.replies import TimedReply, told, without_keys
from opro_cli.engine.retries import RetryPolicy, with_retries
from opro_cli.engine.sharing import shared_call
from opro_cli.errors import ModelError, UsageError
from opro_cli.ports import AnswerCache, ChatModel, SharedLimits

HELLO = (Message("user", "Reply with one word: ready"),)
"""The tiny call that tells whether a model answers at all."""


class Halted(Exception):
    """A clean stop was asked for while a call waited."""


class Record(Protocol):
    """Writes events down, all or none of them."""

    def __call__(self, *events: Event) -> None: ...


@dataclass(slots=True)
class Calls:
    """What both models are asked through.

    models: each at all of its endpoints, in the order of its `deployments`. prices: by role, None
    where unknown. record: writes an event down. stop: set when nothing new may be sent; calls
    that only wait then raise Halted. caches: by role, where answers of before are to be had.
    shared: limits that other processes are under too, None for none. redact: takes the keys that
    are sent out of a model's words, before these are written anywhere.
    """

    settings: Settings
    state: RunState
    models: Mapping[Role, Sequence[ChatModel]]
    prices: Mapping[Role, PriceSettings | None]
    policy: RetryPolicy
    activity: Activity
    stop: asyncio.Event
    record: Record
    caches: Mapping[Role, AnswerCache] = field(default_factory=dict)
    shared: SharedLimits | None = None
    redact: Callable[[str], str] = str
    _answered: Counter[Role] = field(default_factory=Counter)
    _endpoints: dict[Role, Endpoints] = field(init=False)
    _ledger: Ledger = field(init=False)
    _known: KnownAnswers = field(init=False)

    def __post_init__(self) -> None:
        self._endpoints = {role: self._endpoints_of(role) for role in ROLES}
        self._ledger = Ledger(self.settings.budget, self.state, self.prices)
        self._known = KnownAnswers(self.settings, self.caches)

    def _endpoints_of(self, role: Role) -> Endpoints:
        settings = getattr(self.settings, role)
        weights = [each.weight for each in settings.endpoints or ()] or [1.0]
        each_with = zip(self.models[role], settings.deployments, weights, strict=True)
        return Endpoints(
            [
                Endpoint(
                    model,
                    Pace(at.concurrency),
                    weight,
                    f"{role} endpoint {at.api_base}",
                    at.address,
                )
                for model, at, weight in each_with
            ],
            Turns(settings.requests_per_minute, settings.tokens_per_minute),
            sleep=self._sleep,
            on_wait=self._waits,
            out=self.activity.out,
        )

    @asynccontextmanager
    async def answer(
        self,
        role: Role,
        request: ChatRequest,
        policy: RetryPolicy | None = None,
        *,
        fresh: bool = False,
        at: Endpoint | None = None,
    ) -> AsyncIterator[TimedReply]:
        """One request's reply; whoever asked records it before leaving.

        fresh: make a call of its own, whatever an equal request was answered, and do not keep
        what it says. at: the one endpoint to ask. Only a call needs room under a ceiling; a known
        answer needs time alone.

        Raises ModelError when there is none, BudgetReached when a ceiling forbids the call,
        Halted when a stop was asked for before it was sent, and UsageError, after the reply was
        recorded, when a ceiling cannot be kept because nobody counts.
        """
        place = None if fresh else self._known.place_of(role, request)
        if place is not None:
            known = await self._known.reply_at(place)
            if known is not None:
                self._ledger.require_time()
                yield TimedReply(known, 0.0, "cache")
                return
            if self.stop.is_set():
                raise Halted  # while it waited for a call that came to nothing
            self._known.begin(place)
        try:
            cost = await self._ledger.reserve(role, request)
            try:
                answered = await self._call(role, request, policy or self.policy, at)
                if place is not None:
                    self._known.keep(place, answered.recorded)
                yield answered
                self._check_countable(role, answered.reply)
            finally:
                self._ledger.release(cost)
        finally:
            if place is not None:
                self._known.end(place)

    async def preflight(self, role: Role) -> None:
        """The first call of a run; ModelError when no endpoint answers it."""
        if not await self.is_anywhere(role):
            await self.check(role)

    async def is_anywhere(self, role: Role) -> bool:
        """Make the tiny call at each of several endpoints; was one answered?

        An endpoint that does not answer gets no others, as after any call. A model of one
        endpoint is not asked.
        """
        endpoints = self._endpoints[role].all
        if len(endpoints) == 1:
            return False
        once = RetryPolicy(attempts=1)
        checks = (self.check(role, once, endpoint) for endpoint in endpoints)
        failures = await asyncio.gather(*checks, return_exceptions=True)
        for failure in failures:
            if failure is not None and not isinstance(failure, ModelError):
                raise failure
        return None in failures

    async def check(
        self, role: Role, policy: RetryPolicy | None = None, at: Endpoint | None = None
    ) -> None:
        """Make the tiny call and record it; ModelError when it is not answered."""
        settings = getattr(self.settings, role)
        seed = seed_for(self.settings.search.seed, "check")
        request = ChatRequest(
            HELLO, settings.temperature, settings.max_tokens, seed, stop=settings.stop or ()
        )
        async with self.answer(role, request, policy, fresh=True, at=at) as answered:
            self.record(Checked(role=role, **told(answered)))

    async def is_alive(self, role: Role) -> bool:
        """Does the model answer the tiny call now?"""
        try:
            await self.check(role, RetryPolicy(attempts=1))
        except ModelError:
            return False
        return True

    async def _call(
        self, role: Role, request: ChatRequest, policy: RetryPolicy, at: Endpoint | None
    ) -> TimedReply:
        answered_others = self._answered[role]

        def counts(error: ModelError) -> bool:
            """Where others are answered, a rate limit says only: later."""
            nonlocal answered_others
            before, answered_others = answered_others, self._answered[role]
            return not (is_congested(error) and answered_others > before)

        def on_wait(attempt: int, wait: float, error: ModelError) -> None:
            self._waits(time.monotonic() + wait, _why(error))
            self.record(Retried(time.time(), role, attempt, round(wait, 3), error.message))

        answered = await with_retries(
            lambda: self._attempt(role, request, at),
            policy=policy,
            sleep=self._sleep,
            counts=counts,
            on_wait=on_wait,
        )
        self._answered[role] += 1
        self._ledger.learn(role, request, answered.reply.prompt_tokens)
        self.activity.waiting = ""
        self.activity.session_calls += 1
        return answered

    async def _attempt(self, role: Role, request: ChatRequest, at: Endpoint | None) -> TimedReply:
        """Ask once; what one endpoint fails at, others take at once."""
        endpoints = self._endpoints[role]
        cost = self._ledger.cost_of(role, request)
        others = len(endpoints.all) - 1 if at is None else 0
        for moved in range(others + 1):
            admitted = await endpoints.enter(cost.tokens, moved=moved > 0, at=at)
            self.activity.in_flight[role] += 1
            used: int | None = None
            try:
                address = admitted.endpoint.address
                async with shared_call(self.shared, address, cost, self._unless_over) as call:
                    began = time.monotonic()
                    reply = self._priced(role, await admitted.endpoint.model.reply(request))
                    seconds = round(time.monotonic() - began, 4)
                    call.took(reply)
                    used = call.tokens
                endpoints.answered(admitted)
                return TimedReply(reply, seconds, redacted=without_keys(reply, self.redact))
            except ModelError as error:
                if not endpoints.failed(admitted, error, _why(error)) or moved == others:
                    raise
            finally:
                self.activity.in_flight[role] -= 1
                endpoints.leave(admitted, cost.tokens, used)
            if self.stop.is_set():
                raise Halted
            self._ledger.require_time()
        raise AssertionError("the last endpoint answers or raises")

    def _priced(self, role: Role, reply: ChatReply) -> ChatReply:
        """The reply at the price that the config gives, where it gives one."""
        price = getattr(self.settings, role).price
        counted = reply.prompt_tokens is not None and reply.completion_tokens is not None
        if price is None:
            return reply
        if not counted:  # a server of one's own is free only where the config gives it no price
            return replace(reply, usd=None)
        cost = pico_usd(price, reply.prompt_tokens or 0, reply.completion_tokens or 0)
        return replace(reply, usd=cost / 1e12)

    def _check_countable(self, role: Role, reply: ChatReply) -> None:
        """A ceiling is kept or the run stops: what nobody counts cannot be held under one."""
        budget = self.settings.budget
        if budget.tokens is not None and reply.prompt_tokens is None:
            raise UsageError(
                f"{getattr(self.settings, role).model} does not say how many tokens a call took, "
                "so budget.tokens cannot be kept",
                "leave budget.tokens out and set budget.calls",
            )
        if budget.usd is not None and reply.usd is None:
            raise UsageError(
                f"{getattr(self.settings, role).model} does not say what a call cost, so "
                "budget.usd cannot be kept",
                f"set {role}.price: {{input: …, output: …}} (US dollars per million tokens), or "
                "budget.calls",
            )

    def _waits(self, until: float, why: str) -> None:
        """Show why calls are held back; of several reasons the one that lasts longest."""
        if not self.activity.waiting or until > self.activity.waiting_until:
            self.activity.waiting, self.activity.waiting_until = why, until

    async def _unless_over(self, permit: Awaitable[int]) -> int:
        """Wait for a permit, but not longer than until a stop is asked for or time is up."""
        waiting = asyncio.ensure_future(permit)
        stopped = asyncio.ensure_future(self._sleep(math.inf))
        try:
            await asyncio.wait((waiting, stopped), return_when=asyncio.FIRST_COMPLETED)
            return waiting.result() if waiting.done() else stopped.result() or 0
        finally:
            waiting.cancel()
            stopped.cancel()
            await asyncio.gather(waiting, stopped, return_exceptions=True)

    async def _sleep(self, seconds: float) -> None:
        """Wait, but not longer than until a stop is asked for or time is up."""
        left = self._ledger.seconds_left()
        try:
            await asyncio.wait_for(self.stop.wait(), min(seconds, left))
        except TimeoutError:
            if left < seconds:
                raise self._ledger.time_is_up() from None
            return
        raise Halted


def _why(error: ModelError) -> str:
    """Why a call waits, short where that says all."""
    if error.status == 429:
        return "rate limit"
    return "the server is overloaded" if error.status in CONGESTED else error.message
