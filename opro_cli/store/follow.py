"""A journal read as another process writes it, and the state that a journal leads to."""

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
    build_line_error,
    check_version,
    decode_event,
    decode_tail,
    read_numbered_events,
)


class JournalFollower:
    """Gives each event once, when its line is whole.

    The file is opened anew at each look, because that is when a network disk asks its server
    what is there. What stands behind the last newline is read again next time: it may be half
    an event by now, and whoever resumes the run may cut it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._line = 0
        self._doubted = -1

    def read_new(
        self, until: int | None = None, *, final: bool = False
    ) -> Iterator[tuple[int, Event]]:
        """What is there since the last look, with the numbers of the lines.

        until: a byte of the file; lines from there on are for the next look. final: there is
        no next look, so nothing is put off until then.

        Raises JournalError for a line that is no event, and for a file that has become shorter.
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

    def rest(self) -> Iterator[tuple[int, Event]]:
        """What is left once nobody writes any more, be it a last line that lost its end."""
        yield from self.read_new(final=True)
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                tail = file.read()
        except OSError as error:
            raise build_io_error("read", self._path, error) from error
        number = self._line + 1
        yield from ((number, event) for event in decode_tail(self._path, number, tail))

    def _decode_line(self, line: bytes, final: bool) -> Event | None:
        """None for a line without one, and for one that is worth a second look."""
        try:
            event = decode_event(line)
        except MalformedEvent as error:
            if line.isspace():
                return None
            # A network disk can show the length of a file before what is in it.
            if not final and self._doubted != self._offset:
                self._doubted = self._offset
                return None
            raise build_line_error(self._path, self._line + 1, error) from None
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
    """The byte of a journal where its last session begins; 0 when there is none yet."""
    offset = begins = 0
    try:
        with path.open("rb", buffering=1 << 20) as file:
            for line in file:
                if b'"session_started"' in line[:40]:
                    begins = offset
                offset += len(line)
    except OSError as error:
        raise build_io_error("read", path, error) from error
    return begins


def replay_journal(state: RunState, journal: Path, known: JournalPrefix = EMPTY_PREFIX) -> None:
    """Apply what is in a journal behind what the state knows already.

    Raises JournalError, which names the line that cannot follow.
    """
    with _pause_garbage_collection():
        for line, event in read_numbered_events(journal, known):
            apply_event(state, journal, line, event)


def apply_event(state: RunState, journal: Path, line: int, event: Event) -> None:
    """Apply the event of one line; JournalError when it cannot follow what is before it."""
    try:
        state.apply(event)
    except IllegalEvent as error:
        raise build_damage_error(
            journal, line, f"cannot follow what is before it: {error}"
        ) from None


@contextmanager
def _pause_garbage_collection() -> Iterator[None]:
    """A replay makes much and no garbage; the collector would look at it all again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
