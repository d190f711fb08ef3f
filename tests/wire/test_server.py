"""The test server itself: what it answers, logs and breaks."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.server import Brain, ChatCall, Fault, LocalServer, Options, load_answers
from tests.server.brain import BEST, WORST, quality

QUESTIONS = {f"Ann has {n} nuts and buys {n}. How many?": str(2 * n) for n in range(2, 302)}


def call(text: str, temperature: float = 0.0, seed: int | None = None) -> ChatCall:
    return ChatCall("m", (("user", text),), temperature, seed, None, 1)


def share_right(instruction: str) -> float:
    brain = Brain(QUESTIONS)
    replies = {q: brain.reply(call(f"{instruction}\nQ: {q}\nA:")) for q in QUESTIONS}
    right = [gold in replies[question].split(" ")[-1] for question, gold in QUESTIONS.items()]
    return sum(right) / len(right)


def test_the_scorer_is_right_as_often_as_the_instruction_is_good() -> None:
    for instruction in ("Think.", "Count the nuts.", "Be quick."):
        expected = quality(f"{instruction} Q: A:")
        assert WORST <= expected <= BEST
        assert share_right(instruction) == pytest.approx(expected, abs=0.1)


def test_the_optimizer_writes_many_instructions() -> None:
    brain = Brain()
    prompt = "Your task is to generate the instruction <INS>. Put it between <INS> and </INS>."
    replies = {brain.reply(call(prompt, 1.0, seed)) for seed in range(100)}
    assert len(replies) > 50
    assert all(r.startswith("<INS>") and r.endswith("</INS>") for r in replies)


def test_a_reply_depends_on_the_seed_unless_the_temperature_is_zero() -> None:
    brain = Brain()
    assert brain.reply(call("a", 1.0, 1)) != brain.reply(call("a", 1.0, 2))
    assert brain.reply(call("a", 0.0, 1)) == brain.reply(call("a", 0.0, 2))


def test_the_last_and_longest_known_question_counts() -> None:
    brain = Brain({"2+2": "4", "2+22": "24", "2+2 apples?": "4 apples"})
    assert brain.question_in("Q: 2+22\nQ: 2+2 apples?\nA:") == "2+2 apples?"
    assert brain.question_in("Q: 2+22\nA:") == "2+22"
    assert brain.question_in("Q: 3+3\nA:") is None


def test_answers_are_loaded_from_jsonl(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(
        '{"question": "a", "answer": "so #### 5"}\n\n{"question": "b", "answer": "x"}\n'
    )
    assert load_answers(file) == {"a": "5", "b": "x"}


async def post(url: str, **body: Any) -> tuple[int, Any]:
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **body}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/chat/completions", json=asked) as response,
    ):
        return response.status, await response.json()


async def test_n_is_honoured_or_ignored() -> None:
    async with LocalServer() as server:
        _, reply = await post(server.url, n=3, temperature=1.0)
        texts = [choice["message"]["content"] for choice in reply["choices"]]
        assert len(set(texts)) == 3
    async with LocalServer(options=Options(honour_n=False)) as server:
        _, reply = await post(server.url, n=3)
        assert len(reply["choices"]) == 1


async def test_a_key_can_be_required() -> None:
    async with LocalServer(options=Options(require_key="sesame")) as server:
        status, _ = await post(server.url)
        assert status == 401


async def test_the_log_is_kept_shown_and_written(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    options = Options(log_file=file, faults={1: Fault.http(503)})
    async with LocalServer(options=options) as server:
        await post(server.url, seed=1)
        await post(server.url, seed=2)
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{server.root}/log") as response,
        ):
            shown = await response.json()
    written = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert written == shown
    assert [(e["number"], e["body"]["seed"], e["status"], e["sent"]) for e in shown] == [
        (0, 1, 200, True),
        (1, 2, 503, True),
    ]
    assert "authorization" not in shown[0]


async def test_an_answer_that_nobody_waited_for_was_not_sent() -> None:
    async with LocalServer(options=Options(latency_ms=200)) as server:
        call = asyncio.create_task(post(server.url))
        while not server.requests:
            await asyncio.sleep(0.01)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        while server.requests[0].finished is None:
            await asyncio.sleep(0.01)
        assert not server.requests[0].sent


async def test_it_stops_while_a_request_hangs() -> None:
    async with asyncio.timeout(5):
        async with LocalServer(options=Options(faults={0: Fault("hang")})) as server:
            call = asyncio.create_task(post(server.url))
            while not server.requests:
                await asyncio.sleep(0.01)
        await asyncio.gather(call, return_exceptions=True)


async def test_it_runs_as_a_process(tmp_path: Path) -> None:
    answers, faults = tmp_path / "answers.jsonl", tmp_path / "faults.json"
    answers.write_text('{"question": "2+2?", "answer": "4"}\n')
    faults.write_text('{"1": {"kind": "status", "status": 429, "body": {"error": "slow"}}}')
    command = [sys.executable, "-m", "tests.server", "--answers", str(answers)]
    command += ["--faults", str(faults)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    assert url.startswith("http://127.0.0.1:")
    assert [(await post(url))[0] for _ in range(2)] == [200, 429]
    process.terminate()
    assert await process.wait() == 0
