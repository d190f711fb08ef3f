r"""Find the mathematical answer of a reply: in `\boxed{}`, at a marker, or in the conclusion."""

from __future__ import annotations

import re
from collections.abc import Sequence

from opro_cli.reading import prose
from opro_cli.reading.final_answer import (
    UNDECIDED,
    Mark,
    Undecided,
    decide,
    find_final_answer_in,
    take_first_sentence,
)
from opro_cli.reading.math import is_same_math
from opro_cli.reading.stated_text import read_concluding_text, shorten

MOST_BOXES = 16
"""Boxes that are read, counted from the end."""

_BOX = re.compile(
    r"\\f?box(?:ed)?(?![a-zA-Z])\s{0,2}(?:(?P<brace>\{)|(?P<bare>[^\s{}$\\]+|\\[a-z]+))"
)
_BRACE = re.compile(r"(?<!\\)[{}]")
# "\boxed{2} and \boxed{3}" are two solutions, "\boxed{2} cm and $y = \boxed{3}$" as well.
_JOINED = re.compile(
    r"(?:[\s$.\\(){}]|\\q?quad|\\text){0,8}"
    r"(?:,?|(?:[\w()]{1,12}\s){0,4}(?:,\s)?(?:and|or|und|oder|et|ou))"
    r"(?:[\s$\\(){}]|\\q?quad|\\text){0,8}(?:[a-zA-Z](?:_\d)?(?:\([a-z]\))?\s?=\s?)?"
)
_SPAN = re.compile(
    r"\$\$(?P<a>[^$]{1,400})\$\$|\$(?P<b>[^$\n]{1,400})\$"
    r"|\\\((?P<c>.{1,400}?)\\\)|\\\[(?P<d>.{1,400}?)\\\]",
    re.DOTALL,
)
# "the integral equals ln 2", "so we get 1/(x+1)"
_SAID = re.compile(
    r".*(?<![^\W_])(?:is|are|be|equals?|gets?|gives?|obtain|have|becomes?|ist|sind|beträgt|ergibt|est"
    r"|es|son|è|é)\s|.*[=:]\s",
    re.IGNORECASE,
)


def read_box(text: str) -> str | None:
    r"""Return what the last `\boxed{}` holds; several that "and" joins as a list; else None."""
    found = list(_BOX.finditer(text))[-MOST_BOXES:]
    contents: list[str] = []
    end = -1
    for box in found:
        close = _find_close(text, box.end()) if box["brace"] else box.end()
        if close is None:
            continue
        content = text[box.end() : close] if box["brace"] else box["bare"].rstrip(".,;:")
        joined = 0 <= end <= box.start() and _JOINED.fullmatch(text, end, box.start())
        contents = [*contents, content] if joined else [content]
        end = close + bool(box["brace"])
    answer = ", ".join(contents).strip()
    return answer or None


def read_math(text: str, question: str, *, cut: bool = False) -> str | None:
    """Return the answer that a reply without a box gives, as it is written; None for none."""
    if prose.is_left_open(text):
        return None
    marks = find_final_answer_in(text).marks
    answer = decide(marks, _read_mark, is_same_math)
    if answer is None and not marks and not cut:
        answer = _read_conclusion(text, question)
    return None if answer is UNDECIDED or not answer else answer


def _find_close(text: str, start: int) -> int | None:
    depth = 1
    for brace in _BRACE.finditer(text, start, start + 2000):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.start()
    return None


def _read_mark(mark: Mark) -> str | Undecided | None:
    if prose.is_void(mark.line):
        return UNDECIDED
    line = mark.line
    if line.startswith(("\\[", "$$")):
        line = mark.rest
    return (
        _join_spans(line, list(_SPAN.finditer(line))) or take_first_sentence(line).strip() or None
    )


def _join_spans(text: str, spans: Sequence[re.Match[str]]) -> str | None:
    """Return the last formula, with those before it that "and" joins to it; None for none."""
    answer: list[str] = []
    start = 0
    for span in reversed(spans):
        content = next(filter(None, span.groups()))
        if answer and not _JOINED.fullmatch(text, span.end(), start):
            break
        answer.insert(0, content.strip())
        start = span.start()
    return ", ".join(answer) or None


def _read_conclusion(text: str, question: str) -> str | None:
    """Return the last formula of the last sentence, else what a short conclusion says."""
    body = prose.drop_denied(prose.drop_closing(text))
    if prose.is_cut_off(body):
        return None
    if spans := list(_SPAN.finditer(body)):
        line = body[spans[-1].end() :].strip()
        return _join_spans(body, spans) if "\n" not in line else None
    line = read_concluding_text(text, question) or ""
    short = shorten(line, question) if line else ""
    verb = _SAID.match(short)
    return (short[verb.end() :] if verb else short).strip() or None
