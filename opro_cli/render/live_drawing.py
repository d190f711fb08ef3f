"""Frames drawn on a terminal on a timer, with the keys pressed there; `fg` draws them anew."""

from __future__ import annotations

import asyncio
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

from opro_cli.render.keyboard import Keyboard, Suspension, has_keys
from opro_cli.render.safe import printable

PERIOD = 0.125
"""Seconds between frames."""


class LiveDrawing(ABC):
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
        stream = cast(TextIO, console.file)
        self._keyboard: Keyboard | None = None
        self._keys: list[str] = []
        self._wake = asyncio.Event()
        """Set by a key: the next frame is due at once."""
        self._suspension = Suspension(stream, self._forget_the_screen, self._release_keys)

    @abstractmethod
    def _render(self, width: int, height: int) -> Text: ...

    @abstractmethod
    def _press(self, key: str) -> None:
        """Do what a key is for."""

    @property
    def reads_keys(self) -> bool:
        """Whether keys reach this view."""
        return self._keyboard is not None and self._keyboard.is_taken

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
        # A dumb terminal gets nothing but the last frame, and no sequence to begin with keys.
        if not self._console.is_dumb_terminal and has_keys(cast(TextIO, self._console.file)):
            self._keyboard = Keyboard()
            self._tend_keys(loop)
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
            with suppress(TimeoutError):
                async with asyncio.timeout(self._period):
                    await self._wake.wait()
            self._wake.clear()
            self._tend_keys(loop)
            keys, self._keys = self._keys, []
            for key in keys:
                self._press(key)
            await loop.run_in_executor(self._writer, self._write, self._frame())

    def _tend_keys(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read keys in the foreground alone: a shell may have put the process back there."""
        if self._keyboard is not None and self._live is not None and self._keyboard.take():
            self._keyboard.attach(loop, self._on_key)

    def _on_key(self, key: str) -> None:
        self._keys.append(key)
        self._wake.set()

    def _release_keys(self) -> None:
        if self._keyboard is not None:
            self._keyboard.release()

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
            if self._keyboard is not None:
                self._keyboard.detach()
                self._keyboard.release()
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
