"""Untrusted text made fit for Markdown: nothing in it is markup, a link or a mention.

Inside of a line it stands in `<code>` (where GitHub mentions nobody) with every character that
Markdown, HTML or a table might read as an entity, which CommonMark never takes for markup. Text
of several lines stands in a fence that is longer than any in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from opro_cli.ui.grids import MOST_CELLS, Grid, Theirs
from opro_cli.ui.safe import printable

# A dot or a colon inside of a word makes links: www.x.y, http:, mailto:.
_READ_AS_MARKUP = re.compile(r"[^\w\s,;?!'()/=+.:-]|_|[.:](?=[^\s⏎])", re.ASCII)
_WORDS = re.compile(r"[a-z ,:;]+")
_FENCE = re.compile(r"`{3,}")


def code(text: str, width: int | None = MOST_CELLS) -> str:
    """Text of others inside of a line: "<code>a&#124;b</code>"."""
    shown = _READ_AS_MARKUP.sub(_entity, printable(text, width))
    return f"<code>{shown}</code>" if shown else "(empty)"


def sentence(text: str) -> str:
    """Our own words as they are; with a name of others among them it all counts as theirs."""
    return text if _WORDS.fullmatch(text) else code(text)


def _entity(match: re.Match[str]) -> str:
    character = match[0]
    return f"&#{ord(character)};" if character.isascii() else character


def fenced(lines: Sequence[str], language: str = "text") -> list[str]:
    """Lines of others, printable already, as a block that none of them can end."""
    fence = "`" * max([3, *(len(ticks) + 1 for line in lines for ticks in _FENCE.findall(line))])
    return [f"{fence}{language}", *lines, fence, ""]


def table(grid: Grid) -> list[str]:
    """A grid as a table, a line a row."""
    texts = {i for row in grid.rows for i, cell in enumerate(row) if isinstance(cell, Theirs)}
    rules = ["---" if i in texts or not i else "---:" for i in range(len(grid.titles))]
    return [_row(cells) for cells in (_cells(grid.titles), rules, *map(_cells, grid.rows))] + [""]


def _cells(row: Sequence[str]) -> Sequence[str]:
    return [code(cell) if isinstance(cell, Theirs) else cell.replace("\n", "<br>") for cell in row]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
