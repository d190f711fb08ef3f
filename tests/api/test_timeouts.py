"""Functions as models that take too long: each is given up, and keeps nothing from ending."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from opro_cli.core.task.example import ChatReply, ChatRequest, Message
from opro_cli.errors import ModelError
from opro_cli.models.callable import CallableModel, OutsideModel, apply_timeout
from opro_cli.ports import ChatModel
from opro_cli.threads import MOST_AT_ONCE, run_in_thread

ROOT = Path(__file__).parents[2]
REQUEST = ChatRequest((Message("user", "2 + 2?"),), 0.0, 16)
ended = threading.Event()


async def wait_for_good(chat: list[dict[str, str]]) -> str:
    try:
        await asyncio.Event().wait()
    finally:
        ended.set()
    return "4"


def block(chat: list[dict[str, str]]) -> str:
    ended.wait(30)
    return "4"


class Waiting:
    name = "mine"

    async def reply(self, request: ChatRequest) -> ChatReply:
        return ChatReply(await wait_for_good([]), "stop", 1, 1, 0.0)

    async def aclose(self) -> None:
        pass


SLOW: dict[str, ChatModel] = {
    "async": CallableModel(wait_for_good, "python:m:f", 0.1),
    "blocking": CallableModel(block, "python:m:f", 0.1),
    "awaitable": CallableModel(lambda chat: wait_for_good(chat), "python:m:f", 0.1),
    "class": OutsideModel("python:m:f", Waiting(), timeout=0.1),
    "supplied": apply_timeout(CallableModel(block, "python:m:f"), 0.1),
    "supplied class": apply_timeout(OutsideModel("python:m:f", Waiting()), 0.1),
}


@pytest.mark.parametrize("kind", SLOW)
async def test_a_function_that_takes_too_long_fails_as_a_call_that_timed_out(kind: str) -> None:
    ended.clear()
    began = time.monotonic()
    with pytest.raises(ModelError) as caught:
        await asyncio.wait_for(SLOW[kind].reply(REQUEST), 5)
    assert 0.09 < time.monotonic() - began < 3
    assert caught.value.message == "python:m:f gave no answer within 0.1 s"
    assert caught.value.transient
    assert caught.value.maybe_billed
    assert ended.is_set() is (kind not in ("blocking", "supplied"))  # a coroutine is cancelled
    ended.set()


async def test_a_timeout_of_the_functions_own_is_its_failure() -> None:
    async def refuse(chat: Any) -> str:
        raise TimeoutError("my server sleeps")

    def refuse_blocking(chat: Any) -> str:
        raise TimeoutError("my server sleeps")

    for function in (refuse, refuse_blocking):
        with pytest.raises(ModelError, match="raised TimeoutError: my server sleeps"):
            await CallableModel(function, "python:m:f", 5).reply(REQUEST)


async def test_threads_that_are_left_behind_keep_no_other_from_its_work() -> None:
    ended.clear()
    model = CallableModel(block, "python:m:f", 0.1)
    asked = (model.reply(REQUEST) for _ in range(2 * MOST_AT_ONCE))
    left = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(each, ModelError) for each in left)
    assert (await CallableModel(lambda chat: "4", "python:m:f", 5).reply(REQUEST)).text == "4"
    ended.set()


async def test_a_thread_serves_many_calls_and_no_more_work_at_once_than_there_is_room() -> None:
    at_work, most, threads = 0, 0, set()
    lock = threading.Lock()

    def count() -> None:
        nonlocal at_work, most
        with lock:
            at_work, most = at_work + 1, max(most, at_work + 1)
            threads.add(threading.get_ident())
        time.sleep(0.01)
        with lock:
            at_work -= 1

    await asyncio.gather(*(run_in_thread(count) for _ in range(5 * MOST_AT_ONCE)))
    assert most <= MOST_AT_ONCE
    assert len(threads) <= 2 * MOST_AT_ONCE


CONFIG = """\
task: {{data: {{train: {rows}, input: input, target: target,
  split: {{train: 4, dev: 2, test: 4}}}}, answer: boolean}}
scorer: {{model: "python:slow:{function}", timeout: 0.4}}
budget: {{minutes: 0.02}}
search: {{strategy: list, start: "Hey", candidates: ["x"], baselines: [], noise_check: false}}
"""
MODULE = """\
import asyncio, time
asked = 0
def sync(chat):
    global asked
    asked += 1
    time.sleep(600 if asked > 3 else 0)
    return "The answer is yes." if "?" in chat[-1]["content"] else "ok"
async def later(chat):
    global asked
    asked += 1
    await asyncio.sleep(600 if asked > 3 else 0)
    return "The answer is yes." if "?" in chat[-1]["content"] else "ok"
"""


@pytest.mark.parametrize("function", ["sync", "later"])
def test_a_function_that_hangs_for_good_keeps_no_run_from_its_end(
    function: str, tmp_path: Path
) -> None:
    """Its minutes end it, and the process waits for no thread."""
    rows = ROOT / "configs/data/bbh_navigate.jsonl"
    (tmp_path / "c.yaml").write_text(CONFIG.format(rows=rows, function=function))
    (tmp_path / "slow.py").write_text(MODULE)
    ran = subprocess.run(
        [sys.executable, "-m", "opro_cli", "optimize", "c.yaml", "--plain", "--no-preflight"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 3, ran.stdout + ran.stderr
    assert "stopped by budget.minutes 0.02 reached" in ran.stdout + ran.stderr
