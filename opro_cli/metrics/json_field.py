"""Answers in a field of a JSON object."""

from __future__ import annotations

import json
import re
from typing import Any

from opro_cli.core.model import UNREADABLE, Example, Grade
from opro_cli.metrics.reading.answer_text import required_text, same_text
from opro_cli.metrics.reading.numerals import same_number, sole_numeral

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
        return required_text(raw)

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """1.0 for the same value, 0.0 for another one."""
        value = _value_at(last_object(reply), self._steps)
        if isinstance(value, bool):
            answer = "true" if value else "false"
        elif isinstance(value, str) and value.strip():
            answer = str(value).strip()
        else:
            return UNREADABLE
        return Grade(answer, float(_same_value(answer, example.target)))


def last_object(reply: str) -> dict[str, Any] | None:
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


def _value_at(value: object, steps: list[str]) -> object:
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


def _same_value(answer: str, target: str) -> bool:
    if same_text(answer, target):
        return True
    wanted, given = sole_numeral(target), sole_numeral(answer)
    return wanted is not None and given is not None and same_number(given, wanted)
