"""The live view of a sweep on a pseudo-terminal, and its plain log."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator

import pytest

from opro_cli.core.sweep import CellRow, SweepTable
from opro_cli.render import live as sweep_live
from opro_cli.render.consoles import make_sweep_observer
from opro_cli.render.live import SweepLive
from opro_cli.render.plain import QUIET, LineWriter, PlainSweep
from tests.render.test_live import console_on, screen_after, until
from tests.render.test_sweep_frame import big, going, result

SCRIPT = """
import asyncio, sys
from opro_cli.render.live import SweepLive
from opro_cli.render.consoles import make_console
from tests.render.test_sweep_frame import big, going, result

async def main():
    table = big(cells=40, running=8, failed=1, finished=3)
    view = SweepLive(make_console(sys.stderr), clock=lambda: 0.0, period=0.02)
    view.begin(table)
    for row in list(table.rows.values())[4:]:
        table.update(row.name, going(700))
        view.after(row)
        table.update(row.name, {"ended": "finished", "result": result(1409, 0.5, 0.9)})
        view.after(row)
        await asyncio.sleep(0.01)
    view.end()
    view.end()
    print("the table")

asyncio.run(main())
"""


@pytest.mark.parametrize(("rows", "columns"), [(24, 80), (12, 60), (40, 120)])
def test_what_stays_is_how_all_of_it_stands(rows: int, columns: int) -> None:
    lines, raw = screen_after(SCRIPT, rows, columns)
    left = [line for line in lines if line]
    assert [line.split(" ·")[0] for line in left] == [
        "sweep paper" + " " * (columns - 13) + "0s",
        "39 of 40 cells finished",
        "calls 54,951",
        "cost $0.390",
        "the table",
    ]
    assert "running" in raw  # the frames before
    assert raw.count("\x1b[?25l") == raw.count("\x1b[?25h") == 1


def test_without_colour_the_words_are_the_same() -> None:
    lines, raw = screen_after(SCRIPT, 24, 80, NO_COLOR="1")
    assert "\x1b[31m" not in raw
    assert any("39 of 40 cells finished · 1 failed" in line for line in lines)


async def test_a_picture_that_fails_ends_no_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, table = io.StringIO(), big()
    view = SweepLive(console_on(stream), period=0.001)
    view.begin(table)

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("no such \x1b[2J frame")

    monkeypatch.setattr(sweep_live, "render_sweep", broken)
    said = (
        "the live view has stopped, the sweep goes on (ZeroDivisionError: no such \\x1b[2J frame)"
    )
    await until(lambda: said in stream.getvalue().replace("\n", " "))
    view.after(next(iter(table.rows.values())))
    view.end()


async def test_it_draws_as_time_goes_by_without_a_word_of_any_cell() -> None:
    stream, seconds = io.StringIO(), iter(range(1000))
    view = SweepLive(console_on(stream), clock=lambda: float(next(seconds)), period=0.001)
    view.begin(big())
    await until(lambda: " 7s" in stream.getvalue())
    view.end()


def test_who_looks_on() -> None:
    assert isinstance(make_sweep_observer(plain=False, stream=io.StringIO()), PlainSweep)


def test_a_terminal_that_can_show_it_gets_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(make_sweep_observer(plain=False, stream=io.StringIO()), SweepLive)
    assert isinstance(make_sweep_observer(plain=True, stream=io.StringIO()), PlainSweep)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(make_sweep_observer(plain=False, stream=io.StringIO()), PlainSweep)


Told = Callable[..., list[str]]


@pytest.fixture
def log() -> Iterator[tuple[SweepTable, Told]]:
    """A sweep of three cells, and its log after a cell told something at a time."""
    stream, now = io.StringIO(), 0.0
    table = SweepTable("grid", {name: CellRow(name) for name in ("a", "b", "c")})
    view = PlainSweep(LineWriter(stream), clock=lambda: now)
    view.begin(table)

    def told(at: float, name: str, word: dict[str, object]) -> list[str]:
        nonlocal now
        now = at
        view.after(table.update(name, word))
        return stream.getvalue().splitlines()

    yield table, told
    view.stopping()
    assert stream.getvalue().endswith("(Ctrl-C again to stop at once)\n")
    view.end()


def test_a_line_for_every_change_and_no_other(log: tuple[SweepTable, Told]) -> None:
    _, told = log
    told(1, "a", going(0))
    told(2, "a", going(100))
    told(3, "b", going(50))
    told(125, "a", {"ended": "finished", "result": result(1409, 0.511, 0.933)})
    told(126, "b", {"ended": "interrupted"})
    assert told(3700, "c", {"error": "no\x1b[2J key"}) == [
        "sweep grid: 0 of 3 cells finished, 3 waiting",
        "[00:01] a: running, about 1,649 calls",
        "[00:03] b: running, about 1,649 calls, 50 are answered",
        "[02:05] a: finished, 51.1 % → 93.3 % on test (+42.2), 1,409 calls",
        "[02:06] b: stopped after 50 calls",
        "[1:01:40] c: failed: no\\x1b[2J key",
    ]


def test_a_long_silence_is_broken_by_how_all_of_it_stands(log: tuple[SweepTable, Told]) -> None:
    _, told = log
    told(1, "a", going(0))
    assert len(told(QUIET, "a", going(10))) == 2
    assert told(QUIET + 1, "a", going(20))[2:] == [
        "[00:31] 0 of 3 cells finished, 1 running, 2 waiting, cost $0.010, tokens 1,200, 20 calls"
    ]
    assert len(told(QUIET + 2, "a", going(30))) == 3


async def test_a_terminal_that_takes_nothing_holds_up_no_cell() -> None:
    """Ctrl-S: the write waits, and the loop goes on."""
    import threading

    held, released = threading.Event(), threading.Event()

    class Held(io.StringIO):
        def write(self, text: str) -> int:
            if threading.current_thread() is not threading.main_thread():
                held.set()
                released.wait()
            return super().write(text)

    view = SweepLive(console_on(Held()), period=0.001)
    view.begin(big())
    await until(held.is_set)
    for _ in range(100):
        await asyncio.sleep(0)
    released.set()
    view.end()
