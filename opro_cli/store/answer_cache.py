"""Answers that were paid for once, kept for all runs.

A lookup is a dictionary, or one row of SQLite by its key, on the event loop. What is put is found
from then on; a thread writes it, many answers a transaction, so that nobody waits for a disk.
A killed process loses what was not written yet, which the run's own journal has.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from opro_cli.core.settings.settings import ModelSettings
from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.store.answer_file import NewerSchemaError, connect, explain_failure, is_busy, shrink
from opro_cli.store.answer_table import (
    FAILURES,
    GET,
    build_key,
    convert_rows,
    decode_reply,
    drop_damaged,
    find_address,
    insert_answers,
    is_converted,
    mark_used,
    split_keys,
)

WRITE_EVERY = 0.5
"""Seconds that an answer waits for others, at most."""
WRITE_AT = 500
"""So many answers wait for no others."""
SAME_USE = 3600
"""Uses within so many seconds are one: a run that finds everything writes nothing."""

_CONVERT_EVERY = 0.05
"""Seconds between two rounds of conversion of an older file while nothing else is to be done."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """A row to be."""

    text: str
    finish_reason: str
    model: str
    made: int


class AnswerStore:
    """The cache of a session. limit: bytes. clock: seconds since the epoch.

    trouble: why nothing is looked up or kept any more, a sentence for people; "" while all is well.
    """

    def __init__(self, path: Path, limit: int, clock: Callable[[], float] = time.time) -> None:
        self.trouble = ""
        self._path, self._limit, self._clock = path, limit, clock
        self._new: dict[bytes, _Answer] = {}
        self._being_written: dict[bytes, _Answer] = {}
        self._used: set[object] = set()
        self._damaged: set[object] = set()
        self._converted = True
        self._to_convert: int | None = None  # behind this row, where there is anything to convert
        self._wake = threading.Condition()
        self._closing = False
        self._writer: threading.Thread | None = None
        self._file: sqlite3.Connection | None = None
        try:
            self._file = connect(path)
            self._converted = is_converted(self._file)
            if not self._converted:
                self._to_convert = 0
                with self._wake:
                    self._start_writing()
        except (*FAILURES, NewerSchemaError) as error:
            self._give_up(error)

    def bind(self, settings: ModelSettings) -> BoundCache:
        """The cache of one model."""
        addresses = (find_address(each.model, each.api_base) for each in settings.deployments)
        return BoundCache(self, settings.model, tuple(dict.fromkeys(addresses)))

    def get(self, key: bytes) -> ChatReply | None:
        """The answer of a key, None where there is none or it is damaged."""
        known = self._new.get(key) or self._being_written.get(key)
        if known is not None:
            return ChatReply(known.text, known.finish_reason, 0, 0, 0.0)
        if self._file is None or self.trouble:
            return None
        try:
            row = self._file.execute(GET, (key,)).fetchone()
        except FAILURES as error:
            self._give_up(error)
            return None
        if row is None:
            return None
        place, _, _, used, _ = row
        reply = decode_reply(row, key, converted=self._converted)
        if reply is None:
            self._note(self._damaged, place)
        elif not isinstance(used, int) or self._clock() - used > SAME_USE:
            self._note(self._used, place)
        return reply

    def _note(self, rows: set[object], row: object) -> None:
        with self._wake:
            rows.add(row)
            self._start_writing()

    def put(self, key: bytes, model: str, reply: ChatReply) -> None:
        """Keep an answer: found at once, written soon."""
        if self.trouble or self._closing:
            return
        answer = _Answer(reply.text, reply.finish_reason, model, int(self._clock()))
        with self._wake:
            self._new.setdefault(key, answer)
            if len(self._new) in (1, WRITE_AT):
                self._start_writing()

    def close(self) -> None:
        """Write what was put and let go of the file; calling it twice is fine."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._writer is not None:
            self._writer.join()
        if self._file is not None:
            with suppress(*FAILURES):  # nothing is lost with a connection that only reads
                self._file.close()
            self._file = None

    def _start_writing(self) -> None:
        if self._writer is None and not self._closing:
            self._writer = threading.Thread(target=self._write_all, name="answers", daemon=True)
            self._writer.start()
        self._wake.notify()

    def _write_all(self) -> None:
        """The thread's work, with a connection of its own: a lookup never waits for a write."""
        try:
            file = connect(self._path)
        except (*FAILURES, NewerSchemaError) as error:
            self._give_up(error)
            return
        try:
            while self._collect():
                self._write(file)
                if self._to_convert is not None:
                    self._convert(file, self._to_convert)
        except FAILURES as error:
            self._give_up(error)
        finally:
            with suppress(*FAILURES):
                file.close()

    def _collect(self) -> bool:
        """Wait until there is something to do; False when all is written and it is over."""
        with self._wake:
            self._being_written = {}
            pause = None if self._to_convert is None else _CONVERT_EVERY
            if self._wake.wait_for(self._has_work, pause):
                self._wake.wait_for(
                    lambda: len(self._new) >= WRITE_AT or self._closing, WRITE_EVERY
                )
            self._being_written, self._new = self._new, {}
            return bool(self._being_written or self._used or self._damaged or not self._closing)

    def _has_work(self) -> bool:
        return bool(self._new or self._used or self._damaged or self._closing)

    def _write(self, file: sqlite3.Connection) -> None:
        with self._wake:
            used, self._used = self._used, set()
            damaged, self._damaged = self._damaged, set()
        if not (used or damaged or self._being_written):
            return
        new = self._being_written.items()
        file.execute("BEGIN IMMEDIATE")
        drop_damaged(file, damaged)
        insert_answers(file, ((key, a.text, a.finish_reason, a.model, a.made) for key, a in new))
        mark_used(file, used, int(self._clock()))
        file.execute("COMMIT")
        shrink(file, self._limit)

    def _convert(self, file: sqlite3.Connection, after: int) -> None:
        try:
            self._to_convert = convert_rows(file, after)
            self._converted = self._to_convert is None
        except sqlite3.OperationalError as error:
            # When another process writes, or converts, it is tried again. A disk that is full is
            # no reason not to look anything up.
            if not is_busy(error):
                self._to_convert = None

    def _give_up(self, error: Exception) -> None:
        self.trouble = f"no answer cache: {explain_failure(self._path, error)}"


@dataclass(frozen=True, slots=True)
class BoundCache:
    """An AnswerCache: the answers of one model at one address, or at several.

    Several endpoints are one model, so that an answer of one is an answer of all: it is kept for
    each of them, and found while any of them is still in the list, or asked alone.

    What they cost once is not told: the request that finds one costs nothing.
    """

    store: AnswerStore
    model: str
    addresses: tuple[str, ...]

    @property
    def trouble(self) -> str:
        return self.store.trouble

    def key(self, request: ChatRequest) -> bytes:
        """The keys at all addresses, one after the other."""
        return b"".join(build_key(self.model, address, request) for address in self.addresses)

    def get(self, key: bytes) -> ChatReply | None:
        found = (self.store.get(each) for each in split_keys(key))
        return next(filter(None, found), None)

    def put(self, key: bytes, reply: ChatReply) -> None:
        for each in split_keys(key):
            self.store.put(each, self.model, reply)

    def close(self) -> None:
        self.store.close()
