"""When a call's time is over: never while an answer that arrived is still unread."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import pytest

from opro_cli.errors import ModelError
from opro_cli.models.wire import Deadline
from tests.server import Fault, LocalServer, Options
from tests.server.threaded import serving
from tests.wire.conftest import Model, Wire, asking, both

TIMEOUT_S = 0.5


async def block_the_loop_until(condition: Callable[[], bool]) -> None:
    """Hold up the event loop as a slow disk does, until `condition` and past the time of a call."""
    await asyncio.sleep(0)
    over = time.monotonic() + 1.5 * TIMEOUT_S
    while not condition() or time.monotonic() < over:
        time.sleep(0.01)


async def wait_for(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def warm(wire: Wire, server: LocalServer) -> AsyncIterator[Model]:
    """A model that has been asked before: its library is imported, its connection open."""
    model = wire.at(server.url, timeout=60)
    await model.reply(asking(max_tokens=100_000))
    model._timeout = TIMEOUT_S
    yield model
    await model.aclose()


@both
@pytest.mark.parametrize("size", [1, 300_000])
async def test_an_answer_that_arrived_in_time_counts_though_the_loop_was_busy(
    wire: Wire, size: int
) -> None:
    options = Options(latency_ms=50)
    with serving(LocalServer(options=options, brain=lambda *_: "x" * size)) as server:
        async with warm(wire, server) as model:
            call = asyncio.create_task(model.reply(asking(max_tokens=100_000)))
            await wait_for(lambda: len(server.requests) == 2)
            await block_the_loop_until(lambda: server.requests[1].sent)
            assert len((await call).text) == size


@both
@pytest.mark.parametrize("kind", ["hang", "drip"])
async def test_an_answer_that_does_not_arrive_ends_though_the_loop_was_busy(
    wire: Wire, kind: str
) -> None:
    fault = Fault(kind, seconds=3600 if kind == "hang" else 0.02)  # type: ignore[arg-type]
    with serving(LocalServer(options=Options(faults={1: fault}))) as server:
        async with warm(wire, server) as model:
            call = asyncio.create_task(model.reply(asking()))
            await wait_for(lambda: len(server.requests) == 2)
            await block_the_loop_until(lambda: True)
            with pytest.raises(ModelError, match=r"gave no answer within 0\.5 s"):
                await call


async def test_it_ends_at_its_time_where_nothing_arrives() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(60), Deadline(0.01):
            await asyncio.Event().wait()


async def test_pieces_put_the_end_off_to_twice_the_time_at_most() -> None:
    async def receive_for_ever(seconds: float) -> None:
        async with Deadline(seconds) as deadline:
            while True:
                deadline.count_piece()
                await asyncio.sleep(0)

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(receive_for_ever(0.1), 60)
    assert 0.2 <= time.monotonic() - began < 60


async def test_there_is_no_end_once_the_answer_is_here() -> None:
    over = asyncio.get_running_loop().time() + 0.05
    async with Deadline(0.01) as deadline:
        deadline.complete()
        while asyncio.get_running_loop().time() < over:
            await asyncio.sleep(0)


async def test_a_cancelled_call_is_cancelled_and_leaves_no_timer() -> None:
    async def wait() -> None:
        async with Deadline(60):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
