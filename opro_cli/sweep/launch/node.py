"""A cell on a node of a Ray cluster: its process, and a copy of the folder of its run."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from opro_cli.app.report import REPORT
from opro_cli.store.run_folder import CONFIG_COPY
from opro_cli.sweep.cells import Job
from opro_cli.sweep.launch.local import Child, Exit

EVERY = 0.02
"""Seconds between two looks at a journal that grows."""
JOURNAL = "events.jsonl"
LENT = ("run.json", CONFIG_COPY, "examples.jsonl", JOURNAL)
RETURNED = (CONFIG_COPY, "result.json", "best_prompt.txt", REPORT)


@dataclass(frozen=True, slots=True)
class News:
    """Messages and journal lines that the sweep does not have yet.

    Attributes:
        messages: Whole lines, see messages.py.
        journal: Whole lines behind the part that the sweep has.
        end: How the process ended; None while it runs.
        files: After its end, the files of its result.
    """

    messages: bytes
    journal: bytes
    end: Exit | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)


class CellActor:
    """Works on one cell at a time; the sweep calls its methods."""

    def __init__(self) -> None:
        self._job = ""
        self._arrived = asyncio.Event()

    async def wait_for_node(self) -> None:
        """Return once the actor has been placed."""

    async def start(self, job: Job, files: Mapping[str, bytes]) -> None:
        """Work on a job from here on, in a copy of its folder. Raises OSError."""
        self._place = tempfile.TemporaryDirectory(prefix="opro-")
        self._folder = Path(self._place.name) / job.name
        try:
            self._folder.mkdir()
            for name in LENT:
                (self._folder / name).write_bytes(files[name])
        except OSError:
            self._place.cleanup()
            raise
        away = replace(job, folder=str(self._folder), away=True)
        self._job, self._messages, self._child = job.name, b"", Child()
        self._process = asyncio.create_task(self._child.run(away, self._receive))
        self._process.add_done_callback(lambda _: self._arrived.set())

    async def send(self, job: str, lines: bytes) -> None:
        """Pass lines to the process of a job, unless the actor works on another one by now."""
        if job == self._job:
            self._child.send(lines)

    async def wait_for_news(self, size: int, lines: bytes) -> News:
        """Pass lines to the process, and wait for news.

        Args:
            size: Bytes of the journal that the sweep has.
            lines: As for `send`.

        Raises:
            OproError: The process wrote what cannot be read.
        """
        if lines:
            self._child.send(lines)
        while not (self._process.done() or self._messages or self._read_journal(size)):
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._arrived.wait()
        self._arrived.clear()
        messages, self._messages = self._messages, b""
        if not self._process.done():
            return News(messages, self._read_journal(size))
        with self._place:
            paths = [self._folder / name for name in RETURNED]
            files = {path.name: path.read_bytes() for path in paths if path.exists()}
            return News(messages, self._read_journal(size), self._process.result(), files)

    def _receive(self, lines: bytes) -> None:
        self._messages += lines
        self._arrived.set()

    def _read_journal(self, size: int) -> bytes:
        """Read whole lines behind the first `size` bytes."""
        with (self._folder / JOURNAL).open("rb") as journal:
            journal.seek(size)
            lines = journal.read()
        return lines[: lines.rfind(b"\n") + 1]


class ActorLine:
    """Carries lines to an actor: along with the next question, or at once where one is open."""

    def __init__(self, actor: Any, job: str) -> None:
        self._actor, self._job = actor, job
        self._unsent = b""
        self._is_asking = False

    def send(self, lines: bytes) -> None:
        """Take lines for the process of the job."""
        if self._is_asking:
            self._actor.send.remote(self._job, lines)
        else:
            self._unsent += lines

    async def ask(self, size: int) -> News:
        """Wait for news beyond the first `size` bytes of the journal."""
        lines, self._unsent = self._unsent, b""
        self._is_asking = True
        try:
            news: News = await self._actor.wait_for_news.remote(size, lines)
        finally:
            self._is_asking = False
        return news
