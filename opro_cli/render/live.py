"""The live views of a run and of a sweep, with their keys; after Ctrl-Z, `fg` draws them anew."""

from __future__ import annotations

import asyncio
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TextIO, TypeVar, cast

from rich.console import Console
from rich.live import Live
from rich.text import Text

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.events import Event
from opro_cli.core.run.progress import Progress, RunHeader
from opro_cli.core.run.state import RunState
from opro_cli.core.sweep import CellRow, SweepTable
from opro_cli.errors import OproError
from opro_cli.render.frame import RunView, list_choices, render_end, render_run
from opro_cli.render.keyboard import Keyboard, Suspension, has_keys
from opro_cli.render.pager import AnswersPager, Pager, TextPager, describe_prompt
from opro_cli.render.panels import WrongAnswers
from opro_cli.render.plain import format_opening
from opro_cli.render.safe import printable, wrap_hanging
from opro_cli.render.scoreboard import Scoreboard
from opro_cli.render.sweep import render_sweep

if TYPE_CHECKING:
    from opro_cli.reports.answers import ShownAnswers

T = TypeVar("T")

_OPENING = 500
"""Terminal cells of a line of the opening."""

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
        if has_keys(cast(TextIO, self._console.file)):
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


@dataclass(frozen=True, slots=True)
class Actions:
    """What the keys of a view can do beyond showing the run itself.

    Attributes:
        leaves: `q` leaves a run that goes on without this process; else it stops the run.
        read_answers: Returns all answers under a prompt, by its id; called in a thread.
        write_report: Writes the page about the run as it stands; called in a thread.
    """

    leaves: bool = False
    read_answers: Callable[[str], ShownAnswers] | None = None
    write_report: Callable[[], Path] | None = None


