"""A run that stays open: its state and the index of its answers grow with its journal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from opro_cli.core.run.events import Event
from opro_cli.errors import JournalError, RunFolderError
from opro_cli.reports.recorded import History, HistoryBuilder, RecordedRun
from opro_cli.store.answer_index import AnswerIndex
from opro_cli.store.folders import is_locked
from opro_cli.store.replay import (
    JournalFollower,
    apply_event,
    load_snapshot,
    pause_garbage_collection,
)
from opro_cli.store.run_folder import read_run_start, settle_run

_ATTEMPTS = 5
"""Openings of a run that other processes change, before a fault counts as real."""
_MUCH = 32 << 20
"""Bytes under a snapshot from which on nothing of them but the index is read."""
_SOURCES = ("run.json", "examples.jsonl", "events.jsonl", "result.json", "tags.txt")

Stamps = tuple[tuple[int, ...] | None, ...]
"""Inode, size and time of each file of a run, and whether a process works on it."""


def stamp_run(folder: Path) -> Stamps:
    """Return what changes whenever anything that is shown of a run does."""
    stamps: list[tuple[int, ...] | None] = [(int(is_locked(folder / "events.jsonl")),)]
    for name in _SOURCES:
        try:
            stat = (folder / name).stat()
            stamps.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
        except OSError:
            stamps.append(None)
    return tuple(stamps)


def open_run(folder: Path) -> OpenedRun:
    """Open a run, and follow its journal to its present end.

    Raises:
        RunFolderError: A part of the folder is missing or damaged.
        JournalError: The journal is.
    """
    for _ in range(_ATTEMPTS - 1):
        stamps = stamp_run(folder)
        try:
            return OpenedRun(folder)
        except (JournalError, RunFolderError):
            if stamp_run(folder) == stamps:  # else another process may have changed it meanwhile
                raise
    return OpenedRun(folder)


class OpenedRun:
    """A run with the index of its answers.

    Of a long journal with a snapshot the index is made when it is first asked for, without texts:
    the report needs none. What is read later is decoded once, for the state and the index.

    Attributes:
        run: As of the last `refresh`.
    """

    def __init__(self, folder: Path) -> None:
        self._journal = folder / "events.jsonl"
        run = read_run_start(folder)
        self._sources = stamp_run(folder)[1:3]
        self._inode = self._journal.stat().st_ino if self._journal.is_file() else 0
        state, prefix = load_snapshot(folder, run.identity, run.state)
        self.run: RecordedRun = replace(run, state=state)
        self._index = AnswerIndex(self._journal, state.sizes, state.scale)
        self._unindexed: list[tuple[Event, int]] | None = None
        self._history = HistoryBuilder(self.run) if prefix.size <= _MUCH else None
        if self._history is None:
            self._unindexed = []
            self._follower = JournalFollower(self._journal, prefix)
        else:
            self._follower = JournalFollower(self._journal)
            for _, event in self._follower.read_new(until=prefix.size, final=True):
                self._index.add(event, self._follower.place)
                self._history.add(event)
        self._torn_at: int | None = None
        self.refresh()

    @property
    def index(self) -> AnswerIndex:
        """The index of the answers in its journal.

        Raises:
            JournalError: It cannot be read.
        """
        if self._unindexed is not None:
            state = self.run.state
            index = AnswerIndex(self._journal, state.sizes, state.scale)
            index.scan(self._follower.size)
            for event, place in self._unindexed:
                index.add(event, place)
            self._index, self._unindexed = index, None
        return self._index

    @property
    def history(self) -> History:
        """The course of the run, for the page about it; empty for a very long one."""
        return self._history.build() if self._history else History()

    @property
    def is_outdated(self) -> bool:
        """Whether its files were replaced, so that it has to be opened anew."""
        try:
            stat = self._journal.stat()
        except OSError:
            return True
        replaced = stat.st_ino != self._inode or stat.st_size < self._follower.size
        mended = self._torn_at is not None and stat.st_size != self._torn_at
        return replaced or mended or stamp_run(self._journal.parent)[1:3] != self._sources

    def refresh(self) -> None:
        """Take what was written since.

        Raises:
            RunFolderError, JournalError: As `open_run`; the run is to be opened anew.
        """
        # Before reading, so that all that a process wrote before its end is read.
        at_work = is_locked(self._journal)
        with pause_garbage_collection():
            self._take(self._follower.read_new(final=not at_work))
            size = self._journal.stat().st_size if self._journal.is_file() else 0
            if not at_work and self._take(self._follower.read_rest()):
                self._torn_at = size  # its last line has no end yet, and may get one
        running = replace(self.run, status="running")
        self.run = running if at_work else settle_run(running)

    def _take(self, events: Iterator[tuple[int, Event]]) -> bool:
        """Apply events to the state, and add them to the index; return whether there were any."""
        line = 0
        for line, event in events:
            apply_event(self.run.state, self._journal, line, event)
            place = self._follower.place
            if self._unindexed is None:
                self._index.add(event, place)
            elif place >= self._follower.size:  # of a line without an end, which no scan takes
                self._unindexed.append((event, place))
            if self._history:
                self._history.add(event)
        return line > 0
