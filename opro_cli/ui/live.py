"""The live view: a frame of the run, drawn on a timer while the run goes."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from opro_cli.core.events import Event
from opro_cli.core.session import Activity, Briefing
from opro_cli.core.state import RunState
from opro_cli.ui.drawing import PERIOD, Drawing
from opro_cli.ui.frame import render
from opro_cli.ui.opening import opening_lines
from opro_cli.ui.safe import printable
from opro_cli.ui.scoreboard import Scoreboard


class LiveView:
    """Draws the run on a terminal until `end`, and leaves the last frame there."""

    def __init__(
        self, console: Console, clock: Callable[[], float] = time.monotonic, period: float = PERIOD
    ) -> None:
        self._console = console
        self._clock = clock
        self._board = Scoreboard()
        self._drawing = Drawing(console, self._frame, "run", period)

    def begin(self, briefing: Briefing, state: RunState, activity: Activity) -> None:
        """Print what stays on screen, then the first frame."""
        for line in opening_lines(briefing):
            self._console.print(Text(printable(line, self._console.width)), soft_wrap=True)
        self._seen = briefing, state, activity
        self._drawing.begin()

    def after(self, event: Event, state: RunState) -> None:  # noqa: ARG002 - an Observer's
        """Nothing: the timer shows it."""
        self._drawing.go_on()  # `begin` may be called before the loop runs

    def stopping(self) -> None:
        """Nothing: the next frame says it."""

    def end(self) -> None:
        """Draw the last frame and give the terminal back; calling it twice is fine."""
        self._drawing.end()

    def _frame(self, width: int, height: int) -> Text:
        briefing, state, activity = self._seen
        return render(briefing, state, activity, self._clock(), width, height, self._board)
