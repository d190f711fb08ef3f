"""Answers that a Python function of the user scores."""

from __future__ import annotations

from collections.abc import Callable

from opro_cli.core.model import UNREADABLE, Example, Grade
from opro_cli.errors import UsageError
from opro_cli.metrics.reading.final_answer import final_answer

ScoreFunction = Callable[[str, str, str], float | bool | None]

LONGEST_READ, LONGEST_SHOWN = 20_000, 1_000
"""Characters of what a function raises or returns that are searched for keys, and shown."""


class FunctionMetric:
    """`function(reply, target, question)` is the score, 0.0 to 1.0, or None for unreadable.

    The grade's answer is the reply's final answer, for people; the function decides alone.
    """

    def __init__(self, function: ScoreFunction, redact: Callable[[str], str] = str) -> None:
        """redact: takes keys out of what the function raises or returns before it is told."""
        self._function = function
        self._redact = redact
        self._name = getattr(function, "__qualname__", repr(function))

    def target(self, raw: str) -> str:
        """The gold answer without surrounding whitespace; the function says what it means."""
        return raw.strip()

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """The function's score of `reply`.

        Raises UsageError when the function raises or returns anything but a score or None.
        """
        try:
            score: object = self._function(reply, example.target, example.input)
        except (Exception, SystemExit) as error:  # the user's code may raise anything
            raise UsageError(
                f"metric function {self._name} raised {type(error).__name__}: "
                f"{self._show(str(error))} on {example.source}",
                "make it return None for a reply that it cannot read",
            ) from error
        if score is None:
            return UNREADABLE
        if not isinstance(score, (bool, int, float)) or not 0.0 <= score <= 1.0:
            raise UsageError(
                f"metric function {self._name} returned {self._show(repr(score))} on "
                f"{example.source}; "
                "expected a score from 0 to 1, True, False or None"
            )
        return Grade(final_answer(reply).text, float(score))

    def _show(self, text: str) -> str:
        """Words for a message, without keys: searched further than shown, lest one be cut."""
        return self._redact(text[:LONGEST_READ])[:LONGEST_SHOWN]
