"""A small whole run in memory: a scorer and an optimizer that answer by rule, and a journal."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from opro_cli.core.events import Event
from opro_cli.core.model import ChatReply, ChatRequest, Example, Split
from opro_cli.core.settings import (
    DataSettings,
    OptimizerSettings,
    ScorerSettings,
    SearchSettings,
    Settings,
    TaskSettings,
)
from opro_cli.core.state import RunState, replay
from opro_cli.engine.retries import RetryPolicy
from opro_cli.engine.runner import Runner
from opro_cli.metrics import metric_named
from opro_cli.strategies import STRATEGIES
from tests.fakes.scripted_model import ScriptedModel

WORDS = ("Count", "Check", "Add", "List", "Solve", "Read", "Think", "Sum")


def digest(*parts: object) -> int:
    return int(hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:8], 16)


def say(request: ChatRequest) -> str:
    """Propose by seed; answer rightly as often as the prompt's hash says."""
    text = request.messages[-1].content
    if "Your task is to generate" in text:
        first, second = digest(request.seed, 1) % 8, digest(request.seed, 2) % 8
        return f"<INS>{WORDS[first]} and {WORDS[second].lower()}.</INS>"
    gold = int(text.split("What is ")[1].split(" ")[0]) * 2
    right = digest(text) % 100 < 30 + digest(text.split("\n")[0]) % 60
    return f"The answer is {gold if right else gold + 1}."


@dataclass
class MemoryJournal:
    """Keeps events; can be told to fail or to call back after so many."""

    events: list[Event] = field(default_factory=list)
    on_append: Callable[[int], None] = lambda _: None

    def append(self, event: Event) -> None:
        self.events.append(event)
        self.on_append(len(self.events))

    def sync(self) -> None:
        pass


class ShuffledModel(ScriptedModel):
    """Answers by rule, after a number of turns of the loop that depends on the request."""

    def __init__(self, salt: int = 0) -> None:
        super().__init__(say)
        self.salt = salt

    async def reply(self, request: ChatRequest) -> ChatReply:
        for _ in range(digest(self.salt, request.messages, request.seed) % 7):
            await asyncio.sleep(0)
        return await super().reply(request)

    def asked(self) -> Counter[tuple[str, int | None]]:
        return Counter((r.messages[-1].content, r.seed) for r in self.requests)


def settings(concurrency: int = 4, **search: object) -> Settings:
    plain: dict[str, object] = {"steps": 3, "candidates_per_step": 3, "exemplars": 2}
    return Settings(
        task=TaskSettings(DataSettings("t", "q", "a"), "number"),
        scorer=ScorerSettings("scripted/scorer", concurrency=concurrency),
        optimizer=OptimizerSettings("scripted/optimizer", concurrency=concurrency),
        search=SearchSettings(**{**plain, **search}),  # type: ignore[arg-type]
    )


SIZES: dict[Split, int] = {"train": 6, "dev": 5, "test": 7}


def examples() -> dict[Split, list[Example]]:
    numbers = iter(range(1, 100))
    return {
        split: [
            Example(f"What is {n} plus {n}?", str(2 * n), f"t:{n}")
            for n in (next(numbers) for _ in range(size))
        ]
        for split, size in SIZES.items()
    }


def new_runner(
    journal: MemoryJournal,
    *,
    concurrency: int = 4,
    salt: int = 0,
    past: list[Event] | None = None,
    scorer: ScriptedModel | None = None,
    **search: object,
) -> Runner:
    config = settings(concurrency, **search)
    model = scorer or ShuffledModel(salt)
    return Runner(
        settings=config,
        examples=examples(),
        state=replay(RunState(config.search, SIZES), past or []),
        scorer=model,
        optimizer=model,
        metric=metric_named("number"),
        strategy=STRATEGIES["opro"](config),
        journal=journal,
        retry_policy=RetryPolicy(attempts=2, base=0.001),
    )
