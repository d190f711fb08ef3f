"""What every AnswerCache promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from opro_cli.core.settings.models import ScorerSettings
from opro_cli.core.task.example import ChatReply, ChatRequest, Message, Took
from opro_cli.ports import AnswerCache
from opro_cli.store.answer_cache import AnswerStore
from tests.fakes.memory_cache import MemoryCache

PAID = ChatReply("The answer is 4.", "stop", 12, 5, 0.001)
FREE = ChatReply("The answer is 4.", "stop", 0, 0, 0.0, took=Took(12, 5, 0.001))


def in_memory(_: Path) -> AnswerCache:
    return MemoryCache()


def in_a_file(folder: Path) -> AnswerCache:
    return AnswerStore(folder / "a.sqlite", 2**20).bind(ScorerSettings("openai/stub"))


@pytest.fixture(params=[in_memory, in_a_file], ids=lambda build: build.__name__)
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnswerCache]:
    build: Callable[[Path], AnswerCache] = request.param
    cache = build(tmp_path)
    yield cache
    cache.close()


def asking(text: str, temperature: float = 0.0, seed: int | None = 1) -> ChatRequest:
    return ChatRequest((Message("user", text),), temperature, 50, seed)


def test_what_was_put_is_found_at_once_and_free_with_what_it_took(cache: AnswerCache) -> None:
    assert cache.get(cache.key(asking("2+2?"))) is None
    cache.put(cache.key(asking("2+2?")), PAID)
    assert cache.get(cache.key(asking("2+2?"))) == FREE
    assert cache.get(cache.key(asking("2+3?"))) is None
    assert cache.trouble == ""


def test_the_first_answer_stays(cache: AnswerCache) -> None:
    cache.put(cache.key(asking("2+2?")), PAID)
    cache.put(cache.key(asking("2+2?")), ChatReply("Another.", "stop", 1, 1, 0.0))
    assert cache.get(cache.key(asking("2+2?"))) == FREE


def test_a_seed_matters_above_temperature_0_only(cache: AnswerCache) -> None:
    cache.put(cache.key(asking("2+2?", 0.0, seed=1)), PAID)
    cache.put(cache.key(asking("2+3?", 0.7, seed=1)), PAID)
    assert cache.get(cache.key(asking("2+2?", 0.0, seed=2))) == FREE
    assert cache.get(cache.key(asking("2+3?", 0.7, seed=2))) is None
    assert cache.get(cache.key(asking("2+3?", 0.7, seed=1))) == FREE


def test_closing_twice_is_fine_and_a_closed_cache_harms_nobody(cache: AnswerCache) -> None:
    cache.put(cache.key(asking("2+2?")), PAID)
    cache.close()
    cache.close()
    cache.put(cache.key(asking("2+3?")), PAID)
    cache.get(cache.key(asking("2+3?")))
