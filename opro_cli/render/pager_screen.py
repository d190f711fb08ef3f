"""A pager on a terminal of its own: the alternate screen, until it is left."""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from typing import TextIO

from rich.console import Console

from opro_cli.render.consoles import make_console
from opro_cli.render.keyboard import (
    HIDE_CURSOR,
    SHOW_CURSOR,
    Keyboard,
    Suspension,
    exit_on_signals,
    has_keys,
)
from opro_cli.render.pager import AnswersPager, Pager
from opro_cli.reports.answers import ShownAnswers


def page_answers(shown: ShownAnswers, stream: TextIO) -> bool:
    """Show answers in a pager, where a terminal has keys that reach it; return False elsewhere."""
    console = make_console(stream)
    if console.is_dumb_terminal or not has_keys(stream):
        return False
    run_pager(AnswersPager(shown), console)
    return True


def run_pager(pager: Pager, console: Console) -> None:
    """Show a pager on the alternate screen of a terminal until it is left.

    Raises:
        KeyboardInterrupt: It was left by Ctrl-C.
    """
    keyboard = Keyboard()
    stream = console.file

    def begin() -> None:
        _write(b"\x1b[?1049h" + HIDE_CURSOR, stream.fileno())
        keyboard.take()

    def end() -> None:
        keyboard.release()
        _write(SHOW_CURSOR + b"\x1b[?1049l", stream.fileno())

    drawn: list[object] = []

    def resume() -> None:
        begin()
        drawn.clear()

    suspension = Suspension(sys.stdout, resume, end)
    with exit_on_signals():
        try:
            begin()
            suspension.begin()
            while True:
                if drawn != [console.size]:
                    _draw(pager, console)
                    drawn[:] = [console.size]
                keyboard.take()
                ready: list[object] = []
                with suppress(InterruptedError):
                    ready, _, _ = select.select([sys.stdin], [], [], 0.25)
                if not ready:
                    continue
                keys = keyboard.read()
                if not all(map(pager.press, keys)) or not keyboard.is_there:
                    return
                drawn.clear()
        finally:
            suspension.end()
            end()


def _draw(pager: Pager, console: Console) -> None:
    width, height = console.size
    with console.capture() as captured:
        console.print(pager.render(width, height), end="")
    text = captured.get().replace("\n", "\x1b[K\r\n")
    console.file.write(f"\x1b[H{text}\x1b[K\x1b[J")
    console.file.flush()


def _write(sequence: bytes, descriptor: int) -> None:
    with suppress(OSError):
        os.write(descriptor, sequence)
