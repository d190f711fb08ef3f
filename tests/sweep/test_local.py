"""Cells in real processes that say what no cell says, behind the pipes of `LocalEngine`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import pytest

from opro_cli.calls.budget import Spent
from opro_cli.calls.endpoints import ConcurrencyLimit, RateLimiter
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.processes import LONGEST_LINE
from opro_cli.sweep.cells import Job
from opro_cli.sweep.launch import local
from opro_cli.sweep.launch.local import LocalEngine
from opro_cli.sweep.limits import Limits, Permits
from tests.sweep.sweeps import lasts, limits_of

START = """
import json, os, signal, sys, time
def say(**what):
    print(json.dumps(what), flush=True)
def ask(number, address="m"):
    say(type="ask", number=number, address=address, tokens=60, pico_usd=5, expected_tokens=60)
def hear():
    return json.loads(sys.stdin.readline())
def end(**result):
    say(type="ended", ended="finished", result=result)
job = hear()
"""
"""Beginning of a program that stands for a cell."""
GOOD = 'ask(1); assert hear() == {"type": "answer", "number": 1, "ceiling": ""}\n' + (
    'say(type="answered", number=1, tokens=7, pico_usd=4); end(cell=job["name"])\n'
)

Programs = Callable[..., None]


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Starts these programs in turn instead of cells."""

    def use(*programs: str) -> None:
        left = iter(programs)

        async def start(module: str) -> asyncio.subprocess.Process:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", START + next(left)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )

        monkeypatch.setattr(local, "start_module", start)

    return use


async def work(
    names: str, limits: Limits | None = None, engine: LocalEngine | None = None
) -> dict[str, dict[str, Any]]:
    """Work on cells of these names, two at a time; the last report of each."""
    reports: list[tuple[str, dict[str, Any]]] = []
    jobs = [Job(name, name, {}) for name in names]
    shared = limits or limits_of(BudgetSettings())
    async with asyncio.timeout(120):
        await (engine or LocalEngine(2)).run(jobs, shared, lambda *each: reports.append(each))
    return lasts(reports)


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ('print("Traceback:")', "expected a message from the cell's process, found 10 bytes: 'Tra"),
        ('say(type="lost", number=8)', "expected a message from the cell's process, found 29 byte"),
        ('sys.stdout.write("x" * 10**8 + "\\n")', "expected a message from the cell's process, "),
        ('print(\'{"type":"ended"\', end="")', "its process ended with code 0"),
        ("sys.exit(3)", "its process ended with code 3"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "its process was killed (signal 9)"),
        ("os.close(1); time.sleep(0.1); os._exit(4)", "its process ended with code 4"),
    ],
    ids=["no message", "no permit", "100 MB", "half a line", "exit", "kill", "hangs up"],
)
async def test_a_cell_that_breaks_off_fails_with_its_permits_and_the_others_go_on(
    programs: Programs, program: str, error: str
) -> None:
    limits = limits_of(BudgetSettings(), {"m": Permits(ConcurrencyLimit(1), RateLimiter())})
    programs("ask(1); hear(); ask(2)\n" + program, GOOD)
    last = await work("ab", limits)
    assert last["a"]["error"].startswith(error)
    assert last["b"]["result"] == {"cell": "b"}
    assert limits.budget.spent_by_all == Spent(2, 67, 9)


async def test_a_line_without_an_end_is_not_read_on_and_on(programs: Programs) -> None:
    programs('for _ in range(100): sys.stdout.write("x" * 10**6)')
    last = await work("a")
    size = int(last["a"]["error"].split("found ")[1].split(" ")[0].replace(",", ""))
    assert LONGEST_LINE < size <= LONGEST_LINE + local.CHUNK


async def test_a_cell_that_does_not_listen_holds_up_nobody(programs: Programs) -> None:
    deaf = "for number in range(20_000): ask(number)\nos.read(0, 1); os.kill(os.getpid(), 9)"
    programs(deaf, GOOD, GOOD)
    limits = limits_of(BudgetSettings())
    last = await work("abc", limits)
    assert [last[name].get("ended") for name in "abc"] == [None, "finished", "finished"]
    assert limits.budget.spent_by_all.calls == 20_002


async def test_the_last_of_many_words_on_stderr_is_the_hint(programs: Programs) -> None:
    programs('sys.stderr.write("x" * 10**6 + "\\nthe key is missing\\n"); sys.exit(1)')
    last = await work("a")
    assert last["a"] == {"error": "its process ended with code 1", "hint": "the key is missing"}


async def test_a_stop_is_a_message_and_goes_out_each_time(programs: Programs) -> None:
    engine = LocalEngine(1)
    programs("ask(1); hear(); ask(2); print(hear(), hear(), file=sys.stderr); sys.exit(1)", GOOD)
    limits = limits_of(BudgetSettings(), {"m": Permits(ConcurrencyLimit(1), RateLimiter())})
    working = asyncio.create_task(work("ab", limits, engine))
    async with asyncio.timeout(60):
        while not limits._leaves:
            await asyncio.sleep(0.001)
    engine.stop()
    engine.stop()
    assert await working == {
        "a": {
            "error": "its process ended with code 1",
            "hint": "{'type': 'stop'} {'type': 'stop'}",
        }
    }


async def test_a_cell_that_is_stopped_before_its_process_runs_is_interrupted(
    programs: Programs,
) -> None:
    engine = LocalEngine(1)
    programs('assert hear() == {"type": "stop"}; os.kill(os.getpid(), signal.SIGTERM)')
    working = asyncio.create_task(work("a", engine=engine))
    async with asyncio.timeout(60):
        while not engine._channels:
            await asyncio.sleep(0)
    engine.stop()
    assert (await working)["a"]["ended"] == "interrupted"
