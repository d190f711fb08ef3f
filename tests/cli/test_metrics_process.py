"""Runs whose metric is the user's and never ends, as processes: stopped, killed, and gone on with.

Whatever happens, no answer is asked for twice.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.server import LocalServer, Options
from tests.server.brain import ChatCall

PATIENCE_S = 120.0
QUESTIONS = 12
CONFIG = """\
name: mine
task:
  data:
    train: train.jsonl
    input: question
    target: answer
    split: {{train: 12, dev: 0, test: 0}}
  answer: "{answer}"
  answer_timeout: {timeout}
scorer: {{model: openai/stub, api_base: "{url}", concurrency: 4, temperature: 0.5}}
optimizer: {{model: openai/stub, api_base: "{url}"}}
search: {{steps: 0, baselines: [], noise_check: false}}
"""
GRADES = "def grade(reply, target, question):\n    return float(target in reply)\n"
HANGS_AT_7 = """\
import re, time

def grade(reply, target, question):
    if "7" in question:
        open("hanging", "w").close()
        {hang}
    return float(target in reply)
"""
SLEEPS = "time.sleep(1_000_000)"
KEEPS_THE_LOCK = "re.search('(a+)+$', 'a' * 60 + '!')"


@dataclass
class Bench:
    """A folder with a config and a metric, and the server that the models live on."""

    folder: Path
    server: LocalServer
    started: list[asyncio.subprocess.Process] = field(default_factory=list)

    def write(self, code: str, *, answer: str = "python:mine:grade", timeout: float = 60) -> None:
        (self.folder / "mine.py").write_text(code)
        config = CONFIG.format(answer=answer, timeout=timeout, url=self.server.url)
        (self.folder / "c.yaml").write_text(config)

    async def opro(self, *arguments: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "opro_cli", *arguments),
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "OPRO_RUNS_DIR": "runs", "OPRO_CACHE_DIR": "cache"},
        )
        self.started.append(process)
        return process

    async def finish(self, *arguments: str) -> tuple[int | None, str]:
        """Run a command to its end: its exit code, and what it says on stderr."""
        process = await self.opro(*arguments)
        _, said = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        return process.returncode, said.decode()

    async def until(
        self, condition: Callable[[], bool], process: asyncio.subprocess.Process
    ) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                assert process.returncode is None, (await process.communicate())[1].decode()
                await asyncio.sleep(0.01)

    def events(self, kind: str) -> int:
        (journal,) = self.folder.glob("runs/*/events.jsonl")
        return journal.read_bytes().count(f'"event":"{kind}"'.encode())

    def asked_once(self) -> bool:
        """Was every question asked, and none of them twice?"""
        asked = Counter(json.dumps(entry.body["messages"]) for entry in self.server.requests)
        return len(asked) == QUESTIONS and set(asked.values()) == {1}

    def processes(self) -> list[str]:
        """Command lines of the processes that work in the folder."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if (path / "cwd").readlink() == self.folder:
                    found.append((path / "cmdline").read_bytes().decode())
            except OSError:  # it has ended, or is another user's
                continue
        return found


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    rows = [{"question": f"What is {n} plus 0?", "answer": str(n)} for n in range(1, 13)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def reply(call: ChatCall, choice: int) -> str:
        return "a" * 60 + "!" if "What is 7 " in call.content else "The answer is 1."

    async with LocalServer(options=Options(models=("stub",)), brain=reply) as server:
        bench = Bench(tmp_path, server)
        yield bench
        for process in bench.started:
            if process.returncode is None:  # the test has failed
                process.kill()
                await process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("hang", [SLEEPS, KEEPS_THE_LOCK])
async def test_a_metric_that_takes_too_long_stops_the_run_which_goes_on_when_it_is_mended(
    bench: Bench, hang: str
) -> None:
    bench.write(HANGS_AT_7.format(hang=hang), timeout=1.5)
    code, said = await bench.finish("optimize", "c.yaml", "--plain")
    assert code == 1
    assert "python:mine:grade took more than 1.5 s to grade the reply to train.jsonl:7" in said
    assert "raise task.answer_timeout in the run's config.yaml" in said
    assert "then resume with: opro resume" in said
    assert "Traceback" not in said
    bench.write(GRADES)
    code, said = await bench.finish("resume", "--last", "--plain")
    assert code == 0, said
    assert bench.asked_once()
    assert bench.events("answered") == bench.events("reasoned") == QUESTIONS


@pytest.mark.slow
async def test_a_pattern_that_takes_too_long_goes_on_with_more_time(bench: Bench) -> None:
    bench.write("", answer="regex:(a+)+$", timeout=0.5)
    code, said = await bench.finish("optimize", "c.yaml", "--plain")
    assert code == 1
    assert "regex:(a+)+$ took more than 0.5 s to grade the reply to train.jsonl:7" in said
    (config,) = bench.folder.glob("runs/*/config.yaml")
    text = config.read_text()
    assert "answer_timeout: 0.5" in text
    config.write_text(text.replace("answer_timeout: 0.5", "answer_timeout: 0.6"))
    code, said = await bench.finish("resume", "--last", "--plain")
    assert code == 1
    assert "took more than 0.6 s" in said
    assert len({json.dumps(r.body["messages"]) for r in bench.server.requests}) == len(
        bench.server.requests
    )


@pytest.mark.slow
@pytest.mark.parametrize("hang", [SLEEPS, KEEPS_THE_LOCK])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_stops_a_run_whose_metric_hangs(
    bench: Bench, hang: str, number: signal.Signals
) -> None:
    bench.write(HANGS_AT_7.format(hang=hang), timeout=100_000)
    process = await bench.opro("optimize", "c.yaml", "--plain", "--no-preflight")
    await bench.until((bench.folder / "hanging").exists, process)
    await bench.until(lambda: bench.events("answered") == QUESTIONS - 1, process)
    process.send_signal(number)
    _, said = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 130, said.decode()
    assert b"stopped; nothing is lost" in said
    assert bench.processes() == []
    bench.write(GRADES)
    code, words = await bench.finish("resume", "--last", "--plain")
    assert code == 0, words
    assert bench.asked_once()


@pytest.mark.slow
async def test_a_second_ctrl_c_stops_it_at_once_and_loses_nothing(bench: Bench) -> None:
    bench.write(HANGS_AT_7.format(hang=SLEEPS), timeout=100_000)
    process = await bench.opro("optimize", "c.yaml", "--plain", "--no-preflight")
    await bench.until((bench.folder / "hanging").exists, process)
    await bench.until(lambda: bench.events("answered") == QUESTIONS - 1, process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)  # two of one kind may be one
    await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 130
    bench.write(GRADES)
    assert (await bench.finish("resume", "--last", "--plain"))[0] == 0
    assert bench.asked_once()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("hang", [SLEEPS, KEEPS_THE_LOCK])
async def test_a_metric_ends_with_a_run_that_is_killed_and_its_reply_is_kept(
    bench: Bench, hang: str
) -> None:
    bench.write(HANGS_AT_7.format(hang=hang), timeout=100_000)
    process = await bench.opro("optimize", "c.yaml", "--plain", "--no-preflight")
    await bench.until((bench.folder / "hanging").exists, process)
    await bench.until(lambda: bench.events("answered") == QUESTIONS - 1, process)
    assert len(bench.processes()) > 1
    process.kill()
    await process.communicate()
    async with asyncio.timeout(PATIENCE_S):
        while bench.processes():
            await asyncio.sleep(0.01)
    bench.write(GRADES)
    assert (await bench.finish("resume", "--last", "--plain"))[0] == 0
    assert bench.asked_once()


@pytest.mark.slow
async def test_a_metric_may_print_and_json_stays_json(bench: Bench) -> None:
    bench.write("print('hello')\n" + GRADES.replace("return", "print('x' * 100_000); return"))
    process = await bench.opro("optimize", "c.yaml", "--plain", "--json")
    out, said = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0, said.decode()
    assert json.loads(out)["spend"]["calls"] == QUESTIONS
    assert bench.asked_once()
