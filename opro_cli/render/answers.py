"""Questions with their replies in full, for a terminal and for a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from opro_cli.render.safe import display_prompt, printable, printable_lines
from opro_cli.render.tables import Page
from opro_cli.reports.formats import format_count, pluralize

if TYPE_CHECKING:
    from opro_cli.reports.answers import GradedAnswer, Judgement, ShownAnswers

SIGNS: Mapping[Judgement, tuple[str, str]] = {
    "right": ("✓", "green"),
    "partly right": ("≈", "yellow"),
    "wrong": ("✗", "red"),
    "unreadable": ("?", "yellow"),
    "refused": ("–", "yellow"),
    "valued": ("·", ""),
}
"""The sign of each judgement, and its style."""
BESIDE = " " * 10
"""Below a name, so that a text of several lines stands apart from names."""


class _Line(NamedTuple):
    """A printable line, and what of it is marked: nothing where `start` is `end`."""

    text: str
    start: int = 0
    end: int = 0


def print_answers(shown: ShownAnswers, page: Page) -> None:
    """Print a prompt, and each question with gold answer, answer and reply."""
    page.write_line(printable(f"{shown.prompt}:"), "bold")
    for line in printable_lines(display_prompt({"instruction": shown.instruction, **shown.form})):
        _write(_Line(f"  {line}"), page)
    for answer in shown.answers:
        sign, style = SIGNS[answer.judgement]
        page.write_line()
        title = f"{sign} {answer.split} {answer.question} · {answer.judgement}"
        page.write_line(title, style)
        for each in list_lines(answer):
            _write(each, page)
    page.write_line()
    count = f"{format_count(len(shown.answers))} of {pluralize(shown.answered, 'answer')}"
    page.write_line(f"{count} shown", "dim")


def list_lines(answer: GradedAnswer) -> Iterator[_Line]:
    """Yield an answer in full, line by line: question, gold answer, what was read, replies."""
    yield from _list_text("question", answer.input)
    yield from _list_text("expected", answer.target)
    read = "(nothing)" if answer.answer is None else answer.answer
    if answer.judgement in ("partly right", "valued"):
        read += f"   (score {answer.score:g})"
    yield from _list_text("read", read)
    if answer.read_each:
        each = ("(nothing)" if text is None else text for text in answer.read_each)
        yield from _list_text("each", ", ".join(each))
    for number, reply in enumerate(answer.replies, start=1):
        name = f"reply {number}" if len(answer.replies) > 1 else "reply"
        span = answer.read_from if number == len(answer.replies) else None
        yield from _list_text(name, reply or "(empty)", span)
    if not answer.replies:
        yield from _list_text("reply", "(none)")


def _list_text(name: str, text: str, span: tuple[int, int] | None = None) -> Iterator[_Line]:
    """Yield the lines of a text beside its name, with a span of it marked."""
    start, end = (len(_join_ends(text[:each])) for each in span or (0, 0))
    beside, indent = f"{name:<{len(BESIDE)}}", len(BESIDE)
    whole = _join_ends(text).split("\n")
    for index, line in enumerate(printable_lines(text)):
        raw = whole[index] if index < len(whole) else ""
        left, right = (min(max(0, each), len(raw)) for each in (start, end))
        marked = [indent + len(printable(raw[:each])) for each in (left, right)]
        yield _Line(f"{beside if index == 0 else BESIDE}{line}", *marked)
        start, end = start - len(raw) - 1, end - len(raw) - 1


def _join_ends(text: str) -> str:
    return text.replace("\r\n", "\n")


def _write(line: _Line, page: Page) -> None:
    """Write a line: broken where a terminal ends, and as it is into a pipe."""
    if page.is_terminal:
        page.write_marked(line.text, line.start, line.end)
    else:
        page.write(line.text)
