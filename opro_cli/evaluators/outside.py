"""An evaluator from outside opro, with everything that it leaves out filled in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opro_cli.core.run.answers import SHARE, Scale
from opro_cli.core.run.progress import Role
from opro_cli.core.task.candidate import Content
from opro_cli.core.task.example import Evaluation, Example
from opro_cli.errors import OproError, RunError, UsageError
from opro_cli.ports import MeteredCall


class OutsideEvaluator:
    """Adapts the user's object to `ports.Evaluator`.

    It needs an async method `evaluate(candidate, example, call)` that returns an Evaluation or a
    number; `roles`, `scale` and `splits` have defaults.
    """

    def __init__(self, spec: str, part: Any) -> None:
        self.name = spec
        self._part = part() if isinstance(part, type) else part
        if not callable(getattr(self._part, "evaluate", None)):
            raise UsageError(f"task.evaluator: {spec} has no method evaluate")
        self.roles: Sequence[Role] = getattr(self._part, "roles", ())
        self.scale: Scale = getattr(self._part, "scale", SHARE)
        self.splits: bool = getattr(self._part, "splits", True)

    async def evaluate(self, candidate: Content, example: Example, call: MeteredCall) -> Evaluation:
        """Evaluate as the user's object does; its errors become a RunError."""
        try:
            value = await self._part.evaluate(candidate, example, call)
            if isinstance(value, int | float):
                value = Evaluation(float(value), f"{value:g}")
        except OproError:
            raise
        except Exception as error:
            raise RunError(
                f"task.evaluator {self.name} failed on {example.source}: "
                f"{type(error).__name__}: {error}",
                "correct it and start a new run: this one resumes only with the part it began with",
            ) from error
        if not isinstance(value, Evaluation):
            raise RunError(
                f"task.evaluator {self.name}: expected an Evaluation or a number, "
                f"found {type(value).__name__}"
            )
        if value.value is not None and self.scale.refuses(value.value):
            raise RunError(
                f"task.evaluator {self.name}: {value.value!r} is not on its scale",
                "return values between 0 and 1, or give it scale = Scale(bounded=False)",
            )
        return value
