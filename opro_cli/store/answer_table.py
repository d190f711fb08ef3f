"""The table of the answer cache: keys, rows with checksums, and upgrades of older files."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import time
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from opro_cli.core.task.example import LIMITS, ChatReply, ChatRequest, Took
from opro_cli.core.text import decode_text, encode_text
from opro_cli.models.providers import find_base, find_provider, get_provider

KEY_VERSION = 1
"""To be raised when requests are sent differently, so that old answers are no longer found."""

KEY_BYTES = 16

_SENT_OTHERWISE = frozenset({"temperature", "top_p", "seed", "n", "stop", "cache_prompt", *LIMITS})
"""Refused parameters that the key of a request has elsewhere, or that change no answer."""

_ADDRESS = re.compile(r"_(API_BASE|BASE_URL|API_VERSION)$")


def find_address(name: str, api_base: str | None) -> str:
    """Return a model's address from its config and the environment, without a password."""
    address = find_base(name, api_base) or _read_environment(name)
    if os.environ.get("USE_LITELLM_PROXY"):
        address += " through " + os.environ.get("LITELLM_PROXY_API_BASE", "")
    return re.sub(r"//[^/@]*@", "//", address).rstrip("/")


def _read_environment(name: str) -> str:
    """Return the variables that may hold the address, such as AZURE_API_BASE."""
    if find_provider(name).base_variables:
        return ""  # its variables are known, and unset
    start = get_provider(name).partition("_")[0].upper()
    variables = (v for v in sorted(os.environ) if v.startswith(start) and _ADDRESS.search(v))
    return " ".join(f"{variable}={os.environ[variable]}" for variable in variables if start)


def build_key(
    name: str, address: str, request: ChatRequest, added: Mapping[str, Any] | None = None
) -> bytes:
    """Return the key of a request to the model of this name and address: 16 bytes.

    At temperature 0 the seed has no effect and is left out, so that other runs share the answer.
    What is not sent is null. A limit under its other name is the same request, and so are texts to
    stop at that are looked for here.

    Args:
        name: Of the model.
        address: As `find_address` returns it.
        request: As it is sent.
        added: What the config adds to each request, with the variables of headers unfilled.
    """
    temperature = None if request.temperature is None else float(request.temperature)
    seed = None if temperature == 0 else request.seed
    turns = [(message.role, message.content) for message in request.messages]
    asked = [KEY_VERSION, name, address, temperature, request.max_tokens, seed, turns]
    asked += [request.stop] if request.stop else []  # keys from before stop strings stay valid
    further: dict[str, Any] = dict(added or {})  # likewise
    if request.top_p is not None:
        further["top_p"] = request.top_p
    if request.repeat > 1:
        further["repeat"] = request.repeat
    unsent = {*request.without} - _SENT_OTHERWISE
    if set(LIMITS) <= {*request.without}:
        unsent.add(LIMITS[0])
    if unsent:
        further["without"] = sorted(unsent)
    asked += [further] if further else []
    return hashlib.sha256(json.dumps(asked).encode()).digest()[:KEY_BYTES]


def split_keys(joined: bytes) -> tuple[bytes, ...]:
    """Split keys that `BoundCache.key` joined."""
    starts = range(0, len(joined), KEY_BYTES)
    return tuple(joined[start : start + KEY_BYTES] for start in starts)


GET = "SELECT id, text, finish_reason, used, crc, took FROM answers WHERE key = ?"
_TOOK = msgspec.json.Decoder(Took)
# Of two processes with the same request, the first one's answer stays.
_PUT = (
    "INSERT INTO answers (key, text, finish_reason, model, made, used, crc, took) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
)
_USE = "UPDATE answers SET used = ? WHERE id = ?"
# Checked again: by now another process may have stored a sound answer there.
_DROP = """
DELETE FROM answers WHERE id = ? AND (crc IS NOT row_checksum(key, text, finish_reason, took)
OR CAST(finish_reason AS TEXT) = 'error' OR trim(CAST(text AS TEXT), char(32, 9, 10, 13)) = '')"""


def compute_checksum(
    key: object, text: object, finish_reason: object, took: object = None
) -> int | None:
    """Return the CRC-32 of an answer and its key; None if one part is not bytes.

    Without what the answer took it is that of an older opro, which did not keep this.
    """
    if not (
        isinstance(key, bytes) and isinstance(text, bytes) and isinstance(finish_reason, bytes)
    ):
        return None
    lengths = b"%d %d " % (len(key), len(text))
    crc = zlib.crc32(finish_reason, zlib.crc32(text, zlib.crc32(key, zlib.crc32(lengths))))
    if took is None:
        return crc
    return zlib.crc32(b" %d " % len(finish_reason) + took, crc) if isinstance(took, bytes) else None


def decode_reply(row: tuple[object, ...], key: bytes, *, converted: bool) -> ChatReply | None:
    """Return the answer in a row of GET for a key; None if the row is damaged or holds no answer.

    An older opro kept replies that had broken off, and empty ones.

    Args:
        row: Found by GET.
        key: The key that it was found by.
        converted: Whether a row without a checksum is damaged, rather than a row of schema 1.
    """
    _, text, reason, _, crc, took = row
    if not (isinstance(text, bytes) and isinstance(reason, bytes)):
        return None
    if crc != compute_checksum(key, text, reason, took) and (converted or crc is not None):
        return None
    try:
        known = _TOOK.decode(took) if isinstance(took, bytes) else None
        reply = ChatReply(decode_text(text), decode_text(reason), 0, 0, 0.0, took=known)
    except (UnicodeDecodeError, msgspec.DecodeError):
        return None
    return None if reply.failed else reply


