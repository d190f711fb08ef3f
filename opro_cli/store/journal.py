"""The journal of a run: `events.jsonl`, one event a line, append-only."""

from __future__ import annotations

import errno
import json
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from opro_cli import shell
from opro_cli.core.run.events import FORMAT_VERSION, Event, SessionEnded, SessionStarted
from opro_cli.core.run.records import MalformedEvent, decode_record, encode_record
from opro_cli.errors import JournalError, RunFolderError
from opro_cli.files import BINARY, read_at, sync_file
from opro_cli.store.folders import build_busy_error, get_failure_path, get_lock_path, get_pid_path

# No text can contain this: inside a JSON string the quotes would be escaped.
_MARK = b',"crc32":"'

_ENCODER = msgspec.json.Encoder()
_ASCII_ENCODER = json.JSONEncoder(separators=(",", ":"))
_EVENT_DECODER: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_DECODER = json.JSONDecoder()


def encode_event(event: Event) -> bytes:
    """Return an event as one line, with its newline.

    Raises:
        MalformedEvent: The event could not be read back, such as a score of NaN.
    """
    body = b""
    try:
        body = _ENCODER.encode(event)
        readable = _EVENT_DECODER.decode(body) == event  # NaN is written as null
    # A lone surrogate; or a number of another class, such as numpy's.
    except (ValueError, TypeError):
        readable = False
    if not readable:
        escaped = _encode_in_ascii(event)
        body = body or escaped
    body = body.removesuffix(b"}")
    return b'%b%b%08x"}\n' % (body, _MARK, zlib.crc32(body))


def _encode_in_ascii(event: Event) -> bytes:
    """Encode what msgspec does not; MalformedEvent says why it could not be read back."""
    try:
        body = _ASCII_ENCODER.encode(encode_record(event)).encode()
    except TypeError as error:
        raise MalformedEvent(str(error)) from None
    _decode_body(body)
    return body


def decode_event(line: bytes) -> Event:
    """Return the event of one line, with or without its newline; MalformedEvent says why not."""
    body, mark, checksum = line.rpartition(_MARK)
    if mark and checksum[:8] != b"%08x" % zlib.crc32(body):
        raise MalformedEvent(
            _describe_nuls(line) or "it does not fit its checksum, so it was changed"
        )
    return _decode_body(line)


def measure_whole_event(tail: bytes) -> int:
    """Return the length in bytes of the whole event in a line without an end; 0 if it is torn.

    If only the end of the line is lost or damaged, the answer in it is kept.
    """
    text = tail.decode("utf-8", "surrogateescape")
    try:
        _, end = _DECODER.raw_decode(text)
        length = len(text[:end].encode("utf-8", "surrogateescape"))
        decode_event(tail[:length])
    except (ValueError, RecursionError):
        return 0
    return length


def _decode_body(line: bytes) -> Event:
    try:
        return _EVENT_DECODER.decode(line)
    except (ValueError, RecursionError):  # a lone surrogate; or another writer
        return _decode_carefully(line)


def _decode_carefully(line: bytes) -> Event:
    try:
        plain = _DECODER.decode(line.decode())
    except ValueError as error:
        raise MalformedEvent(_describe_nuls(line) or str(error)) from None
    except RecursionError:
        raise MalformedEvent("nested too deeply") from None
    return decode_record(plain)


def _describe_nuls(line: bytes) -> str:
    count = line.count(b"\x00")
    return f"{count} NUL bytes in it: the disk has lost what was written here" if count else ""


RESERVE = ".reserve"
"""The file beside a journal that reserves room on the disk for the end of a session."""
RESERVED = 8192
"""Its size in bytes: for some answers in flight, the note of a failure, and a small result."""


