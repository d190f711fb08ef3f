"""Tables and paragraphs before they are drawn: the same rows for a terminal and for Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from opro_cli.render.safe import printable

MOST_CELLS = 500
"""Of a value that is not ours, at most."""


class Untrusted(str):
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
                to_text(title),
                justify="right" if title else "left",
                no_wrap=not title,
                overflow="fold",
            )
        for row in self.rows:
            table.add_row(*map(to_text, row))
        return table


def to_text(cell: str) -> Text:
    """A cell as a terminal may have it."""
    return Text(printable(cell, MOST_CELLS) if isinstance(cell, Untrusted) else cell)


def print_block(
    console: Console, mark: str, lines: Iterable[str], style: str = "", *, again: bool = False
) -> None:
    """Lines, printable already, behind a mark; `again`: it stands before each of them.

    Nothing is padded to the right: what is copied or piped has no spaces at its ends.
    """
    width = max(1, console.width - len(mark))
    for line in lines:
        for part in Text(line).wrap(console, width) or [Text()]:
            part.rstrip()
            console.print(Text(f"{mark}{part.plain}".rstrip(), style=style))
            mark = mark if again else " " * len(mark)


# A dot or a colon inside of a word makes links: www.x.y, http:, mailto:.
_READ_AS_MARKUP = re.compile(r"[^\w\s,;?!'()/=+.:-]|_|[.:](?=[^\s⏎])", re.ASCII)
_WORDS = re.compile(r"[a-z ,:;]+")
_FENCE = re.compile(r"`{3,}")


def format_code(text: str, width: int | None = MOST_CELLS) -> str:
    """Text of others inside of a line: "<code>a&#124;b</code>"."""
    shown = _READ_AS_MARKUP.sub(_entity, printable(text, width))
    return f"<code>{shown}</code>" if shown else "(empty)"


def format_sentence(text: str) -> str:
    """Our own words as they are; with a name of others among them it all counts as theirs."""
    return text if _WORDS.fullmatch(text) else format_code(text)


def _entity(match: re.Match[str]) -> str:
    character = match[0]
    return f"&#{ord(character)};" if character.isascii() else character


def fence_lines(lines: Sequence[str], language: str = "text") -> list[str]:
    """Lines of others, printable already, as a block that none of them can end."""
    fence = "`" * max([3, *(len(ticks) + 1 for line in lines for ticks in _FENCE.findall(line))])
    return [f"{fence}{language}", *lines, fence, ""]


def format_table(grid: Grid) -> list[str]:
    """A grid as a table, a line a row."""
    texts = {i for row in grid.rows for i, cell in enumerate(row) if isinstance(cell, Untrusted)}
    rules = ["---" if i in texts or not i else "---:" for i in range(len(grid.titles))]
    return [_row(cells) for cells in (_cells(grid.titles), rules, *map(_cells, grid.rows))] + [""]


def _cells(row: Sequence[str]) -> Sequence[str]:
    return [
        format_code(cell) if isinstance(cell, Untrusted) else cell.replace("\n", "<br>")
        for cell in row
    ]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
