"""The tokenizer: byte-level BPE trained on the generated text."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIAL = ("<pad>", "<s>", "</s>", "[INST]", "[/INST]")
SIZE = 1536
# <INS> and </INS>, whole signed numbers, words with their leading space, newlines, single marks
UNITS = r"</?INS>| ?-?[0-9]+| ?[A-Za-z]+(?:'[a-z]+)?|\n+| ?[^\sA-Za-z0-9]|\s"
# numbers as one token make an addition one look-up; shown often enough that all get merged
NUMBERS = [f" {number}" for number in range(-60, 61)] + [str(number) for number in range(101)]


def train_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """A tokenizer of SIZE tokens whose first ids are SPECIAL, in that order."""
    texts = list(texts)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(UNITS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*texts, *NUMBERS * (len(texts) // 10)], trainer)
    return tokenizer
