"""The choice of an endpoint for each call to a model: the least loaded of those that are well.

One that fails rests, each time twice as long; then a single call tries it (a circuit breaker:
Nygard, "Release It!", 2007). While none is well all are asked as if they were, and the retries
decide: a model of one endpoint is never without it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from opro_cli.core.run.progress import Role
from opro_cli.core.settings.models import ModelSettings
from opro_cli.errors import ModelError
from opro_cli.ports import ChatModel

FIRST_REST_S = 2.0
LONGEST_REST_S = 60.0
LONGEST_WAIT_S = 300.0
"""Seconds of one wait at most, whatever a provider asks for."""
CONGESTED = frozenset({429, 503, 529})
"""Statuses of a rate limit and an overloaded server: they say nothing about the request."""
MISPLACED = frozenset({301, 302, 303, 307, 308, 401, 402, 403, 404, 405})
"""Statuses of an endpoint with another key or other models, whatever it is asked."""

Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True, eq=False)
class Endpoint:
    """One deployment of a model and its health. Times are of one clock.

    Attributes:
        label: For people.
        address: For limits that are shared with other processes.
        failures: In a row.
        back_at: When a call may try it again.
        busy: It last failed for being asked too much.
        probed: A call is trying it.
    """

    model: ChatModel
    pace: ConcurrencyLimit
    weight: float = 1.0
    label: str = ""
    address: str = ""
    failures: int = 0
    failed_at: float = float("-inf")
    back_at: float = 0.0
    busy: bool = False
    probed: bool = False

    def is_well(self, now: float) -> bool:
        """Return True if any call may go there."""
        return not self.failures and self.pace.held_until <= now

    def is_due(self, now: float) -> bool:
        """Return True if one call may try it."""
        due = max(self.back_at, self.pace.held_until)
        return self.failures > 0 and not self.probed and now >= due

    def rank_unwell(self, now: float) -> tuple[float, int]:
        """Return a key by which the first is asked while no endpoint is well."""
        return max(self.pace.held_until, now), self.failures

    @property
    def load(self) -> tuple[float, float]:
        """A key by which the least loaded goes first; of equals, the one of more weight."""
        return self.pace.in_flight / self.weight, -self.weight

    def fail(self, since: float, now: float, busy: bool) -> None:
        """Count the failure of a call that was sent at `since`."""
        if since <= self.failed_at:
            return  # it was in flight at the failure before: this is no further one
        self.failures += 1
        self.failed_at, self.busy = now, busy
        doubled = FIRST_REST_S * 2.0 ** min(self.failures - 1, 10)
        self.back_at = now + min(doubled, LONGEST_REST_S)

    def recover(self, since: float) -> bool:
        """Count the answer to a call that was sent at `since`; return True if the endpoint is well.

        A server that goes down finishes calls in flight, so that only a later call counts. One
        that had too much to do is well with any answer.
        """
        if self.busy or since > self.failed_at:
            self.failures = 0
        return not self.failures


@dataclass(slots=True, eq=False)
class Admission:
    """The admission of a call to an endpoint at time `since`; `probe` if it tries a failed one."""

    endpoint: Endpoint
    since: float
    probe: bool


@dataclass(slots=True, eq=False)
class _Waiting:
    """A call in the queue; `moved` if another endpoint has failed it."""

    moved: bool
    turn: asyncio.Future[Admission] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Endpoints:
    """Admission to a model: one queue before all of its endpoints."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        turns: RateLimiter,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        on_wait: Callable[[float, str], None] = lambda *_: None,
        out: MutableMapping[str, str] | None = None,
    ) -> None:
        """Open the queue.

        Args:
            endpoints: Of the model.
            turns: The limits over all of them.
            clock: Returns monotonic seconds.
            sleep: Waits, and may raise to end the waiting.
            on_wait: Called for every wait of a second or more, with its end on the clock and why.
            out: Is kept up to date with the labels of endpoints that get no calls now, and why.
        """
        self.all = tuple(endpoints)
        self._used = list(endpoints)
        self._turns = turns
        self._queue: deque[_Waiting] = deque()
        self._clock, self._sleep, self._on_wait = clock, sleep, on_wait
        self._out = {} if out is None else out

    async def enter(
        self, tokens: int, *, moved: bool = False, at: Endpoint | None = None
    ) -> Admission:
        """Wait for the admission of a call of about `tokens`, in the order of asking.

        Args:
            tokens: The expected tokens of the call.
            moved: An endpoint has failed the call, which is not to try another doubtful one.
            at: The one endpoint to go to, at once.
        """
        admission = await self._wait_for_room(moved) if at is None else self._admit_to(at)
        endpoint = admission.endpoint
        try:
            due, why = self._turns.take(tokens, self._clock())
            while (now := self._clock()) < (until := max(due, endpoint.pace.held_until)):
                if until - now >= 1:
                    self._on_wait(until, endpoint.pace.held_why if until > due else why)
                await self._sleep(until - now)
        except BaseException:
            self.leave(admission)
            raise
        admission.since = now
        return admission

    def leave(self, admission: Admission, tokens: int = 0, used: int | None = None) -> None:
        """End a call of about `tokens`, which took `used` of them, None for unknown."""
        if used is not None:
            self._turns.correct(tokens, used)
        admission.endpoint.pace.in_flight -= 1
        if admission.probe:
            admission.endpoint.probed = False
        self._admit_next()

    def record_answer(self, admission: Admission) -> None:
        """Count a call that was answered."""
        admission.endpoint.pace.widen()
        self._recover(admission)

    def record_failure(self, admission: Admission, error: ModelError, why: str) -> bool:
        """Count a failed call; return True if another endpoint may take it at once.

        An endpoint that refuses every call gets no more, unless it is the last.
        """
        endpoint, now = admission.endpoint, self._clock()
        others = [each for each in self._used if each is not endpoint]
        if error.unanswerable:
            self._recover(admission)
            return False
        if not error.transient:
            if not others or (error.status not in MISPLACED and error.about != "endpoint"):
                return False
            self._used = others
            self._out[endpoint.label] = error.message
            return True
        congested = is_congested(error)
        if congested:
            endpoint.pace.narrow(admission.since, now, error.retry_after, why)
        endpoint.fail(admission.since, now, congested)
        if others and not congested:
            self._out.setdefault(endpoint.label, error.message)
        return any(each.is_well(now) for each in others)

    def is_dropped(self, endpoint: Endpoint) -> bool:
        """Return True if it has refused every call and gets no more."""
        return endpoint not in self._used

    def _recover(self, admission: Admission) -> None:
        endpoint = admission.endpoint
        if endpoint.recover(admission.since) and not self.is_dropped(endpoint):
            self._out.pop(endpoint.label, None)

    def _choose(self, moved: bool) -> Endpoint | None:
        """Return the endpoint that a call goes to now; None if it has to wait."""
        now = self._clock()
        fit = [each for each in self._used if each.is_well(now)]
        due = [each for each in self._used if each.is_due(now) and each.pace.has_room]
        if not fit:
            least = min(each.rank_unwell(now) for each in self._used)
            fit = [each for each in self._used if each.rank_unwell(now) == least]
        elif due and not moved:
            return due[0]  # at once, however little there is to do: a failure costs no answer
        return min((e for e in fit if e.pace.has_room), key=lambda e: e.load, default=None)

    async def _wait_for_room(self, moved: bool) -> Admission:
        if not self._queue and (endpoint := self._choose(moved)) is not None:
            return self._admit_to(endpoint)
        waiting = _Waiting(moved)
        self._queue.append(waiting)
        try:
            return await waiting.turn  # counted in by `_admit_next`
        except BaseException:
            if waiting.turn.done() and not waiting.turn.cancelled():
                self.leave(waiting.turn.result())
            raise

    def _admit_to(self, endpoint: Endpoint) -> Admission:
        now = self._clock()
        probe = endpoint.is_due(now)
        endpoint.probed |= probe
        endpoint.pace.in_flight += 1
        return Admission(endpoint, now, probe)

    def _admit_next(self) -> None:
        while self._queue:
            waiting = self._queue[0]
            if not waiting.turn.done():
                endpoint = self._choose(waiting.moved)
                if endpoint is None:
                    return
                waiting.turn.set_result(self._admit_to(endpoint))
            self._queue.popleft()


