"""The process of a cell on this machine, as its parent sees it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import signal
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import msgspec

from opro_cli.errors import OproError
from opro_cli.processes import LONGEST_LINE, count_cores, get_pipes, read_tail, start_module
from opro_cli.sweep.cells import Job
from opro_cli.sweep.launch.channel import STOPPED, CellChannel, Ended, Refused, Report, refuse
from opro_cli.sweep.limits import Limits

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
        if stops and self.code in (-signal.SIGTERM, STOPPED):  # it did nothing yet
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
        """Work on a job; `receive` takes whole lines; OproError for one that is too long."""
        self._process = process = await start_module("opro_cli.sweep.launch.cell_process")
        _, stdout, stderr = get_pipes(process)
        tail = asyncio.create_task(read_tail(stderr))
        try:
            self.send(json.dumps(dataclasses.asdict(job)).encode() + b"\n" + self._unsent)
            await _read_lines(stdout, receive)
            code = await process.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(tail), TAIL_S)
        finally:
            self.kill()
            await read_tail(stdout)  # what is left in the pipe keeps it open
            await process.wait()
            tail.cancel()
        words = tail.result().decode(errors="replace").strip().splitlines() if tail.done() else []
        return Exit(code, words[-1] if words else None)

    def send(self, lines: bytes) -> None:
        """Write lines to its stdin, after its job; drop them where it has ended."""
        if self._process is None:
            self._unsent += lines
            return
        stdin = get_pipes(self._process).stdin
        if not stdin.is_closing():
            stdin.write(lines)

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


class LocalEngine:
    """Works on at most `processes` cells at a time; None: as many as there are cores."""

    def __init__(self, processes: int | None) -> None:
        self._processes = processes or count_cores()
        self._waiting: deque[Job] = deque()
        self._channels: set[CellChannel] = set()

    async def run(self, jobs: Sequence[Job], limits: Limits, report: Report) -> None:
        """Work on jobs as `SweepEngine.run` says."""
        self._waiting = deque(jobs)

        async def work() -> None:
            while self._waiting:
                job = self._waiting.popleft()
                last = await self._work_on(job, limits, report)
                report(job.name, msgspec.structs.asdict(last))

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._processes, len(jobs))):
                group.create_task(work())

    def drain(self) -> None:
        """Begin no more cells."""
        self._waiting.clear()

    def stop(self) -> None:
        """Stop all cells; a second time, at once."""
        self.drain()
        for channel in self._channels:
            channel.stop()

    def close(self) -> None:
        """Do nothing: it holds nothing."""

    async def _work_on(self, job: Job, limits: Limits, report: Report) -> Ended | Refused:
        child = Child()
        channel = CellChannel(limits, child.send, partial(report, job.name))
        self._channels.add(channel)
        try:
            end = await child.run(job, channel.receive)
        except OproError as error:
            return Refused(error.message, error.hint)
        finally:
            self._channels.remove(channel)
            channel.close()
        return channel.last or end.as_message(channel.stops)
