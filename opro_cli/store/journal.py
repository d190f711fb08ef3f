"""The journal of a run: `events.jsonl`, one event a line, append-only."""

from __future__ import annotations

import errno
import json
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from opro_cli.core.run.events import (
    EVENT_CLASSES,
    FORMAT_VERSION,
    NAME_OF,
    Event,
    MalformedEvent,
    SessionEnded,
    SessionStarted,
    from_record,
    require_readable,
    to_record,
)
from opro_cli.errors import JournalError, RunFolderError
from opro_cli.store.lock import build_busy_error, failure_path, get_lock_path, get_pid_path

# Inside of a JSON string the quotes would be escaped, so no text can contain this.
_MARK = b',"crc32":"'
_KIND_AT = len('{"event":"')

_ASCII_ENCODER = json.JSONEncoder(separators=(",", ":"))
_DECODER = json.JSONDecoder()


@cache
def _build_encoder() -> Callable[[Event], bytes]:
    """From an event to bytes in one go, in a tenth of the json module's time."""
    from msgspec.json import Encoder

    return Encoder().encode


@cache
def _build_decoders() -> dict[bytes, Callable[[bytes], Event]]:
    """From bytes to an event in one go, by the event's name."""
    from msgspec.json import Decoder  # 10 ms, and not every command reads a journal

    return {name.encode(): Decoder(cls).decode for name, cls in EVENT_CLASSES.items()}


def encode_event(event: Event) -> bytes:
    """An event as one line, with its newline.

    Raises MalformedEvent for an event that could not be read back, such as a score of NaN.
    """
    require_readable(event)
    try:
        fields = _build_encoder()(event).removeprefix(b"{").removesuffix(b"}")
        body = b'{"event":"%b",%b' % (NAME_OF[type(event)].encode(), fields)
    # A lone surrogate from a model; or a number of a class of its own, such as numpy's.
    except (UnicodeEncodeError, TypeError):
        body = _ASCII_ENCODER.encode(to_record(event)).encode().removesuffix(b"}")
    return b'%b%b%08x"}\n' % (body, _MARK, zlib.crc32(body))


def decode_event(line: bytes) -> Event:
    """The event of one line, with or without its end; MalformedEvent says what is wrong."""
    body, mark, checksum = line.rpartition(_MARK)
    if not mark:
        return _decode_checked(line)
    if checksum[:8] != b"%08x" % zlib.crc32(body):
        raise MalformedEvent(
            _describe_nuls(line) or "it does not fit its checksum, so it was changed"
        )
    try:
        # What fits its checksum is as `encode_event` wrote it: to parse it is enough.
        kind = line[_KIND_AT : line.index(b'"', _KIND_AT)]
        return _build_decoders()[kind](line)
    except (KeyError, ValueError, RecursionError):  # a lone surrogate; or made by other hands
        return _decode_checked(line)


def measure_whole_event(tail: bytes) -> int:
    """How many bytes of a line without an end are a whole event; 0 when it is a torn one.

    Only the end of it may be lost or spoilt, and then the answer in it is not.
    """
    text = tail.decode("utf-8", "surrogateescape")
    try:
        _, end = _DECODER.raw_decode(text)
        length = len(text[:end].encode("utf-8", "surrogateescape"))
        decode_event(tail[:length])
    except (ValueError, RecursionError):
        return 0
    return length


def _decode_checked(line: bytes) -> Event:
    """The event of any line, every value checked; MalformedEvent in words for people."""
    try:
        plain = _DECODER.decode(line.decode())
    except ValueError as error:
        raise MalformedEvent(_describe_nuls(line) or str(error)) from None
    except RecursionError:
        raise MalformedEvent("nested too deeply") from None
    return from_record(plain)


def _describe_nuls(line: bytes) -> str:
    count = line.count(b"\x00")
    return f"{count} NUL bytes in it: the disk has lost what was written here" if count else ""


RESERVE = ".reserve"
"""The file beside a journal that keeps room on the disk for the end of a session."""
RESERVED = 8192
"""Its bytes: enough for some answers in flight, the note of a failure, and a small result."""


