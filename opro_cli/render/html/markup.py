"""HTML that no text can break out of: a string is text, only an element is markup.

All tags are written by `element`, which makes every `str` visible and escapes it, in content and
in attributes alike, so that no caller can forget to.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable

from opro_cli.render.safe import BLANK_LETTERS, JOINERS, MAX_MARKS, escape, is_spelling

_LINE_END = "⏎"
_GLYPHS = {"\t": "⇥", "\r": "␍"}
_ESCAPED = {sign: len(html.escape(sign)) for sign in "&<>\"'"}
_VOID = frozenset({"meta", "br"})


class Markup(str):
    """Finished HTML."""

    __slots__ = ()


Content = Markup | str | None
Attribute = str | int | float | bool | None


def element(name: str, /, *children: Content, **attributes: Attribute) -> Markup:
    """Return `<name ...>children</name>`; `class_` is class and `data_row` is data-row.

    None is left out, among the children and among the attributes; True is a bare attribute.
    """
    opening = f"<{name}{''.join(map(_write_attribute, attributes, attributes.values()))}>"
    if name in _VOID:
        return Markup(opening)
    return Markup(f"{opening}{join(children)}</{name}>")


def join(parts: Iterable[Content]) -> Markup:
    """Return the parts one behind the other."""
    return Markup("".join(map(_escape, parts)))


def bdi(text: str, limit: int | None = None) -> Markup:
    """Return untrusted text on one line, kept from reversing what stands beside it."""
    return element("bdi", clip(text, limit))


def paragraphs(text: str, limit: int | None = None) -> Markup:
    """Return untrusted text with its line ends, for `white-space: pre-wrap`."""
    shown = clip(text.replace("\r\n", "\n"), limit, "\n")
    # Not through `element`: it would draw the line ends.
    return Markup(f"<bdi>{html.escape(shown)}</bdi>")


def make_visible(text: str) -> str:
    r"""Return `text` as one line, its invisible characters written out: `\x1b`, `\u202e`, "⏎"."""
    return _fit(text, None, _LINE_END)[0]


def cut_beginning(text: str, limit: int) -> str:
    """Return as much of the visible text as fits into `limit` bytes of the page."""
    return _fit(text, limit, _LINE_END)[0]


def clip(text: str, limit: int | None, line_end: str = _LINE_END) -> str:
    """Return the visible text within `limit` bytes, and how many characters are missing."""
    shown, rest = _fit(text, limit, line_end)
    return f"{shown}… and {rest:,} more characters" if rest else shown


def _fit(text: str, limit: int | None, line_end: str) -> tuple[str, int]:
    """Return the visible text that fits, and how many characters of `text` do not."""
    plain = text.replace("\n", "") if line_end == "\n" else text
    is_plain = plain.isascii() and plain.isprintable()
    if is_plain and (limit is None or len(html.escape(text)) <= limit):
        return text, 0
    shown: list[str] = []
    marks = MAX_MARKS  # a mark at the start has no base to sit on
    used = 0
    for at, character in enumerate(text):
        if character == "\n":
            piece, marks = line_end, MAX_MARKS
        else:
            is_mark = character > "\u02ff" and unicodedata.category(character) in ("Mn", "Me")
            spelled = character in JOINERS and marks < MAX_MARKS and is_spelling(text, at)
            marks = marks + is_mark if is_mark or spelled else 0
            shown_as = character if spelled else _show(character)
            piece = escape(character) if marks > MAX_MARKS else shown_as
        used += _ESCAPED.get(piece) or len(piece.encode())
        if limit is not None and used > limit:
            return "".join(shown).rstrip("".join(JOINERS)), len(text) - at
        shown.append(piece)
    return "".join(shown), 0


def _show(character: str) -> str:
    if character.isprintable() and character not in BLANK_LETTERS:
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    return _GLYPHS.get(character) or escape(character)


def _write_attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    written = name.rstrip("_").replace("_", "-")
    if value is True:
        return f" {written}"
    return f' {written}="{html.escape(make_visible(str(value)))}"'


def _escape(part: Content) -> str:
    if part is None:
        return ""
    return part if isinstance(part, Markup) else html.escape(make_visible(part))
