"""Decoding: from prompts to answers, token by token, each answer the same whatever the batch.

Matrix products of different shapes differ in the last bits, so the same prompt beside other
prompts can get logits that differ by about 1e-5, which decides a near tie. Tokens whose two best
choices are closer than NEAR_TIE are therefore settled by a pass over that prompt's own tokens
alone, whose shape, and with it every bit, depends on nothing else. It is rare, so it costs little.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from opro_cli.embedded.checkpoint import Floats
from opro_cli.embedded.mistral import Ints, Mistral

NEAR_TIE = 1e-3


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids to continue, and how: temperature 0 is greedy; `limit` is a number of tokens."""

    ids: tuple[int, ...]
    temperature: float
    limit: int
    seed: int


@dataclass(frozen=True, slots=True)
class Continuation:
    """The tokens decoded, without the end mark, and what ended them: that mark or the limit."""

    ids: tuple[int, ...]
    finish_reason: Literal["stop", "length"]


@dataclass(slots=True)
class _Row:
    """One prompt on its way; index: its place in the caller's list."""

    index: int
    prompt: Prompt
    written: list[int] = field(default_factory=list)


def decode(model: Mistral, prompts: Sequence[Prompt], rows: int = 64) -> list[Continuation]:
    """A continuation for each prompt, in order; at most `rows` are computed together."""
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index].ids))
    found: dict[int, Continuation] = {}
    for start in range(0, len(order), rows):
        batch = [_Row(index, prompts[index]) for index in order[start : start + rows]]
        found.update(_decode_batch(model, batch))
    return [found[index] for index in range(len(prompts))]


def _decode_batch(model: Mistral, rows: list[_Row]) -> Iterator[tuple[int, Continuation]]:
    width = max(len(row.prompt.ids) for row in rows)
    starts = np.array([width - len(row.prompt.ids) for row in rows], dtype=np.int64)
    ids = np.full((len(rows), width), model.config.pad_token_id, dtype=np.int64)
    for index, row in enumerate(rows):
        ids[index, starts[index] :] = row.prompt.ids
    cache = model.new_cache(starts)
    while rows:
        last = model.forward(ids, cache)[:, -1]
        tokens = choose(model, rows, model.logits(last))
        going = np.ones(len(rows), dtype=np.bool_)
        for index, (row, token) in enumerate(zip(rows, tokens, strict=True)):
            ended = token == model.config.eos_token_id
            if not ended:
                row.written.append(token)
            if ended or len(row.written) >= row.prompt.limit:
                going[index] = False
                reason: Literal["stop", "length"] = "stop" if ended else "length"
                yield row.index, Continuation(tuple(row.written), reason)
        rows = [row for row, on in zip(rows, going, strict=True) if on]
        ids = np.array(tokens, dtype=np.int64)[going][:, None]
        if rows and not going.all():
            cache.keep(going)


def choose(model: Mistral, rows: list[_Row], logits: Floats) -> list[int]:
    """The next token of each row from its logits (rows, vocabulary)."""
    scores = np.stack([perturbed(logits[index], row) for index, row in enumerate(rows)])
    best_two = np.partition(scores, -2, axis=-1)[:, -2:]
    tokens = scores.argmax(axis=-1)
    for index in np.flatnonzero(best_two[:, 1] - best_two[:, 0] < NEAR_TIE):
        row = rows[index]
        alone = canonical_logits(model, (*row.prompt.ids, *row.written))
        tokens[index] = perturbed(alone, row).argmax()
    return [int(token) for token in tokens]


def perturbed(logits: Floats, row: _Row) -> NDArray[np.float64]:
    """Scores (vocabulary,) whose argmax is the token: logits + T * Gumbel noise.

    That draws from softmax(logits / T) exactly (the Gumbel-max trick); at T = 0 it is the argmax.
    The noise is a function of the prompt's seed and the place in the answer alone.
    """
    scores = logits.astype(np.float64)
    if row.prompt.temperature > 0.0:
        rng = np.random.default_rng([row.prompt.seed, len(row.written)])
        scores += row.prompt.temperature * rng.gumbel(size=scores.shape)
    return scores


def canonical_logits(model: Mistral, ids: Sequence[int]) -> Floats:
    """Logits (vocabulary,) after `ids`, computed alone and without a cache."""
    row: Ints = np.array([ids], dtype=np.int64)
    hidden = model.forward(row, model.new_cache(np.zeros(1, dtype=np.int64)))
    logits: Floats = model.logits(hidden[:, -1])[0]
    return logits
