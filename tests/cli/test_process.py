"""The real command on GSM8K rows, as a process, over real HTTP: killed, interrupted, resumed."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.server import LocalServer, Options, load_answers

CONCURRENCY = 4
KILLS = 3
PATIENCE_S = 120.0

GSM8K = Path(__file__).parents[2] / "configs" / "data" / "gsm8k_sample.jsonl"

CONFIG = """\
name: gsm8k
task:
  data:
    train: "{rows}"
    input: question
    target: answer
    split: {{train: 8, dev: 6, test: 8}}
  answer: number
scorer: {{model: openai/stub, api_base: "{url}", concurrency: {concurrency}}}
optimizer: {{model: openai/stub, api_base: "{url}", concurrency: {concurrency}}}
search: {{steps: 3, candidates_per_step: 4, exemplars: 2}}
"""


@dataclass
class Bench:
    """A folder with a config, and the server that its models live on."""

    folder: Path
    server: LocalServer

    async def opro(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "opro_cli",
            *arguments,
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "OPRO_RUNS_DIR": "runs"},
        )

    def answered(self) -> int:
        """Answers in the journal of the newest run; 0 before there is one."""
        lines = [
            line
            for path in (self.folder / "runs").glob("[!.]*/events.jsonl")
            for line in path.read_bytes().splitlines()
        ]
        return sum(b'"answered"' in line or b'"proposed"' in line for line in lines)

    async def until(self, answers: int, process: asyncio.subprocess.Process) -> bool:
        """Wait for so many answers in the journal; False when the process ended before."""
        async with asyncio.timeout(PATIENCE_S):
            while self.answered() < answers:
                if process.returncode is not None:
                    return False
                await asyncio.sleep(0.005)
        return process.returncode is None

    def result(self) -> dict[str, Any]:
        (path,) = (self.folder / "runs").glob("*/result.json")
        result: dict[str, Any] = json.loads(path.read_text())
        return {k: v for k, v in result.items() if k not in ("run", "seconds", "started")}

    def distinct(self) -> Counter[str]:
        return Counter(json.dumps(entry.body, sort_keys=True) for entry in self.server.requests)


async def bench(folder: Path, server: LocalServer) -> Bench:
    folder.mkdir(parents=True)
    config = CONFIG.format(rows=GSM8K, url=server.url, concurrency=CONCURRENCY)
    (folder / "c.yaml").write_text(config)
    return Bench(folder, server)


def new_server() -> LocalServer:
    gold = load_answers(GSM8K, "question", "answer")
    return LocalServer(gold, Options(latency_ms=30, models=("stub",)))


@dataclass(frozen=True)
class Whole:
    """What a run that nobody disturbed came to, and what it asked."""

    result: dict[str, Any]
    questions: Counter[str]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    async def undisturbed() -> Whole:
        async with new_server() as server:
            at = await bench(tmp_path_factory.mktemp("whole") / "runs", server)
            process = await at.opro("optimize", "c.yaml")
            _, err = await process.communicate()
            assert process.returncode == 0, err.decode()
            return Whole(at.result(), at.distinct())

    return asyncio.run(undisturbed())


@pytest.mark.slow
async def test_killed_at_any_moment_a_run_repeats_only_what_was_in_flight(
    tmp_path: Path, whole: Whole
) -> None:
    questions = whole.questions
    assert max(questions.values()) == 1
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    moments = random.Random(seed)
    async with new_server() as server:
        at = await bench(tmp_path / "killed", server)
        process = await at.opro("optimize", "c.yaml")
        kills = 0
        while kills < KILLS:
            room = (questions.total() - at.answered()) // (KILLS - kills + 1)
            if not await at.until(at.answered() + moments.randint(1, max(1, room)), process):
                break
            process.send_signal(signal.SIGKILL)
            await process.communicate()
            kills += 1
            process = await at.opro("resume", "--last")
        _, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        assert kills == KILLS
        assert at.result() == whole.result
        asked = at.distinct()
        assert set(asked) == set(questions)
        assert asked.total() - questions.total() <= kills * CONCURRENCY


@pytest.mark.slow
async def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path: Path, whole: Whole) -> None:
    questions = whole.questions
    async with new_server() as server:
        at = await bench(tmp_path / "stopped", server)
        process = await at.opro("optimize", "c.yaml")
        assert await at.until(20, process)
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
        assert process.returncode == 130
        assert b"go on with: opro resume gsm8k-" in err
        assert b"Traceback" not in err
        (result,) = (at.folder / "runs").glob("*/result.json")
        assert json.loads(result.read_text())["status"] == "stopped"
        process = await at.opro("resume", "--last")
        _, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        assert at.result() == whole.result
        assert at.distinct() == questions


@pytest.mark.slow
async def test_ctrl_c_twice_stops_at_once_and_can_be_resumed(tmp_path: Path, whole: Whole) -> None:
    async with new_server() as server:
        at = await bench(tmp_path / "twice", server)
        process = await at.opro("optimize", "c.yaml")
        assert await at.until(20, process)
        server.options = Options(latency_ms=3_600_000)  # nothing in flight will come back
        open_before = len(server.requests)
        async with asyncio.timeout(PATIENCE_S):
            while len(server.requests) == open_before:
                await asyncio.sleep(0.005)
        process.send_signal(signal.SIGINT)
        # Two signals at the same instant are one to the system, so the first must be seen.
        assert process.stderr is not None
        async with asyncio.timeout(PATIENCE_S):
            while b"stopping" not in await process.stderr.readline():
                pass
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        assert process.returncode == 130
        assert b"opro resume gsm8k-" in err
        assert b"Traceback" not in err
        server.options = Options(latency_ms=1)
        process = await at.opro("resume", "--last")
        _, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        assert at.result() == whole.result
