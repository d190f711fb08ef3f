"""Many calls at once, with a limit, and without dropping a call that is already paid for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Crew(Generic[Item]):
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
