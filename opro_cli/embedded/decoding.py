"""Decoding: from prompts to answers, token by token, each answer the same whatever the batch.

Prompts join a batch while others are under way, and leave it when their answer is whole
(continuous batching: Yu et al., "Orca", OSDI 2022), so that no row waits for the longest.

Matrix products of different shapes differ in the last bits, so the same prompt beside other
prompts can get logits that differ by about 1e-5, which decides a near tie. Tokens whose two best
choices are closer than NEAR_TIE are therefore settled by a pass over that prompt's own tokens
alone, whose shape, and with it every bit, depends on nothing else. It is rare, so it costs little.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from opro_cli.embedded.cache import Cache
from opro_cli.embedded.config import Floats
from opro_cli.embedded.mistral import CHUNK, Mistral
from opro_cli.embedded.prompts import Continuation, FinishReason, Prompt, StopWatch

NEAR_TIE = 1e-3
SMALLEST = 2.0**-54
"""Instead of 0, which is drawn once in 2**53 times and has no logarithm."""
ROWS = 64
"""Rows of a batch at most: more take more memory and are hardly quicker."""


@dataclass(slots=True)
class Row:
    """One prompt on its way; key: whatever the caller knows it by; stopping: what may end it."""

    key: int
    prompt: Prompt
    stopping: StopWatch | None = None
    written: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Begun:
    """Rows whose prompts are read and whose first tokens are written; cache: None when none is."""

    rows: list[Row]
    cache: Cache | None


Finished = tuple[int, Continuation]
"""A row that is over, by its key."""


def begin_rows(model: Mistral, rows: Sequence[Row]) -> tuple[Begun, list[Finished]]:
    """Read the prompts of rows, equal ones once; those that are over by then come apart.

    The prompts should be of about one length: padding is read like any token, see `together`.
    """
    prompts = list(dict.fromkeys(row.prompt.ids for row in rows))
    which = np.array([prompts.index(row.prompt.ids) for row in rows])
    hidden, cache = model.read(prompts)
    over = _write_tokens(model, rows, choose(model, rows, model.logits(hidden)[which]))
    going = [at for at, row in enumerate(rows) if row.key not in over]
    if not going:
        return Begun([], None), list(over.items())
    if len(prompts) < len(rows) or over:
        cache.repeat(which[going])
    return Begun([rows[at] for at in going], cache), list(over.items())


def take_batch(waiting: deque[Row], room: int) -> list[Row]:
    """The first of those that wait, and what is read with it at little more cost.

    That is whatever fits one CHUNK beside it and, at any length, the same prompt again.
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
    """Rows that are decoded side by side; empty at first."""

    def __init__(self, model: Mistral) -> None:
        self.rows: list[Row] = []
        self._model = model
        self._cache: Cache | None = None

    def add(self, begun: Begun) -> None:
        """Take in rows that are begun."""
        self.rows += begun.rows
        if self._cache is None:
            self._cache = begun.cache
        elif begun.cache is not None:
            self._cache.join(begun.cache)

    def step(self) -> list[Finished]:
        """One more token for each row; those that are over."""
        if self._cache is None:
            return []
        ids = np.array([row.written[-1] for row in self.rows], dtype=np.int64)[:, None]
        hidden = self._model.forward(ids, self._cache)[:, -1]
        tokens = choose(self._model, self.rows, self._model.logits(hidden))
        over = _write_tokens(self._model, self.rows, tokens)
        for at in reversed([at for at, row in enumerate(self.rows) if row.key in over]):
            self._cache.drop(at)
            self.rows[at] = self.rows[-1]
            self.rows.pop()
        if not self.rows:
            self._cache = None
        return list(over.items())


def _write_tokens(
    model: Mistral, rows: Sequence[Row], tokens: Sequence[int]
) -> dict[int, Continuation]:
    """Write a token to each row; those that are over by then, by key."""
    over: dict[int, Continuation] = {}
    for row, token in zip(rows, tokens, strict=True):
        reason = _write_token(row, token, model.config.eos_token_id)
        if reason is not None:
            over[row.key] = Continuation(tuple(row.written), reason)
    return over


def _write_token(row: Row, token: int, end: int) -> FinishReason | None:
    """Why a row is over with this token, None when it goes on."""
    if token == end:
        return "stop"
    row.written.append(token)
    if row.stopping is not None and row.stopping.is_over(token):
        return "stop_string"
    return "length" if len(row.written) >= row.prompt.limit else None


def decode(model: Mistral, prompts: Sequence[Prompt]) -> list[Continuation]:
    """A continuation for each prompt, in order."""
    rows = [Row(key, prompt) for key, prompt in enumerate(prompts)]
    waiting = deque(sorted(rows, key=lambda row: len(row.prompt.ids)))
    found: dict[int, Continuation] = {}
    batch = Batch(model)
    while waiting or batch.rows:
        if waiting and len(batch.rows) < ROWS:
            begun, over = begin_rows(model, take_batch(waiting, ROWS - len(batch.rows)))
            batch.add(begun)
            found.update(over)
        else:
            found.update(batch.step())
    return [found[key] for key in range(len(prompts))]


def choose(model: Mistral, rows: Sequence[Row], logits: Floats) -> list[int]:
    """The next token of each row from its logits (rows, vocabulary)."""
    scores = np.stack([perturb(logits[index], row) for index, row in enumerate(rows)])
    best_two = np.partition(scores, -2, axis=-1)[:, -2:]
    tokens = scores.argmax(axis=-1)
    for index in map(int, np.flatnonzero(best_two[:, 1] - best_two[:, 0] < NEAR_TIE)):
        row = rows[index]
        alone = compute_logits_alone(model, (*row.prompt.ids, *row.written))
        tokens[index] = perturb(alone, row).argmax()
    return [int(token) for token in tokens]


def perturb(logits: Floats, row: Row) -> NDArray[np.float64]:
    """Scores (vocabulary,) whose argmax is the token: logits + T * Gumbel noise.

    That draws from softmax(logits / T) exactly (the Gumbel-max trick); at T = 0 it is the argmax.
    The noise is a function of the prompt's seed and the place in the answer alone.
    """
    scores = logits.astype(np.float64)
    if row.prompt.temperature > 0.0:
        noise = -np.log(-np.log(draw_uniform(row.prompt.seed, len(row.written), scores.size)))
        scores += row.prompt.temperature * noise
    return scores


def draw_uniform(seed: int, place: int, count: int) -> NDArray[np.float64]:
    """Numbers between 0 and 1, exclusive, that depend on nothing but the arguments.

    By `random.Random.random`, which Python promises never to change; numpy may change its
    generators' streams, and they take 7 MB to load. seed, place: 0 to 2**64 - 1.
    """
    draw = random.Random(seed << 64 | place).random
    return np.maximum([draw() for _ in range(count)], SMALLEST)


def compute_logits_alone(model: Mistral, ids: Sequence[int]) -> Floats:
    """Logits (vocabulary,) after `ids`, computed alone and without a cache from before."""
    hidden, _ = model.read([ids])
    logits: Floats = model.logits(hidden)[0]
    return logits
