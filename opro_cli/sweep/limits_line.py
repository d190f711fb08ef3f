"""Both ends of the line on which a cell asks for permits: see limits.py for what they mean.

From the cell ["ask", number, address, tokens, pico_usd, expected] before a call, and after it one
of ["answered", number, tokens, pico_usd], ["failed", number, wait, congested], ["lost", number].
To it ["go", number], or ["over", number, why] where the budget is at its end.
"""

from __future__ import annotations

import asyncio
import json
from itertools import count
from typing import Any

from opro_cli.core.run.spend import Cost
from opro_cli.errors import BudgetReached, Interrupted, OproError
from opro_cli.sweep.limits import Limits, Permit
from opro_cli.sweep.server import Address, connect, tell


async def serve_limits(
    limits: Limits, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Let one cell share the limits until it hangs up. What it had in flight then is lost."""
    leaves: dict[int, Permit] = {}
    waiting: set[asyncio.Task[None]] = set()

    async def enter(number: int, address: str, cost: Cost) -> None:
        try:
            leaves[number] = await limits.enter(address, cost)
        except BudgetReached as ceiling:
            tell(writer, "over", number, str(ceiling))
        except OproError:
            pass  # no call may go any more: the cell is not answered, and the session stops it
        else:
            tell(writer, "go", number)

    try:
        async for line in reader:
            match json.loads(line):
                case ["ask", int(number), str(address), int(tokens), int(pico_usd), int(expected)]:
                    cost = Cost(tokens, pico_usd, expected)
                    task = asyncio.create_task(enter(number, address, cost))
                    waiting.add(task)
                    task.add_done_callback(waiting.discard)
                case ["answered", int(number), tokens, pico_usd]:
                    limits.answered(leaves.pop(number), tokens, pico_usd)
                case ["failed", int(number), wait, bool(congested)]:
                    limits.failed(leaves.pop(number), wait, congested=congested)
                case ["lost", int(number)]:
                    limits.lost(leaves.pop(number))
    finally:
        for task in waiting:
            task.cancel()
        for leave in leaves.values():
            limits.lost(leave)


class RemoteLimits:
    """A cell's end of the line: `SharedLimits`, connected when they are first asked.

    Without them no call may be sent: `enter` raises Interrupted once the line is broken.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._numbers = count(1)
        self._asked: dict[int, asyncio.Future[None]] = {}
        self._opening: asyncio.Task[asyncio.StreamWriter] | None = None
        self._listening: asyncio.Task[None] | None = None

    async def enter(self, address: str, cost: Cost) -> int:
        """As `SharedLimits`."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        try:
            writer = await asyncio.shield(self._opening)
        except OSError:
            raise _gone() from None
        if self._listening is None or self._listening.done():
            raise _gone()
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        tell(writer, "ask", number, address, cost.tokens, cost.pico_usd, cost.expected_tokens)
        try:
            await answer
        except asyncio.CancelledError:
            if answer.done() and not answer.cancelled() and answer.exception() is None:
                self.failed(number, None, congested=False)  # it was let go, and does not go
            raise
        finally:
            del self._asked[number]
        return number

    def answered(self, permit: int, tokens: int | None, pico_usd: int | None) -> None:
        """As `SharedLimits`."""
        self._tell("answered", permit, tokens, pico_usd)

    def failed(self, permit: int, wait: float | None, *, congested: bool) -> None:
        """As `SharedLimits`."""
        self._tell("failed", permit, wait, congested)

    def lost(self, permit: int) -> None:
        """As `SharedLimits`."""
        self._tell("lost", permit)

    async def aclose(self) -> None:
        """Say what is still to be said, and hang up."""
        if self._opening is None or self._listening is None:
            return
        self._opening.result().close()
        await self._listening

    async def _open(self) -> asyncio.StreamWriter:
        reader, writer = await connect(self._address, "limits")
        self._listening = asyncio.create_task(self._listen(reader))
        return writer

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            async for line in reader:
                what, number, *why = json.loads(line)
                answer = self._asked.get(number)
                if answer is None or answer.done():
                    if what == "go":
                        self.failed(number, None, congested=False)  # whoever asked has gone
                elif what == "go":
                    answer.set_result(None)
                else:
                    answer.set_exception(BudgetReached(f"{why[0]} (over all cells of the sweep)"))
        except (OSError, ValueError):
            pass
        finally:
            for answer in self._asked.values():
                if not answer.done():
                    answer.set_exception(_gone())

    def _tell(self, *what: Any) -> None:
        if self._opening is not None:
            tell(self._opening.result(), *what)


def _gone() -> Interrupted:
    return Interrupted("the sweep that shares out its budget has gone; nothing answered is lost")
