"""The CRC-32 of a file, read in blocks."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_BLOCK = 1 << 20


def crc32_of(path: Path, size: int = -1) -> int:
    """That of the first `size` bytes of a file, or of all it has; OSError when it has no such."""
    crc = 0
    with path.open("rb") as file:
        for block in blocks(file, size):
            crc = zlib.crc32(block, crc)
    return crc


def blocks(file: BinaryIO, size: int = -1) -> Iterator[bytes]:
    """The first `size` bytes of a file, or all it has."""
    while block := file.read(_BLOCK if size < 0 else min(size, _BLOCK)):
        size -= len(block)
        yield block
