"""Turns as padded batches of token ids, with the positions that are learned and their weights."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from tokenizers import Tokenizer
from torch import Tensor

from opro_cli.embedded.training.corpus import Stage, Turn, turns
from opro_cli.embedded.training.vocabulary import SPECIAL

PAD, BOS, EOS, INST, END_INST = range(len(SPECIAL))
PROMPT_SHARE = 0.15  # of the prompt's tokens are learned too, with little weight:
PROMPT_WEIGHT = 0.1  # a network that can predict questions reads them better
POOL = 16  # batches sorted by length together, so that little is padding


@dataclass(frozen=True, slots=True)
class Encoded:
    """One turn: its ids, and how many of them are the prompt."""

    ids: list[int]
    prompt: int


@dataclass(frozen=True, slots=True)
class Batch:
    """ids (rows, tokens); where, targets, weights: one entry for each learned position."""

    ids: Tensor
    where: Tensor
    targets: Tensor
    weights: Tensor


def encode(tokenizer: Tokenizer, turn: Turn) -> Encoded:
    """<s> [INST] prompt [/INST] reply </s>"""
    prompt = [BOS, INST, *tokenizer.encode(turn.prompt).ids, END_INST]
    return Encoded([*prompt, *tokenizer.encode(turn.reply).ids, EOS], len(prompt))


def collate(rng: random.Random, rows: list[Encoded]) -> Batch:
    """Right-padded rows; causal attention keeps the padding out of what is learned."""
    width = max(len(row.ids) for row in rows)
    where, targets, weights = [], [], []
    for index, row in enumerate(rows):
        for at in range(len(row.ids) - 1):
            reply = at >= row.prompt - 1
            if reply or rng.random() < PROMPT_SHARE:
                where.append(index * width + at)
                targets.append(row.ids[at + 1])
                weights.append(1.0 if reply else PROMPT_WEIGHT)
    ids = [row.ids + [PAD] * (width - len(row.ids)) for row in rows]
    return Batch(
        torch.tensor(ids), torch.tensor(where), torch.tensor(targets), torch.tensor(weights)
    )


def batches(
    tokenizer: Tokenizer,
    seed: int,
    role: Literal["scorer", "optimizer"],
    rows: int,
    longest: int,
    stage: Stage = "mixture",
) -> Iterator[Batch]:
    """Endless batches of `rows` turns of `role`, none longer than `longest` tokens."""
    rng = random.Random(f"batches {seed} {role}")
    stream = turns(seed, 1.0 if role == "scorer" else 0.0, stage)
    while True:
        pool: list[Encoded] = []
        while len(pool) < rows * POOL:
            encoded = encode(tokenizer, next(stream))
            if len(encoded.ids) <= longest:
                pool.append(encoded)
        pool.sort(key=lambda row: len(row.ids))
        for start in rng.sample(range(0, len(pool), rows), POOL):
            yield collate(rng, pool[start : start + rows])
