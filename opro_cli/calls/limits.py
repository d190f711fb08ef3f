"""Limits on how fast one model is asked, and how many of its calls run at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar


class ConcurrencyLimit:
    """Places at one endpoint of a model. most: calls at a time at most. Times are of one clock."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(most)
        self.in_flight = 0
        self.held_until = 0.0
        self.held_why = ""
        self._eased_at = float("-inf")

    @property
    def has_room(self) -> bool:
        """Whether one more call may start."""
        return self.in_flight < int(self.limit)

    def answered(self) -> None:
        """A call was answered: there is room for a little more."""
        self.limit = min(float(self.most), self.limit + 1 / self.limit)

    def congested(self, admitted: float, now: float, wait: float | None, why: str) -> None:
        """A call admitted at `admitted` met a limit of the provider's, or an overloaded server.

        wait: the seconds it asks everybody to wait, None where it did not say.
        """
        if admitted > self._eased_at:  # the others of the same volley tell nothing new
            self.limit = max(1.0, self.limit / 2)
            self._eased_at = now
        if wait is not None and now + wait > self.held_until:
            self.held_until, self.held_why = now + wait, why


class RateLimiter:
    """The limits a minute of a model, over all of its endpoints; None for no limit.

    Calls are spaced evenly, without bursts, so that any sliding window of the provider's is kept.
    """

    def __init__(
        self, requests_per_minute: int | None = None, tokens_per_minute: int | None = None
    ) -> None:
        self._per_request = 60 / requests_per_minute if requests_per_minute else 0.0
        self._per_token = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._next_request = self._next_token = 0.0

    def take(self, tokens: int, now: float) -> tuple[float, str]:
        """When the limits let this call go, and which of them; the next one's turn is after it."""
        request = max(self._next_request, now)
        token = max(self._next_token, now)
        self._next_request = request + self._per_request
        self._next_token = token + tokens * self._per_token
        if request >= token:
            return request, "requests_per_minute"
        return token, "tokens_per_minute"

    def correct(self, tokens: int, used: int) -> None:
        """A call of about `tokens` took `used` of them."""
        self._next_token += (used - tokens) * self._per_token


Item = TypeVar("Item")


class WorkerPool(Generic[Item]):
    """Does what is handed to it, at most `limit` at a time, in the order in which it came.

    Once `halted()` is true or one item fails, no new item is begun, but those under way are
    waited for: their answers are paid for and still get recorded. failure: the first one.
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
        """Queue more work, behind what waits or before it; the task group waits for all of it."""
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
        except Exception as error:  # noqa: BLE001 - kept whole for whoever waits for the group
            self.failure = self.failure or error
        finally:
            self._at_work -= 1
