"""Read JSON objects and lists in replies, and compare them field by field.

The order of keys and of list elements does not count. Values are compared as `is_same_value` does:
4, 4.0 and "4" are one, and so are true and "True".
"""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from opro_cli.reading.answer_text import collapse_spaces, is_same_text, normalize_text
from opro_cli.reading.numerals import is_same_number, read_sole_numeral

SEARCHED = 20_000
"""Characters searched for objects and lists, from the end of a reply."""
_PARSE_BUDGET = 20 * SEARCHED
"""Characters parsed in all attempts: each nested object that never closes costs a parse."""
_MOST_PAIRS = 2_500
"""Pairs of unequal list elements that are compared; the elements of longer lists are unmatched."""
# Trying every bracket is slow, because the error of each failure counts lines.
_START = re.compile(
    r'\{\s*+(?:\}|"(?:[^"\\]|\\.){0,500}+"\s*+:)|\[\s*+(?:[\]{\["]|-?\d|true|false|null)', re.DOTALL
)


OBJECT = re.compile(r'\{\s*+(?:\}|"(?:[^"\\]|\\.){0,500}+"\s*+:)', re.DOTALL)
"""How an object begins."""


class _Numeral(str):
    """A JSON number as written: floats are not exact, and huge integers do not convert."""

    __slots__ = ()


_DECODER = json.JSONDecoder(parse_float=_Numeral, parse_int=_Numeral, parse_constant=str)


@dataclass(frozen=True, slots=True)
class Structure:
    """An object or a list, and its text on one line."""

    value: Any
    text: str


@functools.lru_cache(maxsize=4096)
def parse_structure(text: str) -> Structure | None:
    """Return the JSON object or list that a text is; None for any other text."""
    stripped = text.strip()
    if not stripped.startswith(("{", "[")):
        return None
    try:
        return Structure(_DECODER.decode(stripped), collapse_spaces(stripped))
    except (ValueError, RecursionError):
        return None


def find_structures(text: str, beginning: re.Pattern[str] = _START) -> list[Structure]:
    """Return the outermost objects and lists in a text, in order; never raises.

    Those whose first key is longer than 500 characters are skipped. By a `beginning` of objects
    alone, those in a list are outermost ones.
    """
    text = text.strip()[-SEARCHED:]
    budget = _PARSE_BUDGET
    found: list[Structure] = []
    start = beginning.search(text)
    while start and budget > 0:
        try:
            value, end = _DECODER.raw_decode(text, start.start())
            found.append(Structure(value, collapse_spaces(text[start.start() : end])))
        except json.JSONDecodeError as error:
            end = start.start() + 1
            # Characters parsed, and those before, in which lines are counted far faster.
            budget -= error.pos - end + 2 + error.pos // 100
        except RecursionError:
            end = start.start() + 1
            budget -= len(text)
        start = beginning.search(text, end)
    return found


def read_structure(text: str, wanted: Structure) -> Structure | None:
    """Return the object or list in a reply that answers where `wanted` is the right one.

    It is the last of its kind. A wrapper of one key, and a list around one object, are taken off.
    """
    kind = type(wanted.value)
    found = find_structures(text)
    own = [each for each in found if type(each.value) is kind]
    given = (own or found)[-1] if found else None
    if given is None:
        return None
    return Structure(_unwrap(given.value, wanted.value), given.text)


def _unwrap(given: Any, wanted: Any) -> Any:
    """Return what a wrapper of one key, or a list of one, holds, if it is of the right kind."""
    only = None
    if isinstance(given, dict) and len(given) == 1:
        ((key, only),) = given.items()
        if isinstance(wanted, dict) and key in wanted:
            return given
    elif isinstance(given, list) and len(given) == 1 and isinstance(wanted, dict):
        only = given[0]
    return only if type(only) is type(wanted) else given


