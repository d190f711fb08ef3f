"""One call to a model: within budget and limits, retried where that may help, and priced."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from opro_cli.calls.attempts import (
    AnswerLookup,
    RetryPolicy,
    TimedReply,
    call_with_retries,
    enter_shared_limits,
    remove_keys,
)
from opro_cli.calls.budget import read_clock
from opro_cli.calls.endpoints import (
    CONGESTED,
    ConcurrencyLimit,
    Endpoint,
    Endpoints,
    RateLimiter,
    build_turns,
    is_congested,
)
from opro_cli.calls.ledger import Ledger, Reservation, count_tokens
from opro_cli.core.run.events import Event, ParameterRefused, Retried
from opro_cli.core.run.progress import Progress, Role
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.models import PriceSettings, is_computed_here, is_gguf, is_python
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import (
    BROKEN_OFF,
    LIMITS,
    THOUGHTS_ONLY,
    ChatReply,
    ChatRequest,
)
from opro_cli.errors import EmptyReplyError, Halted, JournalError, ModelError
from opro_cli.ports import AnswerCache, ChatModel, SharedLimits
from opro_cli.reports.request_words import name_role

UNRECORDED = "its answer came, and could not be recorded"
"""Why a call that was answered counts without its answer."""
FIRST_TRIES = 2
"""Calls that are made to an address which has never answered and may be a wrong one."""


class Record(Protocol):
    """Writes events down."""

    def __call__(self, *events: Event) -> None:
        """Write events down, all or none of them."""


@dataclass(slots=True)
class Calls:
    """The one way to every model.

    Attributes:
        models: Each at all of its endpoints, in the order of its `deployments`.
        prices: By role, None where unknown.
        stop: Set when nothing new may be sent; calls that only wait then raise Halted.
        record: Writes events down.
        caches: By role, the answers of earlier runs.
        shared: Limits that other processes are under too.
        redact: Removes the keys that are sent from a model's words, before these are written.
    """

    settings: Settings
    state: RunState
    models: Mapping[Role, Sequence[ChatModel]]
    prices: Mapping[Role, PriceSettings | None]
    policy: RetryPolicy
    activity: Progress
    stop: asyncio.Event
    record: Record
    caches: Mapping[Role, AnswerCache] = field(default_factory=dict)
    shared: SharedLimits | None = None
    redact: Callable[[str], str] = str
    _answered: Counter[Role] = field(default_factory=Counter)
    _endpoints: dict[Role, Endpoints] = field(init=False)
    _ledger: Ledger = field(init=False)
    _known: AnswerLookup = field(init=False)

    def __post_init__(self) -> None:
        turns = build_turns({role: self.settings.models[role] for role in self.models})
        self._endpoints = {role: self._build_endpoints(role, turns[role]) for role in self.models}
        for role in self.models:
            self.activity.in_flight.setdefault(role, 0)
        own = {role: model.price for role, model in self.settings.models.items()}
        self._ledger = Ledger(
            self.settings.budget, self.state, self.prices, own_prices=own, record=self.record
        )
        self._known = AnswerLookup(self.settings, self.caches)

    def _build_endpoints(self, role: Role, turns: RateLimiter) -> Endpoints:
        settings = self.settings.models[role]
        weights = [each.weight for each in settings.endpoints or ()] or [1.0]
        deployed = zip(self.models[role], settings.deployments, weights, strict=True)
        return Endpoints(
            [
                Endpoint(
                    model,
                    ConcurrencyLimit(at.concurrency, self.policy.max_wait),
                    weight,
                    f"{role} endpoint {at.api_base}",
                    at.address,
                )
                for model, at, weight in deployed
            ],
            turns,
            sleep=self._sleep,
            on_wait=self._show_wait,
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
        """Yield the reply to one request; the caller records it before it leaves the context.

        A caller that leaves with an error has not recorded it: the call then counts without its
        answer.

        A known answer only needs time left, a call also room under the ceilings. With `fresh` a
        call is made whatever an equal request was answered, and its answer is kept for others.
        `at` is the one endpoint to ask. Raises ModelError when there is no reply, BudgetReached
        when a ceiling forbids the call, and Halted when a stop was asked for before it was sent.
        """
        request = request.leave_out(self.list_unsent(role))
        slot = self._known.find_slot(role, request)
        if slot is not None and not fresh:
            known = await self._known.find_reply(slot)
            if known is not None:
                self._ledger.require_time()
                yield TimedReply(self._price_known(role, known), 0.0, "cache")
                return
            if self.stop.is_set():
                raise Halted  # while it waited for a call that came to nothing
            self._known.begin(slot)
        try:
            answered, reservation = await self._call(role, request, policy or self.policy, at)
            try:
                # under the key of what was sent, which a refusal may have changed
                sent = reservation.request
                sent_slot = slot if sent == request else self._known.find_slot(role, sent)
                if slot is not None and sent_slot is not None:
                    self._known.keep(sent_slot, answered.recorded)
                yield answered
            except (JournalError, asyncio.CancelledError):
                raise  # the answer is in no journal, so its bound stays in flight
            except BaseException:
                # It is paid for. Where this cannot be recorded either, the bound stays in flight.
                self._ledger.record_unused(reservation, answered.reply, UNRECORDED)
                self._ledger.release(reservation)
                raise
            self._ledger.release(reservation)
        finally:
            if slot is not None and not fresh:
                self._known.end(slot)

    def _price_known(self, role: Role, reply: ChatReply) -> ChatReply:
        """Return a known reply with what it would take at the prices of this run.

        A run that began before journal format 10 knows nothing of it: it may choose another winner.
        """
        if reply.took is None or not self.state.began_with(10):
            return replace(reply, took=None)
        return replace(reply, took=self._ledger.price_known(role, reply.took))

    def list_endpoints(self, role: Role) -> Sequence[Endpoint]:
        """Return the endpoints of a model, in the order of the settings."""
        return self._endpoints[role].all

    def list_unsent(self, role: Role) -> tuple[str, ...]:
        """Return the parameters that are left out for a role at one of its endpoints or more.

        A name of the limit that one endpoint refuses may be the only one that another takes: it
        is left out everywhere where an endpoint takes neither.
        """
        unsent: set[str] = set()
        for endpoint in self.list_endpoints(role):
            refused = {*self.state.list_unsent(role, endpoint.address)}
            unsent |= refused if refused.issuperset(LIMITS) else refused.difference(LIMITS)
        return tuple(sorted(unsent))

    async def _call(
        self, role: Role, request: ChatRequest, policy: RetryPolicy, at: Endpoint | None
    ) -> tuple[TimedReply, Reservation]:
        answered_others = self._answered[role]

        def counts(error: ModelError) -> bool:
            """Count a failure, except a rate limit while other calls are answered."""
            nonlocal answered_others
            before, answered_others = answered_others, self._answered[role]
            return not (is_congested(error) and answered_others > before)

        def on_wait(attempt: int, wait: float, error: ModelError) -> None:
            self._show_wait(time.monotonic() + wait, _describe_wait(error))
            self.record(Retried(read_clock(), role, attempt, round(wait, 3), error.message))

        def most_tries(error: ModelError) -> float:
            """Return how often a failed call is worth making: few before a first answer."""
            if error.about == "address" and not self._answered[role]:
                return FIRST_TRIES
            if error.about == "code" and not self.state.spend_of(role).calls:
                return 1  # a defect, which every call would meet
            return error.tries or math.inf

        answered = await call_with_retries(
            lambda: self._attempt(role, request, at),
            policy=policy,
            sleep=self._sleep,
            counts=counts,
            most_tries=most_tries,
            on_wait=on_wait,
        )
        self._answered[role] += 1
        self.activity.waiting = ""
        self.activity.session_calls += 1
        return answered

    async def _attempt(
        self, role: Role, request: ChatRequest, at: Endpoint | None
    ) -> tuple[TimedReply, Reservation]:
        """Ask once; a call that one endpoint fails goes to another at once."""
        endpoints = self._endpoints[role]
        expected = self._ledger.cost_of(role, request).expected_tokens
        others = len(endpoints.all) - 1 if at is None else 0
        for moved in range(others + 1):
            admitted = await endpoints.enter(expected, moved=moved > 0, at=at)
            used: int | None = None
            try:
                reservation = await self._ledger.reserve(role, request)
                answered = await self._send(admitted.endpoint, reservation)
                endpoints.record_answer(admitted)
                used = count_tokens(answered.reply)
                return answered, reservation
            except ModelError as error:
                if (
                    not endpoints.record_failure(admitted, error, _describe_wait(error))
                    or moved == others
                ):
                    raise
            finally:
                endpoints.leave(admitted, expected, used)
            if self.stop.is_set():
                raise Halted
            self._ledger.require_time()
        raise AssertionError("the last endpoint answers or raises")

    async def _send(self, endpoint: Endpoint, reservation: Reservation) -> TimedReply:
        """Send one request to one endpoint.

        Its reservation stays while the call may still be billed: until its answer is recorded, or
        to the end of the process where the call is cut off together with the session.
        """
        role, sent = reservation.role, False
        try:
            shared = enter_shared_limits(
                self.shared, endpoint.address, reservation.cost, self._unless_over
            )
            async with shared as usage:
                self.activity.in_flight[role] += 1
                try:
                    began, sent = time.monotonic(), True
                    reply = await self._ask_with_less(endpoint, reservation)
                    seconds = round(time.monotonic() - began, 4)
                finally:
                    self.activity.in_flight[role] -= 1
                reply = self._ledger.price(reservation, reply)
                usage.set_from(reply)
            if reply.failed and not self._says_nothing(role):
                raise self._build_failure(endpoint, reservation, reply)
            self._ledger.record_usage(reservation, reply)
        except ModelError as error:
            if error.about == "config" and self.state.spend_of(role).calls:
                error.about = ""  # it has answered as it is configured: the server has changed
            self._ledger.record_failure(reservation, error)
            self._ledger.release(reservation)
            raise
        except BaseException:
            if not sent:
                self._ledger.release(reservation)
            raise
        return TimedReply(reply, seconds, redacted=remove_keys(reply, self.redact))

    def _says_nothing(self, role: Role) -> bool:
        """Return True where an empty text is taken for what it is.

        A model that is computed here would say as little again. The paper's rules count every reply
        of the optimizer, and `search.ask_again` has its own way with those that propose nothing.
        """
        model, search = self.settings.models[role].model, self.settings.search
        counted = role == "optimizer" and (search.rules == "paper" or bool(search.ask_again))
        return counted or is_computed_here(model) or is_gguf(model)

    def _build_failure(
        self, endpoint: Endpoint, reservation: Reservation, reply: ChatReply
    ) -> EmptyReplyError:
        """Build the error for a reply that is no answer, and record what it cost."""
        name, reason = endpoint.model.name, reply.finish_reason
        model = self.settings.models[reservation.role]
        if reason in BROKEN_OFF:
            error = EmptyReplyError(f"{name} broke off its answer (finish_reason {reason})")
        elif reason == "tool_calls":
            hint = "ask for an answer in words, or another model"
            error = EmptyReplyError(f"{name} called a tool in place of an answer", hint)
        elif reason == THOUGHTS_ONLY:
            hint = "serve it without its reasoning parser: that may take an answer for thoughts, "
            hint += "as vLLM's does beside enable_thinking: false"
            error = EmptyReplyError(f"{name} sent thoughts and no answer", hint)
        else:
            hint = "ask the server by hand for an answer to the first prompt of `opro check`"
            if is_python(model.model):
                hint = "return a text with something in it; a blank one is no answer"
            if model.stop:
                hint = f"does a reply begin with one of {name_role(reservation.role)}.stop? " + hint
            words = f"{name} answered with an empty text (finish_reason {reason})"
            error = EmptyReplyError(words, hint)
        self._ledger.record_unused(reservation, reply, error.message)
        return error

    async def _ask_with_less(self, endpoint: Endpoint, reservation: Reservation) -> ChatReply:
        """Ask, and at once again without each optional parameter that the server refuses.

        What is refused is recorded, and left out from then on; several calls in flight may meet
        the same refusal. A parameter that is left out cannot be refused again, so this ends.
        """
        role = reservation.role
        while True:
            unsent = self.state.list_unsent(role, endpoint.address)
            reservation.request = request = reservation.request.leave_out(unsent)
            try:
                return await endpoint.model.reply(request)
            except ModelError as error:
                name = error.refused
                if not name or name in request.without:
                    raise
                if name not in self.state.list_unsent(role, endpoint.address):
                    words = self.redact(error.message)
                    at, address = read_clock(), endpoint.address
                    self.record(ParameterRefused(at, role, address, name, error.sent, words))

    def _show_wait(self, until: float, why: str) -> None:
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


def _describe_wait(error: ModelError) -> str:
    if error.status == 429:
        return "rate limit"
    return "the server is overloaded" if error.status in CONGESTED else error.message
