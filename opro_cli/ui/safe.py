"""Untrusted text made fit for a terminal: model output, dataset text, file names.

What cannot be seen is shown, never obeyed: an escape sequence appears as `\\x1b[2J`, a
right-to-left override as `\\u202e`, a newline as `⏎`. The result holds no rich markup
either, as long as it goes into a `rich.text.Text` and not into a string that rich parses.
"""

from __future__ import annotations

import unicodedata

from rich.cells import cell_len, get_character_cell_size

from opro_cli.core.characters import BLANK_LETTERS, MAX_MARKS, escaped

_GLYPHS = {"\n": "⏎", "\t": "⇥"}
# They pick the coloured or plain form of the sign before, and terminals disagree about the
# width of the coloured one. Dropped after a base; written out anywhere else.
_PRESENTATION = frozenset("\ufe0e\ufe0f")
_MORE = "…"
MOST_CHARACTERS, MOST_LINES = 20_000, 1000
"""Of a text that is shown in full; `--json` and the run folder have what is beyond."""


def flagged(instruction: str, leaks: object) -> str:
    """An instruction in a table, marked when it quotes train questions."""
    return f"⚑ {instruction_shown(instruction)}" if leaks else instruction_shown(instruction)


def instruction_shown(instruction: str) -> str:
    """What stands for an instruction in a table; still to be made printable."""
    return instruction or "(empty)"


def printable(text: str, width: int | None = None) -> str:
    """`text` as one line that shows its invisible characters, cut to `width` cells with "…".

    Reads no more of `text` than fits; None: all of it, however long.
    """
    if width is not None and width <= 0:
        return ""
    head = text if width is None else text[: width + 1]
    if head.isascii() and head.isprintable():
        return head if width is None or len(head) <= width else head[: width - 1] + _MORE
    shown: list[str] = []
    used = 0
    fits = 0  # how many pieces leave a cell for the "…"
    marks = MAX_MARKS  # a mark at the start has no base to sit on
    for character in text:
        piece = _piece(character, marks)
        cells = cell_len(piece)
        marks = marks + 1 if cells == 0 else 0
        used += cells
        if width is not None:
            if used > width:
                return "".join(shown[:fits]) + _MORE
            if used < width:
                fits = len(shown) + 1
        shown.append(piece)
    return "".join(shown)


def printable_lines(text: str) -> list[str]:
    """Each line of `text`, printable: for a prompt shown in full.

    Beyond MOST_CHARACTERS or MOST_LINES the characters are only counted.
    """
    text = text.replace("\r\n", "\n")
    lines = text[:MOST_CHARACTERS].split("\n")[:MOST_LINES]
    rest = len(text) - len("\n".join(lines))
    shown = [printable(line) for line in lines]
    return [*shown, f"{_MORE} and {rest:,} more characters"] if rest else shown


def printable_blocks(text: str, width: int, count: int) -> list[str]:
    """`text` over at most `count` lines of `width` cells, broken at spaces where it can be."""
    rest = printable(text, width * count)
    lines: list[str] = []
    while len(lines) < count - 1 and cell_len(rest) > width:
        cut = _break_at(rest, width)
        lines.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*lines, printable(rest, width)]


def _piece(character: str, marks: int) -> str:
    """How one character is shown after `marks` zero-width ones in a row."""
    if character.isprintable():
        if character in _PRESENTATION and marks == 0:
            return ""
        if character in BLANK_LETTERS or character in _PRESENTATION:
            return escaped(character)
        is_mark = get_character_cell_size(character) == 0
        return escaped(character) if is_mark and marks >= MAX_MARKS else character
    if unicodedata.category(character) == "Zs":
        return " "
    return _GLYPHS.get(character) or escaped(character)


def _break_at(line: str, width: int) -> int:
    """Where the words that fit into `width` cells end, else the letters that do."""
    used = last_space = 0
    for index, character in enumerate(line):
        used += get_character_cell_size(character)
        if used > width:
            return index if character == " " else last_space or max(1, index)
        if character == " ":
            last_space = index + 1
    return len(line)
