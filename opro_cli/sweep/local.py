"""The cells of a sweep in processes on this machine."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial

from opro_cli.sweep.cells import Job
from opro_cli.sweep.child import Child
from opro_cli.sweep.engine import Told
from opro_cli.sweep.server import Service


class LocalEngine:
    """Works on so many cells at a time."""

    def __init__(self, processes: int) -> None:
        self._places = processes
        self._waiting: deque[Job] = deque()
        self._running: set[Child] = set()

    @property
    def host(self) -> str:
        """This machine alone."""
        return "127.0.0.1"

    def services(self, told: Told) -> dict[str, Service]:  # noqa: ARG002
        """None: the cells write into the folders themselves."""
        return {}

    async def run(self, jobs: Sequence[Job], told: Told) -> None:
        """As `SweepEngine`."""
        self._waiting = deque(jobs)

        async def work() -> None:
            while self._waiting:
                job = self._waiting.popleft()
                child = Child(job, partial(told, job.name))
                self._running.add(child)
                told(job.name, await child.run())
                self._running.remove(child)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._places, len(jobs))):
                group.create_task(work())

    def drain(self) -> None:
        """As `SweepEngine`."""
        self._waiting.clear()

    def stop(self) -> None:
        """As `SweepEngine`."""
        self.drain()
        for child in self._running:
            child.stop()

    def close(self) -> None:
        """As `SweepEngine`: it holds nothing."""
