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

import numpy as np
import pytest
from safetensors.numpy import save_file

from opro_cli import processes as processes_module
from opro_cli import wiring
from opro_cli.core.task.example import ChatRequest, Message
from opro_cli.embedded.config import SCORER, MistralConfig
from opro_cli.embedded.decoding import ROWS, decode
from opro_cli.embedded.mistral import Mistral, load_checkpoint
from opro_cli.embedded.prompts import Continuation, Prompt
from opro_cli.errors import ModelError
from opro_cli.models.embedded import BUSY, EmbeddedModel, Workers

ASKED = Prompt((1, 3, 40, 41, 42, 4), 0.0, 5, 0)
PATIENCE = 60.0
QUICKSTART = Path(__file__).resolve().parents[2] / "configs" / "quickstart.yaml"
# so hot that the end mark is as rare as any token
LONG = Prompt((1, 3, 40, 41, 42, 4), 50.0, 3000, 0)


async def processes(workers: Workers) -> list[asyncio.subprocess.Process]:
    return [await worker._started for worker in workers._workers]


async def test_one_process_until_there_is_work_for_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opro_cli.models.embedded._limit_processes", lambda: 2)
    workers = Workers()
    one = await workers.decode(SCORER, ASKED)
    assert len(workers._workers) == 1
    several = await asyncio.gather(*(workers.decode(SCORER, ASKED) for _ in range(3 * BUSY)))
    assert several == [one] * 3 * BUSY
    assert len(workers._workers) == 2
    ended = await processes(workers)
    await workers.close()
    assert all(process.returncode is not None for process in ended)
    with pytest.raises(ModelError, match="closed"):
        await workers.decode(SCORER, ASKED)


async def test_closing_tells_whoever_waits() -> None:
    workers = Workers()
    waiting = asyncio.create_task(workers.decode(SCORER, LONG))
    while not workers._workers:
        await asyncio.sleep(0)
    await workers.close()
    with pytest.raises(ModelError, match="closed"):
        await waiting


async def test_a_process_that_is_killed_is_told_and_the_next_call_has_another() -> None:
    workers = Workers()
    before = await workers.decode(SCORER, ASKED)
    waiting = asyncio.create_task(workers.decode(SCORER, LONG))
    await asyncio.sleep(0)
    [process] = await processes(workers)
    process.kill()
    with pytest.raises(ModelError, match=r"process has ended \(exit code -9\)") as caught:
        await waiting
    assert caught.value.transient
    assert await workers.decode(SCORER, ASKED) == before
    await workers.close()


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("print('[[0, [5], \"st', end='')", r"process has ended \(exit code 0\)"),
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
    workers = Workers()
    with pytest.raises(ModelError, match=told):
        await workers.decode(SCORER, ASKED)
    await workers.close()


async def test_a_process_that_does_not_start_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    workers = Workers()
    asked = [workers.decode(SCORER, ASKED) for _ in range(2)]
    refused = await asyncio.gather(*asked, return_exceptions=True)
    assert all("No such file" in str(error) for error in refused)
    await workers.close()


async def test_weights_that_are_none_are_told_in_words(tmp_path: Path) -> None:
    folder = shutil.copytree(SCORER, tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"no weights")
    workers = Workers()
    with pytest.raises(ModelError, match=r"be read or used: .*model\.safetensors: ") as caught:
        await workers.decode(folder, ASKED)
    assert not caught.value.transient
    await workers.close()


async def test_ctrl_c_in_the_terminal_is_not_for_it() -> None:
    workers = Workers()
    before = await workers.decode(SCORER, ASKED)
    [process] = await processes(workers)
    assert os.getpgid(process.pid) != os.getpgid(0)
    assert await workers.decode(SCORER, ASKED) == before
    await workers.close()


async def test_files_of_whoever_works_here_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    workers = Workers()
    assert isinstance(await workers.decode(SCORER, ASKED), Continuation)
    await workers.close()


PROBE = """
import asyncio, opro_cli.processes

async def main():
    process = await opro_cli.processes.start_module("opro_cli.probe")
    print((await process.communicate())[0].decode(), end="")

asyncio.run(main())
"""


def test_a_worker_imports_the_copy_of_the_package_that_starts_it(tmp_path: Path) -> None:
    package = tmp_path / "opro_cli"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "probe.py").write_text("print('found')")
    shutil.copy(processes_module.__file__, package)
    started = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=tmp_path, capture_output=True, check=True
    )
    assert started.stdout == b"found\n"


