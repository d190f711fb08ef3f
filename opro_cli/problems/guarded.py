"""A problem of somebody else's, whose mistakes become sentences that name it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from opro_cli.core.draws import Random
from opro_cli.core.task.problem import Instance, Reference
from opro_cli.errors import PINNED, OproError, RunError, UsageError
from opro_cli.ports import Problem

WRITE_ONE = "write it as class NAME(opro_cli.Problem), see `opro docs problems`"


class GuardedProblem(Problem):
    """Calls the methods of a problem, and checks what they return.

    Each gets a copy of the instance, so that none can change what the others see.

    Args:
        spec: As the config names it.
        inner: The user's object, or its class.

    Raises:
        UsageError: It is no Problem, or lacks a method.
    """

    def __init__(self, spec: str, inner: Any) -> None:
        self._spec = spec
        self.inner = self._call("__init__", inner) if isinstance(inner, type) else inner
        kind = type(self.inner)
        if Problem not in kind.__mro__:
            raise UsageError(f"task.problem: {spec} is no opro_cli.Problem", WRITE_ONE)
        for method in ("describe", "start", "value"):
            if getattr(kind, method) is getattr(Problem, method):
                raise UsageError(f"task.problem: {spec} has no method {method}", WRITE_ONE)
        self.name = str(getattr(self.inner, "name", spec))
        self.Options = self.inner.Options
        self.minimise = self.inner.minimise
        if not isinstance(self.minimise, bool):
            raise self._refuse("minimise", "True or False", self.minimise)

    def has(self, method: str) -> bool:
        """Return whether the problem has one of the methods that need not be there."""
        return getattr(type(self.inner), method) is not getattr(Problem, method)

    def draw(self, options: Any) -> Instance:
        """Return an instance, which is JSON data."""
        instance = self._call("draw", self.inner.draw, options)
        try:
            plain = json.loads(json.dumps(instance))
        except (TypeError, ValueError, RecursionError):
            plain = None
        if not isinstance(plain, dict):
            raise self._refuse("draw", "a dict of JSON data", instance)
        return plain

    def describe(self, instance: Instance) -> str:
        """Return the problem as the optimizer reads it."""
        return self._text("describe", self.inner.describe, deepcopy(instance))

    def start(self, instance: Instance) -> Sequence[str]:
        """Return the solutions that the search starts from."""
        found = self._call("start", self.inner.start, deepcopy(instance))
        listed = isinstance(found, list | tuple) and all(isinstance(each, str) for each in found)
        if not listed or not found:
            raise self._refuse("start", "a list of texts, at least one", found)
        return tuple(found)

    def value(self, solution: str, instance: Instance) -> float:
        """Return the value of a solution, a finite number."""
        value = self._call("value", self.inner.value, solution, deepcopy(instance))
        try:
            number = math.nan if isinstance(value, bool | str) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise self._refuse(f"value of {solution!r:.60}", "a finite number", value)
        return number

    def check(self, solution: str, instance: Instance) -> str:
        """Return why a text is no solution."""
        return self._text("check", self.inner.check, solution, deepcopy(instance))

    def read(self, reply: str, instance: Instance) -> str:
        """Return the solution in a reply."""
        return self._text("read", self.inner.read, reply, deepcopy(instance))

    def references(self, instance: Instance) -> Sequence[Reference]:
        """Return known solutions, each with a finite value."""
        found = self._call("references", self.inner.references, deepcopy(instance))
        fine = isinstance(found, list | tuple) and all(map(_is_reference, found))
        if not fine:
            raise self._refuse("references", "a list of Reference(name, solution, value)", found)
        return tuple(Reference(each.name, each.solution, float(each.value)) for each in found)

    def draw_solution(self, instance: Instance, rng: Random) -> str:
        """Return a solution drawn blindly."""
        return self._text("draw_solution", self.inner.draw_solution, deepcopy(instance), rng)

    def improve(self, solution: str, instance: Instance, rng: Random) -> str:
        """Return a solution near another."""
        return self._text("improve", self.inner.improve, solution, deepcopy(instance), rng)

    def _text(self, name: str, method: Callable[..., Any], *arguments: Any) -> str:
        found = self._call(name, method, *arguments)
        if not isinstance(found, str):
            raise self._refuse(name, "a text", found)
        return found

    def _call(self, name: str, method: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return method(*arguments)
        except OproError:
            raise
        except (Exception, SystemExit) as error:
            why = f"{type(error).__name__}: {error}"
            raise RunError(f"task.problem {self._spec} failed in {name}: {why}", PINNED) from error

    def _refuse(self, name: str, expected: str, found: object) -> RunError:
        message = f"task.problem {self._spec}: expected {expected} from {name}, found {found!r:.60}"
        return RunError(message, PINNED)


def _is_reference(found: object) -> bool:
    return (
        isinstance(found, Reference)
        and isinstance(found.name, str)
        and isinstance(found.solution, str)
        and isinstance(found.value, int | float)
        and math.isfinite(found.value)
    )
