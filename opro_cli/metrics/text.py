"""Answers that are a text: compared whole, mentioned anywhere, or in a field of a JSON object."""

from __future__ import annotations

import json
import re
from typing import Any

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.reading.answer_text import (
    collapse_spaces,
    find_occurrences,
    has_same_words,
    is_same_text,
    is_word_list,
    join_leading_list,
    normalize_text,
    require_text,
)
from opro_cli.reading.final_answer import UNDECIDED, Mark, Undecided, decide, find_final_answer_in
from opro_cli.reading.numerals import is_same_number, read_sole_numeral
from opro_cli.reading.reply_text import READ_LIMIT, is_repetition, select_answer_texts
from opro_cli.reading.sentences import is_left_open, is_void, split_lines
from opro_cli.reading.stated_text import (
    is_announcement,
    is_choice,
    iterate_readings,
    normalize_brackets,
    read_brackets,
    read_concluding_text,
    shorten,
)


class ExactMetric:
    """The final answer is the target, NFKC, casefolded, whitespace collapsed.

    The final answer is what follows the last marker on its line, or its first sentence; without
    a marker see `stated_text.concluded_text`. Articles, quotes, markdown and one stop around it
    are dropped, unless the target is punctuation only; of several words, what separates them
    does not count. Brackets are compared as brackets, spaces aside. A reply that gives no answer
    is unreadable.
    """

    def target(self, raw: str) -> str:
        """Any text, with whitespace collapsed; raises ValueError when it is empty."""
        return require_text(raw)

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """1.0 for the same text, 0.0 for another one."""
        brackets = normalize_brackets(example.target)
        for text in select_answer_texts(reply, example.input):
            if not text:
                continue
            if brackets and (given := read_brackets(text, example.input)):
                right = given == brackets
                return Grade(
                    collapse_spaces(example.target if right else " ".join(given)), float(right)
                )
            if not brackets and (answer := _read_answer(text, example)):
                right = _is_same(answer, example.target)
                return Grade(answer if not right else collapse_spaces(example.target), float(right))
        return UNREADABLE


def _read_answer(text: str, example: Example) -> str | None:
    """The answer of `text`: the target where it gives that, else what it gives, or None."""
    target, question = example.target, example.input[-READ_LIMIT:]
    if _is_same(text, target):
        return target
    final = find_final_answer_in(text)
    if find_final_answer_in(target).marked and any(
        _is_same(mark.line, target) for mark in final.marks
    ):
        return target
    if is_left_open(text):
        return None
    answer = decide(final.marks, lambda mark: _read_mark(mark, target, question), is_same_text)
    if answer is None and not final.marked and not is_repetition(text, question):
        answer = _read_conclusion(text, target, question)
    if answer is None or isinstance(answer, Undecided) or (answer != target and is_choice(answer)):
        return None
    return answer


def _read_mark(mark: Mark, target: str, question: str) -> str | Undecided | None:
    if mark.form == "letter":
        return None
    if mark.form == "correction":
        return _read_conclusion(mark.rest, target, question)
    items = (
        join_leading_list(split_lines(mark.rest)) if mark.form in ("label", "sentence") else None
    )
    found = _read_line(items or mark.line, target, question)
    if found == target:
        return target
    if is_void(mark.line):
        return UNDECIDED
    if mark.form == "label" and is_announcement(mark.line):
        return _read_conclusion(mark.rest, target, question)
    return found


def _read_conclusion(text: str, target: str, question: str) -> str | None:
    line = read_concluding_text(text, question)
    return None if line is None else _read_line(line, target, question)


def _read_line(line: str, target: str, question: str) -> str:
    """The target where `line` gives it in any of its forms, else the answer that it gives."""
    # Quotes around a target of punctuation may be part of another answer.
    words = any(character.isalnum() for character in target)
    if not words:
        return line
    if any(_is_same(reading, target) for reading in iterate_readings(line, question)):
        return target
    return shorten(line, question)


def _is_same(answer: str, target: str) -> bool:
    return is_same_text(answer, target) or (is_word_list(target) and has_same_words(answer, target))


# "not Paris", "isn't in Paris", "neither Paris"
_DENIED = re.compile(
    r"(?:(?<![^\W_])(?:not|never|neither|nor|without|rather than|instead of)|n['’]t)"
    r"(?: (?:the|an?|in|at|of|called|really|actually))?[\s\W]{1,3}\Z"
)


