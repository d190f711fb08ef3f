"""Layouts of well-known data sets, with rows of our own, and the config that suits each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """A data set's layout and what `opro init --data` is expected to make of it.

    Attributes:
        name: The data set.
        rows: As its files have them.
        input: Fields or paths that the question needs.
        target: Paths of which one is the gold answer.
        answer: Kinds of answers of which one suits; "open" for free text that nothing grades.
        options: Fields that hold the options of a choice.
        extra: Fields that the question may have besides.
        file: Name of the file, whose ending is its format.
        delimiter: Of a csv file.
    """

    name: str
    rows: Sequence[Row]
    input: frozenset[str]
    target: frozenset[str]
    answer: frozenset[str]
    options: frozenset[str] = frozenset()
    extra: frozenset[str] = frozenset()
    file: str = "data.jsonl"
    delimiter: str = ","


def expect(name: str, rows: Sequence[Row], **expected: Any) -> Layout:
    """Return a layout; sets may be given as a text of words."""
    sets = ("input", "target", "answer", "options", "extra")
    given: dict[str, Any] = {
        k: frozenset(v.split()) if k in sets and isinstance(v, str) else v
        for k, v in expected.items()
    }
    return Layout(name, rows, **given)