class FileJournal:
    """The journal opened for writing; holds the run's lock until closed or killed.

    Args:
        when_held: told who has the run when another process does; then it is waited for. None
            refuses such a run with RunFolderError.

    Attributes:
        notes: sentences about what was found on opening and put right.
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
            # Half a second, because `opro runs` looks at the lock by taking it for a moment.
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
            # Not made when it is missing: a run without its journal would ask everything again.
            self._fd = os.open(self.path, os.O_RDWR | os.O_APPEND)
            undo.callback(os.close, self._fd)
            found = os.fstat(self._fd).st_size
            self._size = _cut_torn_tail(self.path, self._fd, found)
            if self._size < found:
                self.notes = (
                    f"the journal ended in {found - self._size} bytes that are no event, as a "
                    "crash leaves them: cut; an answer that was not on disk is asked again",
                )
            get_pid_path(self.path).write_text(str(os.getpid()))
            failure_path(self.path).unlink(missing_ok=True)
            undo.pop_all()
        try:
            self._reserve.write_bytes(bytes(RESERVED))
        except OSError:  # what it is for has come already
            self._release_reserve()
        self._synced = self._size

    def append(self, *events: Event) -> None:
        """Write events in one go; JournalError, and nothing written, when the disk refuses.

        A disk that is full gets back the room that was reserved, so that other answers in flight
        and the note of the failure may find some.

        Refused too, for good, once a sync has failed: the system does not tell twice that it
        lost something, so nothing that is written from then on could be believed.
        """
        self.append_lines(b"".join(map(encode_event, events)))
        if any(isinstance(event, SessionEnded) for event in events):
            self._release_reserve()  # the result needs room, too

    def append_lines(self, lines: bytes) -> None:
        """The same with whole lines that another journal has; JournalError as for `append`."""
        self._refuse_if_broken()
        try:
            _write_all(self._fd, lines)
        except OSError as error:
            try:
                os.ftruncate(self._fd, self._size)
            except OSError as worse:
                self._broken = worse  # half an event stays: nothing may be written behind it
            self._release_reserve()
            raise build_io_error("write", self.path, error) from error
        self._size += len(lines)

    @property
    def size(self) -> int:
        """Bytes that it has."""
        return self._size

    def sync(self) -> None:
        """Force what was appended to the disk; JournalError when the disk refuses.

        May be called in another thread; then the next `append` raises the error as well.
        """
        self._refuse_if_broken()
        size = self._size
        if self._synced == size:
            return
        try:
            os.fsync(self._fd)
        except OSError as error:
            self._broken = error
            self._refuse_if_broken()
        self._synced = size

    def close(self) -> None:
        """Sync, and give the run free; calling it twice is fine."""
        if self._fd >= 0:
            try:
                self.sync()
            finally:
                os.close(self._fd)
                self._fd = -1
                self._release_reserve()
                with suppress(OSError):  # it only says who has the lock
                    get_pid_path(self.path).unlink()
                self._lock.release()

    def _release_reserve(self) -> None:
        with suppress(OSError):
            self._reserve.unlink()

    def _refuse_if_broken(self) -> None:
        if self._broken is not None:
            raise build_io_error("write", self.path, self._broken) from self._broken


class JournalPrefix(NamedTuple):
    """How much of a journal, from its beginning, is known already: bytes, and the lines in them."""

    size: int
    lines: int


EMPTY_PREFIX = JournalPrefix(0, 0)


def read_events(path: Path) -> Iterator[Event]:
    """The events of a journal in order; a half-written last line is not one yet.

    Raises JournalError naming the line that cannot be read, and what to do.
    """
    for _, event in read_numbered_events(path):
        yield event


def read_numbered_events(
    path: Path, known: JournalPrefix = EMPTY_PREFIX
) -> Iterator[tuple[int, Event]]:
    """Those behind what is known, with the number of each event's line, counted from 1."""
    try:
        with path.open("rb", buffering=1 << 20) as file:
            file.seek(known.size)
            for number, line in enumerate(file, start=known.lines + 1):
                try:
                    event = decode_event(line)
                except MalformedEvent as error:
                    if line.isspace():
                        continue
                    if line.endswith(b"\n"):
                        raise build_line_error(path, number, error) from None
                    # Nothing can follow a line without an end.
                    yield from ((number, event) for event in decode_tail(path, number, line))
                    return
                check_version(path, number, event)
                yield number, event
    except OSError as error:
        raise build_io_error("read", path, error) from error


