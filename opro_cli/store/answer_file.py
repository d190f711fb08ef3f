"""The file of the answer cache: its path, limit and content.

One SQLite file serves all runs and processes of a user. It holds replies and digests of requests,
never a prompt or a key.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from opro_cli.errors import OproError, UsageError
from opro_cli.store.answer_table import (
    CONVERTED,
    CONVERTING,
    FAILURES,
    MALFORMED,
    check_schema,
    compute_checksum,
    read_number,
    upgrade_schema,
)

DEFAULT_MEGABYTES = 1024
MEGABYTE = 2**20
BUSY_SECONDS = 5.0
"""Seconds to wait for another process that has the file locked."""

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_DELETE_OLDEST = "DELETE FROM answers WHERE id IN (SELECT id FROM answers ORDER BY used LIMIT ?)"


class NewerSchemaError(Exception):
    """The file was written by a newer opro."""


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """The content of the cache; sizes in bytes; oldest and newest: None when it is empty."""

    path: Path
    answers: int
    size: int
    limit: int
    oldest: datetime | None
    newest: datetime | None
    by_model: dict[str, int]


@dataclass(frozen=True, slots=True)
class RemovedAnswers:
    """The removed answers (None if they could not be counted) and bytes."""

    answers: int | None
    size: int


def find_cache_path() -> Path:
    """Return the file's path: in OPRO_CACHE_DIR, or in the cache folder of this system."""
    given = os.environ.get("OPRO_CACHE_DIR")
    return (Path(given).absolute() if given else _find_caches() / "opro") / "answers.sqlite"


def _find_caches() -> Path:
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else _find_home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return _find_home() / "Library" / "Caches"
    xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # Relative paths are to be ignored (XDG Base Directory Specification).
    return xdg if xdg.is_absolute() else _find_home() / ".cache"


def _find_home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user without a name, as in some containers
        return Path("~")


def read_cache_limit() -> int:
    """Return the largest size of the file in bytes: OPRO_CACHE_MB of 2**20 each, or a GiB."""
    megabytes = os.environ.get("OPRO_CACHE_MB") or str(DEFAULT_MEGABYTES)
    if not (megabytes.isascii() and megabytes.isdigit() and int(megabytes)):
        raise UsageError(
            f"OPRO_CACHE_MB: expected a whole number of megabytes above 0, found {megabytes!r}",
            "`cache: false` under scorer and optimizer does without the cache",
        )
    return int(megabytes) * MEGABYTE


def connect(path: Path) -> sqlite3.Connection:
    """Open the file; a new one is readable by its user alone.

    Raises:
        NewerSchemaError: The file was written by a newer opro.
        sqlite3.Error: It is damaged or locked; or another one of FAILURES.
    """
    if not path.is_absolute():
        raise FileNotFoundError(errno.ENOENT, "there is no home folder; set OPRO_CACHE_DIR")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # An existing file is never opened here: closing it would drop the locks that SQLite holds on
    # it in this process, and another process would then delete the write-ahead log.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    file = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    file.text_factory = bytes  # damage can turn bytes into a text that is not UTF-8
    try:
        file.create_function("row_checksum", 4, compute_checksum, deterministic=True)
        version = read_number(file, "PRAGMA user_version")
        if version > CONVERTED:
            raise NewerSchemaError
        if version < 1:
            file.execute("PRAGMA auto_vacuum = INCREMENTAL")
        file.execute("PRAGMA journal_mode = WAL")
        # Power loss may cost the last answers, but never mixes up the others.
        file.execute("PRAGMA synchronous = NORMAL")
        # 16 MB a connection: keys are random, so most of their index is in use.
        file.execute("PRAGMA cache_size = -16000")
        file.execute("PRAGMA wal_autocheckpoint = 4000")
        if version < CONVERTING:
            upgrade_schema(file)
        check_schema(file)
    except BaseException:
        file.close()
        raise
    return file


def is_busy(error: Exception) -> bool:
    """Return True if another process has the file locked."""
    return _get_result_code(error) == sqlite3.SQLITE_BUSY


