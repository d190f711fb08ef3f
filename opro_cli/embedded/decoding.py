"""Decode answers token by token, each the same whatever the batch.

Prompts join a running batch and leave it when their answer is complete (continuous batching: Yu
et al., "Orca", OSDI 2022), so that no row waits for the longest.

Matrix products of different shapes differ in the last bits, so in another batch the logits of a
prompt can differ by about 1e-5, which decides near ties. If the two best tokens are closer than
NEAR_TIE, the choice is therefore made by a pass over the tokens of that prompt alone, whose shape
depends on nothing else. Near ties are rare, so this costs little.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from opro_cli.embedded.mistral import CHUNK, Cache, Floats, Mistral
from opro_cli.embedded.prompts import Continuation, FinishReason, Prompt, StopWatch

NEAR_TIE = 1e-3
SMALLEST = 2.0**-54
"""Replaces 0, which is drawn once in 2**53 times and has no logarithm."""
ROWS = 64
"""Rows of a batch, at most: more take more memory and are hardly faster."""


@dataclass(slots=True)
class Row:
    """A prompt under way, with the caller's `key` and the stop strings in `stopping`."""

    key: int
    prompt: Prompt
    stopping: StopWatch | None = None
    written: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Begun:
    """Rows with prompts read and first tokens written; `cache` is None without rows."""

    rows: list[Row]
    cache: Cache | None


Finished = tuple[int, Continuation]
"""The key of a finished row, and its continuation."""


def begin_rows(model: Mistral, rows: Sequence[Row]) -> tuple[Begun, list[Finished]]:
    """Read the prompts of rows, equal ones once; return rows under way and finished ones.

    Prompts should be of similar length, because padding costs as much as tokens; see `take_batch`.
    """
    prompts = list(dict.fromkeys(row.prompt.ids for row in rows))
    which = np.array([prompts.index(row.prompt.ids) for row in rows])
    hidden, cache = model.read(prompts)
    over = _write_tokens(model, rows, choose(model, rows, model.logits(hidden)[which]))
    active = [index for index, row in enumerate(rows) if row.key not in over]
    if not active:
        return Begun([], None), list(over.items())
    if len(prompts) < len(rows) or over:
        cache.repeat(which[active])
    return Begun([rows[index] for index in active], cache), list(over.items())


def take_batch(waiting: deque[Row], room: int) -> list[Row]:
    """Remove and return the first waiting row, and others that cost little more with it.

    These are rows that fit one CHUNK with it and, at any length, repetitions of a prompt.
    """
    rows = [waiting.popleft()]
    lengths = {rows[0].prompt.ids: len(rows[0].prompt.ids)}
    for row in list(waiting):
        known = {**lengths, row.prompt.ids: len(row.prompt.ids)}
        if len(rows) == room:
            break
        if len(known) == len(lengths) or max(known.values()) * len(known) <= CHUNK:
            waiting.remove(row)
            rows.append(row)
            lengths = known
    return rows


class Batch:
    """Rows that are decoded together; empty at first."""

    def __init__(self, model: Mistral) -> None:
        self.rows: list[Row] = []
        self._model = model
        self._cache: Cache | None = None

    def add(self, begun: Begun) -> None:
        """Add rows that `begin_rows` returned."""
        self.rows += begun.rows
        if self._cache is None:
            self._cache = begun.cache
        elif begun.cache is not None:
            self._cache.join(begun.cache)

    def step(self) -> list[Finished]:
        """Write a token to each row, and return finished rows."""
        if self._cache is None:
            return []
        ids = np.array([row.written[-1] for row in self.rows], dtype=np.int64)[:, None]
        hidden = self._model.forward(ids, self._cache)[:, -1]
        tokens = choose(self._model, self.rows, self._model.logits(hidden))
        over = _write_tokens(self._model, self.rows, tokens)
        for index in reversed([i for i, row in enumerate(self.rows) if row.key in over]):
            self._cache.drop(index)
            self.rows[index] = self.rows[-1]
            self.rows.pop()
        if not self.rows:
            self._cache = None
        return list(over.items())


def _write_tokens(
    model: Mistral, rows: Sequence[Row], tokens: Sequence[int]
) -> dict[int, Continuation]:
    """Write a token to each row, and return the finished rows by key."""
    over: dict[int, Continuation] = {}
    for row, token in zip(rows, tokens, strict=True):
        reason = _write_token(row, token, model.config.eos_token_id)
        if reason is not None:
            over[row.key] = Continuation(tuple(row.written), reason)
    return over


def _write_token(row: Row, token: int, end: int) -> FinishReason | None:
    """Write a token to a row, and return the reason if it is finished."""
    if token == end:
        return "stop"
    row.written.append(token)
    if row.stopping is not None and row.stopping.is_over(token):
        return "stop_string"
    return "length" if len(row.written) >= row.prompt.limit else None


def decode(model: Mistral, prompts: Sequence[Prompt]) -> list[Continuation]:
    """Return a continuation of each prompt, in order."""
    rows = [Row(key, prompt) for key, prompt in enumerate(prompts)]
    waiting = deque(sorted(rows, key=lambda row: len(row.prompt.ids)))
    finished: dict[int, Continuation] = {}
    batch = Batch(model)
    while waiting or batch.rows:
        if waiting and len(batch.rows) < ROWS:
            begun, over = begin_rows(model, take_batch(waiting, ROWS - len(batch.rows)))
            batch.add(begun)
            finished.update(over)
        else:
            finished.update(batch.step())
    return [finished[key] for key in range(len(prompts))]


def choose(model: Mistral, rows: Sequence[Row], logits: Floats) -> list[int]:
    """Return the next token of each row from its logits (rows, vocabulary)."""
    scores = np.stack([perturb(logits[index], row) for index, row in enumerate(rows)])
    best_two = np.partition(scores, -2, axis=-1)[:, -2:]
    tokens = scores.argmax(axis=-1)
    for index in map(int, np.flatnonzero(best_two[:, 1] - best_two[:, 0] < NEAR_TIE)):
        row = rows[index]
        alone = compute_logits_alone(model, (*row.prompt.ids, *row.written))
        tokens[index] = perturb(alone, row).argmax()
    return [int(token) for token in tokens]


def perturb(logits: Floats, row: Row) -> NDArray[np.float64]:
    """Return scores (vocabulary,) whose argmax is the token: logits + T * Gumbel noise.

    This samples exactly from softmax(logits / T) (the Gumbel-max trick); T = 0 is greedy. The
    noise depends only on the prompt's seed and the position in the answer.
    """
    scores = logits.astype(np.float64)
    if row.prompt.temperature > 0.0:
        noise = -np.log(-np.log(draw_uniform(row.prompt.seed, len(row.written), scores.size)))
        scores += row.prompt.temperature * noise
    return scores


def draw_uniform(seed: int, position: int, count: int) -> NDArray[np.float64]:
    """Return numbers between 0 and 1, exclusive, that depend only on the arguments.

    Uses `random.Random.random`, which Python promises never to change; numpy may change its
    streams, and takes 7 MB to load them. `seed` and `position` are from 0 to 2**64 - 1.
    """
    draw = random.Random(seed << 64 | position).random
    return np.maximum([draw() for _ in range(count)], SMALLEST)


def compute_logits_alone(model: Mistral, ids: Sequence[int]) -> Floats:
    """Return logits (vocabulary,) after `ids`, computed alone and without an earlier cache."""
    hidden, _ = model.read([ids])
    logits: Floats = model.logits(hidden)[0]
    return logits
