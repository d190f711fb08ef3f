"""A cell and the sweep at the two ends of a channel: permits, and what a broken channel means."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from opro_cli.calls.budget import Spent
from opro_cli.calls.endpoints import ConcurrencyLimit, RateLimiter
from opro_cli.core.run.spend import Cost
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.errors import BudgetReached, OproError
from opro_cli.sweep.launch.cell_process import AskedLimits
from opro_cli.sweep.launch.channel import (
    Answer,
    Answered,
    Ask,
    CellChannel,
    CellProgress,
    Ended,
    Failed,
    FromCell,
    Refused,
    Stop,
    decode_from_cell,
    decode_to_cell,
    encode,
)
from opro_cli.sweep.limits import Limits, Permits
from tests.sweep.sweeps import limits_of


def limits_with(
    calls: int | None = None, tokens: int | None = None, doors: Mapping[str, Permits] | None = None
) -> Limits:
    return limits_of(BudgetSettings(calls=calls, tokens=tokens), doors)


class Cell:
    """A cell whose process has both ends of its pipes in this one.

    Attributes:
        lines: Messages of the sweep that the cell has not read yet; None where it reads at once.
    """

    def __init__(self, limits: Limits) -> None:
        self.reports: list[dict[str, Any]] = []
        self.lines: list[bytes] | None = None
        self.channel = CellChannel(limits, self._arrive, self.reports.append)
        self.limits = AskedLimits(self.say)

    def say(self, message: FromCell) -> None:
        self.channel.receive(encode(message))

    def ask(self, number: int, address: str = "m", tokens: int = 1) -> None:
        self.say(Ask(number, address, tokens, 0, tokens))

    def _arrive(self, lines: bytes) -> None:
        for line in lines.splitlines():
            if self.lines is not None:
                self.lines.append(line)
            elif not isinstance(message := decode_to_cell(line), Stop):
                self.limits.receive(message)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():
            await asyncio.sleep(0.001)


async def test_cells_share_one_budget() -> None:
    limits = limits_with(calls=3, tokens=100)
    one, other = Cell(limits).limits, Cell(limits).limits
    one.record_answer(await one.enter("m", Cost(10, 5)), 7, 4)
    other.record_answer(await other.enter("m", Cost(10, 5)), None, None)
    assert limits.budget.spent_by_all == Spent(2, 17, 9)
    third = await other.enter("m", Cost(10, 5))
    waiting = asyncio.create_task(one.enter("m", Cost(10, 5)))
    other.record_failure(third, None, congested=False)
    one.record_answer(await waiting, 1, 0)
    assert limits.budget.spent_by_all == Spent(3, 18, 9)
    with pytest.raises(BudgetReached, match=r"^calls 3 reached \(over all cells of the sweep\)$"):
        await other.enter("m", Cost(10, 5))


async def test_places_at_an_endpoint_are_shared_too() -> None:
    limits = limits_with(doors={"m": Permits(ConcurrencyLimit(2), RateLimiter())})
    one, other = Cell(limits), Cell(limits)
    permits = [await each.limits.enter("m", Cost(1, 0)) for each in (one, other)]
    third = asyncio.create_task(one.limits.enter("m", Cost(1, 0)))
    free = await other.limits.enter("elsewhere", Cost(1, 0))
    assert not third.done()
    other.limits.record_failure(free, None, congested=False)
    other.limits.record_answer(permits[1], 1, 0)
    one.limits.record_answer(await third, 1, 0)
    one.limits.record_answer(permits[0], 1, 0)
    assert limits.budget.spent_by_all.calls == 3


async def test_calls_in_flight_in_a_cell_that_died_count_at_their_upper_bounds() -> None:
    limits = limits_with(tokens=100)
    dead, living = Cell(limits), Cell(limits)
    dead.lines = []
    dead.ask(1, tokens=60)
    await until(lambda: dead.lines == [encode(Answer(1)).strip()])
    dead.ask(2, tokens=60)  # this one waits, and was never sent
    await asyncio.sleep(0)
    dead.channel.close()
    assert limits.budget.spent_by_all == Spent(1, 60, 0)
    living.limits.record_answer(await living.limits.enter("m", Cost(40, 0)), 40, 0)
    assert limits.budget.spent_by_all == Spent(2, 100, 0)


async def test_a_call_that_a_dead_cell_waited_for_takes_no_place() -> None:
    limits = limits_with(doors={"m": Permits(ConcurrencyLimit(1), RateLimiter())})
    dead, living = Cell(limits), Cell(limits)
    dead.lines = []
    for number, address in enumerate(("m", "m", "elsewhere")):
        dead.ask(number, address)
    await until(lambda: dead.lines == [encode(Answer(0)).strip(), encode(Answer(2)).strip()])
    dead.channel.close()
    assert limits.budget.spent_by_all.calls == 2
    living.limits.record_answer(
        await asyncio.wait_for(living.limits.enter("m", Cost(1, 0)), 30), 1, 0
    )


async def test_nothing_is_sent_to_a_cell_behind_the_end_of_its_channel() -> None:
    cell = Cell(limits_with())
    cell.lines = []
    cell.ask(1)
    await asyncio.sleep(0)  # it is granted, and goes out with the next turn of the loop
    cell.channel.close()
    await asyncio.sleep(0.01)
    assert cell.lines == []


async def test_a_call_that_gave_up_waiting_is_not_let_go_later() -> None:
    limits = limits_with(calls=3, tokens=100)
    cell = Cell(limits).limits
    first = await cell.enter("m", Cost(60, 0))
    impatient = asyncio.create_task(cell.enter("m", Cost(60, 0)))
    await until(lambda: len(cell._asked) == 1)
    impatient.cancel()
    await asyncio.wait([impatient])
    cell.record_answer(first, 20, 0)
    cell.record_answer(await cell.enter("m", Cost(70, 0)), 70, 0)
    assert limits.budget.spent_by_all == Spent(2, 90, 0)


async def test_the_last_message_of_a_cell_and_its_progress_are_kept() -> None:
    cell = Cell(limits_with())
    cell.say(CellProgress("initial", 60, ("dev", 0.5), {"calls": 1}))
    assert cell.reports == [
        {
            "phase": "initial",
            "expected": 60,
            "best": ("dev", 0.5),
            "spend": {"calls": 1},
            "scale": None,
        }
    ]
    cell.say(Ended("finished", "", {"best": "\ud800"}))
    assert cell.channel.last == Ended("finished", "", {"best": "\ud800"})


@pytest.mark.parametrize(
    "message",
    [
        Ask(10**30, "m", 10**30, 0, 7),
        Answered(1, None, None),
        Answered(1, -1000, 10**40),
        Failed(1, 3.5, True),
        CellProgress("step 1/2", 9, None, {}),
        Ended("budget", "budget.calls", {"text": 'half a \ud800 and "\n\r\u2028\x00"'}),
        Refused("漢\u202e\x1b[2J", None),
    ],
)
def test_every_message_is_one_line_and_comes_back_as_it_was(message: FromCell) -> None:
    line = encode(message)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode_from_cell(line) == message


HOSTILE = [
    b"",
    b"nonsense",
    b"\xff\xfe",
    b"GET / HTTP/1.1\r",
    b"[" * 100_000,
    b"null",
    b'["ask", 1, "m", 60, 5, 60]',
    b'{"type":"answer","number":1}',  # not for the sweep
    b'{"type":"ask","number":1,"address":"m","tokens":-9,"pico_usd":0,"expected_tokens":0}',
    b'{"type":"ask","number":1,"address":"m","tokens":true,"pico_usd":0,"expected_tokens":0}',
    b'{"type":"answered","number":99,"tokens":1,"pico_usd":0}',  # of no call
    b'{"type":"ask","number":7,"address":"m","tokens":1,"pico_usd":0,"expected_tokens":1}',  # twice
    b'{"type":"progress","phase":"initial"}',
    b'{"type":"ended","ended":"finished","result":[]}',
]


@pytest.mark.parametrize("line", HOSTILE, ids=lambda line: line[:24])
async def test_a_line_that_is_no_message_is_refused_and_counts_nothing(line: bytes) -> None:
    limits = limits_with()
    cell = Cell(limits)
    cell.lines = []
    cell.ask(7)
    await until(lambda: cell.lines != [])
    with pytest.raises(OproError, match="expected a message from the cell's process, found ") as no:
        cell.channel.receive(line + b"\n")
    assert len(str(no.value)) < 400
    assert limits.budget.spent_by_all == Spent(0, 0, 0)
    cell.channel.close()
    assert limits.budget.spent_by_all == Spent(1, 1, 0)


def test_what_the_sweep_says_comes_back_too() -> None:
    for message in (Answer(7), Answer(7, "usd 5 reached"), Stop()):
        assert decode_to_cell(encode(message)) == message
