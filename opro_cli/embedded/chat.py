"""Convert a request to token ids, and token ids to an answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from opro_cli.core.task.example import Message, cut_at_stop
from opro_cli.embedded.config import MistralConfig


def join_messages(messages: Sequence[Message]) -> str:
    """Return the system messages and then the user messages, joined by newlines."""
    return "\n".join(
        message.content
        for role in ("system", "user")
        for message in messages
        if message.role == role
    )


class ChatFormat:
    """The chat template of a checkpoint: `<s>[INST]` + text + `[/INST]` + answer."""

    def __init__(self, folder: Path) -> None:
        """Read the tokenizer; raises OSError, KeyError or ValueError for an invalid folder."""
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
