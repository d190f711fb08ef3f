"""The port of the engines that work on cells, and the messages between a sweep and a cell.

Messages are JSON objects, one a line, over the cell's own pipes or a Ray actor. The first line to a
cell is its job. After that the cell sends `FromCell` and is sent `ToCell`.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any, Protocol

import msgspec
from msgspec.structs import asdict

from opro_cli.core.run.spend import Cost
from opro_cli.errors import BudgetReached, OproError
from opro_cli.sweep.cells import Job
from opro_cli.sweep.limits import Limits

STOPPED = 128 + signal.SIGTERM
"""Exit code of a cell's process that was asked to end before it did anything."""
LONGEST_SHOWN = 60
"""Characters of an unreadable line that its error quotes."""

Count = Annotated[int, msgspec.Meta(ge=0)]


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """A call that wants to go, with a number of its cell and the fields of its `Cost`."""

    number: int
    address: str
    tokens: Count
    pico_usd: Count
    expected_tokens: Count


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """A call that was answered; None where nobody counted what it took."""

    number: int
    tokens: int | None
    pico_usd: int | None


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """A call that cost nothing; `wait` is in seconds, as its provider asks for it."""

    number: int
    wait: float | None
    congested: bool


class Lost(msgspec.Struct, frozen=True, tag="lost"):
    """A call whose end is unknown."""

    number: int


class CellProgress(msgspec.Struct, frozen=True, tag="progress"):
    """The state of a run, in fields of `CellRow`."""

    phase: str
    expected: int
    best: tuple[str, float] | None
    spend: dict[str, Any]
    scale: dict[str, bool] | None = None


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The last message of a cell: how its session ended, or "elsewhere"."""

    ended: str
    stopped_by: str = ""
    result: dict[str, Any] | None = None


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The last message of a cell that failed: an error and its remedy."""

    error: str
    hint: str | None = None


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    """Leave for a call, or the ceiling of the budget that stands in its way."""

    number: int
    ceiling: str = ""


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Order to end as after Ctrl-C; a second one, at once."""


FromCell = Ask | Answered | Failed | Lost | CellProgress | Ended | Refused
ToCell = Answer | Stop


def refuse(line: bytes) -> OproError:
    """Word the refusal of a line that is no message."""
    return OproError(
        f"expected a message from the cell's process, found {len(line):,} bytes: "
        f"{line[:LONGEST_SHOWN].decode(errors='replace')!r}",
        "run `opro sweep` again: nothing answered is lost",
    )


def encode(message: FromCell | ToCell) -> bytes:
    """Write a message as a line."""
    try:
        return msgspec.json.encode(message) + b"\n"
    # A lone surrogate from a model; or a number of a class of its own, such as numpy's.
    except (UnicodeEncodeError, TypeError):
        tag = message.__struct_config__.tag
        return json.dumps({"type": tag, **msgspec.structs.asdict(message)}).encode() + b"\n"


def decode_from_cell(line: bytes) -> FromCell:
    """Read a line that a cell wrote; raises OproError."""
    message: FromCell = _decode(line, FromCell)
    return message


def decode_to_cell(line: bytes) -> ToCell:
    """Read a line that a sweep wrote; raises OproError."""
    message: ToCell = _decode(line, ToCell)
    return message


def _decode(line: bytes, kinds: Any) -> Any:
    try:
        return _decoder(kinds).decode(line)
    except (ValueError, RecursionError):  # of which msgspec's errors are some
        pass
    try:  # a lone surrogate, which msgspec does not read
        return msgspec.convert(json.loads(line), kinds)
    except (ValueError, RecursionError):
        raise refuse(line) from None


@cache
def _decoder(kinds: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kinds)


class CellChannel:
    """Grants one cell its calls and passes on its reports, until `close`.

    Args:
        limits: The limits that it shares with other cells.
        send: Takes lines for the cell; must not block.
        report: Takes the cell's progress.

    Attributes:
        last: The last message of the cell; None while it is at work.
        stops: The number of requests to stop.
    """

    def __init__(
        self,
        limits: Limits,
        send: Callable[[bytes], None],
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        self.last: Ended | Refused | None = None
        self.stops = 0
        self._limits, self._send, self._report = limits, send, report
        self._permits: dict[int, int] = {}
        self._waiting: dict[int, asyncio.Task[None]] = {}
        self._unsent: list[bytes] = []

    def receive(self, lines: bytes) -> None:
        """Act on whole lines from the cell; raises OproError for one that is no message."""
        for line in lines.split(b"\n")[:-1]:
            message = decode_from_cell(line)
            try:
                self._act_on(message)
            except KeyError:  # no such permit
                raise refuse(line) from None

    def stop(self) -> None:
        """Let the cell end as after Ctrl-C; a second time, at once."""
        self.stops += 1
        self._tell(Stop())

    def close(self) -> None:
        """Stop granting calls; those in flight count at their upper bounds."""
        for task in self._waiting.values():
            task.cancel()
        for permit in self._permits.values():
            self._limits.record_loss(permit)
        self._permits.clear()
        self._unsent.clear()

    def _act_on(self, message: FromCell) -> None:
        match message:
            case Ask():
                self._ask(message)
            case Answered(number, tokens, pico_usd):
                self._limits.record_answer(self._permits.pop(number), tokens, pico_usd)
            case Failed(number, wait, congested):
                self._limits.record_failure(self._permits.pop(number), wait, congested=congested)
            case Lost(number):
                self._limits.record_loss(self._permits.pop(number))
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


Report = Callable[[str, dict[str, Any]], None]
"""Takes the name of a cell and its report; its last report has "ended" or "error"."""


class SweepEngine(Protocol):
    """Works on cells, each in a process of its own. One `run` for each engine."""

    async def run(self, jobs: Sequence[Job], limits: Limits, report: Report) -> None:
        """Work on jobs in their order, under shared limits, until all are over or it was stopped.

        A cell that fails reports so, and does not stop the others. After a `stop` the cells that
        never began report nothing.

        Raises:
            OproError: No cell can be worked on.
        """

    def drain(self) -> None:
        """Begin no more cells."""

    def stop(self) -> None:
        """Begin no more cells, and end those under way as after Ctrl-C; a second time, at once."""

    def close(self) -> None:
        """Give back what it holds; calling it twice is fine."""
