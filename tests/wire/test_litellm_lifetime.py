"""litellm is loaded late, shared by several models, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.wire.conftest import Wire, asking

TWO_MODELS = """
import asyncio, gc, sys
from aiohttp import ClientSession
from opro_cli.adapters.models.litellm_model import LitellmModel
from opro_cli.core.model import ChatRequest, Message
from opro_cli.errors import ModelError
from tests.server import Fault, LocalServer, Options
assert "litellm" not in sys.modules, "imported before a model is called"

async def main():
    faults = {0: Fault.http(500), 3: Fault("status", body={"choices": "odd"}), 5: Fault("reset")}
    async with LocalServer(options=Options(faults=faults)) as server:
        models = [
            LitellmModel("openai/gpt-4o-mini", server.url, 5.0),
            LitellmModel("hosted_vllm/mistral", server.url, 5.0),
            LitellmModel("ollama_chat/mistral", server.root, 5.0),
        ]
        request = ChatRequest((Message("user", "hello"),), 0.0, 20)
        calls = [model.reply(request) for model in models for _ in range(4)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(result, ModelError) for result in results) == 3, results
        for model in models:
            await model.aclose()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, left
    open_sessions = [s for s in gc.get_objects() if type(s) is ClientSession and not s.closed]
    assert not open_sessions, open_sessions

asyncio.run(main())
"""


# litellm and its clients do raise DeprecationWarnings, which Python does not show by default
WARNINGS = ["-W", "default", "-W", "ignore::DeprecationWarning"]


@pytest.mark.slow
def test_a_process_ends_without_a_word() -> None:
    """Nor about unclosed sockets and sessions, or coroutines never awaited."""
    done = subprocess.run(
        [sys.executable, *WARNINGS, "-c", TWO_MODELS],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


async def test_closing_one_model_leaves_the_other_working(wire: Wire) -> None:
    await wire.serve()
    first, second = wire.model("hosted_vllm/one"), wire.model("hosted_vllm/two")
    await first.reply(asking("a"))
    await second.reply(asking("b"))
    await first.aclose()
    await first.aclose()
    assert (await second.reply(asking("c"))).text.endswith("of: c")


async def test_a_closed_model_can_be_asked_again(wire: Wire) -> None:
    await wire.serve()
    model = wire.model()
    await model.reply(asking("a"))
    await model.aclose()
    assert (await model.reply(asking("b"))).text.endswith("of: b")
