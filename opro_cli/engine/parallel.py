"""Many calls at once, with a limit, and without dropping a call that is already paid for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")


async def in_parallel(
    items: Iterable[Item],
    do: Callable[[Item], Awaitable[None]],
    *,
    limit: int,
    halted: Callable[[], bool],
) -> None:
    """Run `do` on every item, at most `limit` at a time, handed out in order.

    Once `halted()` is true or one item fails, no new item is handed out, but those under way
    are waited for: their answers are paid for and still get recorded. Then the first failure
    is raised.
    """
    waiting = iter(items)
    failures: list[Exception] = []

    async def work() -> None:
        for item in waiting:
            if failures or halted():
                return
            try:
                await do(item)
            except Exception as error:  # noqa: BLE001 - kept whole and raised below
                failures.append(error)
                return

    async with asyncio.TaskGroup() as group:
        for _ in range(limit):
            group.create_task(work())
    if failures:
        raise failures[0]
