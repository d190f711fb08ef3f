"""One budget over real processes that ask a real server, one of which is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.test_process import PAID, PATIENCE_S, Bench
from tests.server import LocalServer
from tests.sweeping.sweeps import cells_at, slow_server

pytestmark = pytest.mark.slow
CONCURRENCY = 4


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    async with slow_server() as server:
        yield server


async def swept(folder: Path, server: LocalServer, budget: str) -> Bench:
    cells_at(folder, server.url, f"matrix: {{search.seed: 0..3}}\nbudget: {budget}\n")
    return Bench(folder, server)


async def ended(at: Bench, process: asyncio.subprocess.Process) -> None:
    _, err = await process.communicate()
    assert process.returncode in (1, 3), err.decode()
    await at.server_is_quiet()


def journals(at: Bench) -> list[Path]:
    return sorted((at.folder / "runs" / "sweep").glob("*/events.jsonl"))


def paid(at: Bench) -> int:
    """Calls that the journals of all cells know."""
    lines = [line for path in journals(at) for line in path.read_bytes().splitlines()]
    # Further choices of one call were no calls of their own.
    calls = (line for line in lines if b'"via":"c' not in line or b'"via":"call"' in line)
    return sum(line.startswith(PAID) for line in calls)


async def test_four_cells_at_a_time_make_as_many_calls_as_all_may_and_never_more_at_once(
    tmp_path: Path, server: LocalServer
) -> None:
    at = await swept(tmp_path, server, "{calls: 61}")
    await ended(at, await at.opro("sweep", "s.yaml", "--processes", "4"))
    assert len(server.requests) == 61
    spans = [(entry.arrived, entry.finished or 0.0) for entry in server.requests]
    assert max(sum(a <= t < b for a, b in spans) for t, _ in spans) <= CONCURRENCY
    await ended(at, await at.opro("sweep", "s.yaml", "--processes", "4"))
    assert len(server.requests) == 61  # the next session knows what the last one spent


async def test_tokens_that_all_cells_took_stay_below_the_ceiling(
    tmp_path: Path, server: LocalServer
) -> None:
    at = await swept(tmp_path, server, "{tokens: 9000}")
    await ended(at, await at.opro("sweep", "s.yaml", "--processes", "4"))
    tokens = 0
    for path in journals(at):
        spend = json.loads((path.parent / "result.json").read_text())["spend"]
        tokens += spend["prompt_tokens"] + spend["completion_tokens"]
    print(f"{tokens} tokens of 9000")
    assert 4500 < tokens <= 9000


async def test_a_killed_cell_makes_the_sweep_spend_what_it_had_in_flight_at_most(
    tmp_path: Path, server: LocalServer
) -> None:
    at = await swept(tmp_path, server, "{calls: 60}")
    process = await at.opro("sweep", "s.yaml", "--processes", "4")
    async with asyncio.timeout(PATIENCE_S):
        while len(server.requests) < 24:
            await asyncio.sleep(0.005)
    victim = max(journals(at), key=lambda path: path.stat().st_size).with_name(".pid")
    os.kill(int(victim.read_text()), signal.SIGKILL)
    await ended(at, process)
    assert len(server.requests) <= 60  # what it had in flight counts at its most
    await ended(at, await at.opro("sweep", "s.yaml", "--processes", "4"))
    assert paid(at) == 60
    lost = len(server.requests) - 60
    assert 0 <= lost <= CONCURRENCY
    print(f"overshoot after one kill -9: {lost} calls of 60, of {CONCURRENCY} at most")
