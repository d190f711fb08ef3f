"""Worked examples of two prompts, one below the other: those of one alone, and those of both."""

from __future__ import annotations

from opro_cli.render.safe import printable
from opro_cli.reports.comparison import PromptDiff
from opro_cli.reports.selected import ShownExample

_QUESTION, _ANSWER = 90, 24
"""Characters of each that are shown."""


def list_examples(diff: PromptDiff) -> list[tuple[str, str]]:
    """Return each worked example behind the sign of its prompt, " " where both show it.

    In the order in which the first prompt shows its own, then the second one what it has beside.
    """
    if diff.before is None or diff.after is None:
        return []
    before, after = diff.before.examples, diff.after.examples
    first = [(" " if each in after else "-", _format_example(each)) for each in before]
    return first + [("+", _format_example(each)) for each in after if each not in before]


def _format_example(example: ShownExample) -> str:
    question = printable(example.question, _QUESTION)
    return f"{question} → {printable(example.answer, _ANSWER)}"
