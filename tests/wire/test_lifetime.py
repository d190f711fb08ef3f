"""What talks to providers is loaded late, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import CONFIG
from tests.server import LocalServer, Options
from tests.server.refusals import UNKNOWN_MODEL
from tests.wire.conftest import Wire, asking, both, lean

ROOT = Path(__file__).parents[2]

THREE_MODELS = """
import asyncio, gc, sys
from aiohttp import ClientSession
loaded = set(sys.modules)
from opro_cli.models.MODULE import MODEL
from opro_cli.core.task.example import ChatRequest, Message
from opro_cli.errors import ModelError
assert not {"litellm", "aiohttp"} & (set(sys.modules) - loaded), "imported before a call"
from tests.server import Fault, LocalServer, Options

async def main():
    faults = {0: Fault.http(500), 3: Fault("status", body={"choices": "odd"}), 5: Fault("reset")}
    async with LocalServer(options=Options(faults=faults)) as server:
        models = [
            MODEL("openai/gpt-4o-mini", server.url, 5.0),
            MODEL("hosted_vllm/mistral", server.url, 5.0),
            MODEL("ollama_chat/mistral", server.root, 5.0),
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
    assert ("litellm" in sys.modules) == ("MODULE" == "litellm_model")

asyncio.run(main())
"""


# litellm and its clients do raise DeprecationWarnings, which Python does not show by default
WARNINGS = ["-W", "default", "-W", "ignore::DeprecationWarning"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "model"),
    [("litellm_model", "LitellmModel"), ("openai_compatible", "OpenAICompatibleModel")],
)
def test_a_process_ends_without_a_word(module: str, model: str) -> None:
    """Nor about unclosed sockets and sessions, or coroutines never awaited."""
    script = THREE_MODELS.replace("MODULE", module).replace("MODEL", model)
    done = subprocess.run(
        [sys.executable, *WARNINGS, "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@both
async def test_closing_one_model_leaves_the_other_working(wire: Wire) -> None:
    await wire.serve()
    first, second = wire.model("hosted_vllm/one"), wire.model("hosted_vllm/two")
    await first.reply(asking("a"))
    await second.reply(asking("b"))
    await first.aclose()
    await first.aclose()
    assert (await second.reply(asking("c"))).text.endswith("of: c")


@both
async def test_a_closed_model_can_be_asked_again(wire: Wire) -> None:
    await wire.serve()
    model = wire.model()
    await model.reply(asking("a"))
    await model.aclose()
    assert (await model.reply(asking("b"))).text.endswith("of: b")


@lean
async def test_two_hundred_at_once(wire: Wire) -> None:
    await wire.serve()
    model = wire.model()
    together = [model.reply(asking(f"number {number}")) for number in range(200)]
    replies = await asyncio.gather(*together)
    assert [reply.text.partition("of: ")[2] for reply in replies] == [
        f"number {number}" for number in range(200)
    ]
    assert len(wire.server.requests) == 200


@lean
async def test_nobody_waits_for_a_connection(wire: Wire) -> None:
    """All requests are there before the first one is answered."""
    await wire.serve(latency_ms=3_600_000)
    model = wire.model(timeout=60.0)
    calls = [asyncio.create_task(model.reply(asking(str(number)))) for number in range(120)]
    while len(wire.server.requests) < len(calls) and not any(call.done() for call in calls):
        await asyncio.sleep(0)
    assert len(wire.server.requests) == len(calls)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


REFUSED = """
import sys
from opro_cli.cli.app import main
try:
    main()
finally:
    assert "aiohttp" in sys.modules
    assert "litellm" not in sys.modules
"""


async def test_an_unknown_model_is_refused_without_litellm(tmp_path: Path) -> None:
    options = Options(faults=lambda number: UNKNOWN_MODEL)
    async with LocalServer(options=options) as server:
        (tmp_path / "train.jsonl").write_text(
            "".join(f'{{"question": "{n}+{n}?", "answer": "{2 * n}"}}\n' for n in range(20))
        )
        config = yaml.safe_load(CONFIG)
        config["scorer"] = {"model": "openai/gpt-5-nanoo", "api_base": server.url}
        config["optimizer"] = config["scorer"]
        (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-c", REFUSED, "optimize", "c.yaml"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await process.communicate()
    assert b"openai/gpt-5-nanoo answered 404: The model `gpt-5-nanoo` does not exist" in err
    assert b"Assertion" not in err
    assert process.returncode == 1
