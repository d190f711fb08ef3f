"""How fast one model is asked: its own limits are queues here, never errors.

Concurrency adapts by additive increase and multiplicative decrease (Chiu and Jain, 1989; the rule
of TCP): a rate limit or an overloaded server halves it, once per volley; every answer gives a
little back, up to what the config allows. What a provider asks to wait is waited by all calls to
that model, since they would be refused too.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

Sleep = Callable[[float], Awaitable[None]]


class Pace:
    """Admission to one model.

    concurrency: calls at a time at most. requests_per_minute, tokens_per_minute: None for no
    limit; calls are spaced evenly, without bursts, so that any sliding window of the provider's
    is kept. clock: monotonic seconds. sleep: waits, and may raise to end the waiting.
    on_wait: told of every wait of a second or more, with its end on the clock and why.
    """

    def __init__(
        self,
        concurrency: int,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        on_wait: Callable[[float, str], None] = lambda *_: None,
    ) -> None:
        self.most = concurrency
        self.limit = float(concurrency)
        self.in_flight = 0
        self._per_request = 60 / requests_per_minute if requests_per_minute else 0.0
        self._per_token = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._next_request = self._next_token = 0.0
        self._held_until = 0.0
        self._held_why = ""
        self._eased_at = float("-inf")
        self._queue: deque[asyncio.Future[None]] = deque()
        self._clock, self._sleep, self._on_wait = clock, sleep, on_wait

    async def enter(self, tokens: int) -> float:
        """Wait for a place for a call of about `tokens`; returns when it was admitted.

        Places are given in the order in which they are asked for.
        """
        await self._place()
        try:
            due, why = self._turn(tokens)
            while (now := self._clock()) < (until := max(due, self._held_until)):
                if until - now >= 1:
                    self._on_wait(until, self._held_why if until > due else why)
                await self._sleep(until - now)
        except BaseException:
            self.leave()
            raise
        return now

    def leave(self, tokens: int = 0, used: int | None = None) -> None:
        """Give the place back. used: what the call of about `tokens` took, None for unknown."""
        if used is not None:
            self._next_token += (used - tokens) * self._per_token
        self.in_flight -= 1
        self._admit()

    def answered(self) -> None:
        """A call was answered: there is room for a little more."""
        self.limit = min(float(self.most), self.limit + 1 / self.limit)
        self._admit()

    def congested(self, admitted: float, wait: float | None, why: str) -> None:
        """A call admitted at `admitted` met a limit of the provider's, or an overloaded server.

        wait: the seconds it asks everybody to wait, None where it did not say.
        """
        now = self._clock()
        if admitted > self._eased_at:  # the others of the same volley tell nothing new
            self.limit = max(1.0, self.limit / 2)
            self._eased_at = now
        if wait is not None and now + wait > self._held_until:
            self._held_until, self._held_why = now + wait, why

    async def _place(self) -> None:
        if self.in_flight < int(self.limit) and not self._queue:
            self.in_flight += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn  # whoever wakes it has counted it in
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.leave()
            raise

    def _admit(self) -> None:
        while self._queue and self.in_flight < int(self.limit):
            turn = self._queue.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)

    def _turn(self, tokens: int) -> tuple[float, str]:
        """When the limits a minute let this call go; the next one's turn comes after it."""
        now = self._clock()
        request, token = max(now, self._next_request), max(now, self._next_token)
        self._next_request = request + self._per_request
        self._next_token = token + tokens * self._per_token
        if request >= token:
            return request, "requests_per_minute"
        return token, "tokens_per_minute"
