"""Prompts, continuations, and the detection of stop strings without a tokenizer.

The tokenizers of the checkpoints are byte-level BPE (Radford et al., "Language Models are
Unsupervised Multitask Learners", 2019, section 2.2): a token is a sequence of bytes, each written
as one printable character, and a text is the concatenation of its tokens' bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Literal

# Bytes that are printable in Latin-1 are written as themselves, the others as characters from 256.
_PRINTABLE = {*chain(range(33, 127), range(161, 173), range(174, 256))}
_OTHERS = zip((byte for byte in range(256) if byte not in _PRINTABLE), count(256), strict=False)
_BYTES = {chr(byte): byte for byte in _PRINTABLE} | {chr(code): byte for byte, code in _OTHERS}


def read_spellings(folder: Path) -> dict[int, bytes]:
    """Return the bytes of each token of the checkpoint in `folder`, by token id.

    Raises OSError, KeyError or ValueError without a byte-level BPE tokenizer.
    """
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = content["model"]["vocab"]
    spelt = {token: bytes(map(_BYTES.__getitem__, text)) for text, token in vocabulary.items()}
    added = content["added_tokens"]  # whole phrases, in plain text
    return spelt | {token["id"]: token["content"].encode() for token in added}


class StopWatch:
    """Finds the end of an answer, token by token: the first of the nonempty texts `stop`."""

    def __init__(self, spelt: Mapping[int, bytes], stop: Sequence[str]) -> None:
        self._spelt = spelt
        self._stop = [text.encode("utf-8", "surrogatepass") for text in stop]
        self._kept = max(map(len, self._stop)) - 1
        self._end = b""

    def is_over(self, token: int) -> bool:
        """Add a token, and return whether the answer now has a stop string."""
        end = self._end + self._spelt.get(token, b"")
        self._end = end[-self._kept :] if self._kept else b""
        return any(text in end for text in self._stop)


FinishReason = Literal["stop", "stop_string", "length"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids to continue; temperature 0 is greedy, `limit` is a number of tokens."""

    ids: tuple[int, ...]
    temperature: float
    limit: int
    seed: int


@dataclass(frozen=True, slots=True)
class Continuation:
    """Decoded tokens.

    `finish_reason` is "stop" for the end mark, which is not in `ids`, "stop_string" for a text
    that the last token completes, and "length" for the limit.
    """

    ids: tuple[int, ...]
    finish_reason: FinishReason