class LiveView(_LiveDrawing):
    """Draws a run, and lets somebody at the keyboard look into it."""

    work = "run"

    def __init__(
        self,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
        period: float = PERIOD,
        actions: Actions | None = None,
    ) -> None:
        super().__init__(console, clock, period)
        self._actions = actions or Actions()
        self._view = RunView()
        self._wrong = WrongAnswers(time.monotonic)
        self._overlay: Pager | None = None
        self._reader: ThreadPoolExecutor | None = None
        self._over = False

    def begin(self, briefing: RunHeader, state: RunState, activity: Progress) -> None:
        """Print what stays on screen, then the first frame."""
        for line in format_opening(briefing):
            width, indent = self._console.width, len(line) - len(line.lstrip())
            first, *more = wrap_hanging(printable(line, _OPENING), width, indent, _OPENING)
            for part in (first, *(" " * indent + part for part in more)):
                self._console.print(Text(part), soft_wrap=True)
        self._shown = briefing, state, activity
        self._board = Scoreboard()
        self._start()

    def after(self, event: Event, state: RunState) -> None:  # noqa: ARG002 - an Observer's
        """Keep what the panels show, and start the timer, which draws it."""
        self._wrong.add(event)
        self._attach()

    def end(self) -> None:
        """Leave two lines and give the terminal back; a second call does nothing."""
        self._over = True
        super().end()
        if self._reader is not None:
            self._reader.shutdown(wait=False, cancel_futures=True)

    def _render(self, width: int, height: int) -> Text:
        encoding = self._console.encoding
        now, board = self._clock(), self._board
        if self._over:
            return render_end(*self._shown, now, width)
        if self._overlay is not None:
            return self._overlay.render(width, height)
        self._view.foot = self._list_keys() if self.reads_keys else ()
        self._view.wrong = self._wrong.show()
        view = self._view
        return render_run(
            *self._shown, now, width, height, board=board, encoding=encoding, view=view
        )

    def _list_keys(self) -> list[str]:
        _, _, activity = self._shown
        stop = "Ctrl-C stop at once" if activity.stopping else "q stop"
        keys = ["q leave" if self._actions.leaves else stop, "↑↓ choose", "Enter read"]
        keys += ["a answers"] if self._actions.read_answers else []
        keys += ["r report"] if self._actions.write_report else []
        return keys

    def _press(self, key: str) -> None:
        if self._overlay is not None:
            if not self._overlay.press(key):
                self._overlay = None
            return
        self._view.said = ""
        match key:
            case "q":
                _, _, activity = self._shown
                if not activity.stopping:  # a second Ctrl-C would stop at once
                    signal.raise_signal(signal.SIGINT)
            case "esc":
                self._view.chosen = ""
            case "up" | "k":
                self._choose(-1)
            case "down" | "j":
                self._choose(1)
            case "enter":
                self._open_prompt()
            case "a":
                self._open_answers()
            case "r":
                self._write_report()

    def _choose(self, by: int) -> None:
        _, state, _ = self._shown
        choices = list_choices(state, self._board)
        if not choices:
            return
        at = choices.index(self._view.chosen) + by if self._view.chosen in choices else 0
        self._view.chosen = choices[max(0, min(len(choices) - 1, at))]

    def _get_chosen(self) -> Candidate | None:
        """Return the prompt under the cursor, the first one where there is none."""
        _, state, _ = self._shown
        chosen = self._view.chosen or next(iter(list_choices(state, self._board)), "")
        return state.candidates.get(chosen) or state.pending.get(chosen)

    def _open_prompt(self) -> None:
        _, state, _ = self._shown
        if (candidate := self._get_chosen()) is not None:
            self._view.chosen = candidate.id
            lines = describe_prompt(state, self._board, candidate)
            answers = partial(self._open_answers) if self._actions.read_answers else None
            self._overlay = TextPager(lines, answers=answers)

    def _open_answers(self) -> None:
        candidate, read = self._get_chosen(), self._actions.read_answers
        if candidate is None or read is None:
            return
        self._view.chosen = candidate.id
        if not candidate.is_asked:
            self._overlay, self._view.said = None, "no answers under this prompt yet"
            return
        waiting = TextPager([Text("reading the answers …")])
        self._overlay = waiting

        def show(shown: ShownAnswers) -> None:
            if self._overlay is waiting:  # it was not left meanwhile
                self._overlay = AnswersPager(shown)

        self._do(partial(read, candidate.id), show)

    def _write_report(self) -> None:
        if self._actions.write_report is not None:
            self._view.said = "writing the report …"
            self._do(self._actions.write_report, self._say_report)

    def _say_report(self, page: Path) -> None:
        self._view.said = f"report: {page}"

    def _do(self, job: Callable[[], T], then: Callable[[T], None]) -> None:
        """Do a job in a thread, and what follows on the loop; a failure becomes a notice."""
        self._reader = self._reader or ThreadPoolExecutor(1, "live-view-reader")

        def follow(done: asyncio.Future[T]) -> None:
            if done.cancelled():
                return
            error = done.exception()
            if error is None:
                then(done.result())
            else:
                said = error.message if isinstance(error, OproError) else str(error)
                self._overlay, self._view.said = None, said or type(error).__name__
            self._wake.set()

        asyncio.get_running_loop().run_in_executor(self._reader, job).add_done_callback(follow)


class SweepLive(_LiveDrawing):
    """Draws a sweep; in the end only the lines above its rows stay."""

    work = "sweep"
    _over = False

    def __init__(
        self,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
        period: float = PERIOD,
        *,
        leaves: bool = False,
    ) -> None:
        super().__init__(console, clock, period)
        self._leaves = leaves

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
        stop = "Ctrl-C stop at once" if self._table.stopping else "q stop"
        foot = ["q leave" if self._leaves else stop] if self.reads_keys else []
        return render_sweep(self._table, elapsed, width, height, over=self._over, foot=foot)

    def _press(self, key: str) -> None:
        if key == "q" and not self._table.stopping:
            signal.raise_signal(signal.SIGINT)
