"""Following a journal that another process writes, and replaying a journal into a state."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opro_cli.core.run.events import Event, MalformedEvent
from opro_cli.core.run.state import IllegalEvent, RunState
from opro_cli.errors import JournalError
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


class JournalFollower:
    """A reader that yields each event once, when its line is whole.

    The file is opened anew for each read, because only then does a network disk ask its server.
    The part behind the last newline is read again next time: it may be half an event, and the
    process that resumes the run may cut it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._line = 0
        self._doubted = -1

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
                    self._offset += len(line)
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
    with _pause_garbage_collection():
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


@contextmanager
def _pause_garbage_collection() -> Iterator[None]:
    """Pause the collector: a replay creates many objects and no garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
