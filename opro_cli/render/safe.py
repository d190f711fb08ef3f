"""Invisible characters and their visible form, for terminals and pages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from types import ModuleType
from typing import Any

MAX_MARKS = 4
"""Zero-width marks after a base before the rest are escaped: more would overlap neighbours, and
no living script needs them."""

BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters that draw nothing although `str.isprintable` calls them printable."""


_SPELLED = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff\u1800-\u18af\ufb50-\ufdff\ufe70-\ufefc]"
)
"""Letters of Arabic, Syriac, the scripts of India, Burmese, Khmer and Mongolian."""
_JOINED = "\u200c\u200d"
JOINERS = frozenset(_JOINED)
"""Zero-width signs that Persian, Hindi and others are spelled with; elsewhere they hide."""


def is_spelling(text: str, at: int) -> bool:
    """Return whether the joiner at `at` stands between letters of a script that is spelled with it.

    Or, the wide one alone, between two pictures.
    """
    around = text[at - 1 : at + 2] if at else ""
    if len(around) < 3:
        return False
    before, after = around[0], around[2]
    if _SPELLED.match(before) and _SPELLED.match(after):
        return before.isprintable() and after.isprintable()  # the blocks have signs that hide, too
    return text[at] == "\u200d" and _is_picture(before) and _is_picture(after)


def _is_picture(character: str) -> bool:
    import unicodedata

    return character in _PRESENTATION or (
        character > "\u2100" and unicodedata.category(character) in ("So", "Sk")
    )


def escape(character: str) -> str:
    r"""Return a character as its code point: "\x1b", "\u202e"."""
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


_GLYPHS = {"\n": "⏎", "\t": "⇥"}
# Variation selectors pick the coloured or plain form of the sign before, and terminals disagree
# about the width of the coloured one. Dropped after a base; written out anywhere else.
_PRESENTATION = frozenset("\ufe0e\ufe0f")
_MORE = "…"
_OWN_SIGNS = str.maketrans(dict.fromkeys("–…─→·⏎⇥⚑", "-"))
"""The signs beyond ASCII that opro itself writes: each takes one cell, no table needed."""
MOST_CHARACTERS, MOST_LINES = 20_000, 1000
"""Limits of a text shown in full; `--json` and the run folder hold all of it."""


def measure_width(text: str) -> int:
    """Return how many cells of a terminal a printable text takes."""
    return len(text) if _is_simple(text) else int(_tables().cell_len(text))


def display_instruction(instruction: str) -> str:
    """Return an instruction, or "(empty)" for none; it is not made printable."""
    return instruction or "(empty)"


def describe_form(candidate: Mapping[str, Any]) -> str:
    """Return what a prompt has beside its instruction, "4 examples, at Q_end"; "" for nothing.

    Args:
        candidate: As results have it.
    """
    layout, demos = candidate.get("layout", {}), candidate.get("demos", ())
    markers = {True: "with Q/A", False: "without Q/A"}.get(layout.get("qa_markers"), "")
    position = f"at {layout['position']}" if layout.get("position") else ""
    count = f"{len(demos)} example{'s' * (len(demos) != 1)}" if demos else ""
    shown = f"{count} as turns" if layout.get("demo_turns") and count else count
    return ", ".join(filter(None, (shown, position, markers)))


def display_prompt(candidate: Mapping[str, Any], leaks: object = ()) -> str:
    """Return a candidate for a table: its instruction, behind what else it has.

    Args:
        candidate: As results have it.
        leaks: It quotes train questions, which is marked.
    """
    form = describe_form(candidate)
    return flag_leaks(candidate["instruction"], leaks, form)


