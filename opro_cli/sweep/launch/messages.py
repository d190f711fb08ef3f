"""The messages between a sweep and the process of a cell: JSON objects, one a line.

The first line to a cell is its job. After that the cell sends `FromCell` and is sent `ToCell`.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Annotated, Any

import msgspec

from opro_cli.errors import OproError

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
    """The state of a run, in fields of `sweep_table.Row`."""

    phase: str
    expected: int
    best: tuple[str, float] | None
    spend: dict[str, Any]


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
    """Read a line that a cell wrote. Raises OproError."""
    message: FromCell = _decode(line, FromCell)
    return message


def decode_to_cell(line: bytes) -> ToCell:
    """Read a line that a sweep wrote. Raises OproError."""
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
