"""Padded batches of token ids from turns, with the positions to learn and their weights."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from opro_cli.embedded.training.corpus import Turn
from opro_cli.embedded.training.vocabulary import SPECIAL

PAD, BOS, EOS, INST, END_INST = range(len(SPECIAL))
PROMPT_SHARE = 0.15  # of the prompt's tokens are learned too, with little weight:
PROMPT_WEIGHT = 0.1  # a network that can predict questions reads them better
POOL = 16  # batches sorted by length together, so that little is padding


@dataclass(frozen=True, slots=True)
class Encoded:
    """The ids of one turn, and for each token the number of its reply, 0 for the prompt."""

    ids: list[int]
    replies: list[int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded turns and the positions to learn in them.

    ids is (rows, tokens). where, targets and weights have one entry for each learned position.
    replies is (rows, tokens) as in Encoded, or None if no prompt has several.
    """

    ids: Tensor
    where: Tensor
    targets: Tensor
    weights: Tensor
    replies: Tensor | None = None


def encode(tokenizer: Tokenizer, turn: Turn) -> Encoded:
    """Encode <s> [INST] prompt, then [/INST] reply </s> for each reply."""
    ids = [BOS, INST, *tokenizer.encode(turn.prompt).ids]
    replies = [0] * len(ids)
    for number, reply in enumerate(turn.replies, 1):
        spelt = [END_INST, *tokenizer.encode(reply).ids, EOS]
        ids += spelt
        replies += [number] * len(spelt)
    return Encoded(ids, replies)


def collate(rng: random.Random, rows: list[Encoded]) -> Batch:
    """Pad rows on the right; causal attention keeps the padding out of what is learned."""
    width = max(len(row.ids) for row in rows)
    where, targets, weights = [], [], []
    for index, row in enumerate(rows):
        for at in range(len(row.ids) - 1):
            if row.ids[at] == EOS:
                continue  # nothing follows a reply
            reply = row.replies[at] > 0
            if reply or rng.random() < PROMPT_SHARE:
                where.append(index * width + at)
                targets.append(row.ids[at + 1])
                weights.append(1.0 if reply else PROMPT_WEIGHT)
    ids = [row.ids + [PAD] * (width - len(row.ids)) for row in rows]
    replies = [row.replies + [0] * (width - len(row.ids)) for row in rows]
    several = any(row.replies[-1] > 1 for row in rows)
    return Batch(
        torch.tensor(ids),
        torch.tensor(where),
        torch.tensor(targets),
        torch.tensor(weights),
        torch.tensor(replies) if several else None,
    )


def batches(
    tokenizer: Tokenizer, turns: Iterator[Turn], seed: int, rows: int, longest: int
) -> Iterator[Batch]:
    """Yield endless batches of `rows` turns, none longer than `longest` tokens."""
    rng = random.Random(f"batches {seed}")
    while True:
        pool: list[Encoded] = []
        while len(pool) < rows * POOL:
            encoded = encode(tokenizer, next(turns))
            if len(encoded.ids) <= longest:
                pool.append(encoded)
        pool.sort(key=lambda row: len(row.ids))
        for start in rng.sample(range(0, len(pool), rows), POOL):
            yield collate(rng, pool[start : start + rows])
