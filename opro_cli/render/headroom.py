"""The finding of the probe before a search, and the line while it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TextIO

from opro_cli.core.run.events import Event
from opro_cli.core.run.progress import Progress, RunHeader, count_calls, count_spared_calls
from opro_cli.core.run.state import RunState
from opro_cli.ports import Observer
from opro_cli.render.safe import display_instruction, printable
from opro_cli.render.streams import take_sequences
from opro_cli.render.tables import Page, Table
from opro_cli.reports.formats import format_percent, pluralize

_MOST_CELLS = 200
"""Terminal cells of a prompt."""
_EVERY = 5
"""Calls between two signs of life on a terminal."""


def print_headroom(finding: Mapping[str, Any], page: Page) -> None:
    """Print a finding as `Headroom.to_json` has it: judgement, advice, power, what was tried."""
    page.write_line(finding["sentence"], "bold")
    page.write_line(finding["advice"])
    for split, least in finding["least_gain"].items():
        if least is not None and least < 1:
            page.write_line(
                f"the {split} rows tell a gain of {100 * least:.0f} points or more from chance, "
                "4 times in 5",
                "dim",
            )
        elif least is not None:
            page.write_line(f"the {split} rows tell only very large gains from chance", "dim")
    if finding["tried"]:
        page.write_table(_build_table(finding["tried"]), ruled=True)
    if finding["calls"]:
        kept = f"; the search takes {pluralize(finding['kept'], 'answer')} from here, unasked"
        page.write_line(
            f"{pluralize(finding['calls'], 'call')}{kept if finding['kept'] else ''}", "dim"
        )


def _build_table(tried: list[Mapping[str, Any]]) -> Table:
    rows = [
        (
            str(each["rows"]),
            format_percent(each["start_score"]),
            format_percent(each["score"]),
            format_percent(each["unreadable"]),
            each["name"] or "of the search",
            printable(display_instruction(each["instruction"]), _MOST_CELLS),
        )
        for each in tried
    ]
    titles = ("rows", "start", "score", "unreadable", "kind", "prompt")
    return Table.build(titles, rows, right=range(4))


class ProbeLine(Observer):
    """One line on stderr while a probe goes on; on a terminal it counts.

    Args:
        to: Where to.
        calls: Of the probe at most.
    """

    def __init__(self, to: TextIO, calls: int) -> None:
        self._to, self._calls = to, calls
        self._counts = to.isatty() and take_sequences(to)
        self._shown = -1

    def begin(self, briefing: RunHeader, state: RunState, activity: Progress) -> None:  # noqa: ARG002
        """Say what is done."""
        end = "\r" if self._counts else "\n"
        self._write(f"is a search worth it? asking at most {self._calls} calls first{end}")

    def after(self, event: Event, state: RunState) -> None:  # noqa: ARG002
        """Count."""
        done = count_calls(state) + count_spared_calls(state)
        if self._counts and done // _EVERY != self._shown:
            self._shown = done // _EVERY
            self._write(
                f"is a search worth it? {done} of at most {self._calls} calls asked\x1b[K\r"
            )

    def stopping(self) -> None:
        """Say nothing: it ends at once."""

    def end(self) -> None:
        """Clear the line."""
        if self._counts:
            self._write("\x1b[K")

    def _write(self, text: str) -> None:
        self._to.write(text)
        self._to.flush()
