"""Columns of rows: the paths that hold something, and what kind of values they hold."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from opro_cli.core.spellings import normalize_label
from opro_cli.datasets.paths import get_field, is_turn

Fields = Mapping[str, object]

DEEPEST = 2
"""Levels of objects in objects whose fields are columns of their own."""
LONG_TEXT = 200
"""Characters of a text that is more than an answer or a sentence, on average."""

MOST_VALUES = 20
"""Distinct values of a closed set."""
MOST_CLASSES = 200
"""The same where the name of a column says that they are classes."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+|\d+")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+|https?://\S+|[\w./-]+\.(?:jpe?g|png|json|txt|wav)")
_DATE = re.compile(
    r"\d{4}-\d\d?-\d\d?\D?.{0,20}|\d\d?[./]\d\d?[./]\d{2,4}.{0,12}|\d\d?:\d\d(:\d\d)?"
)
_CODE = re.compile(r"(?=.*\d)[\w./:~-]{1,80}")
_TREE = re.compile(r"\(\s?\S+ .*\)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Column:
    """A path into the rows and its values.

    Attributes:
        path: As `paths.get_field` reads it.
        values: One for each row, None where there is nothing.
    """

    path: str
    values: tuple[object, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the path's names, in lower case: "goldLabel" is gold and label."""
        return tuple(word.lower() for word in _WORD.findall(self.path))

    @property
    def present(self) -> tuple[object, ...]:
        """The values that are something: no null, no empty text or list."""
        return tuple(v for v in self.values if v is not None and v != [] and str(v).strip() != "")

    @property
    def texts(self) -> tuple[str, ...]:
        """The scalar values as texts."""
        return tuple(_write(v) for v in self.present if not isinstance(v, list | Mapping))

    @property
    def distinct(self) -> int:
        """How many different values there are."""
        return len({_write(value) for value in self.present})

    @property
    def mean_length(self) -> float:
        """Characters of a value on average."""
        return sum(len(_write(v)) for v in self.present) / max(1, len(self.present))


def list_columns(rows: Sequence[Fields]) -> list[Column]:
    """Return the columns of rows in their order; objects stand with their fields behind them."""
    paths: dict[str, None] = {}
    for row in rows:
        _note_paths(row, "", DEEPEST, paths)
    return [Column(path, tuple(_get(row, path) for row in rows)) for path in paths]


def _note_paths(fields: Fields, before: str, levels: int, paths: dict[str, None]) -> None:
    for name, value in fields.items():
        path = f"{before}{name}"
        paths.setdefault(path)
        if isinstance(value, Mapping) and levels and not is_turn(value):
            _note_paths(value, f"{path}.", levels - 1, paths)
        elif isinstance(value, list) and value and all(map(_has_text, value)):
            paths.setdefault(f"{path}.text")


def _has_text(value: object) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("text"), str) and not is_turn(value)


def _get(row: Fields, path: str) -> object:
    try:
        return get_field(row, path)
    except ValueError:
        return None


def _write(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else str(value)


def is_text(column: Column) -> bool:
    """Return whether a column holds scalars, most of them with a word in letters."""
    texts = column.texts
    lettered = sum(any(map(str.isalpha, text)) for text in texts)
    return len(texts) == len(column.present) > 0 and lettered * 2 > len(texts)


def is_chat(column: Column) -> bool:
    """Return whether a column holds the turns of a chat."""
    return bool(column.present) and all(
        isinstance(value, list) and value and all(map(is_turn, value)) for value in column.present
    )


def is_scalar(column: Column) -> bool:
    """Return whether a column holds texts, numbers or truth values."""
    return len(column.texts) == len(column.present) > 0


def is_list(column: Column) -> bool:
    """Return whether a column holds lists of scalars."""
    return bool(column.present) and all(
        isinstance(v, list) and not any(isinstance(each, list | Mapping) for each in v)
        for v in column.present
    )


def is_structure(column: Column) -> bool:
    """Return whether a column holds objects or lists, also as JSON in a text."""
    return bool(column.present) and all(map(_is_structure, column.present))


def _is_structure(value: object) -> bool:
    if isinstance(value, list | Mapping):
        return True
    if not isinstance(value, str) or value.strip()[:1] not in ("{", "["):
        return False
    try:
        return isinstance(json.loads(value), list | dict)
    except (ValueError, RecursionError):
        return False


def is_closed(column: Column, most: int = MOST_VALUES) -> bool:
    """Return whether few short values come again and again."""
    count, distinct = len(column.present), len(set(map(normalize_label, column.texts)))
    short = all(len(text) <= 60 for text in column.texts)
    return is_scalar(column) and short and 2 <= distinct <= most and count >= 2 * distinct


def find_noise(column: Column, rows: int) -> str | None:
    """Return why a column says nothing about the task, None where it may say something."""
    texts = column.texts
    if not column.present:
        return "it is empty"
    if rows > 1 and column.distinct == 1 and len(column.present) == rows:
        return "it is the same in every row"
    if not texts:
        return None
    if all(map(_ADDRESS.fullmatch, texts)):
        return "it holds addresses"
    if all(map(_DATE.fullmatch, texts)):
        return "it holds dates"
    if all(_TREE.fullmatch(text) and text.count("(") > 1 for text in texts):
        return "it holds parse trees"
    if _is_counter(column) or (
        column.distinct == len(texts) == rows > 2
        and all(map(_CODE.fullmatch, texts))
        and any(any(map(str.isalpha, text)) for text in texts)
    ):
        return "it numbers the rows"
    return None


def _is_counter(column: Column) -> bool:
    """Return whether whole numbers rise from row to row by equal steps."""
    texts = column.texts
    if len(texts) < 3 or not all(text.isdecimal() and len(text) < 15 for text in texts):
        return False
    numbers = [int(text) for text in texts]
    steps = {after - before for before, after in pairwise(numbers)}
    return len(steps) == 1 and steps.pop() > 0
