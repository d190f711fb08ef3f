"""The process that serves a file: it starts when needed, is started anew, and is never left."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from opro_cli.core.task.example import ChatRequest, Message
from opro_cli.errors import ModelError
from opro_cli.models import gguf_process
from opro_cli.models.gguf_model import GgufModel
from opro_cli.models.gguf_process import MOST_DEATHS, OwnServer, SharedServer
from tests.gguf.made import make_plan

FAKE = "tests.fakes.gguf_server"
ROOT = Path(__file__).parents[2]


def ask(text: str, **more: Any) -> ChatRequest:
    return ChatRequest((Message("system", "Be brief."), Message("user", text)), 0.0, 16, **more)


async def said(model: GgufModel, text: str = "hello") -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((await model.reply(ask(text))).text)
    return answer


@asynccontextmanager
async def serving(path: str = "fine.gguf", **more: Any) -> AsyncIterator[GgufModel]:
    server = OwnServer(make_plan(path, **more), FAKE)
    model = GgufModel(server.plan.name, server, timeout=20)
    try:
        yield model
    finally:
        await model.aclose()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return False


async def test_a_chat_model_is_asked_by_chat_and_costs_nothing() -> None:
    async with serving() as model:
        reply = await model.reply(ask("hello"))
        assert (reply.usd, reply.prompt_tokens, reply.completion_tokens) == (0.0, 5, 3)
        answer = json.loads(reply.text)
        assert answer["route"] == "/v1/chat/completions"
        assert model.name == "gguf/fine.gguf"


async def test_a_base_model_gets_the_texts_joined() -> None:
    async with serving(is_base=True) as model:
        answer = await said(model)
        assert answer["route"] == "/v1/completions"
        assert answer["asked"] == "Be brief.\n\nhello"
        several = await model.reply(ask("hello", choices=3))
        assert len(several.more) == 2


async def test_it_runs_once_and_ends_when_it_is_closed() -> None:
    async with serving() as model:
        pids = {answer["pid"] for answer in await asyncio.gather(*(said(model) for _ in range(9)))}
        (pid,) = pids
        assert is_running(pid)
    assert not is_running(pid)
    with pytest.raises(ModelError, match="has been closed") as refusal:
        await said(model)
    assert not refusal.value.transient


async def test_closing_what_was_never_asked_starts_nothing() -> None:
    async with serving() as model:
        pass
    await model.aclose()


async def test_calls_in_flight_of_one_that_dies_may_be_repeated_and_the_next_has_another() -> None:
    async with serving() as model:
        first = (await said(model))["pid"]
        results = await asyncio.gather(
            *(said(model, "die!") for _ in range(3)), return_exceptions=True
        )
        for failure in results:
            assert isinstance(failure, ModelError)
            assert failure.transient
            assert not failure.maybe_billed
            assert "the process that serves it has ended (exit code 7: ggml: out of memory)" in (
                failure.message
            )
        assert (await said(model))["pid"] != first


async def test_an_answer_that_is_not_waited_for_costs_nothing_either() -> None:
    server = OwnServer(make_plan(), FAKE)
    model = GgufModel("gguf/fine.gguf", server, timeout=0.3)
    with pytest.raises(ModelError, match=r"gave no answer within 0\.3 s") as failure:
        await said(model, "wait!")
    assert failure.value.transient
    assert not failure.value.maybe_billed
    await model.aclose()


async def test_kill_9_is_survived() -> None:
    async with serving() as model:
        first = (await said(model))["pid"]
        os.kill(first, signal.SIGKILL)
        assert wait_until(lambda: not is_running(first))
        with contextlib.suppress(ModelError):  # it was asked before anybody knew
            await said(model)
        assert (await said(model))["pid"] != first


async def test_after_some_deaths_in_a_row_it_is_not_started_again() -> None:
    async with serving() as model:
        for death in range(1, MOST_DEATHS + 1):
            with pytest.raises(ModelError) as failure:
                await said(model, "die!")
            assert failure.value.transient == (death < MOST_DEATHS)
        for _ in range(2):
            with pytest.raises(ModelError, match=r"out of memory\), 3 times in a row") as refusal:
                await said(model)
            assert not refusal.value.transient


async def test_an_answer_between_two_deaths_counts() -> None:
    async with serving() as model:
        for _ in range(MOST_DEATHS + 1):
            with pytest.raises(ModelError) as failure:
                await said(model, "die!")
            assert failure.value.transient
            await said(model)


async def test_a_file_that_cannot_be_served_is_told_in_its_last_words_and_once() -> None:
    async with serving("broken.gguf") as model:
        with pytest.raises(ModelError, match="error loading model: missing tensor") as refusal:
            await said(model)
        assert not refusal.value.transient


async def test_a_crash_while_it_loads_may_be_tried_again_some_times() -> None:
    async with serving("crashing.gguf") as model:
        with pytest.raises(ModelError, match="killed by SIGABRT") as failure:
            await said(model)
        assert failure.value.transient


async def test_what_is_shown_while_it_loads() -> None:
    async with serving("slow.gguf") as model:
        assert model.loading == ""
        call = asyncio.create_task(said(model))
        await asyncio.sleep(0.2)
        assert model.loading == "loading slow.gguf (5 MB): 0 s"
        call.cancel()
    assert model.loading == ""


async def test_who_waits_for_a_slot_has_not_begun_to_wait_for_an_answer() -> None:
    async with serving(slots=1) as model:
        assert len(await asyncio.gather(*(said(model) for _ in range(5)))) == 5


async def test_others_find_it_where_it_was() -> None:
    owner = OwnServer(make_plan(), FAKE, keeps_port=True)
    address = await owner.open()
    shared = GgufModel("gguf/x.gguf", SharedServer(owner.plan, address), timeout=20)
    first = (await said(shared))["pid"]
    os.kill(first, signal.SIGKILL)
    await owner.wait_for_death()
    with pytest.raises(ModelError) as failure:
        await said(shared)
    assert failure.value.transient
    waiting = asyncio.create_task(said(shared))  # it waits for the owner
    await asyncio.sleep(0.1)
    assert await owner.open() == address
    assert (await waiting)["pid"] != first
    await shared.aclose()
    assert is_running(owner.pid or 0)  # it is not theirs to end
    await owner.close()


PARENT = """
import asyncio, sys
from opro_cli.models.gguf_process import OwnServer
from tests.gguf.made import make_plan
async def main():
    server = OwnServer(make_plan(sys.argv[1]), "tests.fakes.gguf_server")
    opening = asyncio.create_task(server.open())
    while server.pid is None:
        await asyncio.sleep(0.01)
    if sys.argv[1] != "slow.gguf":
        await opening
    else:
        await asyncio.sleep(1.0)
    print(server.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.parametrize("path", ["fine.gguf", "slow.gguf"])
def test_kill_9_of_the_parent_leaves_no_process_even_while_it_loads(path: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
    assert wait_until(lambda: not is_running(pid), 5)


def test_a_parent_that_is_gone_before_it_said_anything_is_no_reason_to_stay() -> None:
    child = subprocess.run(
        [sys.executable, "-m", gguf_process.MODULE], cwd=ROOT, input=b"", timeout=30, check=False
    )
    assert child.returncode == 0
