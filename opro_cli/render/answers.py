"""Questions with their replies in full, for a terminal and for a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from opro_cli.render.safe import display_instruction, printable, printable_lines
from opro_cli.render.tables import Page
from opro_cli.reports.formats import format_count, pluralize

if TYPE_CHECKING:
    from opro_cli.reports.answers import GradedAnswer, ShownAnswers

_SIGNS = {
    "right": ("✓", "green"),
    "partly right": ("≈", "yellow"),
    "wrong": ("✗", "red"),
    "unreadable": ("?", "yellow"),
    "refused": ("–", "yellow"),
    "valued": ("·", ""),
}
_BESIDE = " " * 10
"""Below a name, so that a text of several lines stands apart from names."""


def print_answers(shown: ShownAnswers, page: Page) -> None:
    """Print a prompt, and each question with gold answer, answer and reply."""
    page.write_line(printable(f"{shown.prompt}:"), "bold")
    for line in printable_lines(display_instruction(shown.instruction)):
        _write(f"  {line}", page)
    for answer in shown.answers:
        sign, style = _SIGNS[answer.judgement]
        page.write_line()
        title = f"{sign} {answer.split} {answer.question} · {answer.judgement}"
        page.write_line(title, style)
        for line in _list_lines(answer):
            _write(line, page)
    page.write_line()
    count = f"{format_count(len(shown.answers))} of {pluralize(shown.answered, 'answer')}"
    page.write_line(f"{count} shown", "dim")


def _list_lines(answer: GradedAnswer) -> Iterator[str]:
    yield from _list_text("question", answer.input)
    yield from _list_text("expected", answer.target)
    read = "(nothing)" if answer.answer is None else answer.answer
    if answer.judgement in ("partly right", "valued"):
        read += f"   (score {answer.score:g})"
    yield from _list_text("read", read)
    for number, reply in enumerate(answer.replies, start=1):
        name = f"reply {number}" if len(answer.replies) > 1 else "reply"
        yield from _list_text(name, reply or "(empty)")
    if not answer.replies:
        yield from _list_text("reply", "(none)")


def _list_text(name: str, text: str) -> Iterator[str]:
    first, *more = printable_lines(text)
    yield f"{name:<{len(_BESIDE)}}{first}"
    yield from (f"{_BESIDE}{line}" for line in more)


def _write(line: str, page: Page) -> None:
    """Write a line: broken where a terminal ends, and as it is into a pipe."""
    if page.is_terminal:
        page.write_line(line)
    else:
        page.write(line)
