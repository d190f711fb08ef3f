"""A scorer of known accuracy, and one whole run of the product's own engine against it."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

from opro_cli import wiring
from opro_cli.app.ledger import close_use
from opro_cli.calls.attempts import RetryPolicy
from opro_cli.core.run.progress import ROLES, Role
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.models import OptimizerSettings, ScorerSettings
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.settings.settings import BudgetSettings, Settings
from opro_cli.core.settings.task import DataSettings, TaskSettings
from opro_cli.core.task.example import UNREADABLE, ChatReply, ChatRequest, Example, Grade, Split
from opro_cli.loop.runner import Runner
from opro_cli.ports import AnswerCache, TestLedger
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import build_result
from tests.loop.runs import MemoryJournal, model_evaluator

START = "Let's think."
SHARED = 0.6
"""How much of what makes an answer right lies in the question (latent correlation)."""
SIZES: Mapping[Split, int] = {"train": 20, "dev": 20, "test": 100}

cut_at = NormalDist().inv_cdf


def normal(*parts: object) -> float:
    """A standard normal number that depends on the arguments only."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return cut_at((int.from_bytes(digest[:6], "big") + 0.5) / 2**48)


@dataclass(frozen=True)
class Asked:
    """One question to the simulated scorer.

    question: counted from 1 over all splits. start: is it asked under the start prompt?
    prompt: the whole text. on_test: is it a test question?
    """

    question: int
    start: bool
    prompt: str
    on_test: bool


@dataclass
class Server:
    """A scorer and an optimizer in one.

    accuracy: of the next answer, given the server's counters and the question. score: replaces
    the draw from `accuracy` and gives the score itself, or raises. hardness: of each question,
    shared by all prompts. n: scorer calls so far; on_test: those of them on test.
    """

    random: random.Random
    accuracy: Callable[[Server, Asked], float] = lambda *_: 0.6
    score: Callable[[Server, Asked], float] | None = None
    sizes: Mapping[Split, int] = field(default_factory=lambda: SIZES)
    hardness: Mapping[int, float] | None = None
    salt: int = 0
    n: int = 0
    on_test: int = 0
    name: str = "simulated"

    def __post_init__(self) -> None:
        if self.hardness is None:
            questions = range(1, sum(self.sizes.values()) + 1)
            self.hardness = {each: self.random.gauss(0, 1) for each in questions}
        self._texts = itertools.count(self.salt * 1000)
        self._first_test = self.sizes["train"] + self.sizes["dev"] + 1

    async def reply(self, request: ChatRequest) -> ChatReply:
        """The score as text; or another instruction, where one is asked for."""
        text = request.messages[-1].content
        if "<INS>" in text:
            words = f"<INS>Think way {next(self._texts)} of it.</INS>"
            return ChatReply(words, "stop", 10, 10, 0.0)
        instruction, _, question = text.partition("\n")
        number = int(question.rpartition(" ")[2])
        asked = Asked(number, instruction == START, text, number >= self._first_test)
        self.n += 1
        self.on_test += asked.on_test
        score = self.score(self, asked) if self.score else self.draw(asked, self.random.gauss(0, 1))
        return ChatReply(f"{score:g}", "stop", 10, 10, 0.0)

    def draw(self, asked: Asked, own: float) -> float:
        """Right (1.0) or wrong. own: standard normal, what the question does not decide."""
        assert self.hardness is not None
        drawn = math.sqrt(SHARED) * self.hardness[asked.question] + math.sqrt(1 - SHARED) * own
        return float(drawn < cut_at(self.accuracy(self, asked)))

    async def aclose(self) -> None:
        """Nothing to close."""


class ScoreMetric:
    """The reply is the score."""

    def target(self, raw: str) -> str:
        return raw

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        return Grade(reply, float(reply)) if reply else UNREADABLE


class DictCache:
    """An AnswerCache that several runs share."""

    trouble = ""

    def __init__(self, answers: dict[bytes, ChatReply]) -> None:
        self._answers = answers

    def key(self, request: ChatRequest) -> bytes:
        return repr([message.content for message in request.messages]).encode()

    def get(self, key: bytes) -> ChatReply | None:
        return self._answers.get(key)

    def put(self, key: bytes, reply: ChatReply) -> None:
        self._answers.setdefault(key, reply)

    def close(self) -> None:
        """Nothing to close."""


def examples_of(
    sizes: Mapping[Split, int], groups: Mapping[int, str] | None = None
) -> dict[Split, list[Example]]:
    """Questions that end in their number, counted over all splits from 1; groups: by number."""
    numbers = itertools.count(1)
    splits: Sequence[Split] = ("train", "dev", "test")
    return {
        split: [
            Example(f"Question {n}", "1", f"t:{n}", row, group=(groups or {}).get(n, ""))
            for row, n in enumerate(next(numbers) for _ in range(sizes[split]))
        ]
        for split in splits
    }


def settings_of(
    seed: int, concurrency: int, noise_check: bool, task: Mapping[str, Any]
) -> Settings:
    """Two steps of four candidates, with racing."""
    return Settings(
        task=TaskSettings(
            DataSettings("t", "q", "a"),
            "number",
            instruction_position="before_Q",
            qa_markers=False,
            **task,
        ),
        scorer=ScorerSettings("simulated/scorer", concurrency=concurrency, temperature=0.0),
        optimizer=OptimizerSettings("simulated/optimizer", concurrency=concurrency),
        search=SearchSettings(
            steps=2,
            candidates_per_step=4,
            exemplars=2,
            seed=seed,
            baselines=(),
            noise_check=noise_check,
            initial_instructions=(START,),
            racing=True,
        ),
        budget=BudgetSettings(),
    )


def run_once(
    seed: int,
    server: Server,
    *,
    concurrency: int = 8,
    noise_check: bool = True,
    cache: dict[bytes, ChatReply] | None = None,
    ledger: TestLedger | None = None,
    groups: Mapping[int, str] | None = None,
    **task: Any,
) -> dict[str, Any]:
    """One run to its end; its result as `result.json` holds it, and the ledger has its verdict.

    groups: by question.
    """
    settings = settings_of(seed, concurrency, noise_check, task)
    examples = examples_of(server.sizes, groups)
    state = RunState.at_start(settings.search, examples, settings.task)
    caches: dict[Role, AnswerCache] = {} if cache is None else {"scorer": DictCache(cache)}
    runner = Runner(
        settings=settings,
        examples=examples,
        state=state,
        models=dict.fromkeys(ROLES, (server,)),
        evaluator=model_evaluator(settings, ScoreMetric()),
        strategy=wiring.build_strategy(settings),
        journal=MemoryJournal(),
        retry_policy=RetryPolicy(attempts=2, base=0.001),
        prices=dict.fromkeys(ROLES),
        caches=caches,
        ledger=ledger,
    )
    assert asyncio.run(runner.run()) == "finished"
    run = RecordedRun(
        name="r",
        folder="r",
        settings={
            **{role: {"model": "simulated"} for role in ROLES},
            "task": {"data": {"input": settings.task.data.input}},
        },
        identity={},
        examples=examples,
        state=state,
        status="finished",
    )
    result = build_result(run, finished=True)
    if ledger is not None:
        close_use(run, result, ledger)
    return result
