"""A small run in memory: questions, models that answer as scripted or by rule, and a journal."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from opro_cli.calls.attempts import RetryPolicy
from opro_cli.core.run.events import Event
from opro_cli.core.run.replies import KeptReplies
from opro_cli.core.run.state import RunState, replay
from opro_cli.core.scale import SHARE
from opro_cli.core.settings.models import ModelSettings, OptimizerSettings, ScorerSettings
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.settings.settings import Settings
from opro_cli.core.settings.task import DataSettings, TaskSettings
from opro_cli.core.task.example import ChatReply, ChatRequest, Example, Split
from opro_cli.core.task.problem import encode_problem
from opro_cli.core.task.prompt import PromptFormat
from opro_cli.evaluators import InlineGrader, ModelEvaluator
from opro_cli.loop.runner import Runner
from opro_cli.metrics import create_metric
from opro_cli.models.control import ControlModel
from opro_cli.ports import Evaluator, Problem, Strategy
from opro_cli.problems import ProblemEvaluator, choose_start, record_problem
from opro_cli.strategies.opro import OproStrategy
from opro_cli.strategies.problem import ProblemStrategy

Line = str | ChatReply | Exception
Script = Iterable[Line] | Callable[[ChatRequest], Line]


class ScriptRanOut(AssertionError):
    """A test's model was asked once more than the test foresaw."""


