"""Answers that the user's own regular expression or Python function reads."""

from __future__ import annotations

import re
from collections.abc import Callable

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.errors import RunError
from opro_cli.reading.answer_text import is_same_text, require_text
from opro_cli.reading.final_answer import find_final_answer
from opro_cli.reading.reply_text import take_tail


class RegexMetric:
    """Group 1, else the whole, of the last match in the reply, compared as `exact` compares.

    The pattern is searched as Python's `re` searches, in the last READ_LIMIT characters of the
    reply without surrounding whitespace. A pattern may backtrack without end, which nothing in
    this process can stop: a run grades with it in a process that can be killed, see Grader.
    """

    def __init__(self, pattern: str) -> None:
        """Raises ValueError for an empty or a broken pattern, with the position."""
        if not pattern:
            raise ValueError("expected a pattern, as in regex:= (\\d+)")
        try:
            self._pattern = re.compile(pattern)
        except re.error as error:
            where = "" if error.pos is None else f" at position {error.pos}"
            raise ValueError(f"broken pattern {pattern!r}: {error.msg}{where}") from error
        except (OverflowError, RecursionError) as error:
            raise ValueError(f"broken pattern {pattern[:80]!r}: {error}") from error

    def target(self, raw: str) -> str:
        """Any text, with whitespace collapsed; raises ValueError when it is empty."""
        return require_text(raw)

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """1.0 for the same text, 0.0 for another; unreadable without a match or an empty one."""
        found = list(self._pattern.finditer(take_tail(reply)))
        if not found:
            return UNREADABLE
        last = found[-1]
        group = last[1] if self._pattern.groups and last[1] is not None else last[0]
        answer = group.strip()
        if not answer:
            return UNREADABLE
        return Grade(answer, float(is_same_text(answer, example.target)))


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

        Raises RunError when the function raises or returns anything but a score or None.
        """
        try:
            score: object = self._function(reply, example.target, example.input)
        except (Exception, SystemExit) as error:  # the user's code may raise anything
            raise RunError(
                f"metric function {self._name} raised {type(error).__name__}: "
                f"{self._show(str(error))} on {example.source}",
                "make it return None for a reply that it cannot read",
            ) from error
        if score is None:
            return UNREADABLE
        if not isinstance(score, (bool, int, float)) or not 0.0 <= score <= 1.0:
            raise RunError(
                f"metric function {self._name} returned {self._show(repr(score))} on "
                f"{example.source}; "
                "expected a score from 0 to 1, True, False or None"
            )
        return Grade(find_final_answer(reply).text, float(score))

    def _show(self, text: str) -> str:
        """Words for a message, without keys: searched further than shown, lest one be cut."""
        return self._redact(text[:LONGEST_READ])[:LONGEST_SHOWN]
