"""Lines and tables on a terminal or in a pipe, for what has no time to import rich.

`opro runs` and `opro show` print a few lines of text; rich's console and tables take longer to
import than all else that these two do. Whoever draws more than lines uses rich (`render/consoles`),
and the same variables decide in both: COLUMNS, NO_COLOR, FORCE_COLOR, TTY_COMPATIBLE and TERM.
"""

from __future__ import annotations

import io
import os
from collections.abc import Collection, Sequence
from typing import TextIO

from opro_cli.render.safe import MOST_LINES, measure_width, printable, wrap_printable

_WEIGHTS = {"bold": "1", "dim": "2"}
_COLOURS = {"red": "31", "green": "32", "yellow": "33"}
_GAP = "   "


class Page:
    """Writes lines of printable text, none wider than the page.

    width: in cells; None for that of the terminal. terminal: whether it is one; None to find out.
    Styles are words: "bold", "dim", "red", "green", "yellow", "bold red".
    """

    def __init__(
        self, stream: TextIO, width: int | None = None, *, terminal: bool | None = None
    ) -> None:
        self._stream = stream
        dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
        self.is_terminal = _is_terminal(stream) if terminal is None else terminal
        self.width = width or (80 if dumb and self.is_terminal else _columns())
        self._codes = {} if dumb or not self.is_terminal else {**_WEIGHTS, **_COLOURS}
        if os.environ.get("NO_COLOR"):
            self._codes = {word: self._codes[word] for word in _WEIGHTS if word in self._codes}

    def line(self, text: str = "", style: str = "", styled: int | None = None) -> None:
        """One line, or as many as `text` needs, broken at spaces where it can be.

        styled: how many characters the style is for, all of them when left out.
        """
        first, *more = wrap_printable(text, self.width, MOST_LINES)
        if styled is None:
            self.write(*(self._in(style, each) for each in (first, *more)))
        else:
            self.write(self._in(style, first[:styled]) + first[styled:], *more)

    def table(self, rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> None:
        """Rows in columns as wide as they need, the first of them bold; what is too wide is cut.

        right: the columns that are flush right.
        """
        head, *others = align_rows(rows, right)
        self.write(self._in("bold", printable(head, self.width)))
        self.write(*(printable(line, self.width) for line in others))

    def write(self, *lines: str) -> None:
        """Lines as they are, however wide: for somebody to paste, or laid out already."""
        self._stream.writelines(f"{line}\n" for line in lines)
        self._stream.flush()

    def _in(self, style: str, text: str) -> str:
        codes = ";".join(self._codes[word] for word in style.split() if word in self._codes)
        return f"\x1b[{codes}m{text}\x1b[0m" if codes and text else text


def make_page(stream: TextIO) -> Page:
    """A page on a stream, which breaks on no letter its encoding lacks."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return Page(stream)


def align_rows(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Each row as one line, its columns as wide as their widest cell; `right`: flush right."""
    widths = [max(map(measure_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        spaces = [
            " " * (width - measure_width(cell)) for width, cell in zip(widths, row, strict=True)
        ]
        padded = (
            space + cell if place in right else cell + space
            for place, (space, cell) in enumerate(zip(spaces, row, strict=True))
        )
        lines.append(_GAP.join(padded).rstrip())
    return lines


def _is_terminal(stream: TextIO) -> bool:
    """Whether styles are wanted, by the rules that rich has, too."""
    compatible = os.environ.get("TTY_COMPATIBLE", "")
    if compatible in ("0", "1"):
        return compatible == "1"
    forced = os.environ.get("FORCE_COLOR")
    return stream.isatty() if forced is None else bool(forced)


def _columns() -> int:
    """Those of the terminal, also where only the input or the errors are on it; else 80."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    for number in (0, 1, 2):
        try:
            if found := os.get_terminal_size(number).columns:
                return found
        except OSError:
            continue
    return 80
