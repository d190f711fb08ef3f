"""The real command on GSM8K rows, as a process, over real HTTP: killed, interrupted, resumed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
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

from tests.loop.runs import drop_costs
from tests.server import Fault, LocalServer, Options, load_answers

CONCURRENCY = 4
KILLS = int(os.environ.get("OPRO_KILLS", "25"))
AT_A_TIME = 5
PATIENCE_S = 120.0
PAID = (b'{"event":"answered"', b'{"event":"proposed"', b'{"event":"checked"')
"""How the journal's lines begin that stand for an answered call."""

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
search: {{steps: 2, candidates_per_step: 4, exemplars: 2}}
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
            env={
                **os.environ,
                "OPRO_RUNS_DIR": "runs",
                "OPRO_CACHE_DIR": "cache",
                "OPRO_STATE_DIR": "state",
            },
        )

    def answered(self) -> int:
        """Answers in the journal of the newest run; 0 before there is one."""
        lines = [
            line
            for path in (self.folder / "runs").glob("[!.]*/events.jsonl")
            for line in path.read_bytes().splitlines()
        ]
        # Further choices of one call, and what the cache knew, were no calls of their own.
        paid = (line for line in lines if b'"via":"c' not in line or b'"via":"call"' in line)
        return sum(line.startswith(PAID) and line.endswith(b"}") for line in paid)

    async def lives_for(self, seconds: float, process: asyncio.subprocess.Process) -> bool:
        """Let it run for a while; False when it ended before."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)
        return process.returncode is None

    async def server_is_quiet(self) -> None:
        """Wait until what a killed process left at the server is dealt with."""
        async with asyncio.timeout(PATIENCE_S):
            while any(entry.finished is None for entry in self.server.requests):
                await asyncio.sleep(0.005)

    def best_prompt(self) -> bytes:
        (path,) = (self.folder / "runs").glob("[!.]*/best_prompt.txt")
        return path.read_bytes()

    async def until(self, answers: int, process: asyncio.subprocess.Process) -> bool:
        """Wait for so many answers in the journal; False when the process ended before."""
        async with asyncio.timeout(PATIENCE_S):
            while self.answered() < answers:
                if process.returncode is not None:
                    return False
                await asyncio.sleep(0.005)
        return process.returncode is None

    def result(self) -> dict[str, Any]:
        (path,) = (self.folder / "runs").glob("[!.]*/result.json")
        # An answer that a kill left in the cache alone has no figures.
        result: dict[str, Any] = drop_costs(json.loads(path.read_text()))
        del result["spend"]["uncounted"]  # what a kill cut off may have cost
        return {
            k: v for k, v in result.items() if k not in ("run", "seconds", "started", "test_use")
        }

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
    best_prompt: bytes
    questions: Counter[str]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    async def undisturbed() -> Whole:
        async with new_server() as server:
            at = await bench(tmp_path_factory.mktemp("whole") / "runs", server)
            process = await at.opro("optimize", "c.yaml")
            _, err = await process.communicate()
            assert process.returncode == 0, err.decode()
            return Whole(at.result(), at.best_prompt(), at.distinct())

    return asyncio.run(undisturbed())


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(-(-KILLS // AT_A_TIME)))
async def test_killed_at_any_moment_a_run_repeats_only_what_was_in_flight(
    tmp_path: Path, whole: Whole, batch: int
) -> None:
    """Kills at random moments, of answers and of the clock, from start-up to the last write.

    What is in flight at a kill is what the server was asked in that session and the journal does
    not have. Exactly that, and nothing else, may be asked again.
    """
    seed = int(os.environ.get("OPRO_KILL_SEED", random.randrange(10**6)))
    moments, left = random.Random(f"{seed} {batch}"), AT_A_TIME
    in_flight: list[int] = []
    for number in itertools.count():
        async with new_server() as server:
            at = await bench(tmp_path / f"{number}", server)
            left, lost = await kill_until_done(at, moments, left)
        assert all(count <= CONCURRENCY for count in lost), (seed, lost)
        in_flight += lost
        asked = at.distinct()
        assert at.result() == whole.result, seed
        assert at.best_prompt() == whole.best_prompt
        assert set(asked) == set(whole.questions), seed
        assert asked.total() - whole.questions.total() == sum(lost), (seed, lost)
        if not left:
            break
    print(
        f"OPRO_KILL_SEED={seed} batch {batch}: {AT_A_TIME} kills survived, "
        f"{sum(in_flight)} calls in flight asked again"
    )


async def kill_until_done(at: Bench, moments: random.Random, kills: int) -> tuple[int, list[int]]:
    """Run, kill, resume … until the run is done; kills left over, and calls in flight at each."""
    lost: list[int] = []
    process = await at.opro("optimize", "c.yaml")
    while kills:
        before = at.answered()
        if moments.random() < 0.7:
            alive = await at.until(before + moments.randint(1, 8), process)
        else:
            alive = await at.lives_for(moments.uniform(0.05, 4.0), process)
        if not alive:
            break
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        kills -= 1
        await at.server_is_quiet()
        lost.append(len(at.server.requests) - at.answered() - sum(lost))
        started = (at.folder / "runs").is_dir() and any((at.folder / "runs").glob("[!.]*"))
        process = await at.opro(*(("resume", "--last") if started else ("optimize", "c.yaml")))
    _, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return kills, lost


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
        assert b"resume with: opro resume gsm8k-" in err
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


ROUGH = (
    Fault.http(429, "slower", Retry_After="0"),
    Fault.http(429, "slower"),
    Fault.http(500, "oops"),
    Fault.http(503, "later", Retry_After="0"),
    Fault.http(529, "overloaded"),
    Fault.page(502, "<html><title>502 Bad Gateway</title></html>"),
    Fault("reset"),
    Fault("reset_mid_body"),
    Fault("truncated"),
    Fault("malformed_json"),
    Fault("no_choices"),
)
HARMLESS = (Fault("wrong_type"), Fault("no_usage"), Fault("trickle", seconds=0.1))


@pytest.mark.slow
async def test_over_a_rough_wire_a_run_comes_to_the_same_result(
    tmp_path: Path, whole: Whole
) -> None:
    """One request in five goes wrong, each time in another way."""
    faults = itertools.cycle((*ROUGH, *HARMLESS))
    gone_wrong = 0

    def plan(number: int) -> Fault | None:
        nonlocal gone_wrong
        if number % 5:
            return None
        fault = next(faults)
        gone_wrong += fault in ROUGH
        return fault

    async with new_server() as server:
        server.options = Options(latency_ms=30, models=("stub",), faults=plan)
        at = await bench(tmp_path / "rough", server)
        process = await at.opro("optimize", "c.yaml", "--plain")
        _, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        result, expected = at.result(), dict(whole.result)
        # Some answers came without token counts.
        assert result.pop("spend")["calls"] == expected.pop("spend")["calls"]
        assert result == expected
        assert at.best_prompt() == whole.best_prompt
        asked = at.distinct()
        assert set(asked) == set(whole.questions)
        assert asked.total() == whole.questions.total() + gone_wrong
        assert gone_wrong > len(ROUGH)
