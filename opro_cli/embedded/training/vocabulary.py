"""The tokenizer: byte-level BPE trained on the generated text, and fixed phrases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIAL = ("<pad>", "<s>", "</s>", "[INST]", "[/INST]")
SIZE = 1536
# <INS> and </INS>, whole signed numbers, words with their leading space, newlines, single marks
UNITS = r"</?INS>| ?-?[0-9]+| ?[A-Za-z]+(?:'[a-z]+)?|\n+| ?[^\sA-Za-z0-9]|\s"
# A number as one token makes an addition one look-up; frequent enough that all get merged.
NUMBERS = [f" {number}" for number in range(-60, 61)] + [str(number) for number in range(101)]


def train_tokenizer(texts: Iterable[str], phrases: Sequence[str]) -> Tokenizer:
    """Train a tokenizer whose first ids are SPECIAL, in that order, and whose last are `phrases`.

    A phrase is a sentence that never varies in questions of a kind and never occurs in an
    instruction. As one token each, they shorten the prompts by a third.
    """
    words = [_remove_phrases(text, phrases) for text in texts]
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
    tokenizer.train_from_iterator([*words, *NUMBERS * (len(words) // 10)], trainer)
    tokenizer.add_tokens([AddedToken(phrase, normalized=False) for phrase in phrases])
    return tokenizer


def _remove_phrases(text: str, phrases: Sequence[str]) -> str:
    for phrase in sorted(phrases, key=len, reverse=True):
        text = text.replace(phrase, "\n")
    return text