class ScriptedModel:
    """Answers from a list, in the order of the calls, or by a function of the request.

    A line is a text, a whole ChatReply, or an exception to raise. `requests` holds every request.
    Texts are counted in words as if they were tokens and cost nothing.
    """

    def __init__(self, script: Script, name: str = "scripted") -> None:
        self.requests: list[ChatRequest] = []
        self.closed = 0
        self._name = name
        self._say = script if callable(script) else None
        self._lines = iter(()) if callable(script) else iter(script)

    @property
    def name(self) -> str:
        """The name that it was given."""
        return self._name

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Return the next line of the script, or raise it.

        Raises:
            ScriptRanOut: There is no further line.
        """
        self.requests.append(request)
        line = self._say(request) if self._say else self._next_line(request)
        if isinstance(line, Exception):
            raise line
        if isinstance(line, ChatReply):
            return line
        asked = sum(len(message.content.split()) for message in request.messages)
        return ChatReply(line, "stop", asked, len(line.split()), 0.0)

    async def aclose(self) -> None:
        """Count how often it was closed."""
        self.closed += 1

    def _next_line(self, request: ChatRequest) -> Line:
        for line in self._lines:
            return line
        turns = "\n".join(f"  {message.role}: {message.content}" for message in request.messages)
        raise ScriptRanOut(
            f"the script of {self._name!r} ended before call {len(self.requests)}, "
            f"temperature {request.temperature}, seed {request.seed}:\n{turns}"
        )


SIZES: dict[Split, int] = {"train": 5, "dev": 3, "test": 4}


@dataclass
class MemoryJournal:
    """Keeps events."""

    events: list[Event] = field(default_factory=list)

    def append(self, *events: Event) -> None:
        """Keep events."""
        self.events += events

    def sync(self) -> None:
        """Do nothing: there is no disk."""


def answer_by_rule(request: ChatRequest) -> str:
    """Return an instruction to a meta-prompt, else an answer that is right now and then."""
    text = request.messages[-1].content
    digest = int(hashlib.sha256(f"{text}|{request.seed}".encode()).hexdigest()[:8], 16)
    if request.temperature:
        return f"<INS>Add {'very ' * (digest % 4)}carefully.</INS>"
    numbers = [int(word) for word in text.replace("?", " ").split() if word.isdigit()]
    return f"The answer is {2 * (numbers or [0])[0] + (digest % 3 == 0)}."


def make_examples() -> dict[Split, list[Example]]:
    """Return a few sums, different ones in each split."""
    numbers = iter(range(1, 100))
    return {
        split: [
            Example(f"What is {n} plus {n}?", str(2 * n), f"{split}:{row}", row)
            for row, n in enumerate(next(numbers) for _ in range(size))
        ]
        for split, size in SIZES.items()
    }


def new_session(
    strategy: Strategy | None = None,
    evaluator: Evaluator | None = None,
    past: Sequence[Event] = (),
    say: Any = answer_by_rule,
) -> Runner:
    """Return a session of a small run, behind the events of earlier ones.

    Args:
        strategy: The search policy; None for OPRO's.
        evaluator: What scores; None for the scorer with a metric for numbers.
        past: Events of earlier sessions.
        say: What every model says: a function of the request, or a list of lines.
    """
    roles = tuple(evaluator.roles) if evaluator else ("scorer",)
    settings = _build_settings(roles)
    examples = make_examples()
    scale = evaluator.scale if evaluator else SHARE
    state = RunState.at_start(settings.search, examples, settings.task, scale)
    form = PromptFormat("Q_begin", qa_markers=True)
    kept = KeptReplies()
    kept.add_all(past)
    replies = kept.texts
    grader = InlineGrader(create_metric("number"))
    return Runner(
        settings=settings,
        examples=examples,
        state=replay(state, past),
        models={role: (ScriptedModel(say, role),) for role in ("optimizer", *{"scorer", *roles})},
        evaluator=evaluator
        or ModelEvaluator(grader, form, examples=examples["train"], replies=replies),
        strategy=strategy or OproStrategy(),
        journal=MemoryJournal(),
        retry_policy=RetryPolicy(attempts=1),
        replies=replies,
        remarks=kept,
    )


def _build_settings(roles: Sequence[str]) -> Settings:
    """Return the settings of a small run whose evaluator asks these roles."""
    further = {r: ModelSettings(f"scripted/{r}") for r in roles if r not in ("scorer", "optimizer")}
    return Settings(
        task=TaskSettings(DataSettings("rows", "question", "answer"), "number"),
        scorer=ScorerSettings("scripted/scorer", concurrency=3),
        optimizer=OptimizerSettings("scripted/optimizer", concurrency=2),
        roles=further,
        search=SearchSettings(steps=3, candidates_per_step=2, exemplars=2, baselines=()),
    )


def new_problem_session(
    problem: Problem,
    parameters: Mapping[str, Any],
    past: Sequence[Event] = (),
    optimizer: str = "control/random",
    **search: Any,
) -> Runner:
    """Return a session of a small search for solutions, behind the events of earlier ones.

    Args:
        problem: The problem.
        parameters: As a config has them.
        past: Events of earlier sessions.
        optimizer: One of the controls.
        search: Further keys of the config's `search`.
    """
    task = TaskSettings(problem=problem.name, parameters=parameters)
    chosen = {"steps": 3, "candidates_per_step": 4, "baselines": (), **search}
    settings = Settings(
        task=task,
        optimizer=OptimizerSettings(optimizer, concurrency=2),
        search=SearchSettings(strategy="problem", **chosen),
    )
    start = choose_start(settings, problem)
    settings = replace(settings, search=replace(settings.search, initial_instructions=start))
    recorded = record_problem(task, problem)
    examples: dict[Split, list[Example]]
    examples = {"train": [encode_problem(recorded)], "dev": [], "test": []}
    evaluator = ProblemEvaluator(problem.name, problem)
    state = RunState.at_start(settings.search, examples, task, evaluator.scale)
    return Runner(
        settings=settings,
        examples=examples,
        state=replay(state, past),
        models={"optimizer": (ControlModel(optimizer, problem, recorded.instance),)},
        evaluator=evaluator,
        strategy=ProblemStrategy(problem),
        journal=MemoryJournal(),
    )


def run_session(session: Runner) -> list[Event]:
    """Work to the end of a run; return the events of the session."""
    if asyncio.run(session.run()) not in ("finished", "fruitless"):
        raise AssertionError("the session did not finish its run")
    journal = session.journal
    return journal.events if isinstance(journal, MemoryJournal) else []


def describe(session: Runner) -> dict[str, Any]:
    """Return what a run came to: each candidate with its scores, whatever the order of arrival."""
    return {
        candidate.id: (
            candidate.instruction,
            candidate.form,
            candidate.parents,
            candidate.note,
            candidate.step,
            [answers.mean() for answers in candidate.answers.values()],
        )
        for candidate in session.state.candidates.values()
    }


def count_requests(session: Runner) -> int:
    """Return how many requests all models of a session got."""
    models = [model for models in session.models.values() for model in models]
    return sum(len(model.requests) for model in models if isinstance(model, ScriptedModel))
