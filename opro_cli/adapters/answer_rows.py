"""A row of the answer cache and its checksum, so that damage makes a miss and never an answer.

The checksum is a CRC-32 over the key that is asked for, the text and the finish reason: it finds
every flipped bit and, but for one case in four billion, any other damage; it is no protection
against somebody who changes the file on purpose. Rows of schema 1 have none. They get theirs in
the background, a few at a time, and are taken without one until all have it.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable

from opro_cli.core.model import ChatReply

GET = "SELECT id, text, finish_reason, used, crc FROM answers WHERE key = ?"
# Of two processes that ask the same, the first decides: whoever asks later gets one answer.
_PUT = (
    "INSERT INTO answers (key, text, finish_reason, model, made, used, crc) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
)
_USE = "UPDATE answers SET used = ? WHERE id = ?"
CHECKSUM = "row_checksum(key, text, finish_reason)"
# Checked again: by now another process may have a sound answer there.
_DROP = f"DELETE FROM answers WHERE id = ? AND crc IS NOT {CHECKSUM}"

# Text of a model may hold lone surrogates, which neither UTF-8 nor SQLite has.
_ENCODING = ("utf-8", "surrogatepass")


def checksum(key: object, text: object, finish_reason: object) -> int | None:
    """CRC-32 of an answer and what it answers; None when one of them is no bytes."""
    if not (
        isinstance(key, bytes) and isinstance(text, bytes) and isinstance(finish_reason, bytes)
    ):
        return None
    lengths = b"%d %d " % (len(key), len(text))
    return zlib.crc32(finish_reason, zlib.crc32(text, zlib.crc32(key, zlib.crc32(lengths))))


def reply_in(row: tuple[object, ...], key: bytes, *, converted: bool) -> ChatReply | None:
    """The answer that a row of GET holds for a key; None when anything is wrong with it.

    converted: a row without a checksum is damaged, and not merely one of schema 1.
    """
    _, text, reason, _, crc = row
    if not (isinstance(text, bytes) and isinstance(reason, bytes)):
        return None
    if crc != checksum(key, text, reason) and (converted or crc is not None):
        return None
    try:
        return ChatReply(text.decode(*_ENCODING), reason.decode(*_ENCODING), 0, 0, 0.0)
    except UnicodeDecodeError:
        return None


def insert(file: sqlite3.Connection, answers: Iterable[tuple[bytes, str, str, str, int]]) -> None:
    """Keep answers: key, text, finish reason, model and the second that it was made in."""
    file.executemany(_PUT, [_row(*answer) for answer in answers])


def _row(key: bytes, text: str, reason: str, model: str, made: int) -> tuple[object, ...]:
    as_bytes = text.encode(*_ENCODING), reason.encode(*_ENCODING)
    return key, *as_bytes, model.encode(*_ENCODING), made, made, checksum(key, *as_bytes)


def mark_used(file: sqlite3.Connection, ids: Iterable[object], now: int) -> None:
    """Note when rows were used last."""
    file.executemany(_USE, [(now, each) for each in ids])


def drop_damaged(file: sqlite3.Connection, ids: Iterable[object]) -> None:
    """Remove rows whose checksum does not fit, to make room for answers that do."""
    file.executemany(_DROP, [(each,) for each in ids])
