"""The file of the answer cache: where it is, how large it may be, what is in it.

One SQLite file for all runs and processes of a user. It holds replies and digests of requests,
never a prompt or a key; the prompts that a run asked are in that run's folder.
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
"""How long another process may keep the file for itself before it counts as out of reach."""

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class NewerSchemaError(Exception):
    """The file was written by a newer opro."""


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What the cache holds; sizes in bytes, oldest and newest None in an empty one."""

    path: Path
    answers: int
    size: int
    limit: int
    oldest: datetime | None
    newest: datetime | None
    by_model: dict[str, int]


@dataclass(frozen=True, slots=True)
class RemovedAnswers:
    """What is gone: answers, None where they could not be counted, and bytes."""

    answers: int | None
    size: int


def find_cache_path() -> Path:
    """The file: in OPRO_CACHE_DIR, or where programs of this system keep what they can redo."""
    given = os.environ.get("OPRO_CACHE_DIR")
    return (Path(given).absolute() if given else _find_caches() / "opro") / "answers.sqlite"


def _find_caches() -> Path:
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else _find_home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return _find_home() / "Library" / "Caches"
    told = os.environ.get("XDG_CACHE_HOME", "")
    # What is not absolute is to be ignored (XDG Base Directory Specification).
    return Path(told) if Path(told).is_absolute() else _find_home() / ".cache"


def _find_home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user without a name, as in some containers
        return Path("~")


def read_cache_limit() -> int:
    """Bytes that the file may have: OPRO_CACHE_MB of 2**20 each, or a GiB."""
    told = os.environ.get("OPRO_CACHE_MB") or str(DEFAULT_MEGABYTES)
    if not (told.isascii() and told.isdigit() and int(told)):
        raise UsageError(
            f"OPRO_CACHE_MB: expected a whole number of megabytes above 0, found {told!r}",
            "`cache: false` under scorer and optimizer does without the cache",
        )
    return int(told) * MEGABYTE


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, made if need be, for the eyes of its user alone.

    Raises OtherSchema or one of FAILURES.
    """
    if not path.is_absolute():
        raise FileNotFoundError(errno.ENOENT, "there is no home folder; set OPRO_CACHE_DIR")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Never opened when it is there: closing it would drop the locks that SQLite holds on it in this
    # process, and another process would then delete what is not in the file yet.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    file = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    file.text_factory = bytes  # damage can make a text of bytes, which need not be UTF-8
    try:
        file.create_function("row_checksum", 3, compute_checksum, deterministic=True)
        version = read_number(file, "PRAGMA user_version")
        if version > CONVERTED:
            raise NewerSchemaError
        if version < 1:
            file.execute("PRAGMA auto_vacuum = INCREMENTAL")
        file.execute("PRAGMA journal_mode = WAL")
        # Power loss may cost the last answers, but never mixes up the others.
        file.execute("PRAGMA synchronous = NORMAL")
        # 16 MB each: keys come in no order, so that most of their index is in use.
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
    """Return True when another process keeps the file for itself."""
    return _get_result_code(error) == sqlite3.SQLITE_BUSY


def explain_failure(path: Path, error: Exception) -> str:
    """What is wrong with the file, and what to do."""
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

    Some more than needed go, and a few at a time, so that it is seldom done and nobody waits long.
    """
    if _count_used_bytes(file) <= limit:
        return
    while _count_used_bytes(file) > limit * 0.9:
        many = max(1, min(1000, read_number(file, "SELECT count(*) FROM answers") // 20))
        oldest = "SELECT id FROM answers ORDER BY used LIMIT ?"
        if not file.execute(f"DELETE FROM answers WHERE id IN ({oldest})", (many,)).rowcount:
            break
    _release_pages(file)


def read_cache_info() -> CacheInfo:
    """What the cache holds; UsageError when the file cannot be read."""
    path, limit = find_cache_path(), read_cache_limit()
    try:
        if not path.exists():
            return CacheInfo(path, 0, 0, limit, None, None, {})
        with contextlib.closing(connect(path)) as file:
            models = file.execute("SELECT model, count(*) FROM answers GROUP BY model").fetchall()
            # Rows are numbered as they come.
            ends = file.execute(
                "SELECT made FROM answers WHERE id IN "
                "((SELECT min(id) FROM answers), (SELECT max(id) FROM answers)) ORDER BY id"
            ).fetchall()
    except (*FAILURES, NewerSchemaError) as error:
        raise UsageError(explain_failure(path, error)) from None
    by_model: Counter[str] = Counter()
    for name, many in models:
        by_model[name.decode("utf-8", "replace") if isinstance(name, bytes) else "?"] += many
    times = [time for (made,) in ends if (time := _parse_time(made))]
    oldest, newest = (times[0], times[-1]) if times else (None, None)
    models_by_name = dict(sorted(by_model.items()))
    return CacheInfo(
        path, by_model.total(), _measure_size(path), limit, oldest, newest, models_by_name
    )


def _parse_time(made: object) -> datetime | None:
    """When a row was made; None for one whose time is damaged."""
    try:
        return datetime.fromtimestamp(made, UTC) if isinstance(made, int) else None
    except (OverflowError, ValueError, OSError):
        return None


def clear_cache() -> RemovedAnswers:
    """Remove all answers; UsageError or OproError when the system or another process forbids it.

    The file is emptied where it is sound, since other processes may have it open; else removed.
    """
    path = find_cache_path()
    before = _measure_size(path)
    try:
        if not path.exists():
            return RemovedAnswers(0, 0)
        with contextlib.closing(connect(path)) as file:
            many = file.execute("DELETE FROM answers").rowcount
            if file.execute("PRAGMA quick_check").fetchone() != (b"ok",):
                raise sqlite3.DatabaseError(MALFORMED)
            _release_pages(file)
    except (*FAILURES, NewerSchemaError) as error:
        if is_busy(error):
            raise OproError(f"{path}: another opro is writing to it", "try again") from None
        try:
            for each in _list_files(path):
                each.unlink(missing_ok=True)
        except OSError as refused:
            raise UsageError(f"{path}: {refused.strerror}") from None
        return RemovedAnswers(None, before)
    return RemovedAnswers(many, max(0, before - _measure_size(path)))


def _release_pages(file: sqlite3.Connection) -> None:
    """Return free pages to the disk."""
    # A page a step; only a script takes all steps.
    file.executescript("PRAGMA incremental_vacuum;")
    file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _list_files(path: Path) -> tuple[Path, ...]:
    """The file and what SQLite keeps beside it."""
    return path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def _measure_size(path: Path) -> int:
    size = 0
    for each in _list_files(path):
        with contextlib.suppress(OSError):  # another process may remove it in this moment
            size += each.stat().st_size
    return size


def _count_used_bytes(file: sqlite3.Connection) -> int:
    pages = read_number(file, "PRAGMA page_count") - read_number(file, "PRAGMA freelist_count")
    return pages * read_number(file, "PRAGMA page_size")


def _get_result_code(error: Exception) -> int | None:
    """SQLite's primary result code, without the details in its upper bits."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
