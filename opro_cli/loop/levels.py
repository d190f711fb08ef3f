"""The significance level of a run's verdict, drawn before its test questions are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from opro_cli.calls.budget import read_clock
from opro_cli.core.run.events import TestUsed
from opro_cli.core.run.selection import select_judged
from opro_cli.core.run.state import RunState
from opro_cli.core.task.content import digest_rows, digest_set
from opro_cli.core.task.example import Example
from opro_cli.ports import TestLedger


async def draw_level(
    ledger: TestLedger, state: RunState, examples: Sequence[Example], template: str
) -> TestUsed | None:
    """Return the level of a verdict to come; None where it has one, or nothing will be compared.

    A run that began before there was a ledger has none.

    Args:
        ledger: Of test sets.
        state: Of a run that is about to ask its test questions.
        examples: The test questions.
        template: `task.data.input`.
    """
    if state.test_use is not None or not state.began_with(8):
        return None
    if (judged := select_judged(state)) is None:
        return None
    start, winner = judged
    rows = digest_rows(examples, template)
    drawn = await asyncio.to_thread(ledger.draw, start, winner, rows)  # others may hold its lock
    return TestUsed(
        read_clock(),
        start.id,
        winner.id,
        drawn.use,
        digest_set(rows),
        len(set(rows)),
        drawn.number,
        drawn.level,
        drawn.sharers,
        dict(drawn.known),
        drawn.note,
    )