class ContainsMetric:
    """The target occurs in the reply as whole words, NFKC, casefolded, whitespace collapsed.

    A letter or digit directly before or after the target makes it another word, and a denial
    directly before it ("not Paris") makes it no mention. Only the last READ_LIMIT characters are
    searched, thoughts and a next question aside. An empty reply is unreadable.
    """

    def target(self, raw: str) -> str:
        """Any text, with whitespace collapsed; raises ValueError when it is empty."""
        return require_text(raw)

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """1.0 when the target occurs; otherwise 0.0 with the reply's final answer as answer."""
        text = select_answer_texts(reply, example.input)[0]
        final = find_final_answer_in(text)
        if not final.text:
            return UNREADABLE
        if _mentions(normalize_text(text), normalize_text(example.target)):
            return Grade(collapse_spaces(example.target), 1.0)
        return Grade(final.text, 0.0)


def _mentions(text: str, target: str) -> bool:
    return any(
        not _DENIED.search(text[max(0, start - 30) : start])
        for start in find_occurrences(target, text)
    )


OBJECT_LIMIT = 20_000
"""Characters of a reply that are searched for a JSON object, from its end."""

_PARSE_BUDGET = 20 * OBJECT_LIMIT
"""Characters parsed over all attempts: nested objects that never close cost a parse each."""

# Trying every "{" of a text is slow, because the error of each failure counts lines.
_OBJECT_START = re.compile(r'\{\s*+(?:\}|"(?:[^"\\]|\\.){0,500}+"\s*+:)', re.DOTALL)


class _Numeral(str):
    """A JSON number as written: binary floats are not exact and huge integers do not convert."""

    __slots__ = ()


_DECODER = json.JSONDecoder(parse_float=_Numeral, parse_int=_Numeral, parse_constant=str)


class JsonFieldMetric:
    """The value at a dotted path in the last JSON object of the reply.

    The object may stand in prose or a code fence. Numbers are compared as numbers, booleans as
    words, strings as `exact` compares. A missing key, null, a list or an object is unreadable.
    """

    def __init__(self, path: str) -> None:
        """`path`: keys and list indexes, "answer", "result.items.0"; ValueError when malformed."""
        if not path:
            raise ValueError("expected a path, as in json:answer or json:result.0.value")
        self._steps = path.split(".")
        if "" in self._steps:
            raise ValueError(f"path {path!r} has an empty key")

    def target(self, raw: str) -> str:
        """Any text, with whitespace collapsed; raises ValueError when it is empty."""
        return require_text(raw)

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """1.0 for the same value, 0.0 for another one."""
        value = _find_value(find_last_object(reply), self._steps)
        if isinstance(value, bool):
            answer = "true" if value else "false"
        elif isinstance(value, str) and value.strip():
            answer = str(value).strip()
        else:
            return UNREADABLE
        return Grade(answer, float(_is_same_value(answer, example.target)))


def find_last_object(reply: str) -> dict[str, Any] | None:
    """The last JSON object in `reply` that is in no other one, or None; never raises.

    Objects whose first key is longer than 500 characters are passed over.
    """
    text = reply.strip()[-OBJECT_LIMIT:]
    budget = _PARSE_BUDGET
    found: dict[str, Any] | None = None
    start = _OBJECT_START.search(text)
    while start and budget > 0:
        try:
            found, end = _DECODER.raw_decode(text, start.start())
        except json.JSONDecodeError as error:
            end = start.start() + 1
            # What was parsed, and the lines before it, which are counted far faster.
            budget -= error.pos - end + 2 + error.pos // 100
        except RecursionError:
            end = start.start() + 1
            budget -= len(text)
        start = _OBJECT_START.search(text, end)
    return found


def _find_value(value: object, steps: list[str]) -> object:
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list):
            # An index has few digits, and int() refuses very many.
            index = int(step) if step.isdecimal() and len(step) < 10 else len(value)
            value = value[index] if index < len(value) else None
        else:
            return None
    return value


def _is_same_value(answer: str, target: str) -> bool:
    if is_same_text(answer, target):
        return True
    wanted, given = read_sole_numeral(target), read_sole_numeral(answer)
    return wanted is not None and given is not None and is_same_number(given, wanted)