def check_version(path: Path, number: int, event: Event) -> None:
    """JournalError where a newer opro began to write."""
    if isinstance(event, SessionStarted) and event.format_version > FORMAT_VERSION:
        raise JournalError(
            f"{path}:{number}: written by opro {event.opro_version}, whose format "
            f"version {event.format_version} is newer than {FORMAT_VERSION}",
            "update opro",
        )


def decode_tail(path: Path, number: int, tail: bytes) -> list[Event]:
    """The event of a last line that lost its end; [] when the event is not whole."""
    whole = measure_whole_event(tail)
    if whole == 0 and number == 1 and b"\x00" in tail:
        raise _build_loss_error(path)
    return [decode_event(tail[:whole])] if whole else []


def build_line_error(path: Path, line: int, error: MalformedEvent) -> JournalError:
    """The refusal of a line that is whole and cannot be read."""
    return build_damage_error(path, line, f"not an event of a run: {error}")


def build_damage_error(path: Path, line: int, what: str) -> JournalError:
    """The refusal of a journal from one line on, with the ways out."""
    start_again = "start a new run with `opro optimize`"
    keep = (
        f"keep what comes before (head -n {line - 1} {path.name} > whole && mv whole {path.name}) "
        "and resume: what came later is asked again"
    )
    return JournalError(
        f"{path}:{line}: {what}",
        f"restore the file from a backup, or {keep if line > 1 else start_again}",
    )


def _write_all(fd: int, data: bytes) -> None:
    """Write in one go; a disk that takes only a part is asked again, for it to say why."""
    while data:
        written = os.write(fd, data)
        if written == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        data = data[written:]


def _build_loss_error(path: Path) -> JournalError:
    """NULs with not one event in front of them: that is no torn last line but a lost file."""
    return build_damage_error(
        path, 1, "nothing of it is left: the disk has lost what was written here"
    )


def _cut_torn_tail(path: Path, fd: int, size: int) -> int:
    """Cut half an event off the end of the file; returns its new size in bytes."""
    keep = _find_last_line(fd, size)
    if keep == size:
        return size
    tail = os.pread(fd, size - keep, keep)
    whole = measure_whole_event(tail)
    if keep == whole == 0 and b"\x00" in tail:
        raise _build_loss_error(path)
    os.ftruncate(fd, keep + whole)
    if whole:
        _write_all(fd, b"\n")
    return keep + whole + bool(whole)


def _find_last_line(fd: int, size: int) -> int:
    while size > 0:  # backwards, in blocks
        start = max(0, size - 65536)
        newline = os.pread(fd, size - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        size = start
    return 0


_MAKE_ROOM = "free some space, then `opro resume` the run: nothing answered is lost"
_HINTS = {
    errno.ENOSPC: _MAKE_ROOM,
    errno.EDQUOT: _MAKE_ROOM,
    errno.EFBIG: "raise the limit on the size of files (ulimit -f), then `opro resume` the run",
    errno.EACCES: "check the permissions of the run folder, or copy it to a place of your own",
    errno.EPERM: "check the permissions of the run folder, or copy it to a place of your own",
    errno.EROFS: "the file system is read-only; copy the run folder elsewhere",
    errno.ENOENT: "restore it from a backup, or copy the whole run folder again",
    errno.EIO: "the disk is failing; copy the run folder to another one and `opro resume` it there",
}


def build_io_error(what: str, path: Path, error: OSError) -> JournalError:
    """What the system refuses to do with a journal, and the remedy."""
    hint = _HINTS.get(error.errno or 0, "put it right, then `opro resume` the run")
    return JournalError(f"{path}: cannot {what} the journal: {error.strerror}", hint)
