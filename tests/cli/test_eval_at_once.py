"""Several `opro eval` of one cell at the same time, as processes over real HTTP."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from opro_cli.store.journal import FileJournal
from tests.cli.test_process import PATIENCE_S, Bench, bench, new_server

ROUNDS = int(os.environ.get("OPRO_ROUNDS", "2"))
AT_ONCE = 10
LIMIT = 4

pytestmark = pytest.mark.slow


async def evaluate(at: Bench, *prompts: str) -> asyncio.subprocess.Process:
    named = [word for prompt in prompts for word in ("-p", prompt)]
    limits = ("--limit", str(LIMIT), "--no-cache", "--no-preflight", "--plain", "--json")
    return await at.opro("eval", "c.yaml", *named, *limits)


async def rows(process: asyncio.subprocess.Process) -> dict[str, dict[str, Any]]:
    """What it printed, by prompt."""
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0, err.decode()
    return {row["prompt"]: row for row in json.loads(out)}


def recorded(at: Bench) -> tuple[str, ...]:
    """The prompts that the cell has, in their order; it is the only one, and nothing else is."""
    (cell,) = (at.folder / "runs" / "evals").iterdir()
    told = json.loads((cell / "run.json").read_text())["settings"]["search"]
    return tuple(told["initial_instructions"])


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_no_prompt_is_lost_and_none_is_asked_twice(tmp_path: Path, number: int) -> None:
    """Half of the rounds begin a cell, the others add to one."""
    async with new_server() as server:
        at = await bench(tmp_path / "evals", server)
        prompts = [f"Prompt {each}." for each in range(AT_ONCE)]
        if number % 2:
            await rows(await evaluate(at, "Start."))
        started = [await evaluate(at, "Start.", prompt) for prompt in prompts]
        told = await asyncio.gather(*map(rows, started))
        for prompt, each in zip(prompts, told, strict=True):
            assert list(each) == ["Start.", prompt]
            assert all(row["n"] == LIMIT for row in each.values())
        assert {*recorded(at)} == {"Start.", *prompts}
        assert at.distinct().total() == len(at.distinct()) == (AT_ONCE + 1) * LIMIT
        everything = await rows(await evaluate(at, "Start.", *prompts))
        assert at.distinct().total() == (AT_ONCE + 1) * LIMIT
        for each in told:
            for prompt, row in each.items():
                assert everything[prompt]["mean"] == row["mean"]


async def test_a_second_eval_of_a_cell_waits_and_says_so(tmp_path: Path) -> None:
    async with new_server() as server:
        at = await bench(tmp_path / "evals", server)
        await rows(await evaluate(at, "Start."))
        (cell,) = (at.folder / "runs" / "evals").iterdir()
        journal = FileJournal(cell / "events.jsonl")
        process = await evaluate(at, "Start.", "Other.")
        assert process.stderr is not None
        async with asyncio.timeout(PATIENCE_S):
            while b"another opro" not in (line := await process.stderr.readline()):
                assert line, "it ended"
        assert f"another opro is working on this run (process {os.getpid()})" in line.decode()
        assert b"waiting for it to end" in line
        assert at.distinct().total() == LIMIT
        journal.close()
        assert (await rows(process))["Other."]["n"] == LIMIT
