"""The state that a journal leads to: replayed, followed while it grows, and kept in a snapshot.

`snapshot.msgpack` spares readers the replay. It is derived from the journal and can always be
deleted; `opro resume` ignores it and checks every line.
"""

from __future__ import annotations

import gc
import os
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from opro_cli import __version__
from opro_cli.core.run.candidates import Outcome
from opro_cli.core.run.events import FORMAT_VERSION, Event
from opro_cli.core.run.records import MalformedEvent
from opro_cli.core.run.snapshot import Outcomes, Snapshot, restore, take_snapshot
from opro_cli.core.run.state import IllegalEvent, RunState
from opro_cli.errors import JournalError, RunFolderError
from opro_cli.files import compute_crc32, read_blocks, write_atomically
from opro_cli.store.journal import (
    EMPTY_PREFIX,
    JournalPrefix,
    build_damage_error,
    build_io_error,
    check_version,
    decode_event,
    decode_tail,
    read_numbered_events,
)
from opro_cli.store.run_files import fingerprint_settings


class JournalFollower:
    """A reader that yields each event once, when its line is whole.

    The file is opened anew for each read, because only then does a network disk ask its server.
    The part behind the last newline is read again next time: it may be half an event, and the
    process that resumes the run may cut it.

    Args:
        path: The journal.
        prefix: The part of it that is already known.

    Attributes:
        place: The byte at which the line of the event that came last begins.
    """

    def __init__(self, path: Path, prefix: JournalPrefix = EMPTY_PREFIX) -> None:
        self._path = path
        self._offset = self.place = prefix.size
        self._line = prefix.lines
        self._doubted = -1

    @property
    def size(self) -> int:
        """The bytes of the whole lines that were read."""
        return self._offset

    def read_new(
        self, until: int | None = None, *, final: bool = False
    ) -> Iterator[tuple[int, Event]]:
        """Yield the events since the last call, with their line numbers.

        Args:
            until: A byte offset; lines from there on are left to the next call.
            final: There is no next call, so no doubtful line is left to it.

        Raises:
            JournalError: A line is no event, or the file has become shorter.
        """
        try:
            with self._path.open("rb", buffering=1 << 20) as file:
                self._refuse_shorter(os.fstat(file.fileno()).st_size)
                file.seek(self._offset)
                for line in file:
                    at_end = until is not None and self._offset >= until
                    if at_end or not line.endswith(b"\n"):
                        return
                    event = self._decode_line(line, final)
                    if event is None and not line.isspace():
                        return
                    self._line += 1
                    self.place, self._offset = self._offset, self._offset + len(line)
                    if event is not None:
                        yield self._line, event
        except OSError as error:
            raise build_io_error("read", self._path, error) from error

    def read_rest(self) -> Iterator[tuple[int, Event]]:
        """Yield all remaining events after the last write, even from a line without an end."""
        yield from self.read_new(final=True)
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                tail = file.read()
        except OSError as error:
            raise build_io_error("read", self._path, error) from error
        self.place = self._offset
        yield from decode_tail(self._path, self._line + 1, tail)

    def _decode_line(self, line: bytes, final: bool) -> Event | None:
        """Return the event; None for an empty line, and for a bad one that is read once more."""
        try:
            event = decode_event(line)
        except MalformedEvent as error:
            if line.isspace():
                return None
            # A network disk can show the length of a file before its content.
            if not final and self._doubted != self._offset:
                self._doubted = self._offset
                return None
            what = f"not an event of a run: {error}"
            raise build_damage_error(self._path, self._line + 1, what) from None
        check_version(self._path, self._line + 1, event)
        return event

    def _refuse_shorter(self, size: int) -> None:
        if size < self._offset:
            raise JournalError(
                f"{self._path}: {self._offset - size:,} bytes that were read are not there any "
                "more: somebody cut or replaced the journal",
                "`opro show` the run to see if it is whole, then `opro watch` it again",
            )


def find_last_session(path: Path) -> int:
    """Return the byte offset of a journal's last session; 0 without any."""
    offset = start = 0
    try:
        with path.open("rb", buffering=1 << 20) as file:
            for line in file:
                if b'"session_started"' in line[:40]:
                    start = offset
                offset += len(line)
    except OSError as error:
        raise build_io_error("read", path, error) from error
    return start


def replay_journal(state: RunState, journal: Path, prefix: JournalPrefix = EMPTY_PREFIX) -> None:
    """Apply the events of a journal behind those that the state has.

    Raises:
        JournalError: A line that cannot follow the state, with its number.
    """
    with pause_garbage_collection():
        for line, event in read_numbered_events(journal, prefix):
            apply_event(state, journal, line, event)


def apply_event(state: RunState, journal: Path, line: int, event: Event) -> None:
    """Apply the event of one line; JournalError if it cannot follow the state."""
    try:
        state.apply(event)
    except IllegalEvent as error:
        raise build_damage_error(
            journal, line, f"cannot follow what is before it: {error}"
        ) from None


