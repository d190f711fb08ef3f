"""One budget over real processes that ask a real server, one of which is killed."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.test_process import PAID, PATIENCE_S, Bench
from tests.server import LocalServer
from tests.sweep.sweeps import cells_at, slow_server

pytestmark = pytest.mark.slow
CONCURRENCY = 4


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    async with slow_server() as server:
        yield server


async def swept(folder: Path, server: LocalServer, budget: str, last_seed: int = 3) -> Bench:
    matrix = f"{{search.seed: 0..{last_seed}}}"
    cells_at(folder, server.url, f"matrix: {matrix}\nbudget: {budget}\n")
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


async def test_cells_with_a_budget_of_their_own_are_whole_searches(
    tmp_path: Path, server: LocalServer
) -> None:
    matrix = "{search.seed: 0..1, search.racing: [true], budget.calls: [40]}"
    cells_at(tmp_path, server.url, f"matrix: {matrix}\nbudget: {{calls: 1000}}\n")
    at = Bench(tmp_path, server)
    process = await at.opro("sweep", "s.yaml", "--processes", "2")
    _, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    for path in journals(at):
        result = json.loads((path.parent / "result.json").read_text())
        assert result["status"] == "finished"
        assert 20 < result["spend"]["calls"] <= 40
        assert b'"event":"looked"' in path.read_bytes()


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
    assert len(server.requests) <= 60
    lost = 60 - paid(at)  # in flight as it was killed, if anything was
    assert 0 <= lost <= CONCURRENCY
    print(f"lost by one kill -9: {lost} calls of 60, of {CONCURRENCY} at most")


async def worked_on(at: Bench, *arguments: str) -> str:
    """A session until its end; what it said."""
    process = await at.opro("sweep", "s.yaml", "--processes", "1", *arguments)
    out, err = await process.communicate()
    assert process.returncode in (0, 3), err.decode()
    return out.decode() + err.decode()


async def asked(at: Bench, calls: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while len(at.server.requests) < calls:
            await asyncio.sleep(0.005)


async def test_sessions_of_any_shards_spend_one_budget(tmp_path: Path, server: LocalServer) -> None:
    at = await swept(tmp_path, server, "{calls: 60}", last_seed=5)
    spent = []
    for shard in ("1/2", "2/2", "3/3", "3/4", "4/4", "5/6"):
        await worked_on(at, "--shard", shard)
        spent.append(len(server.requests))
    assert spent == [30, 60, 60, 60, 60, 60]


async def test_a_whole_sweep_beside_a_part_of_it_spends_one_budget_and_fails_no_cell(
    tmp_path: Path,
) -> None:
    async with slow_server(latency_ms=2500) as server:  # longer than six processes begin
        at = await swept(tmp_path, server, "{calls: 80}", last_seed=5)
        part = await at.opro("sweep", "s.yaml", "--processes", "1", "--shard", "2/2", "--plain")
        await asked(at, 2)  # of seed1, which the other session finds at work
        whole = await at.opro("sweep", "s.yaml", "--processes", "6", "--plain")
        said = [(await each.communicate())[1].decode() for each in (part, whole)]
    assert [part.returncode, whole.returncode] == [3, 3], said
    assert not any("failed" in each for each in said)
    assert "seed1: left out: another process is at work on it" in said[1]
    # The other session ends with the budget as well, and may be gone a moment earlier.
    assert "1 at work elsewhere" in said[1] or "5 stopped" in said[1]
    assert len(server.requests) == 80


async def test_a_session_killed_with_its_cells_has_spent_what_it_had_in_flight(
    tmp_path: Path, server: LocalServer
) -> None:
    at = await swept(tmp_path, server, "{calls: 50}")
    process = await at.opro("sweep", "s.yaml", "--processes", "1", "--shard", "1/2")
    await asked(at, 14)
    (cell,) = journals(at)
    os.kill(process.pid, signal.SIGKILL)
    os.kill(int(cell.with_name(".pid").read_text()), signal.SIGKILL)
    await process.communicate()
    await at.server_is_quiet()
    lost = len(server.requests) - paid(at)
    for shard in ("2/2", "1/3", "1/1"):
        await worked_on(at, "--shard", shard)
    print(f"{lost} calls of the killed session are in no journal")
    assert lost > 0
    assert 50 - CONCURRENCY <= len(server.requests) <= 50  # some had leave and were not sent


async def test_what_was_resumed_by_hand_counts_in_every_part(
    tmp_path: Path, server: LocalServer
) -> None:
    at = await swept(tmp_path, server, "{calls: 20}")
    await worked_on(at, "--shard", "1/2")
    assert len(server.requests) == 10
    resume = await at.opro("resume", "runs/sweep/seed0", "--budget", "calls=18")
    await resume.communicate()
    assert len(server.requests) == 18
    await worked_on(at, "--shard", "2/2")
    assert len(server.requests) == 20


async def test_a_cell_resumed_by_hand_is_under_the_budget_of_its_sweep(
    tmp_path: Path, server: LocalServer
) -> None:
    at = await swept(tmp_path, server, "{calls: 20}")
    await worked_on(at, "--shard", "1/2")
    assert len(server.requests) == 10
    resume = await at.opro("resume", "runs/sweep/seed0", "--plain", "--budget", "calls=none")
    _, err = await resume.communicate()
    assert resume.returncode == 3
    said = " ".join(err.decode().split())
    assert "stopped by budget.calls 20 reached (over all cells of the sweep)" in said
    assert "resume with: `opro sweep` with a larger budget in the sweep's file" in said
    assert len(server.requests) == 20
    await worked_on(at)
    assert len(server.requests) == 20


async def test_a_full_disk_stops_a_sweep_cleanly(tmp_path: Path, server: LocalServer) -> None:
    at = await swept(tmp_path, server, "{calls: 50}")
    process = await at.opro("sweep", "s.yaml", "--processes", "2")
    await asked(at, 10)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    _, err = await process.communicate()
    assert process.returncode == 1
    assert "Traceback" not in err.decode()
    assert "cannot write the claims on the sweep's budget: File too large" in err.decode()
    assert "resume with: opro sweep s.yaml" in err.decode()
    await at.server_is_quiet()
    assert paid(at) == len(server.requests)
    await worked_on(at)
    # Calls that had leave and were not sent cannot be given back on such a disk.
    assert 50 - CONCURRENCY <= len(server.requests) <= 50
    assert paid(at) == len(server.requests)
