"""The lines of a journal: bytes to events and back.

One JSON object a line, closed by a checksum over all that comes before it:

    {"event":"answered", …, "crc32":"0f3a55c1"}

A line without a checksum is of a time before there were any, and is read all the same.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from functools import cache

from opro_cli.core.events import (
    EVENT_CLASSES,
    NAME_OF,
    Event,
    MalformedEvent,
    from_record,
    require_readable,
    to_record,
)

# Inside of a JSON string the quotes would be escaped, so no text can contain this.
_MARK = b',"crc32":"'
_KIND_AT = len('{"event":"')

_ASCII_ENCODER = json.JSONEncoder(separators=(",", ":"))
_DECODER = json.JSONDecoder()


@cache
def _encoder() -> Callable[[Event], bytes]:
    """From an event to bytes in one go, in a tenth of the json module's time."""
    from msgspec.json import Encoder

    return Encoder().encode


@cache
def _decoders() -> dict[bytes, Callable[[bytes], Event]]:
    """From bytes to an event in one go, by the event's name."""
    from msgspec.json import Decoder  # 10 ms, and not every command reads a journal

    return {name.encode(): Decoder(cls).decode for name, cls in EVENT_CLASSES.items()}


def line_of(event: Event) -> bytes:
    """An event as one line, with its newline.

    Raises MalformedEvent for an event that could not be read back, such as a score of NaN.
    """
    require_readable(event)
    try:
        fields = _encoder()(event).removeprefix(b"{").removesuffix(b"}")
        body = b'{"event":"%b",%b' % (NAME_OF[type(event)].encode(), fields)
    # A lone surrogate from a model; or a number of a class of its own, such as numpy's.
    except (UnicodeEncodeError, TypeError):
        body = _ASCII_ENCODER.encode(to_record(event)).encode().removesuffix(b"}")
    return b'%b%b%08x"}\n' % (body, _MARK, zlib.crc32(body))


def event_of(line: bytes) -> Event:
    """The event of one line, with or without its end; MalformedEvent says what is wrong."""
    body, mark, checksum = line.rpartition(_MARK)
    if not mark:
        return _slowly(line)
    if checksum[:8] != b"%08x" % zlib.crc32(body):
        raise MalformedEvent(_nuls(line) or "it does not fit its checksum, so it was changed")
    try:
        # What fits its checksum is as `line_of` wrote it: to parse it is enough.
        kind = line[_KIND_AT : line.index(b'"', _KIND_AT)]
        return _decoders()[kind](line)
    except (KeyError, ValueError, RecursionError):  # a lone surrogate; or made by other hands
        return _slowly(line)


def whole_part(tail: bytes) -> int:
    """How many bytes of a line without an end are a whole event; 0 when it is a torn one.

    Only the end of it may be lost or spoilt, and then the answer in it is not.
    """
    text = tail.decode("utf-8", "surrogateescape")
    try:
        _, end = _DECODER.raw_decode(text)
        length = len(text[:end].encode("utf-8", "surrogateescape"))
        event_of(tail[:length])
    except (ValueError, RecursionError):
        return 0
    return length


def _slowly(line: bytes) -> Event:
    """The event of any line, every value checked; MalformedEvent in words for people."""
    try:
        plain = _DECODER.decode(line.decode())
    except ValueError as error:
        raise MalformedEvent(_nuls(line) or str(error)) from None
    except RecursionError:
        raise MalformedEvent("nested too deeply") from None
    return from_record(plain)


def _nuls(line: bytes) -> str:
    count = line.count(b"\x00")
    return f"{count} NUL bytes in it: the disk has lost what was written here" if count else ""
