"""A time limit for an answer that arrives in pieces."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

QUIET_TURNS = 16
"""Turns of the event loop without a new piece after which nothing that arrived is unread. A piece
takes two or three, from the socket to the task that waits for it."""


class Deadline:
    """An async context manager that ends as `asyncio.timeout` does, but never ahead of the answer.

    An event loop that was busy (a slow disk, a large journal) wakes late, and finds the answer in
    the socket together with the end of its time. `asyncio.timeout` would throw the answer away,
    which may be paid for; this one first lets the loop read what has arrived, and ends once a few
    turns of the loop bring nothing new. A call never takes more than twice its time.

    Args:
        seconds: the time limit, from entering the context.

    Raises:
        TimeoutError: on leaving, when the time is over and the answer is not here.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout = asyncio.timeout(None)
        self._pieces = 0

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self._loop = asyncio.get_running_loop()
        self._latest = self._loop.time() + 2 * self._seconds
        self._next: asyncio.Handle = self._loop.call_later(
            self._seconds, self._expire_when_quiet, QUIET_TURNS, -1
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._next.cancel()
        await self._timeout.__aexit__(kind, error, traceback)

    def count_piece(self) -> None:
        """Note that a piece of the answer was read."""
        self._pieces += 1

    def complete(self) -> None:
        """Note that the answer is here: what is left to do with it has no time limit."""
        self._next.cancel()
        if not self._timeout.expired():
            self._timeout.reschedule(None)

    def _expire_when_quiet(self, turns: int, pieces: int) -> None:
        if self._pieces != pieces and self._loop.time() < self._latest:
            turns = QUIET_TURNS
        if turns:
            self._next = self._loop.call_soon(self._expire_when_quiet, turns - 1, self._pieces)
        else:
            self._timeout.reschedule(self._loop.time())
