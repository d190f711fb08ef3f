"""The header of a GGUF file: what its model is, and where its tensors lie.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3. A file may be
cut short, be something else or lie about every length, so each length is compared with the bytes
that are left before anything is read or kept.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

MAGIC = b"GGUF"
MOST_KEYS = 100_000
MOST_TENSORS = 1_000_000
MOST_DIMENSIONS = 8
MOST_TEXTS = 8_000_000
"""Texts of all lists together: the largest vocabularies and merges have a twentieth of them."""
LONGEST_NAME = 65_535
LONGEST_TEXT = 64 * 1024
"""Bytes of a text that are kept, such as a chat template; the rest is skipped."""
LONGEST_LIST = 4_096
"""Numbers of a list that are kept, such as one a layer; longer lists are skipped."""
CHUNK = 1 << 20

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q"}
_SCALARS[12] = "d"
_TEXT, _LIST = 8, 9
_SIZES = {kind: struct.calcsize(code) for kind, code in _SCALARS.items()}

FORMATS: Mapping[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
}
"""Name, numbers of a block and bytes of a block of each tensor format, by its number (ggml.h)."""


class FaultyFileError(ValueError):
    """A file that is no GGUF file, or not a whole one; the text completes "FILE …"."""


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a GGUF file: facts about its model.

    Attributes:
        size: Bytes of the file.
        metadata: Numbers, texts and short lists of numbers, by key.
        tensor_bytes: Bytes of all tensors of a format, by the format's name.
        digest_end: Where the header ends and the tensors begin.
    """

    size: int
    metadata: Mapping[str, Any]
    tensor_bytes: Mapping[str, int]
    digest_end: int

    @property
    def architecture(self) -> str:
        """The kind of model, "llama"; "" where the file does not say."""
        value = self.metadata.get("general.architecture")
        return value if isinstance(value, str) else ""

    @property
    def has_chat_template(self) -> bool:
        """Whether the model was trained to chat; a base model continues texts."""
        return bool(self.metadata.get("tokenizer.chat_template"))

    @property
    def main_format(self) -> str:
        """The format of most bytes, "Q4_K"."""
        counts = Counter(self.tensor_bytes).most_common(1)
        return counts[0][0] if counts else ""

    def share_of(self, name: str) -> float:
        """Return the share of the tensors' bytes that are in a format."""
        return self.tensor_bytes.get(name, 0) / max(1, sum(self.tensor_bytes.values()))

    def find_count(self, key: str) -> int | None:
        """Return a positive number below the architecture, "context_length", None without one."""
        value = self.metadata.get(f"{self.architecture}.{key}")
        return value if type(value) is int and 0 < value < 2**40 else None

    @property
    def trained_context(self) -> int | None:
        """Tokens of the longest texts that the model was trained on."""
        return self.find_count("context_length")

    def estimate_token_bytes(self) -> int:
        """Estimate the bytes that a token of context takes, 0 where the file does not say enough.

        Keys and values at 16 bits in each layer; an upper bound for models that look back over a
        window in some layers.
        """
        layers, heads = self.find_count("block_count"), self.find_count("attention.head_count")
        width = self.find_count("embedding_length")
        if not layers or not heads or not width:
            return 0
        usual = width // heads
        length = self.find_count("attention.key_length") or usual
        length += self.find_count("attention.value_length") or usual
        listed = self.metadata.get(f"{self.architecture}.attention.head_count_kv")
        if isinstance(listed, tuple):
            return sum(each for each in listed if type(each) is int and each > 0) * length * 2
        return layers * (self.find_count("attention.head_count_kv") or heads) * length * 2


