"""Tables and paragraphs, and how a page of text and Markdown show them.

Rich draws them, too (`render/consoles`), but takes longer to import than all else that
`opro runs` and `opro show` do, so `Page` writes for those without it.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Literal, TextIO

from opro_cli.render.safe import (
    MOST_LINES,
    link_text,
    measure_width,
    printable,
    wrap_printable,
)
from opro_cli.render.streams import take_any_text, take_sequences, take_utf8
from opro_cli.reports.formats import disarm_formula

MOST_CELLS = 500
"""Terminal cells of an untrusted value."""


class Untrusted(str):
    """Text of a model, a dataset, a config or a folder's name: each medium makes it harmless."""

    __slots__ = ()


class Styled(str):
    """Text of our own whose parts have styles where there are colours."""

    parts: tuple[tuple[str, str], ...]

    def __new__(cls, *parts: tuple[str, str]) -> Styled:
        """Join pairs of a text and its style."""
        text = super().__new__(cls, "".join(part for part, _ in parts))
        text.parts = parts
        return text


@dataclass(frozen=True, slots=True)
class Column:
    """The title of a column and how its cells stand; `wrap` allows lines to be broken."""

    title: str = ""
    right: bool = False
    wrap: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """Columns, the first of which names the rows, and rows; a cell may have several lines.

    On a terminal, columns that have no room for `least` cells go into further tables.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    least: int | None = None

    @classmethod
    def build(
        cls,
        titles: Iterable[str],
        rows: Iterable[tuple[str, ...]],
        right: Collection[int] | None = None,
        least: int | None = None,
    ) -> Table:
        """Build a table from titles alone; `right` columns, if left out, are those with a title."""
        columns = (
            Column(title, bool(title) if right is None else index in right, wrap=bool(title))
            for index, title in enumerate(titles)
        )
        return cls(tuple(columns), tuple(rows), least)

    def split(self, width: int) -> Iterator[Table]:
        """Yield tables that give every column its least width, each with the names of the rows."""
        names = max((len(row[0]) for row in self.rows), default=0) + 2
        count = len(self.columns)
        if self.least is not None:
            count = max(1, (width - names) // (self.least + 2))
        for start in range(1, len(self.columns), count):
            part = slice(start, start + count)
            columns = (self.columns[0], *self.columns[part])
            yield replace(
                self, columns=columns, rows=tuple((row[0], *row[part]) for row in self.rows)
            )


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of a section; Markdown capitalizes it."""

    title: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Pieces of text, some of them untrusted, on as many lines as they need.

    A paragraph with a mark is an item of a list; a blank mark is a bullet in Markdown.
    """

    parts: tuple[str, ...]
    style: Literal["strong", "note", ""] = ""
    mark: str = ""


Block = Heading | Paragraph | Table

_WEIGHTS = {"bold": "1", "dim": "2", "underline": "4"}
_COLOURS = {"red": "31", "green": "32", "yellow": "33"}
_WITHOUT_LINKS = frozenset(("", "dumb", "unknown", "linux", "vt100", "vt220", "screen", "emacs"))
"""Terminals that know no links (OSC 8), and may show their addresses."""
GAP = "   "
"""Between two columns of a page."""


class Page:
    """Writes printable text to a terminal or a pipe, no line of it wider than the page.

    The variables that decide for rich decide here as well: COLUMNS, NO_COLOR, FORCE_COLOR,
    TTY_COMPATIBLE and TERM. Styles are "bold", "dim", "red", "green", "yellow", "bold red" ….
    """

    def __init__(
        self, stream: TextIO, width: int | None = None, *, terminal: bool | None = None
    ) -> None:
        """Find out the width in cells, and whether it is a terminal, unless told."""
        self._stream = stream
        dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
        self.is_terminal = _is_terminal(stream) if terminal is None else terminal
        self.width = width or (80 if dumb and self.is_terminal else _measure_terminal())
        self._codes = {} if dumb or not self.is_terminal else {**_WEIGHTS, **_COLOURS}
        kind = os.environ.get("TERM", "").partition("-")[0].lower()
        self._links = self.is_terminal and kind not in _WITHOUT_LINKS
        if os.environ.get("NO_COLOR"):
            self._codes = {word: self._codes[word] for word in _WEIGHTS if word in self._codes}

    def write_line(self, text: str = "", style: str = "", styled: int | None = None) -> None:
        """Write `text` on as many lines as it needs, broken at spaces where it can be.

        `style` is for the first `styled` characters, or for all of them.
        """
        first, *more = wrap_printable(text, self.width, MOST_LINES)
        if styled is None:
            self.write(*(self._style(style, line) for line in (first, *more)))
        else:
            self.write(self._style(style, first[:styled]) + first[styled:], *more)

    def write_marked(self, text: str, start: int, end: int) -> None:
        """Write printable text as `write_line` does, from `start` to `end` bold and underlined."""
        at = 0
        for line in wrap_printable(text, self.width, MOST_LINES):
            at = max(at, text.find(line, at))  # one that was cut is not found
            left, right = (min(max(0, edge - at), len(line)) for edge in (start, end))
            marked = self._style("bold underline", line[left:right])
            self.write(line[:left] + marked + line[right:])
            at += len(line)

    def write_table(self, table: Table, *, ruled: bool = False, links: Sequence[str] = ()) -> None:
        """Write columns as wide as they need.

        What has no room is cut in a pipe; a terminal gets each row as lines one below the other.

        Args:
            table: What to write.
            ruled: Draw a line below the titles.
            links: The address that the first cell of each row opens, "" for none.
        """
        right = [index for index, column in enumerate(table.columns) if column.right]
        rows = [[column.title for column in table.columns], *table.rows]
        head, *lines = align_rows(rows, right)
        gap = GAP[1:]
        if self.is_terminal and max(map(measure_width, (head, *lines))) > self.width:
            head, *lines = align_rows(rows, right, gap)
            if max(map(measure_width, (head, *lines))) > self.width and len(table.columns) > 2:
                for line, style in stack_rows(table, self.width):
                    self.write(self._style(style, line))
                return
        self.write(self._style("bold", printable(head, self.width)))
        rule = ["─" * self.width] if ruled else []
        shown = [printable(line, self.width) for line in lines]
        if links and len(shown) == len(links):  # no cell has several lines
            for index, (address, row) in enumerate(zip(links, table.rows, strict=True)):
                name = row[0]
                if address and shown[index].startswith(name):
                    shown[index] = self.link(name, address) + shown[index][len(name) :]
        self.write(*rule, *shown)

    def write(self, *lines: str) -> None:
        """Write lines as they are, however wide: to be copied, or laid out already."""
        self._stream.writelines(f"{line}\n" for line in lines)
        self._stream.flush()

    def link(self, text: str, address: str) -> str:
        """Return printable text that a terminal may open at an address, or the text alone.

        Terminals that know no links leave the sequence out, but for the oldest ones.
        """
        if not self._links or not address.isascii() or not address.isprintable():
            return text
        return link_text(text, address)

    def _style(self, style: str, text: str) -> str:
        codes = ";".join(self._codes[word] for word in style.split() if word in self._codes)
        return f"\x1b[{codes}m{text}\x1b[0m" if codes and text else text


def make_page(stream: TextIO) -> Page:
    """Return a page on a stream; what its encoding lacks has stand-ins."""
    take_any_text(stream)
    return Page(stream)


_NOTHING = ("", "–", "-")
"""What a cell without a value holds."""


def stack_rows(table: Table, width: int) -> Iterator[tuple[str, str]]:
    """Yield the lines of rows that have no room side by side, each with its style.

    The first cell stands above the others, which are named; those without a value are left out.
    """
    titles = [" ".join(column.title.split()) for column in table.columns]
    wide = min(max(map(measure_width, titles[1:]), default=0), width // 2)
    for row in table.rows:
        cells = [" ".join(_make_printable(cell).split()) for cell in row]
        if cells[1:] and all(cell in _NOTHING for cell in cells[1:]):
            cells[0] += ": nothing"
        for line in wrap_printable(f"{titles[0]} {cells[0]}".strip(), width, MOST_LINES):
            yield line, "bold"
        for title, cell in zip(titles[1:], cells[1:], strict=True):
            if cell in _NOTHING:
                continue
            name = printable(title, wide)
            name += " " * (wide - measure_width(name) + 2)
            room = max(8, width - 2 - measure_width(name))
            for line in wrap_printable(cell, room, MOST_LINES):
                yield f"  {name}{line}", ""
                name = " " * measure_width(name)


def _make_printable(cell: str) -> str:
    return printable(cell, MOST_CELLS) if isinstance(cell, Untrusted) else cell


def align_rows(
    rows: Sequence[Sequence[str]], right: Collection[int] = (), gap: str = GAP
) -> list[str]:
    """Return the lines of rows, their columns as wide as the widest cell; `right`: flush right."""
    lines = [
        line for row in rows for line in zip_longest(*(c.split("\n") for c in row), fillvalue="")
    ]
    widths = [max(map(measure_width, column)) for column in zip(*lines, strict=True)]
    return [
        gap.join(
            " " * (width - measure_width(cell)) + cell
            if index in right
            else cell + " " * (width - measure_width(cell))
            for index, (width, cell) in enumerate(zip(widths, line, strict=True))
        ).rstrip()
        for line in lines
    ]


def _is_terminal(stream: TextIO) -> bool:
    """Return whether styles are wanted, by rich's rules."""
    compatible = os.environ.get("TTY_COMPATIBLE", "")
    if compatible in ("0", "1"):
        return compatible == "1"
    forced = os.environ.get("FORCE_COLOR")
    return stream.isatty() and take_sequences(stream) if forced is None else bool(forced)


