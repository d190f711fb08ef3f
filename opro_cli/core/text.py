"""Half characters and NUL: what a Python text can hold and no server takes.

JSON can spell half of a surrogate pair, which UTF-8 cannot. It is refused in configs, data and
typed instructions, and replaced in the replies of models. What comes in another way is kept as it
is: file names, whose bytes need not be UTF-8, and the journals of runs with models of their own.
"""

from __future__ import annotations

import re

HALF = re.compile("[\ud800-\udfff]")
UNSENDABLE = re.compile("[\x00\ud800-\udfff]")


def replace_unsendable(text: str) -> str:
    """Put U+FFFD in place of NUL and half characters: an instruction with one could not be sent."""
    if text.isascii() and "\x00" not in text:
        return text
    return UNSENDABLE.sub("\ufffd", text)


def join_halves(text: str) -> str:
    """Join the halves of a character that stand side by side."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def encode_text(text: str) -> bytes:
    """Encode any text as UTF-8, half a character as three bytes."""
    return text.encode("utf-8", "surrogatepass")


def decode_text(data: bytes) -> str:
    """Decode what `encode_text` made; UnicodeDecodeError for anything else."""
    return data.decode("utf-8", "surrogatepass")


def count_bytes(text: str) -> int:
    """Count the bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(encode_text(text))


_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


def is_device(name: str) -> bool:
    """Return whether Windows takes a file's name for a device, whatever ending it has."""
    return _DEVICE.fullmatch(name) is not None
