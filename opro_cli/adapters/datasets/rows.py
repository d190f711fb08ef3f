"""What every dataset source yields: rows, good or bad, numbered as a person counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One row that could be read.

    number: the line it begins on (jsonl, csv, tsv), or its place counted from 1.
    fields: values as the source has them; numbers of text formats as written.
    """

    number: int
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row that could not be read, and why."""

    number: int
    reason: str


# place: a path, or what follows the scheme's rules. columns: the names of the columns for a
# file of cells that has no header line; None: its first line is one.
Reader = Callable[[str, tuple[str, ...] | None], Iterator[Row | BadRow]]


def row_from(number: int, value: object) -> Row | BadRow:
    """A decoded value as a row; anything but an object is a bad one."""
    if isinstance(value, dict):
        return Row(number, value)
    kind = {list: "a list", str: "a single value", bool: "true or false"}.get(
        type(value), "nothing" if value is None else "a single value"
    )
    return BadRow(number, f'expected an object such as {{"question": …}}, found {kind}')
