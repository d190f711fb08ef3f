"""Output streams: the signs that their encoding lacks, and the consoles of Windows."""

from __future__ import annotations

import codecs
import io
import sys
from typing import TextIO

_DRAWN = {
    "─━┬┴┼╌": "-",
    "│┃┤├▏": "|",
    "┌┐└┘": "+",
    "→►": ">",
    "↑▲": "^",
    "↓▼": "v",
    "▁": "_",
    "▂▃": ".",
    "▄▅": "=",
    "▆▇█": "#",
    "≈": "~",
    "≤": "<=",
    "★⚑": "*",
    "✓✅": "+",
    "✗❌−": "-",
    "❔": "?",
    "⏎": "\\n",
    "⇥": "\\t",
}
_STAND_INS = {sign: ascii_ for signs, ascii_ in _DRAWN.items() for sign in signs}
"""What is written for the signs that opro draws with, where an encoding lacks them."""
STAND_IN = "opro_stand_in"
"""The error handler that writes these, and the code point of any other letter: "\\u4e0d"."""
_PROCESSED_SEQUENCES = 0x0004  # ENABLE_VIRTUAL_TERMINAL_PROCESSING


def _stand_in(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeEncodeError):
        stand_in = _STAND_INS.get(error.object[error.start])
        if stand_in is not None:
            return stand_in, error.start + 1
    return codecs.backslashreplace_errors(error)


codecs.register_error(STAND_IN, _stand_in)


def take_any_text(stream: TextIO) -> None:
    """Have a stream write a stand-in for what its encoding lacks, instead of failing.

    A file or a pipe has an encoding of few letters on Windows (cp1252), and under `LC_ALL=C`.
    """
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=STAND_IN)


def take_utf8(stream: TextIO) -> None:
    """Have a file or a pipe get UTF-8, whatever the locale: Markdown, CSV or SVG keep each letter.

    A terminal keeps its own encoding.
    """
    if isinstance(stream, io.TextIOWrapper) and not stream.isatty():
        stream.reconfigure(encoding="utf-8", errors=STAND_IN)


def take_sequences(stream: TextIO) -> bool:
    """Return whether a terminal obeys escape sequences; a console of Windows is told to.

    False for the consoles of Windows before 10, which show them.
    """
    if sys.platform == "win32":
        import ctypes
        import msvcrt

        try:
            console = ctypes.c_void_p(msvcrt.get_osfhandle(stream.fileno()))
        except (OSError, ValueError):
            return True
        mode = ctypes.c_ulong()
        kernel = ctypes.windll.kernel32
        if kernel.GetConsoleMode(console, ctypes.byref(mode)):  # 0 for a pipe, as mintty has
            return bool(kernel.SetConsoleMode(console, mode.value | _PROCESSED_SEQUENCES))
    return True
