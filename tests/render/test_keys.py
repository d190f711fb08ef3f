"""The keys of the live view and of the pager, pressed on a real pseudo-terminal."""

from __future__ import annotations

import os
import pty
import select
import sys
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pyte
import pytest

from opro_cli.render.keyboard import Keyboard, split_keys
from tests.cli.test_watch_process import environment
from tests.render.test_live import spawn

ROWS, COLUMNS = 30, 100
PATIENCE_S = 30.0

# A run that waits; SIGINT, which q raises, is counted, and the first one ends it.
SCRIPT = """
import asyncio, signal, sys
from pathlib import Path
from opro_cli.errors import RunFolderError
from opro_cli.render.consoles import make_console
from opro_cli.render.live import Actions, LiveView
from opro_cli.reports.answers import GradedAnswer, ShownAnswers
from tests.render.runs_by_hand import *

def read(candidate):
    texts = ["so it is \\x1b[2J72", "it is 71", "we say 72"]
    answers = [
        GradedAnswer("train", i, "right" if "72" in text else "wrong", f"How many owls in {i}?",
                     "72", text[-2:], float("72" in text), (text,),
                     read_from=(len(text) - 2, len(text)))
        for i, text in enumerate(texts)
    ]
    return ShownAnswers("gsm8k@1.1", "gsm8k", "candidate 0", 1, 3, answers)

def report():
    if FAILS:
        raise RunFolderError("the disk is full")
    return Path("runs/gsm8k/report.html")

async def main():
    state = new_run(per_step=3, steps=1)
    answer(state, START, "train", 25, 15)
    propose(state, *(f"candidate {i} of many words" for i in range(3)))
    answer(state, "candidate 0 of many words", "train", 30, 10)
    actions = Actions(read_answers=read, write_report=report)
    view, activity = LiveView(make_console(sys.stderr), period=0.02, actions=actions), idle()
    stops = []
    def stop():
        stops.append(1)
        activity.stopping = True
        view.stopping()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop)
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    view.begin(briefing_of(state), state, activity)
    await over.wait()
    view.end()
    print("stopped", len(stops), "times")
    sys.stdin.readline()

asyncio.run(main())
"""


