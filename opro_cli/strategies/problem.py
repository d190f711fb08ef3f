"""The search for solutions of a problem, in words of opro's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.view import Ask, Draft, End, SearchView
from opro_cli.core.task.example import Message
from opro_cli.core.task.problem import Instance, RecordedProblem, decode_problem, is_close
from opro_cli.core.task.prompt import Content, Solution
from opro_cli.ports import Problem, Strategy

MANY = 20
"""Replies of a step without a solution: so many are no accident."""


@dataclass(frozen=True, slots=True)
class NoOptions:
    """The `search.options` of a strategy that has none."""


@dataclass(frozen=True, slots=True)
class ProblemAsk(Ask):
    """A request that remembers what its replies are read for."""

    instance: Any = None


@dataclass(frozen=True)
class ProblemStrategy(Strategy):
    """Describes the problem, shows the best solutions with their values, asks for a better one.

    It ends the search at the optimum, where that is known.

    Attributes:
        problem: Reads the replies.
    """

    name = "problem"
    Options = NoOptions
    problem: Problem

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft] | End:  # noqa: ARG002
        """Ask for all samples of a step with the same meta-prompt."""
        recorded = decode_problem(view.train)
        if (end := find_optimum(view, recorded)) is not None:
            return end
        text = self._write_meta_prompt(view, recorded.instance)
        samples = view.search.candidates_per_step
        return (ProblemAsk((Message("user", text),), samples, instance=recorded.instance),)

    def read(self, reply: str, ask: Ask) -> Sequence[Content | str]:
        """Return the solution in a reply, as the problem reads it."""
        instance = ask.instance if isinstance(ask, ProblemAsk) else {}
        solution = self.problem.read(reply, instance)
        return (Solution(solution),) if solution else ()

    def reject(self, candidate: Content, view: SearchView) -> str:
        """Return why a text is no solution."""
        return self.problem.check(candidate.text, decode_problem(view.train).instance)

    def _write_meta_prompt(self, view: SearchView, instance: Instance) -> str:
        better, worst = ("lower", "highest") if self.problem.minimise else ("higher", "lowest")
        shown = "".join(
            f"<solution>{candidate.instruction}</solution>\nvalue: {format_value(value)}\n\n"
            for candidate, value in list_shown(view)
        )
        return (
            f"{self.problem.describe(instance)}\n\nBelow are solutions that were tried before, "
            f"with their values: a {better} value is better. The one with the {worst} value comes "
            f"first, the best one last.\n\n{shown}Write one solution that is different from all "
            f"of these and has a {better} value than any of them. Do not write code. End with the "
            "solution between <solution> and </solution>."
        )


def list_shown(view: SearchView) -> list[tuple[Candidate, float]]:
    """Return the best solutions with their values, the best one last."""
    return [
        (candidate, view.state.scale.orient(view.score(candidate)))
        for candidate in view.trajectory()
    ]


def format_value(value: float) -> str:
    """Return a value for a meta-prompt: whole, or with six significant digits."""
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"


def find_optimum(view: SearchView, recorded: RecordedProblem) -> End | None:
    """Return the end of a search that has found the optimum, None where it goes on."""
    optimum, scale = recorded.optimum, view.state.scale
    if optimum is None:
        return None
    for candidate in view.candidates():
        if is_close(scale.orient(view.score(candidate)), optimum.value):
            return End("the optimum was found")
    return None


def find_hopeless(view: SearchView) -> End | None:
    """Return the end of a search whose last step held no solution, None where it goes on.

    Only where the step has asked for one many times: a model that cannot write one would be paid
    for ever.
    """
    state = view.state
    if (
        not state.step
        or state.search.ask_again < MANY
        or any(
            text.step == state.step and text.id in state.candidates
            for text in reversed(state.proposals.texts)
        )
    ):
        return None
    return End(f"no reply of step {state.step} held a solution")