def is_same_prompt(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two candidates, as results have them, are one prompt."""
    return all(one.get(name) == other.get(name) for name in ("instruction", "demos", "layout"))


def flag_leaks(instruction: str, leaks: object, form: str = "") -> str:
    """Return an instruction for a table, marked if it quotes train questions.

    Args:
        instruction: The text.
        leaks: Its quotes.
        form: What the prompt has beside it, as `describe_form` says it.
    """
    shown = f"[{form}] " if form else ""
    return f"{'⚑ ' if leaks else ''}{shown}{display_instruction(instruction)}"


def format_origin(step: int) -> str:
    """Return where a candidate came from: "step 3" or "initial"."""
    return f"step {step}" if step else "initial"


def printable(text: str, width: int | None = None) -> str:
    """Return `text` as one line that shows its invisible characters.

    Args:
        text: Any text; no more of it is read than fits.
        width: Terminal cells after which it is cut with "…"; None for no limit.
    """
    if width is not None and width <= 0:
        return ""
    head = text if width is None else text[: width + 1]
    if _is_simple(head) and head.isprintable():
        return head if width is None or len(head) <= width else head[: width - 1] + _MORE
    shown: list[str] = []
    used = 0
    fits = 0  # pieces that leave a cell for the "…"
    marks = MAX_MARKS  # a mark at the start has no base to sit on
    for at, character in enumerate(text):
        # A mark that is written out behind it would leave it nothing to join.
        if character in JOINERS and marks + 1 < MAX_MARKS and is_spelling(text, at):
            piece = character
        else:
            piece = _show(character, marks)
        piece_width = measure_width(piece)
        marks = marks + 1 if piece_width == 0 else 0
        used += piece_width
        if width is not None:
            if used > width:
                return "".join(shown[:fits]).rstrip(_JOINED) + _MORE
            if used < width:
                fits = len(shown) + 1
        shown.append(piece)
    return "".join(shown)


def printable_ends(text: str, width: int) -> str:
    """Return `text` as one line of `width` cells at most, without its middle where it is longer."""
    whole = printable(text, 4 * width + 8) if len(text) <= 4 * width else ""
    if (whole and measure_width(whole) <= width) or not text:
        return whole
    half = max(0, width - len(_MORE)) // 2
    head = printable(text, width - half).removesuffix(_MORE)
    tail = ""
    for character in reversed(text[-4 * max(1, half) :]):
        shown = printable(character) + tail
        if measure_width(shown) > half:
            break
        tail = shown
    return f"{head.rstrip()}{_MORE}{tail.lstrip()}"


_LEAST_SHARED = 24
"""Characters that texts have in common at one end, below which they are shown whole."""


def find_shared_ends(texts: Sequence[str]) -> tuple[int, int]:
    """Return how many characters all of these texts begin with, and how many they end with.

    Only whole words count. 0 where it is not worth leaving them out, or one text is all there is.
    """
    different = list(dict.fromkeys(texts))
    if len(different) < 2:
        return 0, 0
    first, last = min(different), max(different)
    begin = _count_shared(first, last)
    begin = max(first.rfind(" ", 0, begin), first.rfind("\n", 0, begin)) + 1
    backwards = [text[::-1] for text in different]
    ending = _count_shared(min(backwards), max(backwards))
    ending = min(ending, min(map(len, different)) - begin)
    tail = first[len(first) - ending :] if ending > 0 else ""
    at = min((at for at in (tail.find(" "), tail.find("\n")) if at >= 0), default=len(tail))
    ending = len(tail) - at
    return begin * (begin >= _LEAST_SHARED), ending * (ending >= _LEAST_SHARED // 2)


def _count_shared(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def printable_difference(text: str, ends: tuple[int, int], width: int) -> str:
    """Return `text` as one line of `width` cells at most, cut where it is like other texts.

    Args:
        text: One of several.
        ends: Characters that all of them begin and end with, as `find_shared_ends` returns them.
        width: In terminal cells.
    """
    begin, ending = ends
    whole = printable_ends(text, width)
    if whole == printable(text, width) or not (begin or ending):
        return whole
    own = text[begin : len(text) - ending]
    head, tail = (_MORE if begin else ""), (_MORE if ending else "")
    return head + printable_ends(own, max(1, width - len(head) - len(tail))) + tail


def link_text(text: str, address: str) -> str:
    """Return a printable text as a link of terminals that know OSC 8; others show the text alone.

    Args:
        text: What is shown.
        address: Where it leads, percent-encoded.
    """
    return f"\x1b]8;;{address}\x1b\\{text}\x1b]8;;\x1b\\"


def printable_lines(text: str) -> list[str]:
    """Return the lines of a prompt that is shown in full.

    Characters beyond MOST_CHARACTERS or MOST_LINES are only counted.
    """
    text = text.replace("\r\n", "\n")
    lines = text[:MOST_CHARACTERS].split("\n")[:MOST_LINES]
    rest = len(text) - len("\n".join(lines))
    shown = [printable(line) for line in lines]
    return [*shown, f"{_MORE} and {rest:,} more characters"] if rest else shown


def wrap_printable(text: str, width: int, count: int) -> list[str]:
    """Return `text` on at most `count` lines of `width` cells, broken at spaces if possible."""
    rest = printable(text, width * count)
    lines: list[str] = []
    while len(lines) < count - 1 and (cut := _break_at(rest, width)) < len(rest):
        lines.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*lines, printable(rest, width)]


def wrap_hanging(text: str, width: int, indent: int, count: int) -> list[str]:
    """Return `text` as `wrap_printable` does, with `indent` cells less from the second line on."""
    rest = printable(text, width * count)
    first = rest[: _break_at(rest, width)]
    if len(first) == len(rest):
        return [rest]
    rest = rest[len(first) :].lstrip()
    return [first.rstrip(), *wrap_printable(rest, max(1, width - indent), count)]


def _show(character: str, marks: int) -> str:
    """Return one character as it is shown after `marks` zero-width ones in a row."""
    if character.isprintable():
        if character in _PRESENTATION and marks == 0:
            return ""
        if character in BLANK_LETTERS or character in _PRESENTATION:
            return escape(character)
        is_mark = measure_width(character) == 0
        return escape(character) if is_mark and marks >= MAX_MARKS else character
    import unicodedata

    if unicodedata.category(character) == "Zs":
        return " "
    return _GLYPHS.get(character) or escape(character)


def _break_at(line: str, width: int) -> int:
    """Return where the words that fit into `width` cells end, else the letters that do."""
    if len(line) <= width and _is_simple(line):
        return len(line)
    used = last_space = 0
    for index, character in enumerate(line):
        used += measure_width(character)
        if used > width:
            end = index
            while end > 2 and line[end - 1] in JOINERS:  # joined pictures stay on one line
                end -= 2
            return end if character == " " else last_space or max(1, end)
        if character == " ":
            last_space = index + 1
    return len(line)


def _is_simple(text: str) -> bool:
    """Return whether all characters are surely one cell wide, without looking at a table."""
    return text.isascii() or text.translate(_OWN_SIGNS).isascii()


@cache
def _tables() -> ModuleType:
    """Import the widths of characters, which takes 5 ms that ASCII need not wait for."""
    import rich.cells

    return rich.cells
