"""The process of a cell on this machine, as its parent sees it."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass

from opro_cli.processes import LONGEST_LINE, read_tail, start_module
from opro_cli.sweep.cells import Job
from opro_cli.sweep.launch.messages import Ended, Refused, refuse

CHUNK = 65_536
TAIL_S = 5.0
"""Seconds for which the rest of stderr is waited for: a program of the user's may hold it open."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: its code, negative for a signal, and its last line on stderr."""

    code: int
    words: str | None

    def as_message(self, stops: int) -> Ended | Refused:
        """Build the last message of a cell that sent none, after so many requests to stop."""
        if stops and self.code == -signal.SIGTERM:  # so early that it did nothing yet
            return Ended("interrupted")
        how = (
            f"was killed (signal {-self.code})" if self.code < 0 else f"ended with code {self.code}"
        )
        return Refused(f"its process {how}", self.words)


class Child:
    """One process; it ends with this one, even where that is killed (cell_process.py)."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._unsent = b""

    async def run(self, job: Job, receive: Callable[[bytes], None]) -> Exit:
        """Work on a job; `receive` takes whole lines. Raises OproError for one that is too long."""
        self._process = process = await start_module("opro_cli.sweep.launch.cell_process")
        assert process.stdout is not None
        assert process.stderr is not None
        tail = asyncio.create_task(read_tail(process.stderr))
        try:
            self.send(json.dumps(asdict(job)).encode() + b"\n" + self._unsent)
            await _read_lines(process.stdout, receive)
            code = await process.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(tail), TAIL_S)
        finally:
            self.kill()
            await read_tail(process.stdout)  # what is left in the pipe keeps it open
            await process.wait()
            tail.cancel()
        words = tail.result().decode(errors="replace").strip().splitlines() if tail.done() else []
        return Exit(code, words[-1] if words else None)

    def send(self, lines: bytes) -> None:
        """Write lines to its stdin, after its job; drop them where it has ended."""
        if self._process is None:
            self._unsent += lines
            return
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            self._process.stdin.write(lines)

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()


async def _read_lines(stream: asyncio.StreamReader, receive: Callable[[bytes], None]) -> None:
    """Pass on whole lines to the end of a stream; a kill may leave half a line there."""
    unread = bytearray()
    while chunk := await stream.read(CHUNK):
        unread += chunk
        end = chunk.rfind(b"\n") + 1
        if end:
            end += len(unread) - len(chunk)
            receive(bytes(unread[:end]))
            del unread[:end]
        elif len(unread) > LONGEST_LINE:
            raise refuse(bytes(unread))