@dataclass(frozen=True, slots=True)
class Match:
    """Fields of two values: those that are the same, and all that either of them has."""

    right: int
    fields: int

    @property
    def share(self) -> float:
        """The share of fields that are the same; 1.0 for two values without any."""
        return self.right / self.fields if self.fields else 1.0


def compare_values(wanted: Any, given: Any) -> Match:
    """Compare two JSON values field by field.

    A field is a value that is no object and no list, or an empty one. Null is no field. Objects are
    compared key by key. Of two lists each element has at most one partner: equal ones first, then
    those that share most. A value without a partner counts with all of its fields, so that what is
    missing and what is too much both lower the share. A single value is a list of one where the
    other is a list.
    """
    if isinstance(wanted, dict) and isinstance(given, dict):
        return _compare_objects(wanted, given)
    if isinstance(wanted, list) or isinstance(given, list):
        return _compare_lists(_as_list(wanted), _as_list(given))
    if isinstance(wanted, dict) or isinstance(given, dict):
        return Match(0, max(count_fields(wanted), count_fields(given)))
    same = _build_key(given) == _build_key(wanted) or is_same_value(_write(given), _write(wanted))
    return Match(int(same), 1)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _compare_objects(wanted: dict[str, Any], given: dict[str, Any]) -> Match:
    if not wanted and not given:
        return Match(1, 1)
    right = fields = 0
    for key in [*wanted, *(key for key in given if key not in wanted)]:
        one, other = wanted.get(key), given.get(key)
        if one is None and other is None:
            continue
        if one is None or other is None:
            fields += count_fields(other if one is None else one)
            continue
        match = compare_values(one, other)
        right, fields = right + match.right, fields + match.fields
    return Match(right, fields)


def _compare_lists(wanted: list[Any], given: list[Any]) -> Match:
    if not wanted and not given:
        return Match(1, 1)
    right = fields = 0
    keys = Counter(map(_build_key, wanted)) & Counter(map(_build_key, given))
    left: list[list[Any]] = []
    for values, is_wanted in ((wanted, True), (given, False)):
        shared, rest = keys.copy(), []
        for value in values:
            if shared[key := _build_key(value)] > 0:
                shared[key] -= 1
                right += count_fields(value) * is_wanted
                fields += count_fields(value) * is_wanted
            else:
                rest.append(value)
        left.append(rest)
    matches = []
    if len(left[0]) * len(left[1]) <= _MOST_PAIRS:
        for i, one in enumerate(left[0]):
            matches += [(compare_values(one, other), i, j) for j, other in enumerate(left[1])]
    matches.sort(key=lambda each: (-each[0].share, each[1], each[2]))
    paired: tuple[set[int], set[int]] = (set(), set())
    for match, i, j in matches:
        if match.right and i not in paired[0] and j not in paired[1]:
            paired[0].add(i)
            paired[1].add(j)
            right, fields = right + match.right, fields + match.fields
    for rest, done in zip(left, paired, strict=True):
        fields += sum(count_fields(each) for k, each in enumerate(rest) if k not in done)
    return Match(right, fields)


def count_fields(value: Any) -> int:
    """Return the number of fields of a value; see `compare_values`."""
    if isinstance(value, dict):
        return sum(map(count_fields, value.values())) if value else 1
    if isinstance(value, list):
        return sum(map(count_fields, value)) if value else 1
    return int(value is not None)


def _build_key(value: Any) -> Any:
    """Return what equal values share; values of different keys may be the same all the same."""
    if isinstance(value, dict):
        return frozenset((k, _build_key(v)) for k, v in value.items() if v is not None)
    if isinstance(value, list):
        return tuple(sorted(repr(_build_key(each)) for each in value))
    text = normalize_text(_write(value))
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _write(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return str(value)


def is_same_value(answer: str, target: str) -> bool:
    """Return whether two values of fields are the same as texts, or as numbers."""
    if is_same_text(answer, target):
        return True
    wanted, given = read_sole_numeral(target), read_sole_numeral(answer)
    return wanted is not None and given is not None and is_same_number(given, wanted)
