"""Optimizers that are no models: what a search finds that reads no values, or that needs none.

They read a meta-prompt and write a solution, as a model does, so that whatever a real model finds
can be held against them.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping

from opro_cli.core.draws import Random, create_rng
from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.core.task.problem import Instance
from opro_cli.errors import UsageError
from opro_cli.ports import Problem

_SHOWN = re.compile(
    r"<solution>([^<]*)</solution>\nvalue:|<trace>([^<]*)</trace>\nlength:|input:\n(.*)\nvalue:"
)
"""A solution as a meta-prompt shows it: ours, the paper's of a tour, the paper's of a pair."""

Draw = Callable[[Problem, Instance, str, Random], str]


def _repeat_best(problem: Problem, instance: Instance, text: str, rng: Random) -> str:
    best = _find_best(problem, instance, text)
    if best or not has_method(problem, "draw_solution"):
        return best or "no solution is shown"
    return problem.draw_solution(instance, rng)


def _search_locally(problem: Problem, instance: Instance, text: str, rng: Random) -> str:
    best = _repeat_best(problem, instance, text, rng)
    return problem.improve(best, instance, rng)


CONTROLS: Mapping[str, Draw] = {
    "control/random": lambda problem, instance, _, rng: problem.draw_solution(instance, rng),
    "control/repeat-best": _repeat_best,
    "control/local-search": _search_locally,
}

_NEEDED = {"control/random": "draw_solution", "control/local-search": "improve"}
"""The method of a problem that each of them is."""


def has_method(problem: Problem, method: str) -> bool:
    """Return whether a problem has one of the methods that need not be there."""
    inner = getattr(problem, "inner", problem)  # of one from outside opro
    return getattr(type(inner), method) is not getattr(Problem, method)


class ControlModel:
    """One of CONTROLS at work on a problem, a ChatModel.

    Args:
        name: A key of CONTROLS.
        problem: Of the run.
        instance: Of the run.

    Raises:
        UsageError: The problem lacks what the control does.
    """

    def __init__(self, name: str, problem: Problem, instance: Instance) -> None:
        self._name = name
        self._draw = CONTROLS[name]
        method = _NEEDED.get(name, "")
        if method and not has_method(problem, method):
            raise UsageError(
                f"{name} needs a method {method}, and task.problem {problem.name} has none",
                "write one, see `opro docs problems`, or name another optimizer.model",
            )
        self._problem, self._instance = problem, instance

    @property
    def name(self) -> str:
        """The model as the config names it."""
        return self._name

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer a meta-prompt with one solution, drawn by the request's seed.

        One even where several are asked for: each sample is then drawn by a seed of its own, so
        that a run cut between them ends the same.
        """
        seed = secrets.randbits(63) if request.seed is None else request.seed
        # With the instance: the same draws for another problem would be no draws at all.
        rng = create_rng(seed, "control", json.dumps(self._instance, sort_keys=True))
        text = "\n".join(message.content for message in request.messages)
        return ChatReply(self._write(text, rng), "stop", 0, 0, 0.0)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to give back."""

    def _write(self, text: str, rng: Random) -> str:
        solution = self._draw(self._problem, self._instance, text, rng)
        if "<trace>" in text:
            return f"<trace>{solution}</trace>"
        return f"[{solution}]" if "[w, b]" in text else f"<solution>{solution}</solution>"


def _find_best(problem: Problem, instance: Instance, text: str) -> str:
    """Return the best of the solutions that a meta-prompt shows, "" where there is none."""
    shown = ("".join(filter(None, match.groups())).strip() for match in _SHOWN.finditer(text))
    solutions = [each for each in shown if not problem.check(each, instance)]
    if not solutions:
        return ""
    best = min if problem.minimise else max
    return best(solutions, key=lambda each: problem.value(each, instance))
