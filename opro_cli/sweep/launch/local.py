"""The cells of a sweep in processes on this machine, asked and answered over their own pipes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial

from msgspec.structs import asdict

from opro_cli.errors import OproError
from opro_cli.sweep.cells import Job
from opro_cli.sweep.launch.channel import CellChannel
from opro_cli.sweep.launch.child import Child
from opro_cli.sweep.launch.engine import Report
from opro_cli.sweep.launch.messages import Ended, Refused
from opro_cli.sweep.limits import Limits


class LocalEngine:
    """Works on at most `processes` cells at a time."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._waiting: deque[Job] = deque()
        self._channels: set[CellChannel] = set()

    async def run(self, jobs: Sequence[Job], limits: Limits, report: Report) -> None:
        """Work on jobs as `SweepEngine.run` says."""
        self._waiting = deque(jobs)

        async def work() -> None:
            while self._waiting:
                job = self._waiting.popleft()
                last = await self._work_on(job, limits, report)
                report(job.name, asdict(last))

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
        return channel.last or end.as_message(channel.is_stopped)
