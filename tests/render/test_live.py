"""The live view on a real pseudo-terminal, read back as a person sees it."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pyte
import pytest
from rich.console import Console

from opro_cli.core.run.events import SessionStarted
from opro_cli.render import live
from opro_cli.render.consoles import make_console, make_observer
from opro_cli.render.live import LiveView
from opro_cli.render.plain import PlainLog
from tests.render.runs_by_hand import START, answer, answers, briefing_of, idle, named, new_run

ROOT = Path(__file__).parents[2]

# Fed in small steps, so that frames of several heights are drawn over each other.
SCRIPT = """
import asyncio, sys
from opro_cli.core.run.events import SessionEnded
from opro_cli.render.consoles import make_console
from opro_cli.render.live import LiveView
from tests.render.runs_by_hand import *

async def main():
    state = new_run(per_step=8, steps=1, initial=(START, "\\x1b[2Jevil [bold]x[/]"))
    view, activity = LiveView(make_console(sys.stderr), period=0.02), idle()
    view.begin(briefing_of(state), state, activity)

    async def feed(*events):
        for event in events:
            state.apply(event)
            activity.session_calls += 1
            view.after(event, state)
        await asyncio.sleep(0.03)

    for candidate in state.of_step(0):
        await feed(*answers(candidate, "train", 20, 10))
        await feed(*answers(candidate, "train", 5, 5))
    for sample in range(8):
        await feed(proposal(1, sample, f"candidate {sample}"))
    print("a stray line", file=sys.stderr)
    for number, candidate in enumerate(state.of_step(1)):
        await feed(*answers(candidate, "train", 30 + number, 10 - number))
    await feed(SessionEnded(9.0, "finished"))
    view.end()
    view.end()
    print("the result")

asyncio.run(main())
"""


def spawn(script: str, rows: int, columns: int, **environment: str) -> pexpect.spawn[str]:
    """A script on a terminal of its own."""
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
    return pexpect.spawn(
        sys.executable,
        ["-c", script],
        cwd=str(ROOT),
        env={**clean, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **environment},
        dimensions=(rows, columns),
        encoding="utf-8",
        codec_errors="replace",  # the terminal echoes ^C in the middle of a letter
        timeout=60,
    )


def screen_after(script: str, rows: int, columns: int, **environment: str) -> tuple[list[str], str]:
    """What stands on a terminal, history included, after a script ran on it; and the raw bytes."""
    child = spawn(script, rows, columns, **environment)
    child.expect(pexpect.EOF)
    raw = str(child.before)
    child.close()
    assert child.exitstatus == 0, raw
    screen = pyte.HistoryScreen(columns, rows, history=1000)
    pyte.Stream(screen).feed(raw)
    history = ["".join(line[x].data for x in range(columns)) for line in screen.history.top]
    return [line.rstrip() for line in [*history, *screen.display]], raw


@pytest.mark.parametrize(("rows", "columns"), [(24, 80), (40, 120), (12, 60)])
def test_two_lines_stay_and_nothing_else(rows: int, columns: int) -> None:
    lines, raw = screen_after(SCRIPT, rows, columns)
    text = "\n".join(lines)
    assert text.count("finished · ") == 1, text
    assert text.count("calls 408 ") == 1
    assert text.count("a stray line") == 1
    assert text.count("run gsm8k") == 1
    assert "step 1 on train" not in text
    assert [line.split(" ")[0] for line in lines if line][-3:] == [
        "gsm8k-20261123-0101-ab12",
        "calls",
        "the",
    ]
    assert "step 1 on train" in raw  # the frames before
    assert "\\x1b[2Jevil [bold]x[/]" in raw or rows == 12


WAITING = """
import asyncio, signal, sys
from opro_cli.render.consoles import make_console
from opro_cli.render.live import LiveView
from tests.render.runs_by_hand import *

async def main():
    state = new_run(per_step=8, steps=1)
    answer(state, START, "train", 25, 15)
    propose(state, *(f"candidate {i} " + "with many words " * 4 for i in range(8)))
    view = LiveView(make_console(sys.stderr), period=0.02)
    view.begin(briefing_of(state), state, idle())
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, over.set)  # which q is
    await over.wait()
    view.end()

