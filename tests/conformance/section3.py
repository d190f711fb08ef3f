"""Whole runs of section 3, from their recorded replies through the real loop."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from opro_cli import wiring
from opro_cli.app.given import read_plain
from opro_cli.core.run.events import Proposed
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.models import EMBEDDED
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.loop.runner import Runner
from opro_cli.reports.problem import list_found
from opro_cli.testing.session import MemoryJournal
from tests.conformance.vectors import Input


class Recorded:
    """Gives the recorded replies in order, then the last ones over and over."""

    def __init__(self, replies: Sequence[str | None], then: Sequence[str | None] = ()) -> None:
        self.prompts: list[str] = []
        self._replies = self._repeat(replies, then or [""])
        self.name = "recorded"

    @staticmethod
    def _repeat(replies: Sequence[str | None], then: Sequence[str | None]) -> Iterator[str | None]:
        yield from replies
        while True:
            yield from then

    async def reply(self, request: ChatRequest) -> ChatReply:
        (message,) = request.messages
        self.prompts.append(message.content)
        # A reply without content is "" by the time an adapter has read it.
        return ChatReply(next(self._replies) or "", "stop", 0, 0, 0.0)

    async def aclose(self) -> None:
        pass


@dataclass
class Replayed:
    """A run to its end: its state, the prompt of each step, and its replies by step."""

    state: RunState
    prompts: dict[int, str]
    replies: dict[int, list[Proposed]]
    calls: int
    start: list[str]
    instance: dict[str, Any]

    def value(self, solution: str) -> float:
        return {each.solution: each.value for each in list_found(self.state)}[solution]

    def accepted(self, step: int) -> list[str]:
        """The texts that a step's replies held, repeated ones among them, in order."""
        return [
            text
            for reply in self.replies.get(step, [])
            for text, fault in zip(
                reply.instructions, reply.rejected or [""] * len(reply.instructions), strict=True
            )
            if not fault
        ]


def replay(settings: Settings, model: Recorded) -> Replayed:
    """Work on a run until it ends."""
    # Asked again, a recording would say no more than a model that is computed here.
    optimizer = replace(settings.optimizer, model=EMBEDDED["optimizer"])
    settings = replace(settings, optimizer=optimizer)
    data = wiring.load_data(settings)
    evaluator = wiring.build_evaluator(settings, data.examples["train"])
    state = RunState.at_start(settings.search, data.examples, settings.task, evaluator.scale)
    journal = MemoryJournal()
    runner = Runner(
        settings=settings,
        examples=data.examples,
        state=state,
        models={"optimizer": (model,)},
        evaluator=evaluator,
        strategy=wiring.build_strategy(settings),
        journal=journal,
    )
    assert asyncio.run(runner.run()) == "finished"
    replies: dict[int, list[Proposed]] = {}
    prompts: dict[int, str] = {}
    proposed = [event for event in journal.events if isinstance(event, Proposed)]
    for event, prompt in zip(proposed, model.prompts, strict=True):
        replies.setdefault(event.step, []).append(event)
        # Whatever is asked again in a step is asked the same.
        assert prompts.setdefault(event.step, prompt) == prompt
    from opro_cli.core.task.problem import decode_problem
    from opro_cli.problems import build_problem

    instance = decode_problem(data.examples["train"]).instance
    start = list(build_problem(str(settings.task.problem)).start(instance))
    return Replayed(state, prompts, replies, len(model.prompts), start, dict(instance))


def read(task: dict[str, Any], search: dict[str, Any]) -> Settings:
    """Settings of a run whose replies come one after the other, as in the reference."""
    optimizer = {"model": "openai/recorded", "concurrency": 1}
    return wiring.fill_in_new(read_plain({"task": task, "optimizer": optimizer, "search": search}))


def regression_settings(case: Input, *, steps: int, repetition: int) -> Settings:
    """Settings of one repetition."""
    return read(
        {
            "problem": "regression",
            "w": case["w_true"],
            "b": case["b_true"],
            "points": case["num_points"],
            "decimals": case["num_input_decimals"],
            "seed": repetition,
        },
        {
            "preset": "paper-regression",
            "steps": steps,
            "candidates_per_step": case["num_generated_points_in_each_step"],
            "history": case["max_num_pairs"],
            "options": {"decimals": case["num_output_decimals"]},
        },
    )


def tour_settings(case: Input, *, steps: int) -> Settings:
    """Settings of a run of the travelling salesman."""
    return read(
        {
            "problem": "tour",
            "nodes": case["num_points"],
            "decimals": case["num_decimals"],
            "seed": case["numpy_seed"],
            "excluded_start": case["algorithm"],
            "starts": case["num_starting_points"],
        },
        {
            "preset": "paper-tour",
            "steps": steps,
            "candidates_per_step": case["num_decode_per_step"],
            "history": case["max_num_pairs"],
        },
    )


def digest(prompt: str) -> str:
    return hashlib.md5(prompt.encode(), usedforsecurity=False).hexdigest()
