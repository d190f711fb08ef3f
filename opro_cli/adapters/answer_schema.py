"""The table of the answer cache, and how a file of an older opro comes to have it."""

from __future__ import annotations

import sqlite3
import time

from opro_cli.adapters.answer_rows import CHECKSUM

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


def bring_up_to_date(file: sqlite3.Connection) -> None:
    """Make the table of a new file; to that of schema 1, add the column of the checksums.

    Neither reads a row. Of several processes the first does it, since the others wait for it.
    """
    file.execute("BEGIN IMMEDIATE")
    try:
        if number(file, "PRAGMA user_version") < CONVERTING:
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


def refuse_damaged_schema(file: sqlite3.Connection) -> None:
    """sqlite3.DatabaseError unless the file says of its table what opro wrote there."""
    found = file.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC")
    wanted = [_without_space(each.replace("IF NOT EXISTS ", "")) for each in (_TABLE, _ORDER)]
    if [_without_space(sql.decode("utf-8", "replace")) for (sql,) in found] != wanted:
        raise sqlite3.DatabaseError(MALFORMED)


def _without_space(sql: str) -> str:
    return "".join(sql.split())  # to which an added column comes with other spaces


def is_converted(file: sqlite3.Connection) -> bool:
    """Return True when every row has its checksum, so that one without it is damaged."""
    return number(file, "PRAGMA user_version") >= CONVERTED


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


def number(file: sqlite3.Connection, query: str) -> int:
    """The number that a query gives; sqlite3.DatabaseError when damage has made it none."""
    found = file.execute(query).fetchone()
    if found is None or not isinstance(found[0], int):
        raise sqlite3.DatabaseError(MALFORMED)
    return found[0]
