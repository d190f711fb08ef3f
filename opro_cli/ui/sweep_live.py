"""The live view of a sweep: a frame of its table, drawn on a timer while the cells run."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from opro_cli.core.sweep_table import Row, Table
from opro_cli.ui.drawing import PERIOD, Drawing
from opro_cli.ui.sweep_frame import render


class SweepLive:
    """Draws the sweep on a terminal until `end`, and leaves the lines above its rows there."""

    def __init__(
        self, console: Console, clock: Callable[[], float] = time.monotonic, period: float = PERIOD
    ) -> None:
        self._clock = clock
        self._drawing = Drawing(console, self._frame, "sweep", period)
        self._over = False

    def begin(self, table: Table) -> None:
        """The first frame."""
        self._table, self._started = table, self._clock()
        self._drawing.begin()

    def after(self, row: Row) -> None:
        """Nothing: the timer shows it."""

    def stopping(self) -> None:
        """Nothing: the next frame says it."""

    def end(self) -> None:
        """Draw the last frame and give the terminal back; calling it twice is fine."""
        self._over = True
        self._drawing.end()

    def _frame(self, width: int, height: int) -> Text:
        elapsed = self._clock() - self._started
        return render(self._table, elapsed, width, height, over=self._over)
