"""Runs by the paper's rules, and what of a run's settings reaches the models and the metric."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from opro_cli.core.run.events import Answered, Proposed
from opro_cli.core.task.example import ChatRequest, Example, Grade
from opro_cli.grading.grader import build_metric
from tests.loop.runs import (
    MemoryJournal,
    ShuffledModel,
    calls,
    digest,
    examples,
    new_runner,
    outcome,
    say,
    settings,
)

START = "Let's solve the problem."
PAPER: dict[str, Any] = {
    "rules": "paper",
    "strategy": "paper-gpt",
    "exemplar_choice": "most_wrong_now",
    "eval_interval": 2,
    "score_threshold": 0.3,
    "history": 4,
    "seed": 11,
}


class Repeating(ShuffledModel):
    """Proposes what it was shown now and then, and now and then no tag at all."""

    def __init__(self, salt: int = 0) -> None:
        super().__init__(salt)
        self._say = self.propose_again

    @staticmethod
    def propose_again(request: ChatRequest) -> str:
        if "Your task is to generate" not in request.messages[-1].content:
            return say(request)
        match digest(request.seed, 3) % 4:
            case 0:
                return f"<INS>{START}</INS>"
            case 1:
                return "<INS></INS>"
            case _:
                return say(request).removeprefix("<INS>")


def proposals(model: ShuffledModel) -> list[ChatRequest]:
    return [r for r in model.requests if "Your task is to generate" in r.messages[-1].content]


async def test_a_paper_run_resumed_from_any_point_ends_equal() -> None:
    whole = new_runner(MemoryJournal(), scorer=Repeating(), **PAPER)
    assert await whole.run() == "finished"
    skipped = {each.skipped for each in whole.state.proposals.texts}
    assert skipped == {"", "repeated"}
    assert START in [candidate.instruction for step, candidate in whole.state.history if step]
    assert isinstance(whole.journal, MemoryJournal)
    events, everything = whole.journal.events, calls(whole).asked()
    assert max(everything.values()) == 1
    for cut in range(len(events)):
        past = events[:cut]
        resumed = new_runner(MemoryJournal(), past=past, scorer=Repeating(cut), **PAPER)
        assert await resumed.run() == "finished"
        assert outcome(resumed) == outcome(whole)
        paid = sum(isinstance(event, Answered | Proposed) for event in past)
        assert calls(resumed).asked() <= everything
        assert calls(resumed).asked().total() == everything.total() - paid


async def test_dev_answers_arrive_between_the_steps() -> None:
    runner = new_runner(MemoryJournal(), scorer=Repeating(), **{**PAPER, "steps": 3})
    await runner.run()
    assert isinstance(runner.journal, MemoryJournal)
    seen = "".join(
        "P" if isinstance(event, Proposed) else event.split[0].upper()
        for event in runner.journal.events
        if isinstance(event, Proposed | Answered) and getattr(event, "split", "") != "test"
    )
    # Step 1 and step 3 are followed by dev, step 2 is not.
    # Proposals are scored as they come, so that P and T mix within a step.
    order = re.sub("(?:P+T+)+", "PT", re.sub("^T+", "T", seen))
    assert re.sub("D+", "D", order) == "TPTDPTD"


@pytest.mark.parametrize(
    ("proposing", "temperatures"),
    [
        ({}, [1.0, 1.0, 1.0, 1.0]),
        (
            {"temperature": 0.5, "temperature_schedule": "linear_increase", "temperature_end": 1.5},
            [0.5, 0.75, 1.0, 1.25],
        ),
    ],
)
async def test_the_temperature_of_the_step_reaches_the_optimizer(
    proposing: dict[str, Any], temperatures: list[float]
) -> None:
    runner = new_runner(MemoryJournal(), proposing=proposing, steps=4, candidates_per_step=2)
    await runner.run()
    model = calls(runner.models["optimizer"][0])
    asked = [request.temperature for request in proposals(model)]
    assert asked == [each for each in temperatures for _ in range(2)]
    answering = {r.temperature for r in model.requests if r not in proposals(model)}
    assert answering == {0.0}


@pytest.mark.parametrize("description", ["grade school math", None])
async def test_the_description_reaches_the_strategy_that_says_it(description: str | None) -> None:
    said: list[str] = []

    def listening(request: ChatRequest) -> str:
        text = request.messages[-1].content
        if not text.startswith("Create a piece of text"):
            return say(request)
        said.append(text.splitlines()[0])
        return "<TEXT>Think.</TEXT>"

    model = ShuffledModel()
    model._say = listening
    runner = new_runner(
        MemoryJournal(),
        scorer=model,
        task={"description": description},
        strategy="paper-instructions-only",
        steps=1,
        candidates_per_step=1,
    )
    await runner.run()
    assert said == [
        "Create a piece of text at the beginning of the question to enhance the precision in "
        f"solving diverse {description or ''} problems."
    ]


@dataclass
class Noting:
    """A metric that finds everything right and notes what it was shown."""

    shown: list[tuple[str, str, str]] = field(default_factory=list)

    def target(self, raw: str) -> str:
        return raw

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        self.shown.append((example.input, reply, prompt))
        return Grade(reply, 1.0)


@pytest.mark.parametrize("second_round", [False, True])
@pytest.mark.parametrize(
    ("position", "prompt"),
    [
        ("Q_begin", "Q: Let's solve the problem.\n{}\n\nA:"),
        ("A_begin", "Q: {}\n\nA: Let's solve the problem."),
        ("system", "Q: {}\n\nA:"),
    ],
)
async def test_the_metric_gets_the_text_of_the_first_question(
    position: str, prompt: str, second_round: bool
) -> None:
    metric = Noting()
    task = {"instruction_position": position, "second_round": second_round}
    runner = new_runner(MemoryJournal(), metric=metric, task=task, steps=0)
    await runner.run()
    assert len(metric.shown) == 6 + 5 + 7
    assert {(question, shown) for question, _, shown in metric.shown} == {
        (example.input, prompt.format(example.input))
        for examples in runner.examples.values()
        for example in examples
    }


def test_the_paper_scoring_has_two_forms() -> None:
    def score(scoring: str) -> float | None:
        example = examples()["train"][0]
        metric = build_metric(settings(task={"scoring": scoring}))
        return metric.grade(f"\\boxed{{{example.target}}} or 20", example).score

    assert (score("paper"), score("paper-boxed")) == (0.0, 1.0)
