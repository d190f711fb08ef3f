"""Both ends of the line on which a run's folder is lent to another machine and comes back.

To the cell ["file", name, size] with the bytes behind it, for each file that the run has, then
["go"]; or ["stay"] where there is nothing to do. Later perhaps ["stop"], and a second one.
From the cell ["journal", offset, size] with whole lines behind it, as soon as they are written
there; ["told", what] as a cell tells it; at the end the files of the result, and ["over", what],
which is answered by ["received"].

So of what was answered nothing is lost with a machine but what it wrote in its last moment: see
`EVERY`. The journal at home is open, and the run locked, while the line holds.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from opro_cli.app.report import REPORT
from opro_cli.errors import OproError, RunBusyError
from opro_cli.files import write_atomically
from opro_cli.store.journal import FileJournal
from opro_cli.store.run_folder import CONFIG_COPY
from opro_cli.sweep.cells import Job, prepared
from opro_cli.sweep.engine import Told
from opro_cli.sweep.server import tell

EVERY = 0.05
"""Seconds between two looks at a journal that grows."""
JOURNAL = "events.jsonl"
LENT = ("run.json", CONFIG_COPY, "examples.jsonl", JOURNAL)
RETURNED = (CONFIG_COPY, "result.json", "best_prompt.txt", REPORT)


class LentFolders:
    """The end at home: the folders of all jobs, each lent to one place at a time.

    jobs: by name. draining: lend no more. over: cells that said their last.
    """

    def __init__(self, told: Told) -> None:
        self.jobs: Mapping[str, Job] = {}
        self._told = told
        self._lent: dict[str, asyncio.StreamWriter] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._preparing = asyncio.Lock()
        self._stops = 0
        self.draining = False
        self.over: set[str] = set()

    def is_lent(self, name: str) -> bool:
        """Is somebody working on it?"""
        return name in self._lent

    def stop(self) -> None:
        """Let the cells end that are under way; a second time, at once."""
        self.draining = True
        self._stops += 1
        for writer in self._lent.values():
            tell(writer, "stop")

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str
    ) -> None:
        """Lend a folder until it is returned, or the line breaks.

        Whoever had it before is hung up on: that cell was begun anew because its machine is gone,
        or out of reach.
        """
        if (before := self._lent.get(name)) is not None:
            before.close()
        async with self._locks[name]:
            if self.draining or name in self.over:
                tell(writer, "stay")
                return
            self._lent[name] = writer
            try:
                async with self._preparing:
                    folder, _ = await asyncio.to_thread(prepared, self.jobs[name])
                with closing(FileJournal(folder / JOURNAL)) as journal:
                    for each in LENT:
                        _send(writer, each, (folder / each).read_bytes())
                    tell(writer, "go")
                    for _ in range(self._stops):
                        tell(writer, "stop")
                    last = await self._received(reader, name, folder, journal)
                self._over(name, last)
                tell(writer, "received")
            except RunBusyError:
                self._over(name, {"ended": "elsewhere"})
                tell(writer, "stay")
            except OproError as error:
                self._over(name, {"error": error.message, "hint": error.hint})
                tell(writer, "stay")
            finally:
                del self._lent[name]

    async def _received(
        self, reader: asyncio.StreamReader, name: str, folder: Path, journal: FileJournal
    ) -> dict[str, Any]:
        """What comes back, up to the last that the cell says. Raises OSError, EOFError."""
        while line := await reader.readline():
            match json.loads(line):
                case ["journal", int(offset), int(size)]:
                    lines = await reader.readexactly(size)
                    if offset != journal.size:
                        raise ConnectionError("not a copy of this journal")
                    journal.append_lines(lines)
                case ["file", str(file), int(size)] if file in RETURNED:
                    write_atomically(folder / file, await reader.readexactly(size))
                case ["told", dict(what)]:
                    self._told(name, what)
                case ["over", dict(what)]:
                    return what
                case other:
                    raise ConnectionError(f"no such message: {other!r}")
        raise EOFError

    def _over(self, name: str, last: dict[str, Any]) -> None:
        self.over.add(name)
        self._told(name, last)


class BorrowedFolder:
    """The end on the other machine. folder: where the copy is made."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, folder: Path
    ) -> None:
        self._reader, self._writer, self._folder = reader, writer, folder
        self._sent = 0

    async def fetch(self) -> bool:
        """Copy the run; is there something to do? Raises OSError, EOFError."""
        while line := await self._reader.readline():
            match json.loads(line):
                case ["file", str(name), int(size)] if name in LENT:
                    data = await self._reader.readexactly(size)
                    (self._folder / name).write_bytes(data)
                    if name == JOURNAL:
                        self._sent = size
                case ["go"]:
                    return True
                case _:
                    return False
        raise EOFError

    def told(self, what: dict[str, Any]) -> None:
        """Pass on what the cell says, and what its journal says by now."""
        self._send_lines()
        tell(self._writer, "told", what)

    async def keep_sending(self) -> None:
        """Send the journal's new lines, again and again."""
        while True:
            self._send_lines()
            await self._writer.drain()
            await asyncio.sleep(EVERY)

    def give_back(self, last: dict[str, Any]) -> None:
        """Send what is left, and that it is over."""
        self._send_lines()
        for name in RETURNED:
            if (self._folder / name).exists():
                _send(self._writer, name, (self._folder / name).read_bytes())
        tell(self._writer, "over", last)

    async def next_word(self) -> str:
        """ "stop" or "received"; "gone" when nobody is at the other end."""
        try:
            line = await self._reader.readline()
            return str(json.loads(line)[0]) if line else "gone"
        except (OSError, ValueError):
            return "gone"

    def _send_lines(self) -> None:
        with (self._folder / JOURNAL).open("rb") as journal:
            journal.seek(self._sent)
            lines = journal.read()
        whole = lines[: lines.rfind(b"\n") + 1]
        if whole:
            tell(self._writer, "journal", self._sent, len(whole))
            self._writer.write(whole)
            self._sent += len(whole)


def _send(writer: asyncio.StreamWriter, name: str, data: bytes) -> None:
    tell(writer, "file", name, len(data))
    writer.write(data)