class FileJournal:
    """The journal opened for writing; holds the run's lock until closed or killed.

    Args:
        when_held: Called with the refusal while another process has the run, before waiting for
            it; None raises the refusal.

    Attributes:
        notes: Sentences about damage that was repaired on opening.
        size: The length in bytes.
    """

    def __init__(
        self, path: Path, *, when_held: Callable[[RunFolderError], None] | None = None
    ) -> None:
        from filelock import FileLock, Timeout

        self.path = path
        self.notes: tuple[str, ...] = ()
        self._lock = FileLock(get_lock_path(path))
        self._broken: OSError | None = None
        self._reserve = path.with_name(RESERVE)
        try:
            # Half a second, because `opro runs` takes the lock for a moment to look at it.
            self._lock.acquire(timeout=0.5)
        except Timeout:
            if when_held is None:
                raise build_busy_error(path) from None
            when_held(build_busy_error(path))
            self._lock.acquire()
        except OSError as error:
            raise build_io_error("write", path, error) from error
        try:
            self._open()
        except OSError as error:
            raise build_io_error("open", path, error) from error

    def _open(self) -> None:
        with ExitStack() as undo:
            undo.callback(self._lock.release)
            # Not created when missing: a run without its journal would ask everything again.
            self._fd = os.open(self.path, os.O_RDWR | os.O_APPEND | BINARY)
            undo.callback(os.close, self._fd)
            size = os.fstat(self._fd).st_size
            self.size = _cut_torn_tail(self.path, self._fd, size)
            if self.size < size:
                self.notes = (
                    f"the journal ended in {size - self.size} bytes that are no event, as a "
                    "crash leaves them: cut; an answer that was not on disk is asked again",
                )
            get_pid_path(self.path).write_text(str(os.getpid()))
            get_failure_path(self.path).unlink(missing_ok=True)
            undo.pop_all()
        try:
            self._reserve.write_bytes(bytes(RESERVED))
        except OSError:  # the disk is already full
            self._release_reserve()
        self._synced = self.size

    def append(self, *events: Event) -> None:
        """Write events in one go; JournalError, and nothing written, if the disk refuses.

        A full disk gets the reserved room back, for other answers in flight and the note of the
        failure. After a failed sync every call is refused: the system reports a loss only once, so
        nothing written later could be trusted.
        """
        self.append_lines(b"".join(map(encode_event, events)))
        if any(isinstance(event, SessionEnded) for event in events):
            self._release_reserve()  # the result needs room too

    def append_lines(self, lines: bytes) -> None:
        """Append whole lines of another journal; JournalError as in `append`."""
        self._refuse_if_broken()
        try:
            _write_all(self._fd, lines)
        except OSError as error:
            try:
                os.ftruncate(self._fd, self.size)
            except OSError as worse:
                self._broken = worse  # half an event remains: nothing may be written behind it
            self._release_reserve()
            raise build_io_error("write", self.path, error) from error
        self.size += len(lines)

    def sync(self) -> None:
        """Force the appended events to the disk; JournalError if the disk refuses.

        May be called in another thread; the next `append` then raises the error as well.
        """
        self._refuse_if_broken()
        size = self.size
        if self._synced == size:
            return
        try:
            sync_file(self._fd)
        except OSError as error:
            self._broken = error
            self._refuse_if_broken()
        self._synced = size

    def close(self) -> None:
        """Sync and release the run; calling it twice is fine."""
        if self._fd >= 0:
            try:
                self.sync()
            finally:
                os.close(self._fd)
                self._fd = -1
                self._release_reserve()
                with suppress(OSError):  # only a hint who holds the lock
                    get_pid_path(self.path).unlink()
                self._lock.release()

    def _release_reserve(self) -> None:
        with suppress(OSError):
            self._reserve.unlink()

    def _refuse_if_broken(self) -> None:
        if self._broken is not None:
            raise build_io_error("write", self.path, self._broken) from self._broken


class JournalPrefix(NamedTuple):
    """The part of a journal, from its beginning, that a reader already has; size: bytes."""

    size: int
    lines: int


EMPTY_PREFIX = JournalPrefix(0, 0)


def read_events(path: Path) -> Iterator[Event]:
    """Yield the events of a journal in order, without a half-written last line.

    Raises:
        JournalError: A line cannot be read; with its number and the remedy.
    """
    return (event for _, event in read_numbered_events(path))