class _Pauses:
    """The replays that pause the collector now, in any thread.

    Attributes:
        was_enabled: Whether the collector worked before the first of them.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.number = 0
        self.was_enabled = False


_pauses = _Pauses()


@contextmanager
def pause_garbage_collection() -> Iterator[None]:
    """Pause the collector: a replay creates many objects and no garbage.

    Replays in several threads may overlap; the last one that ends lets the collector go on.
    """
    with _pauses.lock:
        if not _pauses.number:
            _pauses.was_enabled = gc.isenabled()
            gc.disable()
        _pauses.number += 1
    try:
        yield
    finally:
        with _pauses.lock:
            _pauses.number -= 1
            if not _pauses.number and _pauses.was_enabled:
                gc.enable()


SNAPSHOT = "snapshot.msgpack"
_VERSION = 9
_CRC_BYTES = 4


@dataclass(frozen=True, slots=True)
class _Header:
    """The source of a snapshot: opro and the run, and size, lines and CRC-32 of the journal."""

    of: tuple[str, ...]
    size: int
    lines: int
    crc: int


def load_snapshot(
    folder: Path, identity: Mapping[str, Any], start: RunState
) -> tuple[RunState, JournalPrefix]:
    """Return the state in a run's snapshot, and the part of the journal that it covers.

    Without a valid snapshot that is `start`, the state before the first event, and nothing.
    """
    from msgspec import MsgspecError

    path = folder / SNAPSHOT
    try:
        data = path.read_bytes()
        if int.from_bytes(data[:_CRC_BYTES]) != zlib.crc32(memoryview(data)[_CRC_BYTES:]):
            return start, EMPTY_PREFIX
        header, body = _build_header_decoder().decode(memoryview(data)[_CRC_BYTES:])
        journal = folder / "events.jsonl"
        if (
            header.of != _identify(identity)
            or journal.stat().st_size < header.size
            or compute_crc32(journal, header.size) != header.crc
        ):
            return start, EMPTY_PREFIX
        state = restore(start, _build_body_decoder(path).decode(body))
    except (OSError, MsgspecError, KeyError):
        return start, EMPTY_PREFIX
    return state, JournalPrefix(header.size, header.lines)


def save_snapshot(folder: Path, identity: Mapping[str, Any], state: RunState, size: int) -> None:
    """Write the snapshot of a state that has the first `size` bytes of its journal.

    A refusing disk or a lone surrogate from a model leaves the run without a snapshot, which costs
    its readers the replay.
    """
    from msgspec.msgpack import encode

    for candidate in state.candidates.values():
        state.leaks_of(candidate.instruction)  # every reader asks, and it takes a second
    with suppress(OSError, UnicodeEncodeError, OverflowError):
        lines, crc, last = 0, 0, b"\n"
        with (folder / "events.jsonl").open("rb") as file:
            for block in read_blocks(file, size):
                lines, crc, last = lines + block.count(b"\n"), zlib.crc32(block, crc), block[-1:]
        if last != b"\n":  # half an event, which is not in the state
            return
        header = _Header(_identify(identity), size, lines, crc)
        data = encode((header, take_snapshot(state)), enc_hook=_pack)
        whole = zlib.crc32(data).to_bytes(_CRC_BYTES) + data
        write_atomically(folder / SNAPSHOT, whole, lasting=False)


def _identify(identity: Mapping[str, Any]) -> tuple[str, ...]:
    versions = f"{_VERSION} {FORMAT_VERSION} {__version__}"
    settings = fingerprint_settings(identity["settings"])
    return (versions, settings, str(identity.get("data_fingerprint")))


@cache
def _build_header_decoder() -> Any:
    from msgspec import Raw  # 50 ms, as in journal_lines
    from msgspec.msgpack import Decoder

    return Decoder(tuple[_Header, Raw])


def _build_body_decoder(path: Path) -> Any:
    from msgspec.msgpack import Decoder

    return Decoder(
        Snapshot, dec_hook=lambda _, data: Outcomes(data[0], partial(_unpack, path, data[1]))
    )


def _pack(outcomes: Any) -> Any:
    """Return the outcomes of one candidate as their number and bytes."""
    from msgspec.msgpack import encode

    return len(outcomes), encode([(question, *outcome) for question, outcome in outcomes.items()])


def _unpack(path: Path, data: bytes) -> dict[int, Outcome]:
    from msgspec import MsgspecError

    try:
        rows = _build_row_decoder().decode(data)
    except MsgspecError as error:  # its checksum is right, so another program wrote it
        raise RunFolderError(f"{path}: not what opro wrote: {error}", "delete it") from None
    return {question: Outcome(*outcome) for question, *outcome in rows}


@cache
def _build_row_decoder() -> Any:
    from msgspec.msgpack import Decoder

    # A journal may have a whole number for a float, and it is shown as it is.
    return Decoder(list[tuple[int, str | None, int | float | None, bool, int, int | float]])
