"""The process of a cell: when a stop or the end of its sweep may end it, and what it still says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from opro_cli.sweep.launch import channel

CELL = """
import asyncio, signal, sys, time
from pathlib import Path
from opro_cli.app.session import SessionOutcome
from opro_cli.core.run.spend import Cost
from opro_cli.sweep.launch import cell_process

def work_on(folder, settings, observers, shared, supplied, ledger):
    {body}
    return SessionOutcome("interrupted", {{"status": "stopped"}}, None)

def until_stopped(shared):
    '''A session with one call that is asked for.'''
    async def session():
        task = asyncio.current_task()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        try:
            await shared.enter("m", Cost(1, 2, 3))
        except asyncio.CancelledError:
            pass
    asyncio.run(session())

cell_process.prepare_run = cell_process.find_run_at_hand = lambda job: (Path("."), None)
cell_process.ProgressReports._report = lambda *_: None
cell_process.work_on = work_on
cell_process.main()
"""
JOB = {"name": "cell", "folder": "/nowhere/cell", "settings": {}}
STOPPED = {
    "type": "ended",
    "ended": "interrupted",
    "stopped_by": "",
    "result": {"status": "stopped"},
}


@contextmanager
def cell(body: str, **more: Any) -> Iterator[subprocess.Popen[str]]:
    """The process of a cell that does this in place of a session."""
    with subprocess.Popen(
        [sys.executable, "-c", CELL.format(body=body)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        say(process, JOB | more)
        yield process


def say(process: subprocess.Popen[str], message: object) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str]) -> dict[str, object]:
    assert process.stdout is not None
    message: dict[str, object] = json.loads(process.stdout.readline())
    return message


def test_after_its_session_it_writes_its_result_whatever_comes() -> None:
    with cell("observers[0].after(None, None); signal.raise_signal(signal.SIGTERM)") as process:
        assert hear(process) == STOPPED
        assert process.wait() == 0  # stdin is open: the sweep is there


def test_before_its_session_it_ends_at_once() -> None:
    with cell("signal.raise_signal(signal.SIGTERM)") as process:
        assert process.wait() == channel.STOPPED
        assert process.stdout is not None
        assert process.stdout.read() == ""


def test_a_stop_before_its_session_ends_it_at_once() -> None:
    with cell("time.sleep(600)") as process:
        say(process, {"type": "stop"})
        assert process.wait() == channel.STOPPED


def test_what_its_session_prints_is_no_message() -> None:
    with cell("print('by code of the user', flush=True)") as process:
        assert hear(process) == STOPPED
        assert process.stderr is not None
        assert process.stderr.read() == "by code of the user\n"


@pytest.mark.parametrize("last", ["", '{"type":"a', "nonsense\n"])
def test_when_the_sweep_is_gone_it_stops_as_after_ctrl_c_and_makes_no_call(last: str) -> None:
    body = "observers[0].after(None, None); until_stopped(shared)"
    with cell(body) as process:
        assert hear(process) == {
            "type": "ask",
            "number": 1,
            "address": "m",
            "tokens": 1,
            "pico_usd": 2,
            "expected_tokens": 3,
        }
        assert process.stdin is not None
        process.stdin.write(last)
        process.stdin.close()
        assert hear(process) == STOPPED
        assert process.wait() == 0


@pytest.mark.parametrize("away", [True, False])
def test_a_copy_of_a_run_goes_with_its_sweep_and_a_run_stays(tmp_path: Path, away: bool) -> None:
    (tmp_path / "opro-1" / "seed0").mkdir(parents=True)
    folder = str(tmp_path / "opro-1" / "seed0")
    body = "observers[0].after(None, None); until_stopped(shared)"
    with cell(body, folder=folder, away=away) as process:
        assert hear(process)["type"] == "ask"
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 0
    assert (tmp_path / "opro-1").exists() is not away


def test_a_stop_within_its_session_is_the_sessions() -> None:
    with cell("observers[0].after(None, None); until_stopped(shared)") as process:
        assert hear(process)["type"] == "ask"
        say(process, {"type": "stop"})
        assert hear(process) == STOPPED


def test_a_pipe_that_nobody_reads_holds_up_no_session() -> None:
    body = (
        "[shared.record_loss(n) for n in range(100_000)]; observers[0].after(None, None)\n"
        "    print('done', file=sys.stderr, flush=True)"
    )
    with cell(body) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "done\n"
        messages = [hear(process) for _ in range(100_001)]
        assert messages[-2:] == [{"type": "lost", "number": 99_999}, STOPPED]
