"""What the one process of a sweep does for all its cells: `python -m tests.bench.sweep_server`.

Cells in processes of their own ask it before each call and tell it afterwards, over their pipes,
many at a time; on a cluster their journals come back to it too. The figures are its own time alone.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from opro_cli.core.run.spend import Cost
from opro_cli.core.settings.models import ScorerSettings
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.store.journal import FileJournal
from opro_cli.sweep.budget_session import Terms, open_budget
from opro_cli.sweep.cells import Job
from opro_cli.sweep.launch import local
from opro_cli.sweep.launch.cell_process import AskedLimits, Outgoing, lines_of
from opro_cli.sweep.launch.channel import Ended, Stop, decode_to_cell
from opro_cli.sweep.launch.local import LocalEngine
from opro_cli.sweep.limits import Limits, build_permits
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


def run_cell() -> None:
    """Be a cell that does nothing but ask for its calls."""
    incoming, outgoing = lines_of(0), Outgoing(os.dup(1))
    limits, left = AskedLimits(outgoing.send), iter(range(CALLS))
    next(incoming)  # the job

    def listen() -> None:
        for line in incoming:
            if not isinstance(message := decode_to_cell(line), Stop):
                limits.receive(message)

    async def work() -> None:
        for _ in left:
            permit = await limits.enter(SCORER.address, COST)
            limits.record_answer(permit, TOKENS, PICO_USD)

    async def ask() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(work())

    threading.Thread(target=listen, daemon=True).start()
    asyncio.run(ask())
    outgoing.send(Ended("finished"))
    outgoing.close()
    os._exit(0)


async def start_cell(module: str) -> asyncio.subprocess.Process:
    """Start `run_cell` in place of a real one."""
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "tests.bench.sweep_server", "cell")
    return await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)


async def measure_permits(others: int) -> float:
    """Measure one call of one cell, in seconds of a core, with so many others in flight."""
    with TemporaryDirectory() as folder:
        terms = Terms(Path(folder), "1/1", BudgetSettings(usd=1e9))
        with open_budget(terms, NO_JOURNALS, []) as budget:
            return await measure_under(Limits(budget, build_permits([SCORER])), others)


async def measure_under(limits: Limits, others: int) -> float:
    """Measure the same under given limits."""
    for _ in range(others):
        await limits.enter("elsewhere", COST)
    reports: list[object] = []
    began = time.process_time()
    jobs = [Job(str(number), "", {}) for number in range(CELLS)]
    with patch.object(local, "start_module", start_cell):
        await LocalEngine(CELLS).run(jobs, limits, lambda _, report: reports.append(report))
    took = time.process_time() - began
    if limits.budget.spent.calls != CELLS * CALLS:
        raise SystemExit(f"{limits.budget.spent.calls} calls: {reports}")
    return took / (CELLS * CALLS)


def measure_journal_lines() -> float:
    """Measure one line of a journal that comes back, in seconds of a core."""
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
        took = statistics.median(asyncio.run(measure_permits(others)) for _ in range(REPEATS))
        yield Row(f"sweep, {others:,} others in flight: CPU a leave", 1e6 * took, "µs")
    line = statistics.median(measure_journal_lines() for _ in range(REPEATS))
    yield Row("sweep: CPU a journal line that comes back", 1e6 * line, "µs")


if __name__ == "__main__":
    if sys.argv[1:] == ["cell"]:
        run_cell()
    else:
        printed(rows())
