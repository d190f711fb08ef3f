"""kill -9 at random moments of `eval`, `sweep`, `report` and cache writes: each ends equal.

After every kill the same command is given again, and the last one, which nobody disturbs, must end
with what it ends with when nobody ever did. OPRO_KILLS says how many kills there are altogether;
OPRO_KILL_SEED repeats those of a run.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from opro_cli.store.atomic_folders import PARTIAL_PREFIX
from tests.cli.test_process import CONFIG, GSM8K, PATIENCE_S, Bench, new_server
from tests.cli.test_sweep_process import below, living
from tests.loop.runs import drop_costs
from tests.server import LocalServer
from tests.store.conftest import copy_of

KILLS = int(os.environ.get("OPRO_KILLS", "10"))
AT_A_TIME = 2
PROMPTS = ("Count.", "", "Add and check.")
EVAL = ("eval", "c.yaml", *(word for each in PROMPTS for word in ("-p", each)), "--limit", "6")
SWEEP = "name: grid\nbase: c.yaml\nmatrix: {search.seed: 0..1}\n"
SCORE = ("prompt", "n", "mean", "correct", "unreadable", "refused")

pytestmark = pytest.mark.slow

Process = asyncio.subprocess.Process


def prepared(folder: Path, server: LocalServer) -> Bench:
    """A folder with a config, and a sweep of it with two cells."""
    folder.mkdir(parents=True, exist_ok=True)
    text = CONFIG.format(rows=GSM8K, url=server.url, concurrency=4)
    (folder / "c.yaml").write_text(text.replace("steps: 2", "steps: 1"))
    (folder / "grid.yaml").write_text(SWEEP)
    return Bench(folder, server)


async def finish(process: Process) -> str:
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0, err.decode()
    return out.decode()


async def scores(process: Process) -> list[dict[str, Any]]:
    """What an `eval` printed, of each prompt."""
    return [{key: row[key] for key in SCORE} for row in json.loads(await finish(process))]


async def evaluate(at: Bench, *more: str) -> Process:
    return await at.opro(*EVAL, "--plain", "--json", *more)


async def sweep(at: Bench) -> Process:
    return await at.opro("sweep", "grid.yaml", "--plain", "--processes", "2")


def cells(at: Bench) -> dict[str, Any]:
    """What the cells of the sweep came to, but for the times."""
    found = {}
    for path in sorted((at.folder / "runs" / "grid").glob("[!.]*/result.json")):
        result = drop_costs(json.loads(path.read_text()))
        kept = {
            k: v for k, v in result.items() if k not in ("seconds", "started", "spend", "test_use")
        }
        found[path.parent.name] = kept
    return found


async def moment(at: Bench, moments: random.Random, process: Process) -> None:
    """Wait until a random moment: of the clock, after so many answers, or as a folder is made."""
    kind = moments.choice(("clock", "answers", "folder"))
    if kind == "clock":
        await at.lives_for(moments.uniform(0.05, 2.5), process)
    elif kind == "answers":
        wanted = len(at.server.requests) + moments.randint(1, 20)
        while process.returncode is None and len(at.server.requests) < wanted:
            await asyncio.sleep(0.003)
    else:
        runs = at.folder / "runs"
        while process.returncode is None and not any(runs.rglob("config.yaml")):
            await asyncio.sleep(0.0005)
        await asyncio.sleep(moments.uniform(0, 0.03))


async def kill(process: Process, moments: random.Random) -> None:
    """Kill a process or one that it began; the others are waited for."""
    family = below(process.pid, living()) if process.returncode is None else set()
    if family and moments.random() < 0.5:
        with contextlib.suppress(ProcessLookupError):
            os.kill(moments.choice(sorted(family)), signal.SIGKILL)
    else:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await asyncio.wait_for(process.communicate(), PATIENCE_S)
    async with asyncio.timeout(PATIENCE_S):
        while family & set(living()):
            await asyncio.sleep(0.02)


def check_nothing_half_made(at: Bench) -> None:
    """What dead processes left is gone, or hidden and no run."""
    assert not list((at.folder / "runs").rglob(f"{PARTIAL_PREFIX}*"))


async def kill_evals(at: Bench, moments: random.Random, kills: int) -> Any:
    for _ in range(kills):
        process = await evaluate(at)
        await moment(at, moments, process)
        await kill(process, moments)
    found = await scores(await evaluate(at))
    check_nothing_half_made(at)
    return found


async def kill_sweeps(at: Bench, moments: random.Random, kills: int) -> Any:
    for _ in range(kills):
        process = await sweep(at)
        await moment(at, moments, process)
        await kill(process, moments)
    await finish(await sweep(at))
    check_nothing_half_made(at)
    return cells(at)


async def kill_reports(at: Bench, moments: random.Random, kills: int) -> Any:
    if not (at.folder / "runs").exists():
        copy_of(4, at.folder / "runs")
    (run,) = (at.folder / "runs").glob("[!.]*")
    page = at.folder / "page.html"
    seen = set()
    for _ in range(kills):
        process = await at.opro("report", str(run), "-o", str(page))
        await at.lives_for(moments.uniform(0.05, 1.2), process)
        await kill(process, moments)
        if page.exists():
            seen.add(page.read_bytes())
    await finish(await at.opro("report", str(run), "-o", str(page)))
    assert seen <= {page.read_bytes()}
    return page.read_bytes()


async def kill_cache_writes(at: Bench, moments: random.Random, kills: int) -> Any:
    """Each time other runs, so that all that they have in common is the cache."""
    for number in range(kills):
        process = await evaluate(at, "--runs-dir", f"runs/{number}")
        await moment(at, moments, process)
        await kill(process, moments)
    found = await scores(await evaluate(at, "--runs-dir", "runs/last"))
    with contextlib.closing(sqlite3.connect(at.folder / "cache" / "answers.sqlite")) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return found


async def kill_both(at: Bench, moments: random.Random, kills: int) -> Any:
    """A sweep and two evaluations of one cell at once, of which one is killed."""
    for _ in range(kills):
        processes = [await sweep(at), await evaluate(at), await evaluate(at, "-p", "More.")]
        victim = moments.choice(processes)
        await moment(at, moments, victim)
        await kill(victim, moments)
        for process in processes:
            await asyncio.wait_for(process.communicate(), PATIENCE_S)
            assert process is victim or process.returncode == 0
    await finish(await sweep(at))
    found = await scores(await evaluate(at, "-p", "More."))
    check_nothing_half_made(at)
    return cells(at), found


KINDS: tuple[Callable[[Bench, random.Random, int], Awaitable[Any]], ...] = (
    kill_evals,
    kill_sweeps,
    kill_reports,
    kill_cache_writes,
    kill_both,
)
_undisturbed: dict[str, Any] = {}


@pytest.mark.parametrize("batch", range(-(-KILLS // AT_A_TIME)))
async def test_whatever_is_killed_the_same_command_ends_equal(tmp_path: Path, batch: int) -> None:
    kind = KINDS[batch % len(KINDS)]
    name = kind.__name__
    seed = int(os.environ.get("OPRO_KILL_SEED", random.randrange(10**6)))
    moments = random.Random(f"{seed} {batch}")
    if name not in _undisturbed:
        async with new_server() as server:
            at = prepared(tmp_path / "undisturbed" / "x", server)
            _undisturbed[name] = await kind(at, moments, 0)
    async with new_server() as server:
        at = prepared(tmp_path / "killed" / "x", server)
        assert await kind(at, moments, AT_A_TIME) == _undisturbed[name], (seed, batch)
    print(f"OPRO_KILL_SEED={seed} batch {batch}: {name}, {AT_A_TIME} kills")
