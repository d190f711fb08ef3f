"""Tables before they are drawn: the same rows for a terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

from opro_cli.ui.safe import printable

MOST_CELLS = 500
"""Of a value that is not ours, at most."""


class Theirs(str):
    """Text of a model, a dataset, a config or a folder's name: each medium makes it harmless."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: a title a column, then rows. The first column names the rows."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def in_parts(self, width: int, least: int) -> Iterator[Grid]:
        """The same with few enough columns each to give every one `least` of `width` cells."""
        names = max((len(row[0]) for row in self.rows), default=0) + 2
        count = max(1, (width - names) // (least + 2))
        for start in range(1, len(self.titles), count):
            part = slice(start, start + count)
            yield Grid(
                (self.titles[0], *self.titles[part]),
                tuple((row[0], *row[part]) for row in self.rows),
            )

    def table(self) -> Table:
        """For a terminal: no colour, so nothing but the text says what is what."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for title in self.titles:
            table.add_column(
                shown(title),
                justify="right" if title else "left",
                no_wrap=not title,
                overflow="fold",
            )
        for row in self.rows:
            table.add_row(*map(shown, row))
        return table


def shown(cell: str) -> Text:
    """A cell as a terminal may have it."""
    return Text(printable(cell, MOST_CELLS) if isinstance(cell, Theirs) else cell)