asyncio.run(main())
"""


@pytest.mark.parametrize("size", [(24, 60), (12, 120), (30, 100)])
def test_a_terminal_that_changes_its_size_shows_one_frame(size: tuple[int, int]) -> None:
    child = spawn(WAITING, 24, 100)
    screen = pyte.Screen(100, 24)
    stream = pyte.Stream(screen)

    def see(text: str) -> None:
        child.expect(text)
        stream.feed(f"{child.before}{child.after}")

    see("Enter read")
    child.setwinsize(*size)
    screen.resize(*size)
    see(r"\x1b\[2J")  # the old frame was wrapped anew
    see("Enter read")
    shown = [line.rstrip() for line in screen.display]
    child.send("q")
    child.expect(pexpect.EOF)
    child.close()
    assert sum("calls 48 " in line for line in shown) == 1, shown
    assert sum("step 1 on train" in line for line in shown) == 1
    assert shown[0].startswith("gsm8k-")


def test_the_cursor_comes_back() -> None:
    _, raw = screen_after(SCRIPT, 24, 80)
    assert raw.count("\x1b[?25l") == raw.count("\x1b[?25h") == 1


def test_without_colour_the_picture_is_the_same() -> None:
    lines, raw = screen_after(SCRIPT, 24, 80, NO_COLOR="1")
    assert "\x1b[32m" not in raw
    assert "candidate 7" in raw
    assert any("finished · " in line for line in lines)


def test_a_dumb_terminal_gets_the_last_frame_only() -> None:
    lines, raw = screen_after(SCRIPT, 24, 80, TERM="dumb")
    assert "\x1b" not in raw
    assert sum("finished · " in line for line in lines) == 1
    assert "proposals" not in raw


async def until(seen: Callable[[], bool]) -> None:
    """Let the loop run until something was seen, five seconds at most."""
    for _ in range(500):
        if seen():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it was never seen")


def console_on(stream: io.StringIO) -> Console:
    return Console(file=stream, force_terminal=True, width=80, height=24, color_system=None)


async def test_a_failure_to_draw_is_said_and_the_run_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream, state = io.StringIO(), new_run()
    view = LiveView(console_on(stream), period=0.001)
    view.begin(briefing_of(state), state, idle())

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("no such \x1b[2J frame")

    monkeypatch.setattr(live, "render_run", broken)
    said = "the live view has stopped, the run goes on (ZeroDivisionError: no such \\x1b[2J frame)"
    await until(lambda: said in stream.getvalue())
    view.after(SessionStarted(1.0, 1, "0.1.0"), state)
    view.end()
    assert stream.getvalue().endswith(said + "\n")
    assert stream.getvalue().count(said) == 1


def test_works_without_a_loop_and_ends_without_a_beginning() -> None:
    stream, state = io.StringIO(), new_run()
    LiveView(console_on(stream)).end()
    assert stream.getvalue() == ""
    view = LiveView(console_on(stream))
    view.begin(briefing_of(state), state, idle())
    answer(state, START, "train", 33, 7)
    view.end()
    assert "calls 40 " in stream.getvalue()


def test_begun_before_the_loop_it_draws_inside_it() -> None:
    stream, state = io.StringIO(), new_run()
    view = LiveView(console_on(stream), period=0.001)
    view.begin(briefing_of(state), state, idle())

    async def work() -> None:
        for event in answers(named(state, START), "train", 33, 7):
            state.apply(event)
            view.after(event, state)
        await until(lambda: "82.5 %" in stream.getvalue())

    asyncio.run(work())
    view.end()
    assert stream.getvalue().count("run gsm8k") == 1


def test_the_live_view_is_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(make_observer(io.StringIO()), PlainLog)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(make_observer(io.StringIO()), LiveView)
    assert isinstance(make_observer(io.StringIO(), plain=True), PlainLog)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(make_observer(io.StringIO()), PlainLog)


def test_a_console_takes_no_markup_and_any_letter() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    make_console(stream).print("[bold]漢[/] :smile:")
    stream.flush()
    assert raw.getvalue() == b"[bold]\\u6f22[/] :smile:\n"
