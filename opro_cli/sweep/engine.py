"""Where the cells of a sweep are worked on: the port of `local` and `ray`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from opro_cli.sweep.cells import Job
from opro_cli.sweep.server import Service

Told = Callable[[str, dict[str, Any]], None]
"""What a cell, by its name, says of itself; the last of it has "ended" or "error"."""


class SweepEngine(Protocol):
    """Works on cells, each in a process of its own. One `run` for each engine."""

    @property
    def host(self) -> str:
        """The address at which cells reach the process of the sweep."""
        ...

    def services(self, told: Told) -> dict[str, Service]:
        """What its cells ask of the sweep's server beside the limits."""
        ...

    async def run(self, jobs: Sequence[Job], told: Told) -> None:
        """Work on jobs, first come first begun, until all are over or it was stopped.

        A cell that fails says so, and does not stop the others. After a `stop` those that were
        never begun say nothing. Raises OproError where no cell can be worked on.
        """
        ...

    def drain(self) -> None:
        """Begin no more cells."""
        ...

    def stop(self) -> None:
        """The same, and those under way end as after Ctrl-C; a second time, at once."""
        ...

    def close(self) -> None:
        """Give back what it holds; calling it twice is fine."""
        ...
