"""What a model makes of an answer."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from opro_cli.core.task.example import ChatReply
from opro_cli.models.litellm_model import load_litellm
from tests.server import Fault
from tests.server.faults import HUGE
from tests.wire.conftest import OLLAMA, OPENAI, VLLM, Wire, asking, both, lean


async def replied(wire: Wire, fault: Fault | None = None, name: str = OPENAI) -> ChatReply:
    await wire.serve(faults={0: fault} if fault else {})
    return await wire.model(name).reply(asking("one two"))


@both
async def test_the_price_is_the_list_price(wire: Wire) -> None:
    reply = await replied(wire)
    # "one two" is 2 of the server's tokens and its "Echo XXXXXXXX of: one two" 5;
    # gpt-4o-mini costs 0.15 and 0.60 dollars a million
    assert (reply.prompt_tokens, reply.completion_tokens) == (2, 5)
    assert reply.usd == pytest.approx((2 * 0.15 + 5 * 0.60) / 1e6)


@both
async def test_an_unknown_price_is_none(wire: Wire) -> None:
    assert (await replied(wire, name="openai/a-model-of-mine")).usd is None


async def test_litellm_does_not_know_every_price(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "for-nobody")
    assert (await replied(wire, name="openrouter/nobody/knows")).usd is None


@both
@pytest.mark.parametrize("name", [OLLAMA, VLLM])
async def test_a_server_on_this_machine_is_free(wire: Wire, name: str) -> None:
    assert (await replied(wire, name=name)).usd == 0.0


@both
@pytest.mark.parametrize(("name", "usd"), [(OPENAI, None), (VLLM, 0.0)])
async def test_without_counts_only_what_is_free_has_a_price(
    wire: Wire, name: str, usd: float | None
) -> None:
    reply = await replied(wire, Fault("no_usage"), name)
    assert (reply.prompt_tokens, reply.completion_tokens) == (None, None)
    assert reply.usd == usd


@both
@pytest.mark.parametrize("name", [OPENAI, VLLM, OLLAMA])
async def test_a_cut_answer_says_length(wire: Wire, name: str) -> None:
    await wire.serve()
    reply = await wire.model(name).reply(asking("one two", max_tokens=2))
    assert reply.finish_reason == "length"
    assert len(reply.text.split()) == 2


THINKING = [
    ("<think>9\n</think>\n\n7", {}, "\n\n7"),
    ("<thinking>9</thinking>7 <think>8</think>", {}, "7 <think>8</think>"),
    ("First <think>9</think>7", {}, "First <think>9</think>7"),
    ("<think>9 and no end", {}, "<think>9 and no end"),
    ("<think>9</think>7", {"reasoning_content": "8"}, "<think>9</think>7"),
    ("<think>9</think>7", {"reasoning": None}, "<think>9</think>7"),
    ("7", {"reasoning_content": "9"}, "7"),
]


@both
@pytest.mark.parametrize("name", [OPENAI, VLLM])
@pytest.mark.parametrize(("content", "more", "text"), THINKING)
async def test_thoughts_are_no_part_of_the_answer(
    wire: Wire, content: str, more: dict[str, Any], text: str, name: str
) -> None:
    """A server without a reasoning parser leaves them before it."""
    message = {"role": "assistant", "content": content, **more}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    assert (await replied(wire, Fault("status", 200, body=body), name)).text == text


@lean
@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (None, (None, None)),
        ([], (None, None)),
        ({}, (None, None)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, (None, None)),
        ({"prompt_tokens": 3, "completion_tokens": 0}, (3, 0)),
        ({"prompt_tokens": 3}, (None, None)),
        ({"prompt_tokens": -3, "completion_tokens": 1}, (None, None)),
        ({"prompt_tokens": "3", "completion_tokens": True}, (None, None)),
        ({"prompt_tokens": 3, "completion_tokens": 10**15}, (None, None)),
        ({"prompt_tokens": 10**9, "completion_tokens": 1}, (None, None)),
        ({"prompt_tokens": 10**7, "completion_tokens": 1}, (10**7, 1)),
        ({"prompt_tokens": 3, "completion_tokens": 1, "prompt_tokens_details": "x"}, (3, 1)),
    ],
)
async def test_counts_that_make_no_sense_are_none(
    wire: Wire, usage: object, counts: tuple[int | None, int | None]
) -> None:
    body = {"choices": [{"message": {"content": "7"}, "finish_reason": "stop"}], "usage": usage}
    reply = await replied(wire, Fault("status", 200, body=body))
    assert (reply.prompt_tokens, reply.completion_tokens) == counts
    assert (reply.usd is None) == (counts == (None, None))


@lean
async def test_a_reply_without_a_reason_to_finish(wire: Wire) -> None:
    body = {"choices": [{"message": {"content": "7"}}]}
    reply = await replied(wire, Fault("status", 200, body=body))
    assert (reply.text, reply.finish_reason) == ("7", "unknown")


@lean
async def test_bytes_that_are_no_text_are_replaced(wire: Wire) -> None:
    body = '{"choices": [{"message": {"content": "7 \\ud83d \\u0000"}}]}'
    assert (await replied(wire, Fault("status", 200, body=body))).text == "7 \ufffd \ufffd"


@both
@pytest.mark.slow
async def test_10_mb_cost_a_few_times_their_size(wire: Wire, tmp_path: Path) -> None:
    """The server is a process of its own, since it needs memory as well."""
    fault = {"kind": "huge"}
    plan = tmp_path / "faults.json"
    plan.write_text(json.dumps({"1": fault}))
    command = [sys.executable, "-m", "tests.server", "--faults", str(plan)]
    server = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert server.stdout is not None
    model = wire.at((await server.stdout.readline()).decode().strip(), timeout=120.0)
    await model.reply(asking())
    tracemalloc.start()
    assert len((await model.reply(asking(max_tokens=HUGE // 16))).text) > HUGE
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    server.terminate()
    await server.wait()
    assert HUGE < peak < 6 * HUGE  # 4.3 times measured: bytes, JSON, and the text twice


def test_litellm_does_not_search_errors_for_keys() -> None:
    """It would hold the event loop for half a minute when an error is 10 MB long; we do it."""
    load_litellm()
    assert not importlib.import_module("litellm._logging")._ENABLE_SECRET_REDACTION