class Screen:
    """A process on a terminal, and what stands on it."""

    def __init__(self, script: str, rows: int = ROWS, columns: int = COLUMNS) -> None:
        self._show(spawn(script, rows, columns), rows, columns)

    @classmethod
    def of(cls, folder: Path, *arguments: str, rows: int = ROWS, columns: int = COLUMNS) -> Screen:
        """A command in a folder."""
        shown = cls.__new__(cls)
        child = pexpect.spawn(
            sys.executable,
            ["-m", "opro_cli", *arguments],
            cwd=str(folder),
            env=environment(),
            dimensions=(rows, columns),
            encoding="utf-8",
            codec_errors="replace",
            timeout=60,
        )
        shown._show(child, rows, columns)
        return shown

    def _show(self, child: pexpect.spawn[str], rows: int, columns: int) -> None:
        self.child = child
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.Stream(self.screen)

    def see(self, text: str) -> list[str]:
        """Wait until this stands on the screen; return its lines."""
        self.wait_for(lambda: any(text in line for line in self.lines), text)
        return self.lines

    def see_marked(self, text: str) -> None:
        """Wait until this is shown in reverse."""
        self.wait_for(lambda: text in self.marked, text)

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Read what the process draws until a condition holds, for so long as it may take."""
        until = time.monotonic() + PATIENCE_S
        while not condition():
            try:
                assert time.monotonic() < until
                self.stream.feed(self.child.read_nonblocking(65536, timeout=PATIENCE_S))
            except (pexpect.TIMEOUT, pexpect.EOF, AssertionError):
                raise AssertionError(f"no {what!r}:\n" + "\n".join(self.lines)) from None

    def press(self, keys: str, text: str) -> list[str]:
        """Press keys, and wait for what they bring."""
        self.child.send(keys)
        return self.see(text)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def marked(self) -> str:
        """What is shown in reverse."""
        rows = self.screen.buffer
        cells = (rows[y][x] for y in range(self.screen.lines) for x in range(self.screen.columns))
        return "".join(cell.data for cell in cells if cell.reverse).strip()


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Iterator[Screen]:
    fails = "FAILS = True" if getattr(request, "param", False) else "FAILS = False"
    shown = Screen(f"{fails}\n{SCRIPT}")
    shown.see("q stop · ↑↓ choose · Enter read · a answers · r report")
    yield shown
    shown.child.close(force=True)


def test_q_stops_once_and_echoes_nothing(run: Screen) -> None:
    assert not run.child.getecho()
    run.press("q", "stopping: waiting for 0 calls in flight")
    run.see("Ctrl-C stop at once")
    run.child.send("qqqxyz\n\n")  # a second Ctrl-C would stop at once
    lines = run.press("\x1b[B", "candidate 0 of many words")
    assert sum(line.startswith("gsm8k-") for line in lines) == 1  # no ghosts
    assert not any("xyz" in line for line in lines)
    run.child.kill(15)
    assert run.see("stopped 1 times")
    assert run.child.getecho()


def test_a_prompt_is_chosen_and_read_in_full(run: Screen) -> None:
    run.child.send("\x1b[B")
    run.see_marked("candidate 0")
    run.child.send("\x1b[B")
    run.see_marked("Let's solve")
    lines = run.press("\n", "Esc back")
    assert "prompt 0.1 (initial)" in lines
    assert "train  62.5 % [47.0–75.8] 25/40" in lines
    run.press("\x1b", "q stop")


def test_answers_are_listed_found_and_marked(run: Screen) -> None:
    lines = run.press("a", "2 of 3 answers right")
    assert any("\\x1b[2J72" in line for line in lines)  # what a model says is text
    assert run.marked.endswith("72")
    assert run.marked.startswith("✓ train 0")
    run.press("n", "✗ train 1 · wrong")
    run.press("n", "no other wrong answer below")
    run.press("/we say", "1 of 3 found")
    run.press("\n", "/we say · Esc all of them")
    run.see("✓ train 2 · right")
    run.press("\x1b", "2 of 3 answers right")
    run.press("\x1b", "q stop")


def test_the_report_is_written(run: Screen) -> None:
    run.press("r", "report: runs/gsm8k/report.html")


@pytest.mark.parametrize("run", [True], indirect=True)
def test_what_fails_in_a_thread_is_a_notice(run: Screen) -> None:
    run.press("r", "the disk is full")
    run.press("\x1b[B", "candidate 0")


SLOW = SCRIPT.replace("    if FAILS:", "    import time\n    time.sleep(1.5)\n    if FAILS:")


def test_a_run_that_ends_while_a_key_is_at_work_ends_quietly() -> None:
    """The thread goes on to its end, and nobody is left to be told of it."""
    run = Screen(f"FAILS = False\n{SLOW}")
    run.see("q stop")
    run.press("r", "writing the report")
    run.child.kill(15)
    run.see("stopped 0 times")
    run.child.send("\n")
    assert run.child.read() == "\r\n"
    run.child.close()
    assert run.child.exitstatus == 0


BROKEN = SCRIPT.replace(
    "    await over.wait()",
    "    from opro_cli.render import live\n    live.list_choices = None\n    await over.wait()",
)


def test_a_key_that_breaks_the_view_gives_the_terminal_back() -> None:
    run = Screen(f"FAILS = False\n{BROKEN}")
    run.see("q stop")
    run.press("\x1b[B", "the live view has stopped, the run goes on (TypeError")
    assert run.child.getecho()
    run.child.close(force=True)


def test_no_keys_are_named_where_none_are_read() -> None:
    script = "import os; os.dup2(os.open('/dev/null', os.O_RDONLY), 0)\nFAILS = False\n" + SCRIPT
    run = Screen(script)
    lines = run.see("step 1 on train: 1 of 3 done")
    assert not any("q stop" in line for line in lines)
    assert run.child.getecho()
    run.child.close(force=True)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("qa\n", ["q", "a", "enter"]),
        ("\x1b[A\x1bOB\x1b[5~\x1b[6~", ["up", "down", "page up", "page down"]),
        ("\x1b", ["esc"]),
        ("\x1b\x1b[A", ["esc", "up"]),
        ("\x1b[1;5C\x1b[200~x", ["x"]),
        ("\x1b[", []),
        ("é\x7f\x01\t", ["é", "backspace"]),
    ],
)
def test_keys_as_terminals_send_them(text: str, keys: list[str]) -> None:
    assert split_keys(text) == keys


@pytest.mark.parametrize("at", range(1, 6))
def test_a_mark_of_pasted_text_that_arrives_in_two_parts_is_one(
    monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    controller, terminal = pty.openpty()
    tty.setraw(terminal)
    pasted = b"\x1b[200~q\x1b[201~"
    rest = [pasted[at:]]
    wait = select.select

    def send_rest(*arguments: Any) -> Any:
        while rest:
            os.write(controller, rest.pop())
        return wait(*arguments)

    with os.fdopen(terminal) as stdin, os.fdopen(controller, "wb", buffering=0) as keys:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(select, "select", send_rest)
        keyboard = Keyboard()
        keys.write(pasted[:at])
        read = keyboard.read()
        if rest:  # it did not wait
            send_rest([stdin], [], [])
            read += keyboard.read()
        assert read == []
        keys.write(b"a")
        assert keyboard.read() == ["a"]