async def test_giving_up_leaves_the_others() -> None:
    workers = Workers()
    first, second = (asyncio.create_task(workers.decode(SCORER, ASKED)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert isinstance(await second, Continuation)
    await workers.close()


PARENT = """
import asyncio, sys
from opro_cli.models.embedded import Workers
from opro_cli.embedded.config import SCORER
from opro_cli.embedded.prompts import Prompt

async def main():
    workers = Workers()
    await workers.decode(SCORER, Prompt((1, 3, 40, 4), 0.0, 2, 0))
    print((await workers._workers[0]._started).pid, flush=True)
    await workers.decode(SCORER, Prompt((1, 3, 40, 4), 1.0, 100_000, 0))

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


async def test_both_roles_share_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opro_cli.models.embedded._limit_processes", lambda: 1)
    settings = wiring.read_config(QUICKSTART)
    (scorer,), (optimizer,) = wiring.build_models(settings).values()
    assert isinstance(scorer, EmbeddedModel)
    assert isinstance(optimizer, EmbeddedModel)
    assert [scorer.name, optimizer.name] == ["embedded/tiny-mistral", "embedded/tiny-optimizer"]
    asked = ChatRequest((Message("user", "Q: True is\n\nA:"),), 0.0, 5, 0)
    await asyncio.gather(*(model.reply(asked) for model in (scorer, optimizer)))
    workers = scorer._workers
    assert optimizer._workers is workers
    assert len(workers._workers) == 1
    # Whoever is closed answers no more; the other one does, until it is closed too.
    await scorer.aclose()
    with pytest.raises(ModelError, match="closed"):
        await scorer.reply(asked)
    assert (await optimizer.reply(asked)).text
    ended = await processes(workers)
    await optimizer.aclose()
    assert all(process.returncode is not None for process in ended)
    served = replace(settings.optimizer, model="hosted_vllm/x", api_base="http://localhost:1/v1")
    (scorer,), (optimizer,) = wiring.build_models(replace(settings, optimizer=served)).values()
    assert [scorer.name, optimizer.name] == ["embedded/tiny-mistral", "hosted_vllm/x"]


async def test_a_process_takes_turns_between_two_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opro_cli.models.embedded._limit_processes", lambda: 1)
    other = small_checkpoint(tmp_path)
    # More rows than a batch takes are under way by the one, for long, when the other is asked.
    asked = [replace(LONG, limit=20, seed=seed) for seed in range(2 * ROWS)]
    alone = decode(Mistral(load_checkpoint(other)), asked[:3])
    workers = Workers()
    going = [asyncio.create_task(workers.decode(SCORER, LONG)) for _ in range(ROWS)]
    await asyncio.sleep(0)
    found = await asyncio.gather(*(workers.decode(other, prompt) for prompt in asked[:3]))
    assert found == alone
    assert not any(task.done() for task in going)
    assert len(workers._workers) == 1
    await workers.close()
    await asyncio.gather(*going, return_exceptions=True)


def small_checkpoint(folder: Path) -> Path:
    """Random weights of another shape, vocabulary and window than the shipped ones."""
    config = replace(
        MistralConfig.read(SCORER / "config.json"),
        vocab_size=97,
        hidden_size=24,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=3,
        num_key_value_heads=1,
        head_dim=8,
        sliding_window=7,
    )
    config.write(folder / "config.json")
    size = config.hidden_size
    shapes = {"model.embed_tokens": (97, size), "model.norm": (size,)}
    for index in range(config.num_hidden_layers):
        layer = f"model.layers.{index}"
        shapes |= {
            f"{layer}.input_layernorm": (size,),
            f"{layer}.post_attention_layernorm": (size,),
            f"{layer}.self_attn.q_proj": (24, size),
            f"{layer}.self_attn.k_proj": (8, size),
            f"{layer}.self_attn.v_proj": (8, size),
            f"{layer}.self_attn.o_proj": (size, 24),
            f"{layer}.mlp.gate_proj": (40, size),
            f"{layer}.mlp.up_proj": (40, size),
            f"{layer}.mlp.down_proj": (size, 40),
        }
    random = np.random.default_rng(0)
    weights = {
        f"{name}.weight": random.normal(size=shape).astype(np.float16)
        for name, shape in shapes.items()
    }
    save_file(weights, folder / "model.safetensors")
    return folder
