"""The journal of a run: `events.jsonl`, one JSON object a line, append-only.

A line is handed to the operating system in one write before the event is believed, so a
killed process loses nothing that was answered. Only one process may write; whoever opens
the journal to write cuts what a crash left of a half-written last line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opro_cli.core.events import (
    Event,
    MalformedEvent,
    SessionStarted,
    from_record,
    to_record,
)
from opro_cli.errors import JournalError, RunFolderError


class FileJournal:
    """The journal opened for writing; holds the run's lock until closed or killed."""

    def __init__(self, path: Path) -> None:
        from filelock import FileLock, Timeout

        self.path = path
        self._lock = FileLock(lock_path(path))
        try:
            # Half a second, because `opro runs` looks at the lock by taking it for a moment.
            self._lock.acquire(timeout=0.5)
        except Timeout:
            raise RunFolderError(
                f"{path.parent}: another opro is working on this run{_holder(path)}",
                "wait for it to end, or stop it first",
            ) from None
        except OSError as error:
            raise _cannot("write", path, error) from error
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            self._size = _cut_torn_tail(self._fd)
        except OSError as error:
            self._lock.release()
            raise _cannot("write", path, error) from error
        self._synced = self._size

    def append(self, event: Event) -> None:
        """Write one event; JournalError, and nothing of it written, when the disk refuses."""
        line = _line(to_record(event))
        try:
            written = os.write(self._fd, line)
            if written != len(line):  # a full disk may take the first part of a line
                raise OSError(28, "no space left for the whole event")
        except OSError as error:
            os.ftruncate(self._fd, self._size)
            raise _cannot("write", self.path, error) from error
        self._size += len(line)

    def sync(self) -> None:
        """Force what was appended to the disk; JournalError when the disk refuses."""
        if self._synced != self._size:
            size = self._size
            try:
                os.fsync(self._fd)
            except OSError as error:
                raise _cannot("write", self.path, error) from error
            self._synced = size

    def close(self) -> None:
        """Sync, and give the run free; calling it twice is fine."""
        if self._fd >= 0:
            try:
                self.sync()
            finally:
                os.close(self._fd)
                self._fd = -1
                self._lock.release()


def lock_path(journal: Path) -> Path:
    """The lock file beside a journal."""
    return journal.with_name(".lock")


def is_locked(journal: Path) -> bool:
    """Is a process working on this run right now?"""
    from filelock import FileLock, Timeout

    if not lock_path(journal).exists():
        return False
    lock = FileLock(lock_path(journal))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    except OSError:
        return False  # a read-only folder: nobody can be writing to it
    lock.release()
    return False


def read_events(path: Path) -> Iterator[Event]:
    """The events of a journal in order; a half-written last line is not one yet.

    Raises JournalError naming the line that cannot be read, and what to do.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n") and not _is_whole(line):
                    return
                if line.strip(b"\x00\r\n \t"):
                    yield _event(path, number, line)
    except OSError as error:
        raise _cannot("read", path, error) from error


def _event(path: Path, number: int, line: bytes) -> Event:
    try:
        return from_record(json.loads(line.strip(b"\x00")))
    except (MalformedEvent, ValueError) as error:
        raise JournalError(
            f"{path}:{number}: not an event of a run: {error}",
            f"restore the file from a backup, or keep only its first {number - 1} lines "
            f"(head -n {number - 1}) and resume; later answers will be asked again",
        ) from None


def _line(record: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        return text.encode() + b"\n"
    except UnicodeEncodeError:  # a lone surrogate from a model: escape everything instead
        return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _is_whole(line: bytes) -> bool:
    """Was only the newline lost? Then the answer in it is not lost."""
    try:
        from_record(json.loads(line))
    except ValueError:
        return False
    return True


def _cut_torn_tail(fd: int) -> int:
    """Make the file end with a whole line; returns its size in bytes."""
    size = os.fstat(fd).st_size
    keep, tail = size, b""
    while keep > 0:  # back to the last newline, in blocks
        start = max(0, keep - 65536)
        block = os.pread(fd, keep - start, start)
        newline = block.rfind(b"\n")
        if newline >= 0:
            tail = block[newline + 1 :] + tail
            keep = start + newline + 1
            break
        tail, keep = block + tail, start
    if tail and _is_whole(tail):
        os.write(fd, b"\n")
        return size + 1
    if tail:
        os.ftruncate(fd, keep)
    return keep


def _holder(path: Path) -> str:
    """Which process holds the lock, as far as the journal tells."""
    try:
        pids = [e.pid for e in read_events(path) if isinstance(e, SessionStarted)]
    except JournalError:
        return ""
    return f" (process {pids[-1]})" if pids else ""


def _cannot(what: str, path: Path, error: OSError) -> JournalError:
    hint = {
        28: "free some space, then `opro resume` the run: nothing answered is lost",
        13: "check the permissions of the folder",
        30: "the file system is read-only; copy the run folder elsewhere",
    }.get(error.errno or 0)
    return JournalError(f"{path}: cannot {what} the journal: {error.strerror}", hint)
