"""The live views of a run and of a sweep, and what their keys do."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.text import Text

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.events import Event
from opro_cli.core.run.progress import Progress, RunHeader
from opro_cli.core.run.state import RunState
from opro_cli.core.sweep import CellRow, SweepTable
from opro_cli.errors import OproError
from opro_cli.render.frame import RunView, list_choices, render_end, render_run
from opro_cli.render.live_drawing import PERIOD, LiveDrawing
from opro_cli.render.pager import AnswersPager, Pager, TextPager, describe_prompt
from opro_cli.render.panels import WrongAnswers
from opro_cli.render.plain import format_opening
from opro_cli.render.safe import printable, wrap_hanging
from opro_cli.render.scoreboard import Scoreboard
from opro_cli.render.sweep import render_sweep
from opro_cli.reports.formats import are_shares

if TYPE_CHECKING:
    from opro_cli.reports.answers import ShownAnswers

T = TypeVar("T")

_OPENING = 500
"""Terminal cells of a line of the opening."""


@dataclass(frozen=True, slots=True)
class Actions:
    """The work that keys of a view can start, beyond showing the run itself.

    Attributes:
        leaves: `q` leaves a run that goes on without this process; else it stops the run.
        read_answers: Returns all answers under a prompt, by its id; called in a thread.
        write_report: Writes the page about the run as it stands; called in a thread.
    """

    leaves: bool = False
    read_answers: Callable[[str], ShownAnswers] | None = None
    write_report: Callable[[], Path] | None = None


class LiveView(LiveDrawing):
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
        self._jobs: set[asyncio.Task[None]] = set()
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

    def after(self, event: Event, state: RunState) -> None:
        """Keep what the panels show, and start the timer, which draws it."""
        if are_shares(state.scale):  # nothing is wrong about a value
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
        self._view.notice = ""
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
            answers = self._open_answers if self._actions.read_answers else None
            self._overlay = TextPager(lines, answers=answers)

    def _open_answers(self) -> None:
        candidate, read = self._get_chosen(), self._actions.read_answers
        if candidate is None or read is None:
            return
        self._view.chosen = candidate.id
        if not candidate.is_asked:
            self._overlay, self._view.notice = None, "no answers under this prompt yet"
            return
        waiting = TextPager([Text("reading the answers …")])
        self._overlay = waiting

        def show(shown: ShownAnswers) -> None:
            if self._overlay is waiting:  # it was not left meanwhile
                self._overlay = AnswersPager(shown)

        self._do(partial(read, candidate.id), show)

    def _write_report(self) -> None:
        if self._actions.write_report is not None:
            self._view.notice = "writing the report …"
            self._do(self._actions.write_report, self._say_report)

    def _say_report(self, page: Path) -> None:
        self._view.notice = f"report: {page}"

    def _do(self, job: Callable[[], T], then: Callable[[T], None]) -> None:
        """Do a job in a thread, and what follows on the loop; a failure becomes a notice."""
        reader = self._reader = self._reader or ThreadPoolExecutor(1, "live-view-reader")

        async def follow() -> None:
            try:
                then(await asyncio.get_running_loop().run_in_executor(reader, job))
            except Exception as error:  # noqa: BLE001 - a key must not end a run
                notice = error.message if isinstance(error, OproError) else str(error)
                self._overlay, self._view.notice = None, notice or type(error).__name__
            self._wake.set()

        # A task, which the end of the loop cancels: early 3.11s tell a future its result even then.
        task = asyncio.get_running_loop().create_task(follow())
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)


class SweepLive(LiveDrawing):
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
