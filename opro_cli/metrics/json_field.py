"""Grade answers that are a field of a JSON object, or all of one."""

from __future__ import annotations

import json
import re
from typing import Any

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.reading.answer_text import has_occurrence, normalize_text, require_text
from opro_cli.reading.prose import drop_half_word
from opro_cli.reading.reply_text import Span, select_parts, take_tail
from opro_cli.reading.structure import (
    OBJECT,
    Structure,
    compare_values,
    find_structures,
    is_same_value,
    parse_structure,
    read_structure,
)

_LOOSE_VALUE = (
    r"""(?:"(?P<text>(?:[^"\\\n]|\\.){1,500}+)"|'(?P<single>(?:[^'\\\n]|\\.){1,500}+)'"""
    r"""|(?P<bare>-?\d[\d.]{0,40}|true|false)|"(?P<open>[^"\\\n]{1,500}+)\Z)"""
)
_NUMBER = re.compile(r"\d(?:[\d.,]*\d)?")


class JsonFieldMetric:
    """The value at a dotted path in the last JSON object of the reply, or all of it.

    The object may be in prose or a code fence, and not in thoughts. Numbers are compared as
    numbers, booleans as words, strings as by `exact`. Where no object can be parsed, or none has
    the key there, the key's only complete value in the reply counts, so that a trailing comma,
    single quotes, another case of the key, an object that was cut behind the value, or a wrapper
    around it loses nothing; a list of one is its element. A missing key, null, and a list or an
    object of several values where the target is none, are unreadable.

    A target that is itself an object or a list is compared field by field, see
    `structure.compare_values`; without a path every target is one.
    """

    structures = frozenset({"object", "list"})

    def __init__(self, path: str) -> None:
        """Raise ValueError unless `path` is "", or keys and list indexes: "result.items.0"."""
        self._steps = path.split(".") if path else []
        if "" in self._steps:
            raise ValueError(f"path {path!r} has an empty key")

    def target(self, raw: str) -> str:
        """Return a gold value; an object or a list as it is written.

        Raises:
            ValueError: It is empty, or neither an object nor a list where there is no path.
        """
        if parse_structure(raw) is not None:
            return raw.strip()
        if not self._steps:
            raise ValueError(
                f"expected a JSON object or list, found {raw.strip()[:80]!r}; "
                "json:KEY compares the value of one key"
            )
        return require_text(raw)

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """Return 1.0 for the same value, 0.0 for another one, the share of right fields between."""
        wanted = parse_structure(example.target)
        if wanted is not None:
            return self._grade_structure(reply, wanted)
        parts = select_parts(reply, example.input, prompt)
        part = next((each for each in parts if "{" in each.text), parts[-1])
        key = self._steps[-1] if self._steps else None
        value = _unwrap_value(_find_value(find_last_object(part.text), self._steps))
        if value is None and key is not None:
            value = _find_loose_value(part.text, key, example.input)
        if isinstance(value, bool):
            answer = "true" if value else "false"
        elif isinstance(value, str) and value.strip():
            answer = str(value).strip()
        else:
            return UNREADABLE
        span = part.locate(*(find_value(part.text, answer, key) or (0, 0)))
        return Grade(answer, float(is_same_value(answer, example.target)), span)

    def _grade_structure(self, reply: str, wanted: Structure) -> Grade:
        text = select_parts(reply)[0].text
        if not self._steps:
            found = read_structure(text, wanted)
            if found is None:
                return UNREADABLE
            return Grade(found.text, compare_values(wanted.value, found.value).share)
        value = _find_value(find_last_object(text), self._steps)
        if value is None:
            return UNREADABLE
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return Grade(shown or "(empty)", compare_values(wanted.value, value).share)


def find_value(text: str, value: str, key: str | None = None) -> Span | None:
    """Return where a value, as JSON decodes it, stands in a text last; of a key, or of any.

    A list index is no key: the value may then belong to any. None where it is written in an
    unusual way.
    """
    name = r'"[^"\n]{1,500}"' if key is None or key.isdecimal() else re.escape(json.dumps(key))
    plain, escaped = re.escape(value), re.escape(json.dumps(value)[1:-1])
    written = rf'"(?P<string>{escaped}|{plain})"|(?P<bare>{plain}(?![\w.]))'
    behind = r"\s{0,20}:\s{0,20}(?:\{[^{}:]{1,500}:\s{0,20})?"
    if key is None or key.isdecimal():
        behind, name = r"[:,\[]\s{0,20}", ""
    found = list(re.finditer(rf"{name}{behind}(?:{written})", text))
    return None if not found else found[-1].span("string" if found[-1]["string"] else "bare")


def find_last_object(reply: str) -> dict[str, Any] | None:
    """Return the last outermost JSON object in `reply`, or None; never raises.

    Objects whose first key is longer than 500 characters are skipped.
    """
    found = find_structures(reply, OBJECT)
    return found[-1].value if found else None


def _find_value(value: object, steps: list[str]) -> object:
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list):
            # int() refuses very long numbers.
            index = int(step) if step.isdecimal() and len(step) < 10 else len(value)
            value = value[index] if index < len(value) else None
        else:
            return None
    return value


def _unwrap_value(value: object) -> object:
    """Return the only value of `{"name": "Rome"}` or `["Rome"]`, or the value as it is."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], bool | str):
        return value[0]
    if isinstance(value, dict) and len(value) == 1:
        (only,) = value.values()
        return only if isinstance(only, bool | str) else value
    return value


def _find_loose_value(reply: str, key: str, question: str) -> str | None:
    """Return the only complete value of `key` in a text with a "{" that is no JSON, or None.

    One at the end of a text that was cut is complete where it stands elsewhere as a whole, "80"
    in a question that says "80 pounds", "Rome" in the sentence before: it begins no longer one.
    """
    text = take_tail(reply)
    found: dict[str, str] = {}
    if "{" not in text:
        return None
    named = rf"""(?P<mark>["']){re.escape(key)}(?P=mark)\s{{0,20}}:\s{{0,20}}{_LOOSE_VALUE}"""
    for each in re.finditer(named, text, re.IGNORECASE):
        value = each["text"] or each["single"] or each["bare"] or each["open"]
        if each["bare"] and each.end() == len(text):
            whole = value in _NUMBER.findall(question) or drop_half_word(text, question) == text
        elif each["open"]:
            whole = has_occurrence(normalize_text(value), normalize_text(text[: each.start()]))
        else:
            whole = True
        if whole:
            found.setdefault(normalize_text(value), value)
    return found.popitem()[1] if len(found) == 1 else None
