"""The columns of the live view: widths that depend on the run, never on the numbers of the day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from opro_cli.core.answers import Score
from opro_cli.core.candidates import Candidate
from opro_cli.core.model import Split
from opro_cli.reports.formats import about, bounds, percent
from opro_cli.ui.safe import flagged, instruction_shown, printable, printable_blocks

_SCORE = len("~99.0 %")
_INTERVAL = len("[100.0–100.0]")
_STEP = len("step")
_WIDE = 100
"""Terminals from here on get two spaces between columns and whole words above them."""
_NARROW = 64
"""Terminals below have no room for interval and step beside the instruction."""


def _none(instruction: str) -> object:  # noqa: ARG001 - as if it quoted nothing
    return None


@dataclass(frozen=True, slots=True)
class Columns:
    """How a row is laid out; both tables of a frame share one, so that numbers line up.

    sizes: questions a split. unreadable, dev: are there any, so that they need a column?
    leaks: what an instruction quotes of the train questions, asked of those that have a row.
    """

    width: int
    sizes: dict[Split, int]
    unreadable: bool
    dev: bool
    leaks: Callable[[str], object] = _none

    def header(self, title: str) -> Text:
        """The names of the columns, for scores on train; `title` says what the rows are."""
        unreadable = self._unreadable_title()
        cells = self._cells("train", "95 % interval", "n/N", unreadable, "dev", "step")
        return Text(self._fit(self._join(cells, title)), style="bold")

    def title(self, title: str) -> Text:
        """The line above rows that stand in the same columns as those with a header."""
        return Text(printable(title, self.width), style="bold")

    def row(
        self,
        candidate: Candidate,
        split: Split,
        score: Score | None,
        dev: Score | None,
        lines: int = 1,
    ) -> list[Text]:
        """One candidate, its instruction on at most `lines` lines."""
        size = self.sizes[split]
        cells = self._cells(
            about(score.mean, estimated=score.estimated) if score else "-",
            bounds(score.interval.low, score.interval.high) if score else "",
            f"{score.n if score else 0}/{size}",
            str(score.unreadable) if score and score.unreadable else "",
            percent(dev.mean) if dev else "",
            str(candidate.step),
        )
        room = self.width - cell_len(self._join(cells, ""))
        text = flagged(candidate.instruction, self.leaks(candidate.instruction))
        texts = printable_blocks(text, max(1, room), lines)
        indent = " " * (self.width - room)
        first = self._fit(self._join(cells, texts[0]))
        return [Text(first), *(Text(self._fit(indent + text)) for text in texts[1:])]

    def proposal(self, instruction: str) -> Text:
        """An instruction that is not a candidate yet: nothing but its text."""
        blank = self._join(self._cells("", "", "", "", "", ""), "")
        return Text(
            self._fit(
                blank + printable(instruction_shown(instruction), max(1, self.width - len(blank)))
            )
        )

    def _cells(
        self, score: str, interval: str, asked: str, unreadable: str, dev: str, step: str
    ) -> list[str]:
        most = max(self.sizes.values(), default=0)
        narrow = self.width < _NARROW
        cells = [score.rjust(_SCORE)]
        if not narrow:
            cells.append(interval.rjust(_INTERVAL))
        cells.append(asked.rjust(2 * len(str(most)) + 1))
        if self.unreadable:
            cells.append(unreadable.rjust(len(self._unreadable_title())))
        if self.dev:
            cells.append(dev.rjust(_SCORE))
        return cells if narrow else [*cells, step.rjust(_STEP)]

    def _unreadable_title(self) -> str:
        return "unreadable" if self.width >= _WIDE else "unread."

    def _join(self, cells: list[str], last: str) -> str:
        gap = "  " if self.width >= _WIDE else " "
        return gap.join([*cells, last])

    def _fit(self, line: str) -> str:
        line = line.rstrip()  # all of it is printable already
        return line if cell_len(line) <= self.width else printable(line, self.width)
