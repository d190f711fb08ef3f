"""Invisible characters and their visible form, for terminals and pages."""

from __future__ import annotations

MAX_MARKS = 4
"""Zero-width marks after a base before the rest are escaped: more would overlap neighbours, and
no living script needs them."""

BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters that draw nothing although `str.isprintable` calls them printable."""


def escape(character: str) -> str:
    r"""Return a character as its code point: "\x1b", "\u202e"."""
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
