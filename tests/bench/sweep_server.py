"""What the one process of a sweep does for all its cells: `python -m tests.bench.sweep_server`.

Cells in processes of their own ask it before each call and tell it afterwards, over TCP, many at
a time; on a cluster their journals come back to it too. What is told is its own time alone.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from opro_cli.core.run.spend import Cost
from opro_cli.core.settings.settings import BudgetSettings, ScorerSettings
from opro_cli.store.journal import FileJournal
from opro_cli.sweep.budget_session import Terms, open_budget
from opro_cli.sweep.limits import Limits, doors_for
from opro_cli.sweep.limits_line import RemoteLimits, serve_limits
from opro_cli.sweep.server import Address, SweepServer
from tests.bench.replay import events
from tests.bench.table import Row, printed
from tests.sweep.sweeps import FixedJournals

CELLS, IN_FLIGHT, CALLS = 4, 64, 2_500
LINES, AT_ONCE = 20_000, 50
OTHERS = (0, 1024, 8192)
REPEATS = 3
SCORER = ScorerSettings("openai/stub", concurrency=CELLS * IN_FLIGHT)
TOKENS, PICO_USD = 361, 170_000_000
COST = Cost(TOKENS, PICO_USD, TOKENS)
NO_JOURNALS = FixedJournals()


async def ask(address: Address) -> None:
    """A cell that does nothing but ask for its calls."""
    limits, left = RemoteLimits(address), iter(range(CALLS))

    async def work() -> None:
        for _ in left:
            permit = await limits.enter(SCORER.address, COST)
            limits.answered(permit, TOKENS, PICO_USD)

    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(work())
    await limits.aclose()


async def leaves(others: int) -> float:
    """Seconds of a core for one call of one cell, while so many of others are in flight."""
    with TemporaryDirectory() as place:
        terms = Terms(Path(place), "1/1", BudgetSettings(usd=1e9))
        with open_budget(terms, NO_JOURNALS, []) as budget:
            return await asked(Limits(budget, doors_for([SCORER])), others)


async def asked(limits: Limits, others: int) -> float:
    """The same under limits that are given."""
    for _ in range(others):
        await limits.enter("elsewhere", COST)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve_limits(limits, reader, writer)

    server = SweepServer({"limits": serve})
    host, port, token = await server.start()
    command = [sys.executable, "-m", "tests.bench.sweep_server", host, str(port), token]
    began = time.process_time()
    cells = [await asyncio.create_subprocess_exec(*command) for _ in range(CELLS)]
    codes = [await cell.wait() for cell in cells]
    took = time.process_time() - began
    await server.stop()
    if any(codes) or limits.budget.spent.calls != CELLS * CALLS:
        raise SystemExit(f"{limits.budget.spent.calls} calls, exit codes {codes}")
    return took / (CELLS * CALLS)


def journal_lines() -> float:
    """Seconds of a core for one line of a journal that comes back."""
    with TemporaryDirectory() as folder:
        home, away = Path(folder, "home.jsonl"), Path(folder, "away.jsonl")
        home.touch()
        away.touch()
        copied = FileJournal(away)
        for event in events(LINES):
            copied.append(event)
        copied.close()
        lines = away.read_bytes().splitlines(keepends=True)
        journal = FileJournal(home)
        began = time.process_time()
        for first in range(0, len(lines), AT_ONCE):
            journal.append_lines(b"".join(lines[first : first + AT_ONCE]))
        journal.close()
        return (time.process_time() - began) / len(lines)


def rows() -> Iterator[Row]:
    """The figures, as soon as they are measured."""
    for others in OTHERS:
        asked = statistics.median(asyncio.run(leaves(others)) for _ in range(REPEATS))
        yield Row(f"sweep, {others:,} others in flight: CPU a leave", 1e6 * asked, "µs")
    line = statistics.median(journal_lines() for _ in range(REPEATS))
    yield Row("sweep: CPU a journal line that comes back", 1e6 * line, "µs")


def main() -> None:
    match sys.argv[1:]:
        case [host, port, token]:
            asyncio.run(ask(Address(host, int(port), token)))
        case _:
            printed(rows())


if __name__ == "__main__":
    main()