def read_numbered_events(
    path: Path, prefix: JournalPrefix = EMPTY_PREFIX
) -> Iterator[tuple[int, Event]]:
    """Yield the events behind the prefix with their line numbers, counted from 1."""
    try:
        with path.open("rb", buffering=1 << 20) as file:
            file.seek(prefix.size)
            for number, line in enumerate(file, start=prefix.lines + 1):
                try:
                    event = decode_event(line)
                except MalformedEvent as error:
                    if line.isspace():
                        continue
                    if line.endswith(b"\n"):
                        what = f"not an event of a run: {error}"
                        raise build_damage_error(path, number, what) from None
                    yield from decode_tail(path, number, line)
                    return  # nothing can follow a line without an end
                check_version(path, number, event)
                yield number, event
    except OSError as error:
        raise build_io_error("read", path, error) from error


def check_version(path: Path, number: int, event: Event) -> None:
    """Raise JournalError at the first session of a newer opro."""
    if isinstance(event, SessionStarted) and event.format_version > FORMAT_VERSION:
        raise JournalError(
            f"{path}:{number}: written by opro {event.opro_version}, whose format "
            f"version {event.format_version} is newer than {FORMAT_VERSION}",
            "update opro",
        )


def decode_tail(path: Path, number: int, tail: bytes) -> list[tuple[int, Event]]:
    """Return the numbered event of a last line without an end; [] if the event is not whole.

    Raises:
        JournalError: A newer opro wrote it, or the journal has lost its beginning.
    """
    whole = measure_whole_event(tail)
    if whole == 0 and number == 1:
        _check_not_lost(path, tail)
    if not whole:
        return []
    event = decode_event(tail[:whole])
    check_version(path, number, event)
    return [(number, event)]


def build_damage_error(path: Path, line: int, what: str) -> JournalError:
    """Return the refusal of a journal from one line on, with the remedies."""
    remedy = "start a new run with `opro optimize`"
    if line > 1:
        keep = shell.describe_cut(str(path), line)
        remedy = f"keep what comes before ({keep}) and resume: what came later is asked again"
    return JournalError(f"{path}:{line}: {what}", f"restore the file from a backup, or {remedy}")


def _write_all(fd: int, data: bytes) -> None:
    """Write everything; a disk that takes only a part is asked again, so that it says why."""
    while data:
        written = os.write(fd, data)
        if written == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        data = data[written:]


def _check_not_lost(path: Path, tail: bytes) -> None:
    """Raise for NULs without any event before them: not a torn line, but a lost file."""
    if b"\x00" in tail:
        lost = "nothing of it is left: the disk has lost what was written here"
        raise build_damage_error(path, 1, lost)


def _cut_torn_tail(path: Path, fd: int, size: int) -> int:
    """Cut half an event off the end of the file; return its new size in bytes."""
    keep = _find_last_line(fd, size)
    if keep == size:
        return size
    tail = read_at(fd, size - keep, keep)
    whole = measure_whole_event(tail)
    if keep == whole == 0:
        _check_not_lost(path, tail)
    os.ftruncate(fd, keep + whole)
    if whole:
        _write_all(fd, b"\n")
    return keep + whole + bool(whole)


def _find_last_line(fd: int, size: int) -> int:
    while size > 0:  # backwards, in blocks
        start = max(0, size - 65536)
        newline = read_at(fd, size - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        size = start
    return 0


_MAKE_ROOM = "nothing answered is lost: free some space"
_PERMISSIONS = "check the permissions of the run folder, or copy it to a place of your own"
_HINTS = {
    errno.ENOSPC: _MAKE_ROOM,
    errno.EDQUOT: _MAKE_ROOM,
    errno.EFBIG: "nothing answered is lost: raise the limit on the size of files (ulimit -f)",
    errno.EACCES: _PERMISSIONS,
    errno.EPERM: _PERMISSIONS,
    errno.EROFS: "the file system is read-only; copy the run folder elsewhere",
    errno.ENOENT: "restore it from a backup, or copy the whole run folder again",
    errno.EIO: "the disk is failing; copy the run folder to another one and `opro resume` it there",
}


def build_io_error(what: str, path: Path, error: OSError) -> JournalError:
    """Return the error for what the system refuses to do with a journal, with the remedy."""
    hint = _HINTS.get(error.errno or 0, "nothing answered is lost: put it right")
    return JournalError(f"{path}: cannot {what} the journal: {error.strerror}", hint)
