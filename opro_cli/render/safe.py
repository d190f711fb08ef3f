"""Untrusted text made fit for a terminal: model output, dataset text, file names.

What cannot be seen is shown, never obeyed: an escape sequence appears as `\\x1b[2J`, a
right-to-left override as `\\u202e`, a newline as `⏎`. The result holds no rich markup
either, as long as it goes into a `rich.text.Text` and not into a string that rich parses.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType

from opro_cli.core.characters import BLANK_LETTERS, MAX_MARKS, escape

_GLYPHS = {"\n": "⏎", "\t": "⇥"}
# They pick the coloured or plain form of the sign before, and terminals disagree about the
# width of the coloured one. Dropped after a base; written out anywhere else.
_PRESENTATION = frozenset("\ufe0e\ufe0f")
_MORE = "…"
_OWN_SIGNS = str.maketrans(dict.fromkeys("–…─→·⏎⇥⚑", "-"))
"""What opro itself writes beyond ASCII: signs of one cell, which need no table."""
MOST_CHARACTERS, MOST_LINES = 20_000, 1000
"""Of a text that is shown in full; `--json` and the run folder have what is beyond."""


def measure_width(text: str) -> int:
    """How many cells of a terminal a printable text takes."""
    return len(text) if _is_simple(text) else int(_tables().cell_len(text))


def flag_leaks(instruction: str, leaks: object) -> str:
    """An instruction in a table, marked when it quotes train questions."""
    return f"⚑ {display_instruction(instruction)}" if leaks else display_instruction(instruction)


def display_instruction(instruction: str) -> str:
    """What stands for an instruction in a table; still to be made printable."""
    return instruction or "(empty)"


def printable(text: str, width: int | None = None) -> str:
    """`text` as one line that shows its invisible characters, cut to `width` cells with "…".

    Reads no more of `text` than fits; None: all of it, however long.
    """
    if width is not None and width <= 0:
        return ""
    head = text if width is None else text[: width + 1]
    if _is_simple(head) and head.isprintable():
        return head if width is None or len(head) <= width else head[: width - 1] + _MORE
    shown: list[str] = []
    used = 0
    fits = 0  # how many pieces leave a cell for the "…"
    marks = MAX_MARKS  # a mark at the start has no base to sit on
    for character in text:
        piece = _piece(character, marks)
        taken = measure_width(piece)
        marks = marks + 1 if taken == 0 else 0
        used += taken
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


def wrap_printable(text: str, width: int, count: int) -> list[str]:
    """`text` over at most `count` lines of `width` cells, broken at spaces where it can be."""
    rest = printable(text, width * count)
    lines: list[str] = []
    while len(lines) < count - 1 and (cut := _break_at(rest, width)) < len(rest):
        lines.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*lines, printable(rest, width)]


def _piece(character: str, marks: int) -> str:
    """How one character is shown after `marks` zero-width ones in a row."""
    if character.isprintable():
        if character in _PRESENTATION and marks == 0:
            return ""
        if character in BLANK_LETTERS or character in _PRESENTATION:
            return escape(character)
        is_mark = measure_width(character) == 0
        return escape(character) if is_mark and marks >= MAX_MARKS else character
    if _is_space(character):
        return " "
    return _GLYPHS.get(character) or escape(character)


def _break_at(line: str, width: int) -> int:
    """Where the words that fit into `width` cells end, else the letters that do."""
    if len(line) <= width and _is_simple(line):
        return len(line)
    used = last_space = 0
    for index, character in enumerate(line):
        used += measure_width(character)
        if used > width:
            return index if character == " " else last_space or max(1, index)
        if character == " ":
            last_space = index + 1
    return len(line)


def _is_simple(text: str) -> bool:
    """Is every character one cell wide, as one sees without a table?"""
    return text.isascii() or text.translate(_OWN_SIGNS).isascii()


def _is_space(character: str) -> bool:
    import unicodedata

    return unicodedata.category(character) == "Zs"


@cache
def _tables() -> ModuleType:
    """How wide the characters are: 5 ms, which text in ASCII need not wait for."""
    import rich.cells

    return rich.cells
