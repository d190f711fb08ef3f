"""The model's text side: a user text as token ids, and decoded ids as an answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from opro_cli.core.task.example import Message, cut_at_stop
from opro_cli.embedded.config import MistralConfig


def join_messages(messages: Sequence[Message]) -> str:
    """The system messages and then the user's, a line for each: all that the model is told."""
    return "\n".join(
        message.content
        for role in ("system", "user")
        for message in messages
        if message.role == role
    )


class ChatFormat:
    """`<s>[INST]` + text + `[/INST]` + answer: the chat template of the checkpoint in `folder`.

    Raises OSError, KeyError or ValueError when that is none.
    """

    def __init__(self, folder: Path) -> None:
        self.config = MistralConfig.read(folder / "config.json")
        text = (folder / "tokenizer.json").read_text(encoding="utf-8")
        try:
            self._tokenizer = Tokenizer.from_str(text)
        except Exception as error:
            raise ValueError(f"tokenizer.json: {error}") from error
        # "[INST]" written by a user is text, not a marker
        self._tokenizer.encode_special_tokens = True
        vocabulary = self._tokenizer.get_vocab(with_added_tokens=True)
        self._head: tuple[int, int] = (self.config.bos_token_id, vocabulary["[INST]"])
        self._tail: int = vocabulary["[/INST]"]

    def ids(self, text: str) -> tuple[int, ...]:
        """The token ids of a request; markers written in `text` are read as text."""
        return (
            *self._head,
            *self._tokenizer.encode(text, add_special_tokens=False).ids,
            self._tail,
        )

    def text(self, ids: Sequence[int], stop: Sequence[str] = ()) -> str:
        """The answer that `ids` spell, up to a stop string, without the space that starts it."""
        spelt: str = self._tokenizer.decode(list(ids), skip_special_tokens=False)
        return cut_at_stop(spelt, stop).removeprefix(" ")
