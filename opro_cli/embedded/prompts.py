"""The prompts of the embedded models: a chat as the text that they continue, and its tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Literal

from opro_cli.core.task.example import Message, cut_at_stop
from opro_cli.core.text import encode_text
from opro_cli.embedded.config import MistralConfig

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
        self._stop = [encode_text(text) for text in stop]
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


def join_messages(messages: Sequence[Message]) -> str:
    """Return the system messages and then the others, joined by newlines."""
    last = [message for message in messages if message.role != "system"]
    first = [message for message in messages if message.role == "system"]
    return "\n".join(message.content for message in (*first, *last))


class ChatFormat:
    """The chat template of a checkpoint: `<s>[INST]` + text + `[/INST]` + answer."""

    def __init__(self, folder: Path) -> None:
        """Read the tokenizer; raises OSError, KeyError or ValueError for an invalid folder."""
        from tokenizers import Tokenizer  # 8 MiB, which a worker process has no use for

        self.config = MistralConfig.read(folder / "config.json")
        text = (folder / "tokenizer.json").read_text(encoding="utf-8")
        try:
            self._tokenizer = Tokenizer.from_str(text)
        except Exception as error:
            raise ValueError(f"tokenizer.json: {error}") from error
        self._tokenizer.encode_special_tokens = True  # "[INST]" written by a user is text
        vocabulary = self._tokenizer.get_vocab(with_added_tokens=True)
        self._head: tuple[int, int] = (self.config.bos_token_id, vocabulary["[INST]"])
        self._tail: int = vocabulary["[/INST]"]

    def ids(self, text: str) -> tuple[int, ...]:
        """Return the token ids of a request; markers in `text` are text."""
        return (
            *self._head,
            *self._tokenizer.encode(text, add_special_tokens=False).ids,
            self._tail,
        )

    def text(self, ids: Sequence[int], stop: Sequence[str] = ()) -> str:
        """Return the answer in `ids`, up to a stop string, without the leading space."""
        spelt: str = self._tokenizer.decode(list(ids), skip_special_tokens=False)
        return cut_at_stop(spelt, stop).removeprefix(" ")
