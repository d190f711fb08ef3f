"""A cell on a node: what its actor tells of its process and of the copy of its run's folder."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from opro_cli.errors import OproError
from opro_cli.processes import LONGEST_LINE
from opro_cli.sweep.cells import Job
from opro_cli.sweep.launch import local
from opro_cli.sweep.launch.ray import LENT, CellActor, News

START = """
import json, os, sys
from pathlib import Path
job = json.loads(sys.stdin.readline())
folder = Path(job["folder"])
def journal(text):
    with open(folder / "events.jsonl", "a") as file:
        file.write(text)
def say(text):
    print(text, flush=True)
def hear():
    return sys.stdin.readline().strip()
"""
JOB = Job("seed0", "/home/runs/seed0", {})
FILES = {name: name.encode() for name in LENT} | {"events.jsonl": b"first\n"}

Start = Callable[[str], None]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Start:
    """Starts a program instead of a cell."""

    def use(program: str) -> None:
        async def start(module: str) -> asyncio.subprocess.Process:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", START + program),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )

        monkeypatch.setattr(local, "start_module", start)

    return use


async def started() -> CellActor:
    actor = CellActor()
    await actor.start(JOB, FILES)
    return actor


async def listen(actor: CellActor, size: int, lines: bytes = b"") -> News:
    async with asyncio.timeout(60):
        return await actor.wait_for_news(size, lines)


async def listen_to_the_end(actor: CellActor, size: int) -> tuple[bytes, bytes, News]:
    """Returns all messages, the journal behind its first bytes, and the last news."""
    messages = journal = b""
    while True:
        news = await listen(actor, size + len(journal))
        messages += news.messages
        journal += news.journal
        if news.end is not None:
            return messages, journal, news


async def test_the_cell_has_a_copy_of_its_run_that_is_gone_with_it(program: Start) -> None:
    program(
        "files = {path.name: path.read_text() for path in folder.iterdir()}\n"
        'say(json.dumps({"job": job, "files": files}))\n'
        '(folder / "result.json").write_text("{}"); (folder / "notes.txt").write_text("mine")'
    )
    actor = await started()
    messages, _, last = await listen_to_the_end(actor, 6)
    text = messages.decode()
    folder = str(actor._folder)
    assert f'"folder": "{folder}"' in text
    assert '"away": true' in text
    assert all(f'"{name}": "{FILES[name].decode().strip()}' in text for name in LENT)
    assert last.files == {"config.yaml": b"config.yaml", "result.json": b"{}"}
    assert not Path(folder).exists()
    assert not Path(folder).parent.exists()


async def test_whole_lines_of_the_journal_come_with_messages_and_without_them(
    program: Start,
) -> None:
    program(
        'journal("second\\nhalf of the th"); hear(); journal("ird\\n"); say("{}"); hear()\n'
        'journal("fourth\\nhalf")'
    )
    actor = await started()
    assert await listen(actor, 6) == News(b"", b"second\n")
    news = await listen(actor, 13, b"go on\n")
    assert news.journal == b"half of the third\n"
    again = await listen(actor, 6)  # as where news are lost
    assert again.journal == b"second\nhalf of the third\n"
    await actor.send("seed0", b"go on\n")
    messages, journal, _ = await listen_to_the_end(actor, 31)
    assert news.messages + again.messages + messages == b"{}\n"
    assert journal == b"fourth\n"


async def test_a_line_for_an_earlier_job_does_not_reach_the_next(program: Start) -> None:
    program("say(hear())")
    actor = await started()
    await actor.send("seed7", b"of an earlier job\n")
    await actor.send("seed0", b"of this one\n")
    messages, _, _ = await listen_to_the_end(actor, 6)
    assert messages == b"of this one\n"


async def test_a_line_without_an_end_is_an_error_and_the_copy_is_gone(program: Start) -> None:
    program('for _ in range(100): sys.stdout.write("x" * 10**6)')
    actor = await started()
    with pytest.raises(
        OproError, match="expected a message from the cell's process, found 1"
    ) as no:
        await listen(actor, 6)
    assert len(str(no.value)) < 400 < LONGEST_LINE
    assert not actor._folder.exists()


async def test_how_a_process_died_is_told(program: Start) -> None:
    program('print("out of luck", file=sys.stderr); os.kill(os.getpid(), 9)')
    last = await listen(await started(), 6)
    assert (last.end, last.messages, last.journal) == (local.Exit(-9, "out of luck"), b"", b"")
