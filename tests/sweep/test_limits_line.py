"""Cells and the sweep on one line: permits over TCP, and what a broken line means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest

from opro_cli.calls.budget import Spent
from opro_cli.calls.limits import ConcurrencyLimit, RateLimiter
from opro_cli.core.run.spend import Cost
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.errors import BudgetReached, Interrupted
from opro_cli.sweep.claims import NOTHING
from opro_cli.sweep.limits import Permits
from opro_cli.sweep.limits_line import RemoteLimits, serve_limits
from opro_cli.sweep.server import Address, SweepServer, connect, tell
from tests.sweep.sweeps import limits_of


class Sweep:
    """The sweep's end: its limits, and where they are to be had."""

    def __init__(self, calls: int | None = None, tokens: int | None = None) -> None:
        self.limits = limits_of(BudgetSettings(calls=calls, tokens=tokens))
        self.server = SweepServer({"limits": partial(serve_limits, self.limits)})

    async def spends(self, spent: Spent) -> None:
        """Wait until so much is spent."""
        await until(lambda: self.limits.budget.spent_by_all == spent)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():
            await asyncio.sleep(0.001)


@pytest.fixture
async def sweep() -> AsyncIterator[Sweep]:
    sweep = Sweep(calls=3, tokens=100)
    yield sweep
    await sweep.server.stop()


async def test_cells_share_one_budget(sweep: Sweep) -> None:
    address = await sweep.server.start()
    one, other = RemoteLimits(address), RemoteLimits(address)
    one.answered(await one.enter("m", Cost(10, 5)), 7, 4)
    other.answered(await other.enter("m", Cost(10, 5)), None, None)
    await sweep.spends(Spent(2, 17, 9))
    third = await other.enter("m", Cost(10, 5))
    waiting = asyncio.create_task(one.enter("m", Cost(10, 5)))
    other.failed(third, None, congested=False)
    one.answered(await waiting, 1, 0)
    await sweep.spends(Spent(3, 18, 9))
    with pytest.raises(BudgetReached, match=r"calls 3 reached \(over all cells of the sweep\)"):
        await other.enter("m", Cost(10, 5))
    await one.aclose()
    await other.aclose()


async def test_what_a_killed_cell_had_in_flight_counts_at_its_most(sweep: Sweep) -> None:
    address = await sweep.server.start()
    reader, writer = await connect(address, "limits")
    tell(writer, "ask", 1, "m", 60, 5, 60)
    assert await reader.readline() == b'["go", 1]\n'
    tell(writer, "ask", 2, "m", 60, 5, 60)  # this one waits, and was never sent
    writer.transport.abort()
    await sweep.spends(Spent(1, 60, 5))
    cell = RemoteLimits(address)
    cell.answered(await cell.enter("m", Cost(40, 0)), 40, 0)
    await sweep.spends(Spent(2, 100, 5))
    await cell.aclose()


async def test_what_a_killed_cell_still_waited_for_takes_no_place() -> None:
    limits = limits_of(BudgetSettings(), {"m": Permits(ConcurrencyLimit(1), RateLimiter())})
    server = SweepServer({"limits": partial(serve_limits, limits)})
    address = await server.start()
    reader, writer = await connect(address, "limits")
    tell(writer, "ask", 1, "m", 1, 0, 1)
    tell(writer, "ask", 2, "m", 1, 0, 1)
    tell(writer, "ask", 3, "elsewhere", 1, 0, 1)
    answers = sorted([await reader.readline(), await reader.readline()])
    assert answers == [b'["go", 1]\n', b'["go", 3]\n']  # and 2 waits
    writer.transport.abort()
    await until(lambda: limits.budget.spent_by_all.calls == 2)
    cell = RemoteLimits(address)
    cell.answered(await asyncio.wait_for(cell.enter("m", Cost(1, 0)), 30), 1, 0)
    await cell.aclose()
    await server.stop()


async def test_half_a_line_is_no_message_and_disturbs_nobody(sweep: Sweep) -> None:
    address = await sweep.server.start()
    _, writer = await connect(address, "limits")
    writer.write(b'["ask", 1, "m"')
    await writer.drain()
    writer.close()
    cell = RemoteLimits(address)
    cell.answered(await cell.enter("m", Cost(1, 0)), 1, 0)
    await sweep.spends(Spent(1, 1, 0))
    await cell.aclose()


async def test_a_call_that_gave_up_waiting_is_not_let_go_later(sweep: Sweep) -> None:
    address = await sweep.server.start()
    cell = RemoteLimits(address)
    first = await cell.enter("m", Cost(60, 0))
    impatient = asyncio.create_task(cell.enter("m", Cost(60, 0)))
    await until(lambda: len(cell._asked) == 1)
    impatient.cancel()
    await asyncio.wait([impatient])
    cell.answered(first, 20, 0)
    cell.answered(await cell.enter("m", Cost(70, 0)), 70, 0)
    await sweep.spends(Spent(2, 90, 0))
    await cell.aclose()


async def test_without_the_sweep_no_call_may_be_sent(sweep: Sweep) -> None:
    address = await sweep.server.start()
    cell = RemoteLimits(address)
    permit = await cell.enter("m", Cost(60, 0))
    waiting = asyncio.create_task(cell.enter("m", Cost(60, 0)))
    await until(lambda: len(cell._asked) == 1)
    await sweep.server.stop()
    with pytest.raises(Interrupted, match="has gone"):
        await waiting
    with pytest.raises(Interrupted, match="has gone"):
        await cell.enter("m", Cost(1, 0))
    cell.answered(permit, 1, 0)  # nobody listens, and nothing breaks
    await cell.aclose()
    with pytest.raises(Interrupted, match="has gone"):
        await RemoteLimits(address).enter("m", Cost(1, 0))


@pytest.mark.parametrize(
    "hello",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xfe\n",
        b'["limits", "wrong"]\n',
        b'["limits"]\n',
        b"{}\n",
        b"",
    ],
)
async def test_who_does_not_know_the_token_is_not_served(sweep: Sweep, hello: bytes) -> None:
    address = await sweep.server.start()
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(hello + b'["ask", 1, "m", 60, 5, 60]\n')
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    assert sweep.limits.budget.spent_by_all == NOTHING


async def test_the_token_opens_nothing_but_what_is_served(sweep: Sweep) -> None:
    address = await sweep.server.start()
    reader, writer = await connect(Address(*address), "folder", "cell")
    assert await reader.read() == b""
    writer.close()


async def test_places_at_an_endpoint_are_shared_too() -> None:
    limits = limits_of(BudgetSettings(), {"m": Permits(ConcurrencyLimit(2), RateLimiter())})
    server = SweepServer({"limits": partial(serve_limits, limits)})
    address = await server.start()
    one, other = RemoteLimits(address), RemoteLimits(address)
    permits = [await one.enter("m", Cost(1, 0)), await other.enter("m", Cost(1, 0))]
    third = asyncio.create_task(one.enter("m", Cost(1, 0)))
    await until(lambda: len(one._asked) == 1)
    free = await other.enter("elsewhere", Cost(1, 0))
    assert not third.done()
    other.failed(free, None, congested=False)
    other.answered(permits[1], 1, 0)
    one.answered(await third, 1, 0)
    one.answered(permits[0], 1, 0)
    await until(lambda: limits.budget.spent_by_all.calls == 3)
    await one.aclose()
    await other.aclose()
    await server.stop()
