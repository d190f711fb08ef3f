"""Many calls at once: the limit, the order, and what happens when one fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import pytest

from opro_cli.calls.endpoints import WorkerPool


async def in_parallel(
    items: Iterable[int],
    do: Callable[[int], Awaitable[None]],
    *,
    limit: int,
    halted: Callable[[], bool],
) -> None:
    """All items by one crew, handed over in two lots."""
    every = list(items)
    async with asyncio.TaskGroup() as group:
        crew = WorkerPool(group, do, limit, halted)
        crew.hand(every[:1])
        crew.hand(every[1:])
    if crew.failure is not None:
        raise crew.failure


async def test_never_more_than_the_limit_and_in_order() -> None:
    running = peak = 0
    begun: list[int] = []

    async def work(item: int) -> None:
        nonlocal running, peak
        begun.append(item)
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0)
        running -= 1

    await in_parallel(range(20), work, limit=3, halted=lambda: False)
    assert (peak, begun) == (3, list(range(20)))


async def test_what_is_handed_over_first_goes_before_what_waits() -> None:
    begun: list[str] = []

    async def work(item: str) -> None:
        begun.append(item)
        await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        crew = WorkerPool(group, work, 1, lambda: False)
        crew.hand(["a1", "b1", "b2"])
        await asyncio.sleep(0)
        crew.hand(["a2", "a3"], first=True)
        crew.hand(["c1"])
    assert begun == ["a1", "a2", "a3", "b1", "b2", "c1"]


async def test_a_failure_lets_those_under_way_finish_and_starts_no_other() -> None:
    done: list[int] = []
    gate = asyncio.Event()

    async def work(item: int) -> None:
        if item == 0:
            await asyncio.sleep(0)  # until the others are under way
            gate.set()
            raise ValueError("first")
        await gate.wait()
        await asyncio.sleep(0)
        done.append(item)

    with pytest.raises(ValueError, match="first"):
        await in_parallel(range(10), work, limit=3, halted=lambda: False)
    assert done == [1, 2]


async def test_a_halt_hands_out_nothing_more() -> None:
    done: list[int] = []

    async def work(item: int) -> None:
        done.append(item)
        await asyncio.sleep(0)

    await in_parallel(range(10), work, limit=2, halted=lambda: len(done) >= 4)
    assert done == [0, 1, 2, 3]