def insert_answers(
    file: sqlite3.Connection, answers: Iterable[tuple[bytes, str, str, str, int, Took | None]]
) -> None:
    """Insert answers: key, text, finish reason, model, time in seconds and what they took."""
    file.executemany(_PUT, [_encode_row(*answer) for answer in answers])


def _encode_row(
    key: bytes, text: str, reason: str, model: str, made: int, took: Took | None
) -> tuple[object, ...]:
    as_bytes = encode_text(text), encode_text(reason)
    kept = None if took is None else msgspec.json.encode(took)
    crc = compute_checksum(key, *as_bytes, kept)
    return key, *as_bytes, encode_text(model), made, made, crc, kept


def mark_used(file: sqlite3.Connection, ids: Iterable[object], now: int) -> None:
    """Record the time of the last use of rows."""
    file.executemany(_USE, [(now, row_id) for row_id in ids])


def drop_damaged(file: sqlite3.Connection, ids: Iterable[object]) -> None:
    """Remove rows with a wrong checksum, to make room for sound answers."""
    file.executemany(_DROP, [(row_id,) for row_id in ids])


CONVERTING, CONVERTED = 4, 5
"""Schemas (`user_version`): rows may lack a checksum; a row without one is damaged.

2 and 3 are the same, without what an answer took.
"""
_CONVERTED_BEFORE = 3
MALFORMED = "database disk image is malformed"
"""SQLite's message for a damaged file."""
FAILURES = (sqlite3.Error, OSError, UnicodeDecodeError, MemoryError)
"""Errors of a damaged file, including quoted bytes that are no text and absurd lengths."""
CONVERT_FOR = 0.05
"""Seconds of one round of conversion, short so that new answers do not wait."""
_ROWS_AT_ONCE = 200

_TABLE = """\
CREATE TABLE IF NOT EXISTS answers (
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL UNIQUE,
  text BLOB NOT NULL,
  finish_reason BLOB NOT NULL,
  model BLOB NOT NULL,
  made INTEGER NOT NULL,
  used INTEGER NOT NULL,
  crc INTEGER,
  took BLOB
)"""
# In order of use, for `shrink`; with the model, so that counting them reads no answer.
_ORDER = "CREATE INDEX IF NOT EXISTS by_use ON answers (used, model)"
_NEXT = "SELECT max(id) FROM (SELECT id FROM answers WHERE id > ? ORDER BY id LIMIT ?)"
_CONVERT = """
UPDATE answers SET crc = row_checksum(key, text, finish_reason, took)
WHERE id > ? AND id <= ? AND crc IS NULL"""


def upgrade_schema(file: sqlite3.Connection) -> None:
    """Create the table of a new file, or add the columns that a table of an older opro lacks.

    Neither reads a row. The first of several processes does it; the others wait.
    """
    file.execute("BEGIN IMMEDIATE")
    try:
        found = read_number(file, "PRAGMA user_version")
        if found < CONVERTING:
            file.execute(_TABLE)
            file.execute(_ORDER)
            columns = [row[1] for row in file.execute("PRAGMA table_info(answers)")]
            for name, kind in ((b"crc", "INTEGER"), (b"took", "BLOB")):
                if name not in columns:
                    file.execute(f"ALTER TABLE answers ADD COLUMN {name.decode()} {kind}")
            empty = file.execute("SELECT 1 FROM answers LIMIT 1").fetchone() is None
            converted = empty or found == _CONVERTED_BEFORE
            file.execute(f"PRAGMA user_version = {CONVERTED if converted else CONVERTING}")
        file.execute("COMMIT")
    except BaseException:
        file.rollback()
        raise


def check_schema(file: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError unless the table's definition is the one that opro wrote."""

    def strip(sql: str) -> str:  # an added column comes with other spaces
        return "".join(sql.replace("IF NOT EXISTS ", "").split())

    rows = file.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC")
    if [strip(sql.decode("utf-8", "replace")) for (sql,) in rows] != [strip(_TABLE), strip(_ORDER)]:
        raise sqlite3.DatabaseError(MALFORMED)


def is_converted(file: sqlite3.Connection) -> bool:
    """Return True if every row has a checksum, so that a row without one is damaged."""
    return read_number(file, "PRAGMA user_version") >= CONVERTED


def convert_rows(file: sqlite3.Connection, after: int) -> int | None:
    """Add checksums to rows of schema 1 for CONVERT_FOR seconds.

    Args:
        file: The open cache.
        after: The id of the last converted row, 0 for none.

    Returns:
        The new value of `after`; None when the whole file is converted.
    """
    stop_at = time.monotonic() + CONVERT_FOR
    while time.monotonic() < stop_at:
        file.execute("BEGIN IMMEDIATE")
        try:
            (last,) = file.execute(_NEXT, (after, _ROWS_AT_ONCE)).fetchone()
            if last is None:
                file.execute(f"PRAGMA user_version = {CONVERTED}")
                file.execute("COMMIT")
                return None
            file.execute(_CONVERT, (after, last))
            file.execute("COMMIT")
        except BaseException:
            file.rollback()
            raise
        after = last
    return after


def read_number(file: sqlite3.Connection, query: str) -> int:
    """Return the number that a query yields; sqlite3.DatabaseError if damage made it none."""
    row = file.execute(query).fetchone()
    if row is None or not isinstance(row[0], int):
        raise sqlite3.DatabaseError(MALFORMED)
    return row[0]
