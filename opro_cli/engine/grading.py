"""Grading replies: where the answer comes from, and how long it is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

from opro_cli.core.model import Example, Grade
from opro_cli.ports import Metric

PATIENCE_S = 1.0
"""Seconds that a grade may still take once a stop is asked for; then a resume grades the reply."""


@dataclass(frozen=True, slots=True)
class InlineGrader:
    """Grades in this very process, on the event loop: for metrics that take no time."""

    metric: Metric
    is_immediate = True

    async def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """Grade at once, as the metric does."""
        return self.metric.grade(reply, example, prompt)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to give back."""


async def grade_unless_stopped(grade: Awaitable[Grade], stop: asyncio.Event) -> Grade | None:
    """Wait for a grade, but not long once a stop is asked for; None where it did not come."""
    grading, stopping = asyncio.ensure_future(grade), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((grading, stopping), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait((grading,), timeout=PATIENCE_S)
        return grading.result() if grading.done() else None
    finally:
        grading.cancel()
        stopping.cancel()
        await asyncio.gather(grading, stopping, return_exceptions=True)
