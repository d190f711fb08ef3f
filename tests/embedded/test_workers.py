"""The processes behind the embedded model: when they start, end, die, and who is told."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from opro_cli import wiring
from opro_cli.adapters.models.embedded import NAME
from opro_cli.adapters.models.embedded_workers import BUSY, Workers
from opro_cli.embedded.config import SHIPPED
from opro_cli.embedded.prompts import Continuation, Prompt
from opro_cli.errors import ModelError

ASKED = Prompt((1, 3, 40, 41, 42, 4), 0.0, 5, 0)
PATIENCE = 60.0
QUICKSTART = Path(__file__).resolve().parents[2] / "configs" / "quickstart.yaml"
LONG = Prompt((1, 3, 40, 41, 42, 4), 1.0, 3000, 0)


async def processes(workers: Workers) -> list[asyncio.subprocess.Process]:
    return [await worker._started for worker in workers._workers]


async def test_one_process_until_there_is_work_for_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opro_cli.adapters.models.embedded_workers._most", lambda: 2)
    workers = Workers(NAME, SHIPPED)
    one = await workers.continuation(ASKED)
    assert len(workers._workers) == 1
    several = await asyncio.gather(*(workers.continuation(ASKED) for _ in range(3 * BUSY)))
    assert several == [one] * 3 * BUSY
    assert len(workers._workers) == 2
    ended = await processes(workers)
    await workers.close()
    assert all(process.returncode is not None for process in ended)
    with pytest.raises(ModelError, match="closed"):
        await workers.continuation(ASKED)


async def test_closing_tells_whoever_waits() -> None:
    workers = Workers(NAME, SHIPPED)
    waiting = asyncio.create_task(workers.continuation(LONG))
    while not workers._workers:
        await asyncio.sleep(0)
    await workers.close()
    with pytest.raises(ModelError, match="closed"):
        await waiting


async def test_a_process_that_is_killed_is_told_and_the_next_call_has_another() -> None:
    workers = Workers(NAME, SHIPPED)
    before = await workers.continuation(ASKED)
    waiting = asyncio.create_task(workers.continuation(LONG))
    await asyncio.sleep(0)
    [process] = await processes(workers)
    process.kill()
    with pytest.raises(ModelError, match=r"its process has ended \(exit code -9\)") as caught:
        await waiting
    assert caught.value.transient
    assert await workers.continuation(ASKED) == before
    await workers.close()


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("print('[[0, [5], \"st', end='')", r"its process has ended \(exit code 0\)"),
        ("raise MemoryError('no room')", r"\(exit code 1: MemoryError: no room\)"),
        ("import sys; sys.stderr.write('x' * 300_000); sys.exit(3)", r"\(exit code 3: x{200}\)"),
    ],
    ids=["half a line", "an exception", "many words"],
)
async def test_however_a_process_ends_whoever_waits_is_told(
    program: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text(f"#!{sys.executable}\n{program}\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(interpreter))
    workers = Workers(NAME, SHIPPED)
    with pytest.raises(ModelError, match=told):
        await workers.continuation(ASKED)
    await workers.close()


async def test_a_process_that_does_not_start_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    workers = Workers(NAME, SHIPPED)
    asked = [workers.continuation(ASKED) for _ in range(2)]
    refused = await asyncio.gather(*asked, return_exceptions=True)
    assert all("No such file" in str(error) for error in refused)
    await workers.close()


async def test_weights_that_are_none_are_told_in_words(tmp_path: Path) -> None:
    folder = shutil.copytree(SHIPPED, tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"no weights")
    workers = Workers(NAME, folder)
    with pytest.raises(ModelError, match="cannot be read or used") as caught:
        await workers.continuation(ASKED)
    assert not caught.value.transient
    await workers.close()


async def test_ctrl_c_in_the_terminal_is_not_for_it() -> None:
    workers = Workers(NAME, SHIPPED)
    before = await workers.continuation(ASKED)
    [process] = await processes(workers)
    assert os.getpgid(process.pid) != os.getpgid(0)
    assert await workers.continuation(ASKED) == before
    await workers.close()


async def test_files_of_whoever_works_here_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    workers = Workers(NAME, SHIPPED)
    assert isinstance(await workers.continuation(ASKED), Continuation)
    await workers.close()


async def test_giving_up_leaves_the_others() -> None:
    workers = Workers(NAME, SHIPPED)
    first, second = (asyncio.create_task(workers.continuation(ASKED)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert isinstance(await second, Continuation)
    await workers.close()


PARENT = """
import asyncio, sys
from opro_cli.adapters.models.embedded_workers import Workers
from opro_cli.embedded.config import SHIPPED
from opro_cli.embedded.prompts import Prompt

async def main():
    workers = Workers("x", SHIPPED)
    await workers.continuation(Prompt((1, 3, 40, 4), 0.0, 2, 0))
    print((await workers._workers[0]._started).pid, flush=True)
    await workers.continuation(Prompt((1, 3, 40, 4), 1.0, 100_000, 0))

asyncio.run(main())
"""


def test_it_does_not_outlive_a_process_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        deadline = time.monotonic() + PATIENCE
        while _is_running(worker) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not _is_running(worker)


def _is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


async def test_both_roles_share_the_processes_of_one_model() -> None:
    settings = wiring.settings_from(QUICKSTART)
    scorer, optimizer = wiring.models_for(settings)
    assert scorer is optimizer
    served = replace(settings.optimizer, model="hosted_vllm/x", api_base="http://localhost:1/v1")
    scorer, optimizer = wiring.models_for(replace(settings, optimizer=served))
    assert (scorer.name, optimizer.name) == (NAME, "hosted_vllm/x")