def is_congested(error: ModelError) -> bool:
    """Return True for a limit that passes."""
    return error.status in CONGESTED and error.transient


class ConcurrencyLimit:
    """The limit on calls in flight at one endpoint, `most` at the most. Times are of one clock.

    It grows with every answer and is halved where the endpoint has too much to do. No call is held
    back for more than `longest_wait` seconds after a failure.
    """

    def __init__(self, most: int, longest_wait: float = LONGEST_WAIT_S) -> None:
        self.most = most
        self.longest_wait = longest_wait
        self.limit = float(most)
        self.in_flight = 0
        self.held_until = 0.0
        self.held_why = ""
        self._eased_at = float("-inf")

    @property
    def has_room(self) -> bool:
        """One more call may start."""
        return self.in_flight < int(self.limit)

    def widen(self) -> None:
        """Make room for a little more, after an answer."""
        self.limit = min(float(self.most), self.limit + 1 / self.limit)

    def narrow(self, admitted: float, now: float, wait: float | None, why: str) -> None:
        """Halve the room, after a call met a limit of the provider's or an overloaded server.

        Args:
            admitted: When the call was admitted.
            now: The time of the failure.
            wait: Seconds that the provider asks for; None if it did not say. Not a finite number
                says nothing either.
            why: The reason as it is shown.
        """
        if admitted > self._eased_at:  # one failure of all that were in flight together counts
            self.limit = max(1.0, self.limit / 2)
            self._eased_at = now
        if wait is None or not math.isfinite(wait):
            return
        until = now + min(wait, self.longest_wait)
        if until > self.held_until:
            self.held_until, self.held_why = until, why


