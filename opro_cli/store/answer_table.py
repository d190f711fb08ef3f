"""The table of the answer cache: keys, rows with checksums, and upgrades of older files."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import time
import zlib
from collections.abc import Iterable

from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.models.keys import get_provider
from opro_cli.models.providers import BASE_VARIABLES, find_base

KEY_VERSION = 1
"""Rises when a request is sent in another way, so that old answers are no longer found."""

KEY_BYTES = 16

_ADDRESS = re.compile(r"_(API_BASE|BASE_URL|API_VERSION)$")


def find_address(name: str, api_base: str | None) -> str:
    """Where a model is asked, as far as its config and the environment say; without a password."""
    address = find_base(name, api_base) or _read_environment(name)
    if os.environ.get("USE_LITELLM_PROXY"):
        address += " through " + os.environ.get("LITELLM_PROXY_API_BASE", "")
    return re.sub(r"//[^/@]*@", "//", address).rstrip("/")


def _read_environment(name: str) -> str:
    """All addresses that may be a provider's: litellm reads AZURE_API_BASE, VERTEXAI_API_BASE …"""
    provider = get_provider(name)
    if provider in BASE_VARIABLES:
        return ""  # all that counts here is known, and unset
    start = provider.partition("_")[0].upper()
    told = (v for v in sorted(os.environ) if v.startswith(start) and _ADDRESS.search(v))
    return " ".join(f"{variable}={os.environ[variable]}" for variable in told if start)


def build_key(name: str, address: str, request: ChatRequest) -> bytes:
    """The key of a request to the model of this name and address: 16 bytes.

    At temperature 0 the seed decides nothing, and is left out: other runs share the answer.
    """
    temperature = float(request.temperature)
    seed = request.seed if temperature else None
    turns = [(message.role, message.content) for message in request.messages]
    asked = [KEY_VERSION, name, address, temperature, request.max_tokens, seed, turns]
    asked += [request.stop] if request.stop else []  # keys of before there were any stay
    return hashlib.sha256(json.dumps(asked).encode()).digest()[:KEY_BYTES]


def split_keys(joined: bytes) -> tuple[bytes, ...]:
    """The keys that stand one after the other."""
    starts = range(0, len(joined), KEY_BYTES)
    return tuple(joined[start : start + KEY_BYTES] for start in starts)


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


def compute_checksum(key: object, text: object, finish_reason: object) -> int | None:
    """CRC-32 of an answer and what it answers; None when one of them is no bytes."""
    if not (
        isinstance(key, bytes) and isinstance(text, bytes) and isinstance(finish_reason, bytes)
    ):
        return None
    lengths = b"%d %d " % (len(key), len(text))
    return zlib.crc32(finish_reason, zlib.crc32(text, zlib.crc32(key, zlib.crc32(lengths))))


def decode_reply(row: tuple[object, ...], key: bytes, *, converted: bool) -> ChatReply | None:
    """The answer that a row of GET holds for a key; None when anything is wrong with it.

    converted: a row without a checksum is damaged, and not merely one of schema 1.
    """
    _, text, reason, _, crc = row
    if not (isinstance(text, bytes) and isinstance(reason, bytes)):
        return None
    if crc != compute_checksum(key, text, reason) and (converted or crc is not None):
        return None
    try:
        return ChatReply(text.decode(*_ENCODING), reason.decode(*_ENCODING), 0, 0, 0.0)
    except UnicodeDecodeError:
        return None


def insert_answers(
    file: sqlite3.Connection, answers: Iterable[tuple[bytes, str, str, str, int]]
) -> None:
    """Keep answers: key, text, finish reason, model and the second that it was made in."""
    file.executemany(_PUT, [_encode_row(*answer) for answer in answers])


def _encode_row(key: bytes, text: str, reason: str, model: str, made: int) -> tuple[object, ...]:
    as_bytes = text.encode(*_ENCODING), reason.encode(*_ENCODING)
    return key, *as_bytes, model.encode(*_ENCODING), made, made, compute_checksum(key, *as_bytes)


def mark_used(file: sqlite3.Connection, ids: Iterable[object], now: int) -> None:
    """Note when rows were used last."""
    file.executemany(_USE, [(now, each) for each in ids])


def drop_damaged(file: sqlite3.Connection, ids: Iterable[object]) -> None:
    """Remove rows whose checksum does not fit, to make room for answers that do."""
    file.executemany(_DROP, [(each,) for each in ids])


CONVERTING, CONVERTED = 2, 3
"""Schemas (`user_version`): some rows have no checksum yet; a row without one is damaged."""
MALFORMED = "database disk image is malformed"
"""What SQLite says of a damaged file."""
FAILURES = (sqlite3.Error, OSError, UnicodeDecodeError, MemoryError)
"""What a damaged file raises: also when SQLite quotes bytes of it, or believes a length in it."""
CONVERT_FOR = 0.05
"""Seconds that one round of conversion takes, about, so that answers are not kept waiting."""
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
  crc INTEGER
)"""
# In order of use, for what goes first; with the model, so that counting them reads no answer.
_ORDER = "CREATE INDEX IF NOT EXISTS by_use ON answers (used, model)"
_NEXT = "SELECT max(id) FROM (SELECT id FROM answers WHERE id > ? ORDER BY id LIMIT ?)"
_CONVERT = f"UPDATE answers SET crc = {CHECKSUM} WHERE id > ? AND id <= ? AND crc IS NULL"


def upgrade_schema(file: sqlite3.Connection) -> None:
    """Make the table of a new file; to that of schema 1, add the column of the checksums.

    Neither reads a row. Of several processes the first does it, since the others wait for it.
    """
    file.execute("BEGIN IMMEDIATE")
    try:
        if read_number(file, "PRAGMA user_version") < CONVERTING:
            file.execute(_TABLE)
            file.execute(_ORDER)
            columns = [row[1] for row in file.execute("PRAGMA table_info(answers)")]
            if b"crc" not in columns:
                file.execute("ALTER TABLE answers ADD COLUMN crc INTEGER")
            empty = file.execute("SELECT 1 FROM answers LIMIT 1").fetchone() is None
            file.execute(f"PRAGMA user_version = {CONVERTED if empty else CONVERTING}")
        file.execute("COMMIT")
    except BaseException:
        file.rollback()
        raise


def check_schema(file: sqlite3.Connection) -> None:
    """sqlite3.DatabaseError unless the file says of its table what opro wrote there."""
    found = file.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC")
    wanted = [_without_space(each.replace("IF NOT EXISTS ", "")) for each in (_TABLE, _ORDER)]
    if [_without_space(sql.decode("utf-8", "replace")) for (sql,) in found] != wanted:
        raise sqlite3.DatabaseError(MALFORMED)


def _without_space(sql: str) -> str:
    return "".join(sql.split())  # to which an added column comes with other spaces


def is_converted(file: sqlite3.Connection) -> bool:
    """Return True when every row has its checksum, so that one without it is damaged."""
    return read_number(file, "PRAGMA user_version") >= CONVERTED


def convert_rows(file: sqlite3.Connection, after: int) -> int | None:
    """Give rows of schema 1 their checksums, for CONVERT_FOR seconds.

    Args:
        after: the id of the last row that was looked at; 0 for none.

    Returns:
        The id to go on from, None when the whole file is converted.
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
    """The number that a query gives; sqlite3.DatabaseError when damage has made it none."""
    found = file.execute(query).fetchone()
    if found is None or not isinstance(found[0], int):
        raise sqlite3.DatabaseError(MALFORMED)
    return found[0]
