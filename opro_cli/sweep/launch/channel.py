"""The sweep's end of the messages of one cell, whatever carries them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from msgspec.structs import asdict

from opro_cli.core.run.spend import Cost
from opro_cli.errors import BudgetReached, OproError
from opro_cli.sweep.launch.messages import (
    Answer,
    Answered,
    Ask,
    CellProgress,
    Ended,
    Failed,
    FromCell,
    Lost,
    Refused,
    Stop,
    ToCell,
    decode_from_cell,
    encode,
    refuse,
)
from opro_cli.sweep.limits import Limits


class CellChannel:
    """Grants one cell its calls and passes on its reports, until `close`.

    Args:
        limits: The limits that it shares with other cells.
        send: Takes lines for the cell; must not block.
        report: Takes what the cell says of its progress.

    Attributes:
        last: The last message of the cell; None while it is at work.
        stops: How often the cell was asked to stop.
    """

    def __init__(
        self,
        limits: Limits,
        send: Callable[[bytes], None],
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        self.last: Ended | Refused | None = None
        self.is_stopped = 0
        self._limits, self._send, self._report = limits, send, report
        self._permits: dict[int, int] = {}
        self._waiting: dict[int, asyncio.Task[None]] = {}
        self._unsent: list[bytes] = []

    def receive(self, lines: bytes) -> None:
        """Act on whole lines from the cell. Raises OproError for one that is no message."""
        for line in lines.split(b"\n")[:-1]:
            message = decode_from_cell(line)
            try:
                self._act_on(message)
            except KeyError:  # no such permit
                raise refuse(line) from None

    def stop(self) -> None:
        """Let the cell end as after Ctrl-C; a second time, at once."""
        self.is_stopped += 1
        self._tell(Stop())

    def close(self) -> None:
        """Stop granting calls; those in flight count at their upper bounds."""
        for task in self._waiting.values():
            task.cancel()
        for permit in self._permits.values():
            self._limits.lost(permit)
        self._permits.clear()
        self._unsent.clear()

    def _act_on(self, message: FromCell) -> None:
        match message:
            case Ask():
                self._ask(message)
            case Answered(number, tokens, pico_usd):
                self._limits.answered(self._permits.pop(number), tokens, pico_usd)
            case Failed(number, wait, congested):
                self._limits.failed(self._permits.pop(number), wait, congested=congested)
            case Lost(number):
                self._limits.lost(self._permits.pop(number))
            case CellProgress():
                self._report(asdict(message))
            case Ended() | Refused():
                self.last = message

    def _ask(self, ask: Ask) -> None:
        if ask.number in self._waiting or ask.number in self._permits:
            raise KeyError(ask.number)
        task = asyncio.create_task(self._enter(ask))
        self._waiting[ask.number] = task
        task.add_done_callback(lambda _: self._waiting.pop(ask.number))

    async def _enter(self, ask: Ask) -> None:
        cost = Cost(ask.tokens, ask.pico_usd, ask.expected_tokens)
        try:
            self._permits[ask.number] = await self._limits.enter(ask.address, cost)
        except BudgetReached as ceiling:
            self._tell(Answer(ask.number, str(ceiling)))
        except OproError:
            pass  # no call may go any more: the cell is not answered, and the session stops it
        else:
            self._tell(Answer(ask.number))

    def _tell(self, message: ToCell) -> None:
        if not self._unsent:  # one write for all that this turn of the loop grants
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(encode(message))

    def _flush(self) -> None:
        if self._unsent:  # not closed meanwhile
            self._send(b"".join(self._unsent))
            self._unsent.clear()
