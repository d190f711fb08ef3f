"""Where the cells of a sweep are worked on: the port of `local` and `ray`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from opro_cli.sweep.cells import Job
from opro_cli.sweep.limits import Limits

Report = Callable[[str, dict[str, Any]], None]
"""Takes the name of a cell and what it reports; its last report has "ended" or "error"."""


class SweepEngine(Protocol):
    """Works on cells, each in a process of its own. One `run` for each engine."""

    async def run(self, jobs: Sequence[Job], limits: Limits, report: Report) -> None:
        """Work on jobs in their order, under shared limits, until all are over or it was stopped.

        A cell that fails reports so, and does not stop the others. After a `stop` the cells that
        never began report nothing. Raises OproError where no cell can be worked on.
        """
        ...

    def drain(self) -> None:
        """Begin no more cells."""
        ...

    def stop(self) -> None:
        """Begin no more cells, and end those under way as after Ctrl-C; a second time, at once."""
        ...

    def close(self) -> None:
        """Give back what it holds; calling it twice is fine."""
        ...