def explain_failure(path: Path, error: Exception) -> str:
    """Return a sentence about the failure, with the remedy where there is one."""
    remedy = "`opro cache clear` removes it"
    if isinstance(error, NewerSchemaError):
        return f"{path} was written by a newer opro; {remedy}"
    damaged = _get_result_code(error) in _DAMAGED or str(error) == MALFORMED
    if damaged or isinstance(error, UnicodeDecodeError | MemoryError):
        return f"{path} is damaged; {remedy}"
    if isinstance(error, OSError) and error.strerror:
        return f"{path}: {error.strerror}"
    return f"{path}: {error}"


def shrink(file: sqlite3.Connection, limit: int) -> None:
    """Keep the answers within `limit` bytes; the least recently used go first.

    It removes 10 % more than needed, so that it is rarely done, in steps that nobody waits for.
    """
    if _count_used_bytes(file) <= limit:
        return
    while _count_used_bytes(file) > limit * 0.9:
        batch = max(1, min(1000, read_number(file, "SELECT count(*) FROM answers") // 20))
        if not file.execute(_DELETE_OLDEST, (batch,)).rowcount:
            break
    _release_pages(file)


def read_cache_info() -> CacheInfo:
    """Return the content of the cache; UsageError if the file cannot be read."""
    path, limit = find_cache_path(), read_cache_limit()
    try:
        if not path.exists():
            return CacheInfo(path, 0, 0, limit, None, None, {})
        with contextlib.closing(connect(path)) as file:
            models = file.execute("SELECT model, count(*) FROM answers GROUP BY model").fetchall()
            # Rows are numbered in the order of their insertion.
            ends = file.execute(
                "SELECT made FROM answers WHERE id IN "
                "((SELECT min(id) FROM answers), (SELECT max(id) FROM answers)) ORDER BY id"
            ).fetchall()
    except (*FAILURES, NewerSchemaError) as error:
        raise UsageError(explain_failure(path, error)) from None
    counts: Counter[str] = Counter()
    for name, count in models:
        counts[name.decode("utf-8", "replace") if isinstance(name, bytes) else "?"] += count
    times = [time for (made,) in ends if (time := _parse_time(made))]
    oldest, newest = (times[0], times[-1]) if times else (None, None)
    by_model = dict(sorted(counts.items()))
    return CacheInfo(path, counts.total(), _measure_size(path), limit, oldest, newest, by_model)


def _parse_time(made: object) -> datetime | None:
    """Return the time when a row was made; None if it is damaged."""
    try:
        return datetime.fromtimestamp(made, UTC) if isinstance(made, int) else None
    except (OverflowError, ValueError, OSError):
        return None


def clear_cache() -> RemovedAnswers:
    """Remove all answers; UsageError or OproError if the system or another process prevents it.

    A sound file is emptied, since other processes may have it open; a damaged one is removed.
    """
    path = find_cache_path()
    before = _measure_size(path)
    try:
        if not path.exists():
            return RemovedAnswers(0, 0)
        with contextlib.closing(connect(path)) as file:
            removed = file.execute("DELETE FROM answers").rowcount
            if file.execute("PRAGMA quick_check").fetchone() != (b"ok",):
                raise sqlite3.DatabaseError(MALFORMED)
            _release_pages(file)
    except (*FAILURES, NewerSchemaError) as error:
        if is_busy(error):
            raise OproError(f"{path}: another opro is writing to it", "try again") from None
        try:
            for part in _list_files(path):
                part.unlink(missing_ok=True)
        except OSError as refused:
            raise UsageError(f"{path}: {refused.strerror}") from None
        return RemovedAnswers(None, before)
    return RemovedAnswers(removed, max(0, before - _measure_size(path)))


def _release_pages(file: sqlite3.Connection) -> None:
    """Return free pages to the disk."""
    # The vacuum frees one page a step; only a script takes all steps.
    file.executescript("PRAGMA incremental_vacuum;")
    file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _list_files(path: Path) -> tuple[Path, ...]:
    """Return the file and those that SQLite keeps beside it."""
    return path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def _measure_size(path: Path) -> int:
    size = 0
    for part in _list_files(path):
        with contextlib.suppress(OSError):  # another process may remove it at this moment
            size += part.stat().st_size
    return size


def _count_used_bytes(file: sqlite3.Connection) -> int:
    pages = read_number(file, "PRAGMA page_count") - read_number(file, "PRAGMA freelist_count")
    return pages * read_number(file, "PRAGMA page_size")


def _get_result_code(error: Exception) -> int | None:
    """Return SQLite's primary result code, without the details in its upper bits."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
