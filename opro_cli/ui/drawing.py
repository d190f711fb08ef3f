"""A picture on a terminal, drawn on a timer while the work goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from rich.console import Console
from rich.live import Live
from rich.text import Text

from opro_cli.ui.safe import printable

PERIOD = 0.125
"""Seconds between frames."""


class Drawing:
    """Draws frames on a terminal until `end`, and leaves the last one there.

    A frame is made on the event loop, where what it shows does not change under the reader, so
    nothing is copied and nothing is locked; it is written by a worker thread, so a terminal
    that takes no more (Ctrl-S, a slow line) holds up the picture and not the work. rich's own
    refresh thread would read the state while it changes, and die with a traceback in the
    picture; here a failure ends the drawing, is said in one line, and the work goes on.

    frame: makes one of at most so many cells and so many lines. work: what goes on, in a word.
    """

    def __init__(
        self,
        console: Console,
        frame: Callable[[int, int], Text],
        work: str,
        period: float = PERIOD,
    ) -> None:
        self._console = console
        self._make = frame
        self._work = work
        self._period = period
        self._live: Live | None = None
        self._drawing: asyncio.Task[None] | None = None
        self._writing = Lock()
        # Its own thread: the loop's shared ones may be busy with a model for seconds.
        self._writer = ThreadPoolExecutor(1, "live-view")
        self._size = console.size

    def begin(self) -> None:
        """Draw the first frame; the others follow on the event loop, if one runs."""
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,  # results may be piped on; only the messages are ours
            vertical_overflow="crop",
        )
        self._live.start()
        self._write(self._frame())
        self.go_on()

    def go_on(self) -> None:
        """Draw from now on, where `begin` was called before the loop ran."""
        if self._drawing is not None or self._live is None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._drawing = loop.create_task(self._draw(loop))
        self._drawing.add_done_callback(self._say_why_it_ended)

    def end(self) -> None:
        """Draw the last frame and give the terminal back; calling it twice is fine."""
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
        # One line less than there are: after the last frame the cursor needs a place, and
        # the first line would scroll away to make it.
        return self._make(width, max(1, height - 1))

    def _write(self, frame: Text) -> None:
        with self._writing:
            if self._live is None:
                return
            if self._console.size != self._size:
                # The terminal has wrapped the old frame anew: no count of lines leads back
                # to where it began.
                self._size = self._console.size
                self._console.clear()
            self._live.update(frame, refresh=True)

    def _stop(self, last: Text | None = None) -> None:
        """Give the terminal back; `_writing` is held and the display is there."""
        live, self._live = self._live, None
        if live is not None:
            if last is not None:
                live.update(last)
            live.stop()

    def _say_why_it_ended(self, drawing: asyncio.Task[None]) -> None:
        if drawing.cancelled():
            return
        error = drawing.exception()
        with self._writing:
            self._stop()
        said = (
            f"the live view has stopped, the {self._work} goes on ({type(error).__name__}: {error})"
        )
        self._console.print(Text(printable(said)), soft_wrap=True)