class RateLimiter:
    """The limits a minute of a model, over all of its endpoints; None for no limit.

    Calls are spaced evenly, without bursts, so that any sliding window of the provider is kept.
    """

    def __init__(
        self, requests_per_minute: int | None = None, tokens_per_minute: int | None = None
    ) -> None:
        self._per_request = 60 / requests_per_minute if requests_per_minute else 0.0
        self._per_token = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._next_request = self._next_token = 0.0

    def take(self, tokens: int, now: float) -> tuple[float, str]:
        """Take the next turn; return its time, and the limit that decides it."""
        request = max(self._next_request, now)
        token = max(self._next_token, now)
        self._next_request = request + self._per_request
        self._next_token = token + tokens * self._per_token
        if request >= token:
            return request, "requests_per_minute"
        return token, "tokens_per_minute"

    def correct(self, tokens: int, used: int) -> None:
        """Correct the limit for a call of about `tokens` that took `used` of them."""
        self._next_token += (used - tokens) * self._per_token


def build_turns(models: Mapping[Role, ModelSettings]) -> dict[Role, RateLimiter]:
    """Return the limits a minute of each role: the same ones for all that ask the same account.

    A provider counts the requests of a key, of whatever role. Where the sections of the
    roles disagree, or only one names a limit, the lowest that is named holds for all of them.
    """
    by_account: dict[object, list[ModelSettings]] = {}
    for model in models.values():
        by_account.setdefault(model.account, []).append(model)
    turns = {
        account: RateLimiter(
            _find_least(model.requests_per_minute for model in same),
            _find_least(model.tokens_per_minute for model in same),
        )
        for account, same in by_account.items()
    }
    return {role: turns[model.account] for role, model in models.items()}


def _find_least(limits: Iterable[int | None]) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


Item = TypeVar("Item")


class WorkerPool(Generic[Item]):
    """Works on items, at most `limit` at a time, in the order in which they came.

    Once `halted()` is true or one item fails, no new item is begun, but those under way are
    waited for: their answers are paid for and still get recorded.

    Attributes:
        failure: The first one.
    """

    def __init__(
        self,
        group: asyncio.TaskGroup,
        do: Callable[[Item], Awaitable[None]],
        limit: int,
        halted: Callable[[], bool],
    ) -> None:
        self.failure: Exception | None = None
        self._group, self._do, self._limit, self._halted = group, do, limit, halted
        self._waiting: deque[Item] = deque()
        self._at_work = 0

    def hand(self, items: Sequence[Item], *, first: bool = False) -> None:
        """Queue more items, last or first; the task group waits for all of them."""
        if first:
            self._waiting.extendleft(reversed(items))
        else:
            self._waiting.extend(items)
        for _ in range(min(len(self._waiting), self._limit - self._at_work)):
            self._at_work += 1
            self._group.create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting and self.failure is None and not self._halted():
                await self._do(self._waiting.popleft())
        except Exception as error:  # noqa: BLE001 - kept for the owner of the group
            self.failure = self.failure or error
        finally:
            self._at_work -= 1
