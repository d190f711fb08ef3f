"""Answers that a regular expression of the user finds."""

from __future__ import annotations

import re

from opro_cli.core.model import UNREADABLE, Example, Grade
from opro_cli.metrics.reading.answer_text import required_text, same_text
from opro_cli.metrics.reading.reply_text import tail


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
        return required_text(raw)

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """1.0 for the same text, 0.0 for another; unreadable without a match or an empty one."""
        found = list(self._pattern.finditer(tail(reply)))
        if not found:
            return UNREADABLE
        last = found[-1]
        group = last[1] if self._pattern.groups and last[1] is not None else last[0]
        answer = group.strip()
        if not answer:
            return UNREADABLE
        return Grade(answer, float(same_text(answer, example.target)))
