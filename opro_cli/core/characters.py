"""Characters that cannot be seen, and how they are shown: terminals and pages share this."""

from __future__ import annotations

MAX_MARKS = 4
"""A base with more zero-width marks than this smears over its neighbours, and no living script
needs more; the marks after that are written out."""

BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters that draw nothing although `str.isprintable` calls them printable."""


def escape(character: str) -> str:
    """A character by its number: "\\x1b", "\\u202e"."""
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