def _measure_terminal() -> int:
    """Return the columns of the terminal on any of the standard streams, else 80."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    for number in (0, 1, 2):
        try:
            if width := os.get_terminal_size(number).columns:
                return width
        except OSError:
            continue
    return 80


# A dot or a colon inside of a word makes links: www.x.y, http:, mailto:.
_READ_AS_MARKUP = re.compile(r"[^\w\s,;?!'()/=+.:-]|_|[.:](?=[^\s⏎])", re.ASCII)
_WORDS = re.compile(r"[a-z ,:;]+")
_FENCE = re.compile(r"`{3,}")


def format_code(text: str, width: int | None = MOST_CELLS) -> str:
    """Return untrusted text for a line of Markdown: "<code>a&#124;b</code>"."""
    code = _READ_AS_MARKUP.sub(_write_entity, printable(text, width))
    return f"<code>{code}</code>" if code else "(empty)"


def format_sentence(text: str) -> str:
    """Return plain words as they are; a text with anything else in it counts as untrusted."""
    return text if _WORDS.fullmatch(text) else format_code(text)


def _write_entity(match: re.Match[str]) -> str:
    character = match[0]
    return f"&#{ord(character)};" if character.isascii() else character


def fence_lines(lines: Sequence[str], language: str = "text") -> list[str]:
    """Return untrusted lines, printable already, as a block that none of them can end."""
    fence = "`" * max([3, *(len(ticks) + 1 for line in lines for ticks in _FENCE.findall(line))])
    return [f"{fence}{language}", *lines, fence, ""]


def format_table(table: Table) -> list[str]:
    """Return a table in Markdown, a line a row; columns with untrusted cells are flush left."""
    texts = {i for row in table.rows for i, cell in enumerate(row) if isinstance(cell, Untrusted)}
    rules = [
        "---:" if column.right and index not in texts else "---"
        for index, column in enumerate(table.columns)
    ]
    titles = _format_cells([column.title for column in table.columns])
    lines = [titles, rules, *map(_format_cells, table.rows)]
    return [*(f"| {' | '.join(cells)} |" for cells in lines), ""]


def _format_cells(row: Sequence[str]) -> list[str]:
    return [
        format_code(cell) if isinstance(cell, Untrusted) else cell.replace("\n", "<br>")
        for cell in row
    ]


def format_blocks(blocks: Iterable[Block]) -> str:
    """Return blocks as Markdown, below headings of the third level."""
    lines: list[str] = []
    in_list = False
    for block in blocks:
        is_item = isinstance(block, Paragraph) and bool(block.mark)
        if in_list and not is_item:
            lines.append("")
        in_list = is_item
        match block:
            case Heading(title):
                lines += [f"### {title[:1].upper()}{title[1:]}", ""]
            case Table():
                lines += format_table(block)
            case Paragraph(parts, style, mark):
                text = "".join(_format_cells(parts))
                text = f"**{text}**" if style == "strong" else text
                lines += [f"{mark.strip() or '-'} {text}"] if mark else [text, ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def write_csv(rows: Sequence[Mapping[str, object]], stream: TextIO) -> None:
    """Write rows with the names of the first one's values as a header; no cell is a formula.

    Control characters are written out for a terminal alone: a file keeps the values.
    """
    take_utf8(stream)
    writer = csv.DictWriter(
        stream, list(rows[0]), lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC
    )
    writer.writeheader()
    shown = stream.isatty()
    writer.writerows(
        {name: _spell_cell(value, shown=shown) for name, value in row.items()} for row in rows
    )


def _spell_cell(value: object, *, shown: bool) -> object:
    if isinstance(value, list):
        return " ".join(str(each) for each in value)
    if not isinstance(value, str):
        return value
    return disarm_formula(printable(value) if shown else value)
