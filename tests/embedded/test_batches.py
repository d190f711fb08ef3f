"""Continuous batching: who is read with whom, and that it never changes an answer."""

from __future__ import annotations

import json
import queue
from collections import deque
from random import Random

import pytest

from opro_cli.embedded.config import SCORER
from opro_cli.embedded.decoding import Batch, Row, begin_rows, decode, take_batch
from opro_cli.embedded.mistral import CHUNK, Mistral, load_checkpoint
from opro_cli.embedded.prompts import Continuation, Prompt
from opro_cli.embedded.worker import iterate_answers


@pytest.fixture(scope="module")
def model() -> Mistral:
    return Mistral(load_checkpoint())


def prompts(count: int, seed: int = 0) -> list[Prompt]:
    """Nonsense of 5 to 90 tokens, greedy or not, with answers of up to 12 tokens."""
    random = Random(seed)
    return [
        Prompt(
            tuple(random.choices(range(5, 1200), k=random.randint(5, 90))),
            random.choice([0.0, 1.0]),
            random.randint(1, 12),
            random.randrange(2**32),
        )
        for _ in range(count)
    ]


def rows_of(*lengths: int) -> deque[Row]:
    """Rows of so many tokens; those of one length have equal prompts."""
    asked = (Prompt((length,) * length, 0.0, 1, 0) for length in lengths)
    return deque(Row(key, prompt) for key, prompt in enumerate(asked))


@pytest.mark.parametrize(
    ("lengths", "room", "read"),
    [
        ((5,), 9, [0]),
        ((CHUNK // 2, 5, CHUNK // 2 + 1, 6), 9, [0, 1]),  # a third would be padded beyond a chunk
        ((CHUNK // 4, CHUNK // 2, CHUNK // 4 + 1, 5), 9, [0, 1]),
        ((5, CHUNK, 6, 7), 9, [0, 2, 3]),
        ((2 * CHUNK, 5, 2 * CHUNK, 2 * CHUNK), 9, [0, 2, 3]),  # equal prompts are read once
        ((5, 5, 5, 6), 2, [0, 1]),
    ],
)
def test_who_is_read_together(lengths: tuple[int, ...], room: int, read: list[int]) -> None:
    waiting = rows_of(*lengths)
    assert [row.key for row in take_batch(waiting, room)] == read
    assert [row.key for row in waiting] == [k for k in range(len(lengths)) if k not in read]


def test_an_answer_is_the_same_whenever_it_joins(model: Mistral) -> None:
    asked = prompts(24)
    alone = [decode(model, [prompt])[0] for prompt in asked]
    assert decode(model, asked) == alone
    random, batch = Random(1), Batch(model)
    waiting = [Row(key, prompt) for key, prompt in enumerate(asked)]
    found: dict[int, Continuation] = {}
    while waiting or batch.rows:
        joining = [waiting.pop(0) for _ in range(min(len(waiting), random.randint(0, 5)))]
        over: list[tuple[int, Continuation]] = []
        if joining:
            begun, over = begin_rows(model, joining)
            batch.add(begun)
        for key, continuation in [*over, *batch.step()]:
            assert key not in found
            found[key] = continuation
    assert [found[key] for key in range(len(asked))] == alone


def test_equal_prompts_are_read_once(model: Mistral, monkeypatch: pytest.MonkeyPatch) -> None:
    [one, other] = prompts(2)
    asked = [Prompt(one.ids, 1.0, 5, seed) for seed in range(4)]
    alone = [decode(model, [prompt])[0] for prompt in [*asked, other]]
    read: list[int] = []
    whole = Mistral.read

    def counted(self: Mistral, ids: list[tuple[int, ...]]) -> object:
        read.append(len(ids))
        return whole(self, ids)

    monkeypatch.setattr(Mistral, "read", counted)
    monkeypatch.setattr("opro_cli.embedded.decoding.NEAR_TIE", 0.0)  # which reads alone
    assert decode(model, [*asked, other]) == alone
    assert read == [2]


def test_a_limit_of_one_token_is_over_before_it_joins(model: Mistral) -> None:
    [prompt] = prompts(1)
    begun, over = begin_rows(model, [Row(7, Prompt(prompt.ids, 0.0, 1, 0))])
    assert [(key, len(c.ids), c.finish_reason) for key, c in over] == [(7, 1, "length")]
    batch = Batch(model)
    batch.add(begun)
    assert batch.rows == []
    assert batch.step() == []


def test_a_worker_answers_what_comes_until_the_end(model: Mistral) -> None:
    asked = prompts(40)
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    folder = str(SCORER)
    told = [[k, folder, [], p.ids, p.temperature, p.limit, p.seed] for k, p in enumerate(asked)]
    for start, end in ((0, 1), (1, 30), (30, 40)):
        lines.put(json.dumps(told[start:end]).encode())
    found: dict[int, Continuation] = {}
    for over in iterate_answers(lines):
        found.update(over)
        if len(found) == len(asked):
            lines.put(b"")
    assert [found[key] for key in range(len(asked))] == decode(model, asked)
