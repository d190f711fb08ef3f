"""The model's text side: a user text as token ids, and decoded ids as an answer."""

from __future__ import annotations

from collections.abc import Sequence

from opro_cli.embedded.checkpoint import Checkpoint


class ChatFormat:
    """`<s>[INST]` + text + `[/INST]` + answer: the chat template of the checkpoint."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._tokenizer = checkpoint.tokenizer
        vocabulary = self._tokenizer.get_vocab(with_added_tokens=True)
        self._head: tuple[int, int] = (checkpoint.config.bos_token_id, vocabulary["[INST]"])
        self._tail: int = vocabulary["[/INST]"]

    def ids(self, text: str) -> tuple[int, ...]:
        """The token ids of a request; markers written in `text` are read as text."""
        return (
            *self._head,
            *self._tokenizer.encode(text, add_special_tokens=False).ids,
            self._tail,
        )

    def text(self, ids: Sequence[int]) -> str:
        """The answer that `ids` spell, without the space that starts a word."""
        spelt: str = self._tokenizer.decode(list(ids), skip_special_tokens=False)
        return spelt.removeprefix(" ")
