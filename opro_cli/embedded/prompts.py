"""When an answer holds a stop string, for a process that has no tokenizer: what its tokens spell.

The tokenizers of the checkpoints are byte-level BPE (Radford et al., "Language Models are
Unsupervised Multitask Learners", 2019, section 2.2): a token is some bytes, each written as one
printable character, and a text is the bytes of its tokens in a row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Literal

# A byte that is printable in Latin-1 is written as itself, the others as what comes after 255.
_PRINTABLE = {*chain(range(33, 127), range(161, 173), range(174, 256))}
_OTHERS = zip((byte for byte in range(256) if byte not in _PRINTABLE), count(256), strict=False)
_BYTES = {chr(byte): byte for byte in _PRINTABLE} | {chr(code): byte for byte, code in _OTHERS}


def read_spellings(folder: Path) -> dict[int, bytes]:
    """What each token of the checkpoint in `folder` spells, by its id.

    Raises OSError, KeyError or ValueError when it has no such tokenizer.
    """
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = content["model"]["vocab"]
    spelt = {token: bytes(map(_BYTES.__getitem__, text)) for text, token in vocabulary.items()}
    # whole phrases, written as they are
    return spelt | {each["id"]: each["content"].encode() for each in content["added_tokens"]}


class StopWatch:
    """Told of an answer token by token. stop: the texts that end it, none of them empty."""

    def __init__(self, spelt: Mapping[int, bytes], stop: Sequence[str]) -> None:
        self._spelt = spelt
        self._stop = [text.encode("utf-8", "surrogatepass") for text in stop]
        self._kept = max(map(len, self._stop)) - 1
        self._end = b""

    def is_over(self, token: int) -> bool:
        """Does the answer hold a stop string, now that this token is written?"""
        end = self._end + self._spelt.get(token, b"")
        self._end = end[-self._kept :] if self._kept else b""
        return any(text in end for text in self._stop)


FinishReason = Literal["stop", "stop_string", "length"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids to continue, and how: temperature 0 is greedy; `limit` is a number of tokens."""

    ids: tuple[int, ...]
    temperature: float
    limit: int
    seed: int


@dataclass(frozen=True, slots=True)
class Continuation:
    """The tokens decoded, and what ended them.

    finish_reason: "stop" for the end mark, which is not among the ids; "stop_string" for a text,
    which the last of them completes; "length" for the limit.
    """

    ids: tuple[int, ...]
    finish_reason: FinishReason
