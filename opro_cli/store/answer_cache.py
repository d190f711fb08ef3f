"""A cache of paid answers, shared by all runs.

A lookup reads a dictionary or one row of SQLite, on the event loop. New answers are found at once
and written by a thread, many in a transaction, so that no call waits for a disk. A killed process
loses the answers not yet written; the run's own journal has them.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from opro_cli.core.run.progress import Role
from opro_cli.core.settings.models import ModelSettings, is_computed_here
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import ChatReply, ChatRequest, Took
from opro_cli.models.gguf_files import pin_file
from opro_cli.plugins import is_outside
from opro_cli.ports import AnswerCache
from opro_cli.store.answer_file import (
    NewerSchemaError,
    connect,
    explain_failure,
    find_cache_path,
    is_busy,
    read_cache_limit,
    shrink,
)
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
"""Seconds that an answer waits for others at most."""
WRITE_AT = 500
"""Number of waiting answers that are written at once."""
SAME_USE = 3600
"""Seconds within which uses count as one, so that a run that finds everything writes nothing."""

_CONVERT_EVERY = 0.05
"""Seconds between two conversion rounds of an older file while the thread is otherwise idle."""


class _NewAnswer(NamedTuple):
    """An answer that is not yet written; made: seconds since the epoch."""

    text: str
    finish_reason: str
    model: str
    made: int
    took: Took | None


class AnswerStore:
    """The cache of a session.

    Args:
        limit: The largest size of the file in bytes.
        clock: Returns seconds since the epoch.

    Attributes:
        trouble: The reason why the cache is out of use, as a sentence; "" while it works.
    """

    def __init__(self, path: Path, limit: int, clock: Callable[[], float] = time.time) -> None:
        self.trouble = ""
        self._path, self._limit, self._clock = path, limit, clock
        self._new: dict[bytes, _NewAnswer] = {}
        self._being_written: dict[bytes, _NewAnswer] = {}
        self._used: set[object] = set()
        self._damaged: set[object] = set()
        self._converted = True
        self._to_convert: int | None = None  # the last row checked, while rows are to be converted
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
        """Return the cache of one model."""
        addresses = (find_address(d.model, d.api_base) for d in settings.deployments)
        plain = {name: getattr(settings, name) for name in ("reasoning", "extra")}
        added = {name: asdict(value) for name, value in plain.items() if value is not None}
        return BoundCache(self, settings.model, tuple(dict.fromkeys(addresses)), added)

    def get(self, key: bytes) -> ChatReply | None:
        """Return the answer of a key; None if there is none or it is damaged."""
        new = self._new.get(key) or self._being_written.get(key)
        if new is not None:
            return ChatReply(new.text, new.finish_reason, 0, 0, 0.0, took=new.took)
        if self._file is None or self.trouble:
            return None
        try:
            row = self._file.execute(GET, (key,)).fetchone()
        except FAILURES as error:
            self._give_up(error)
            return None
        if row is None:
            return None
        row_id, used = row[0], row[3]
        reply = decode_reply(row, key, converted=self._converted)
        if reply is None or not isinstance(used, int) or self._clock() - used > SAME_USE:
            with self._wake:
                (self._damaged if reply is None else self._used).add(row_id)
                self._start_writing()
        return reply

    def put(self, key: bytes, model: str, reply: ChatReply) -> None:
        """Store an answer: found at once, written soon."""
        if self.trouble or self._closing:
            return
        made, took = int(self._clock()), reply.set_free().took
        answer = _NewAnswer(reply.text, reply.finish_reason, model, made, took)
        with self._wake:
            self._new.setdefault(key, answer)
            if len(self._new) in (1, WRITE_AT):
                self._start_writing()

    def close(self) -> None:
        """Write all new answers and close the file; calling it twice is fine."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._writer is not None:
            self._writer.join()
        if self._file is not None:
            with suppress(*FAILURES):  # this connection only reads, so nothing is lost
                self._file.close()
            self._file = None

    def _start_writing(self) -> None:
        if self._writer is None and not self._closing:
            self._writer = threading.Thread(target=self._write_all, name="answers", daemon=True)
            self._writer.start()
        self._wake.notify()

    def _write_all(self) -> None:
        """Write in the thread, over its own connection: a lookup never waits for a write."""
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
        """Wait for work; return False when everything is written and the cache closes."""
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
        file.execute("BEGIN IMMEDIATE")
        drop_damaged(file, damaged)
        insert_answers(file, ((key, *answer) for key, answer in self._being_written.items()))
        mark_used(file, used, int(self._clock()))
        file.execute("COMMIT")
        shrink(file, self._limit)

    def _convert(self, file: sqlite3.Connection, after: int) -> None:
        try:
            self._to_convert = convert_rows(file, after)
            self._converted = self._to_convert is None
        except sqlite3.OperationalError as error:
            # Tried again while another process writes or converts. A full disk stops the
            # conversion, but not the lookups.
            if not is_busy(error):
                self._to_convert = None

    def _give_up(self, error: Exception) -> None:
        self.trouble = f"no answer cache: {explain_failure(self._path, error)}"


@dataclass(frozen=True, slots=True)
class BoundCache:
    """An AnswerCache: the answers of one model at one or several addresses.

    Endpoints of one model share their answers: each is stored under all addresses, and found while
    any of them is in the list or asked alone. A cached answer has no tokens and no cost, but those
    that it took when it was asked.
    """

    store: AnswerStore
    model: str
    addresses: tuple[str, ...]
    added: Mapping[str, Any] = field(default_factory=dict)
    """What the config adds to each request."""

    @property
    def trouble(self) -> str:
        """See `AnswerStore.trouble`."""
        return self.store.trouble

    def key(self, request: ChatRequest) -> bytes:
        """Return the keys at all addresses, joined."""
        keys = (build_key(self.model, each, request, self.added) for each in self.addresses)
        return b"".join(keys)

    def get(self, key: bytes) -> ChatReply | None:
        """Return the answer stored under any of the keys."""
        return next(filter(None, map(self.store.get, split_keys(key))), None)

    def put(self, key: bytes, reply: ChatReply) -> None:
        """Store an answer under all keys."""
        for single in split_keys(key):
            self.store.put(single, self.model, reply)

    def close(self) -> None:
        """Close the store of all models."""
        self.store.close()


def open_caches(settings: Settings) -> dict[Role, AnswerCache]:
    """Open the answer caches of the models that are cached, by role.

    Raises:
        UsageError: OPRO_CACHE_MB is no size.
    """
    cached = {role: model for role, model in settings.models.items() if is_cached(model)}
    if not cached:
        return {}
    store = AnswerStore(find_cache_path(), read_cache_limit())
    return {role: store.bind(pin_file(model)) for role, model in cached.items()}


def is_cached(model: ModelSettings) -> bool:
    """Return True for a model whose answers are kept for other runs.

    An embedded one is computed here and free, and another version of opro may bring other weights
    under its name. So may the next edit of a module: python:MODULE:NAME is cached where the config
    says so. A gguf/ model is pinned to its file, and seconds of a CPU are worth keeping.
    """
    if is_outside(model.model):
        return model.cache is True
    return model.cache is not False and not is_computed_here(model.model)
