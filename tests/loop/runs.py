"""A small whole run in memory: a scorer and an optimizer that answer by rule, and a journal."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opro_cli import wiring
from opro_cli.calls.attempts import RetryPolicy
from opro_cli.calls.checks import HELLO
from opro_cli.core.run.events import Answered, Event
from opro_cli.core.run.progress import ROLES, Role
from opro_cli.core.run.state import RunState, replay
from opro_cli.core.settings.models import OptimizerSettings, ScorerSettings
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.settings.settings import BudgetSettings, Settings
from opro_cli.core.settings.task import DataSettings, TaskSettings
from opro_cli.core.task.example import ChatReply, ChatRequest, Example, Split
from opro_cli.evaluators import InlineGrader, ModelEvaluator, Repeats
from opro_cli.grading.grader import build_metric
from opro_cli.loop.runner import Runner
from opro_cli.ports import AnswerCache, Evaluator, Metric, SharedLimits, Strategy, TestLedger
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import build_result, serialize_candidates
from opro_cli.testing.session import ScriptedModel

WORDS = ("Count", "Check", "Add", "List", "Solve", "Read", "Think", "Sum")


def digest(*parts: object) -> int:
    return int(hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:8], 16)


def say(request: ChatRequest) -> str:
    """Propose by seed; answer rightly as often as the prompt's hash says."""
    text = request.messages[-1].content
    if text == HELLO[0].content:
        return "Ready."
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

    def append(self, *events: Event) -> None:
        for event in events:
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


Section = Mapping[str, Any]


def settings(
    concurrency: int = 4,
    task: Section | None = None,
    scoring: Section | None = None,
    proposing: Section | None = None,
    budget: Section | None = None,
    **search: object,
) -> Settings:
    """A small run; `scoring` and `proposing` are further settings of the two models."""
    plain: dict[str, object] = {"steps": 3, "candidates_per_step": 3, "exemplars": 2}
    at_once: dict[str, Any] = {"concurrency": concurrency}
    return Settings(
        task=TaskSettings(DataSettings("t", "q", "a"), "number", **(task or {})),
        scorer=ScorerSettings("scripted/scorer", **at_once, **(scoring or {})),
        optimizer=OptimizerSettings("scripted/optimizer", **at_once, **(proposing or {})),
        search=SearchSettings(**{**plain, **search}),  # type: ignore[arg-type]
        budget=BudgetSettings(**(budget or {})),
    )


SIZES: dict[Split, int] = {"train": 6, "dev": 5, "test": 7}


def examples() -> dict[Split, list[Example]]:
    numbers = iter(range(1, 100))
    return {
        split: [
            Example(f"What is {n} plus {n}?", str(2 * n), f"t:{n}", row)
            for row, n in enumerate(next(numbers) for _ in range(size))
        ]
        for split, size in SIZES.items()
    }


def model_evaluator(config: Settings, metric: Metric | None = None) -> ModelEvaluator:
    """The built-in evaluator, grading with this metric or the config's."""
    task = config.task
    grader = InlineGrader(metric or build_metric(config))
    repeats = Repeats(config.scorer.repeats, config.scorer.repeat_score)
    return ModelEvaluator(grader, task.format, task.second_round, repeats=repeats)


def new_runner(
    journal: MemoryJournal,
    *,
    concurrency: int = 4,
    salt: int = 0,
    past: list[Event] | None = None,
    scorer: ScriptedModel | None = None,
    metric: Metric | None = None,
    preflight: bool = False,
    keep_going: bool = False,
    first_answers: Sequence[Answered] = (),
    caches: Mapping[Role, AnswerCache] | None = None,
    attempts: int = 2,
    max_wait: float = 300.0,
    further: Mapping[Role, Sequence[ScriptedModel]] | None = None,
    shared: SharedLimits | None = None,
    evaluator: Evaluator | None = None,
    policy: Strategy | None = None,
    ledger: TestLedger | None = None,
    **options: Any,
) -> Runner:
    """A session of a run with these `settings`, after the events of `past`."""
    config = settings(concurrency, **options)
    model = scorer or ShuffledModel(salt)
    questions = examples()
    repeats = config.scorer.repeats
    state = RunState.at_start(config.search, questions, config.task, repeats=repeats)
    return Runner(
        settings=config,
        examples=questions,
        state=replay(state, past or []),
        models={role: (model, *(further or {}).get(role, ())) for role in ROLES},
        evaluator=evaluator or model_evaluator(config, metric),
        strategy=policy or wiring.build_strategy(config),
        journal=journal,
        retry_policy=RetryPolicy(attempts=attempts, base=0.001, max_wait=max_wait),
        prices={role: model.price for role, model in config.models.items()},
        caches=caches or {},
        shared=shared,
        ledger=ledger,
        preflight=preflight,
        keep_going=keep_going,
        first_answers=first_answers,
    )


def outcome(runner: Runner) -> dict[str, Any]:
    """The result and all candidates, without what may differ: times, and what a kill cut off."""
    run = RecordedRun(
        name="r",
        folder="r",
        settings={
            "scorer": {"model": "s"},
            "optimizer": {"model": "o"},
            "task": {"data": {"input": "q"}},
        },
        identity={},
        examples=runner.examples,
        state=runner.state,
        status="finished",
    )
    result = build_result(run, finished=True)
    del result["seconds"], result["spend"]["uncounted"]
    return {**result, "all": serialize_candidates(runner.state)}


async def finished(**options: Any) -> Runner:
    runner = new_runner(MemoryJournal(), **options)
    assert await runner.run() == "finished"
    return runner


def drop_costs(result: Any) -> Any:
    """The result without what its answers cost: an answer of the cache was billed elsewhere."""
    if isinstance(result, list):
        return [drop_costs(each) for each in result]
    if isinstance(result, dict):
        return {key: drop_costs(value) for key, value in result.items() if key != "costs"}
    return result


def calls(of: object) -> ShuffledModel:
    """The scorer of a runner, or a model as it is."""
    model = of.models["scorer"][0] if isinstance(of, Runner) else of
    assert isinstance(model, ShuffledModel)
    return model