def read_header(path: Path) -> Header:
    """Read the header of a file, and check that all of its tensors are there.

    Raises:
        FaultyFileError: It is no GGUF file, or not a whole one.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        return _read(_Reader(file, size))


def _read(reader: _Reader) -> Header:
    if reader.size < len(MAGIC) or reader.take(len(MAGIC)) != MAGIC:
        raise FaultyFileError("is no GGUF file: it does not begin with the letters GGUF")
    version = reader.number("I")
    if version not in (2, 3):
        backwards = int.from_bytes(version.to_bytes(4, "little"), "big") in (2, 3)
        found = "of a big-endian machine" if backwards else f"of version {version}"
        raise FaultyFileError(f"is a GGUF file {found}; versions 2 and 3, little-endian, are read")
    tensors, keys = reader.number("Q"), reader.number("Q")
    if tensors > MOST_TENSORS or keys > MOST_KEYS:
        raise FaultyFileError(f"has a damaged header: {tensors:,} tensors and {keys:,} keys")
    metadata: dict[str, Any] = {}
    for _ in range(keys):
        name = reader.text(LONGEST_NAME)
        value = _read_value(reader, reader.number("I"))
        if value is not None:
            metadata[name] = value
    sizes, last = _read_tensors(reader, tensors)
    alignment = metadata.get("general.alignment", 32)
    if type(alignment) is not int or not 0 < alignment <= CHUNK:
        raise FaultyFileError(f"has a damaged header: alignment {alignment!r:.40}")
    end = -(-reader.position // alignment) * alignment
    if end + last > reader.size:
        raise FaultyFileError(
            f"is cut: it has {reader.size:,} bytes, and its tensors reach to {end + last:,}"
        )
    return Header(reader.size, metadata, sizes, reader.position)


def _read_tensors(reader: _Reader, count: int) -> tuple[Counter[str], int]:
    """Return the bytes of the tensors by format, and the end of the last one in the data."""
    sizes: Counter[str] = Counter()
    last = 0
    for _ in range(count):
        name, dimensions = reader.text(LONGEST_NAME), reader.number("I")
        if dimensions > MOST_DIMENSIONS:
            raise FaultyFileError(
                f"has a damaged header: {dimensions:,} dimensions of {name!r:.40}"
            )
        elements = prod(reader.number("Q") for _ in range(dimensions))
        kind, offset = reader.number("I"), reader.number("Q")
        # A format that came after this table: its size is unknown, and llama.cpp may know it.
        label, block, block_bytes = FORMATS.get(kind, (f"format {kind}", 1, 0))
        taken = -(-elements // block) * block_bytes
        sizes[label] += taken
        last = max(last, offset + taken)
    return sizes, last


def _read_value(reader: _Reader, kind: int) -> Any:
    """Read a value; return None for one that is skipped: a long list, or one of texts."""
    if kind in _SCALARS:
        return reader.number(_SCALARS[kind])
    if kind == _TEXT:
        return reader.text()
    if kind != _LIST:
        raise FaultyFileError(f"has a damaged header: a value of the unknown type {kind}")
    inner, count = reader.number("I"), reader.number("Q")
    if inner == _TEXT:
        reader.count_texts(count)
        for _ in range(count):
            reader.skip(reader.number("Q"))
        return None
    if inner not in _SIZES:  # a list of lists too, which llama.cpp does not read either
        raise FaultyFileError(f"has a damaged header: a list of the unknown type {inner}")
    if count > LONGEST_LIST:
        reader.skip(count * _SIZES[inner])
        return None
    return struct.unpack(f"<{count}{_SCALARS[inner]}", reader.take(count * _SIZES[inner]))


class _Reader:
    """Reads a file forwards, never beyond its end, and never much at a time."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size
        self._buffer = b""
        self._at = 0  # in the buffer
        self._start = 0  # of the buffer in the file
        self._texts = 0

    @property
    def position(self) -> int:
        """The byte that is read next."""
        return self._start + self._at

    def take(self, count: int) -> bytes:
        """Read so many bytes."""
        self._require(count)
        missing = count - (len(self._buffer) - self._at)
        if missing > 0:
            rest = self._buffer[self._at :]
            self._start += self._at
            self._at = 0
            self._buffer = rest + self._file.read(max(missing, CHUNK))
            if len(self._buffer) < count:  # it has shrunk since it was opened
                raise _build_cut_error(self.size)
        found = self._buffer[self._at : self._at + count]
        self._at += count
        return found

    def skip(self, count: int) -> None:
        """Pass over so many bytes."""
        self._require(count)
        if self._at + count <= len(self._buffer):
            self._at += count
            return
        self._start = self._file.seek(self.position + count)
        self._buffer, self._at = b"", 0

    def number(self, code: str) -> Any:
        """Read a number with this code of `struct`."""
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]

    def text(self, longest: int | None = None) -> str:
        """Read a text, the beginning of a long one; a longer one than `longest` is damage."""
        length = self.number("Q")
        if longest is not None and length > longest:
            raise FaultyFileError(f"has a damaged header: a name of {length:,} bytes")
        self._require(length)
        kept = min(length, LONGEST_TEXT)
        value = self.take(kept).decode("utf-8", "replace")
        self.skip(length - kept)
        return value

    def count_texts(self, count: int) -> None:
        """Count texts in lists, each of which takes time to pass over."""
        self._texts += count
        if self._texts > MOST_TEXTS:
            raise FaultyFileError(f"has a damaged header: lists of {self._texts:,} texts")

    def _require(self, count: int) -> None:
        if count > self.size - self.position:
            raise _build_cut_error(self.size)


def _build_cut_error(size: int) -> FaultyFileError:
    return FaultyFileError(f"is cut: its header reaches beyond its {size:,} bytes")
