"""The live views of a run and of a sweep; after Ctrl-Z, `fg` draws them anew."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from typing import TextIO, cast

from rich.console import Console
from rich.live import Live
from rich.text import Text

from opro_cli.core.run.events import Event
from opro_cli.core.run.progress import Progress, RunHeader
from opro_cli.core.run.state import RunState
from opro_cli.core.sweep import CellRow, SweepTable
from opro_cli.render.frame import render_run
from opro_cli.render.plain import format_opening
from opro_cli.render.safe import printable
from opro_cli.render.scoreboard import Scoreboard
from opro_cli.render.sweep import render_sweep

_SHOW, _HIDE = b"\x1b[?25h", b"\x1b[?25l"


class Suspension:
    """Shows a terminal's cursor while the process is suspended, and hides it again afterwards.

    Only the main thread may handle signals; in any other this does nothing.

    Args:
        stream: The terminal.
        resumed: Called in a signal handler when the process continues in the foreground.
    """

    def __init__(self, stream: TextIO, resumed: Callable[[], None]) -> None:
        self._stream = stream
        self._resumed = resumed
        self._active = False

    def begin(self) -> None:
        """Handle the signals, unless there is no terminal or the signals are handled otherwise."""
        if not hasattr(signal, "SIGTSTP") or not self._stream.isatty():
            return
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL:
            self._active = True
            signal.signal(signal.SIGTSTP, self._suspend)
            signal.signal(signal.SIGCONT, self._resume)

    def end(self) -> None:
        """Restore the default handling of the signals."""
        if self._active:
            self._active = False
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            signal.signal(signal.SIGCONT, signal.SIG_DFL)

    def _suspend(self, *_: object) -> None:
        self._write(_SHOW)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)  # the process stops here
        self._resume()

    def _resume(self, *_: object) -> None:
        if not self._active:
            return
        signal.signal(signal.SIGTSTP, self._suspend)
        if self._has_the_terminal():
            self._write(_HIDE)
            self._resumed()

    def _has_the_terminal(self) -> bool:
        """Return True in the foreground; in the background the shell owns the cursor."""
        try:
            return os.tcgetpgrp(self._stream.fileno()) == os.getpgrp()
        except OSError:
            return False

    def _write(self, sequence: bytes) -> None:
        with suppress(OSError):
            os.write(self._stream.fileno(), sequence)


PERIOD = 0.125
"""Seconds between frames."""


class _LiveDrawing(ABC):
    """Draws frames on a terminal until `end`, and leaves the last one there.

    A frame is made on the event loop, where the state does not change meanwhile, so that nothing
    is copied or locked. A worker thread writes it, so that a terminal that takes no more (Ctrl-S,
    a slow line) blocks the frames and not the work. Rich's own refresh thread would read the state
    while it changes, and die with a traceback in the frame; here a failure ends the drawing with
    one line, and the work goes on.
    """

    work: str
    """What is drawn, in a word."""

    def __init__(
        self, console: Console, clock: Callable[[], float] = time.monotonic, period: float = PERIOD
    ) -> None:
        self._console = console
        self._clock = clock
        self._period = period
        self._live: Live | None = None
        self._drawing: asyncio.Task[None] | None = None
        self._writing = Lock()
        # Its own thread: the loop's shared ones may be busy with a model for seconds.
        self._writer = ThreadPoolExecutor(1, "live-view")
        self._size: tuple[int, int] | None = console.size
        self._suspension = Suspension(cast(TextIO, console.file), self._forget_the_screen)

    @abstractmethod
    def _render(self, width: int, height: int) -> Text: ...

    def _start(self) -> None:
        """Draw the first frame; the others follow on the event loop, if one runs."""
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,  # results may be piped on; only the messages are ours
            vertical_overflow="crop",
        )
        self._live.start()
        self._suspension.begin()
        self._write(self._frame())
        self._attach()

    def _attach(self) -> None:
        """Start the timer, unless it runs; the first frame may come before the loop runs."""
        if self._drawing is not None or self._live is None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._drawing = loop.create_task(self._draw(loop))
        self._drawing.add_done_callback(self._report_failure)

    def stopping(self) -> None:  # noqa: B027 - a frame shows it
        """Do nothing: the next frame says it."""

    def end(self) -> None:
        """Draw the last frame and give the terminal back; a second call does nothing."""
        if self._drawing is not None:
            self._drawing.cancel()
        with self._writing:
            if self._live is not None:
                self._stop(self._frame())
        self._writer.shutdown(wait=False)

    async def _draw(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            await asyncio.sleep(self._period)
            await loop.run_in_executor(self._writer, self._write, self._frame())

    def _frame(self) -> Text:
        width, height = self._console.size
        # One line less than there are: the cursor needs one after the last frame, and the first
        # line would scroll away to make room for it.
        return self._render(width, max(1, height - 1))

    def _write(self, frame: Text) -> None:
        with self._writing:
            if self._live is None:
                return
            if self._console.size != self._size:
                # The terminal has wrapped the old frame anew: no count of lines leads back to
                # its beginning.
                self._size = self._console.size
                self._console.clear()
            self._live.update(frame, refresh=True)

    def _forget_the_screen(self) -> None:
        """Have the next frame drawn on an empty screen, because a shell has written on it."""
        self._size = None

    def _stop(self, last: Text | None = None) -> None:
        """Give the terminal back; `_writing` is held and the display is there."""
        live, self._live = self._live, None
        if live is not None:
            self._suspension.end()
            if last is not None:
                live.update(last)
            with suppress(OSError):  # the terminal is gone
                live.stop()

    def _report_failure(self, drawing: asyncio.Task[None]) -> None:
        if drawing.cancelled():
            return
        error = drawing.exception()
        with self._writing:
            self._stop()
        reason = f"{type(error).__name__}: {error}"
        line = f"the live view has stopped, the {self.work} goes on ({reason})"
        with suppress(OSError):
            self._console.print(Text(printable(line)), soft_wrap=True)


class LiveView(_LiveDrawing):
    """Draws a run."""

    work = "run"

    def begin(self, briefing: RunHeader, state: RunState, activity: Progress) -> None:
        """Print what stays on screen, then the first frame."""
        for line in format_opening(briefing):
            self._console.print(Text(printable(line, self._console.width)), soft_wrap=True)
        self._shown = briefing, state, activity
        self._board = Scoreboard()
        self._start()

    def after(self, event: Event, state: RunState) -> None:  # noqa: ARG002 - an Observer's
        """Start the timer, which draws what is new."""
        self._attach()

    def _render(self, width: int, height: int) -> Text:
        encoding = self._console.encoding
        now, board = self._clock(), self._board
        return render_run(*self._shown, now, width, height, board=board, encoding=encoding)


class SweepLive(_LiveDrawing):
    """Draws a sweep; in the end only the lines above its rows stay."""

    work = "sweep"
    _over = False

    def begin(self, table: SweepTable) -> None:
        """Draw the first frame."""
        self._table, self._started = table, self._clock()
        self._start()

    def after(self, row: CellRow) -> None:
        """Do nothing: the timer draws it."""

    def end(self) -> None:
        """Draw the last frame and give the terminal back; a second call does nothing."""
        self._over = True
        super().end()

    def _render(self, width: int, height: int) -> Text:
        elapsed = self._clock() - self._started
        return render_sweep(self._table, elapsed, width, height, over=self._over)
