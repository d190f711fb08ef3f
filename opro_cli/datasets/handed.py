"""Rows that a program hands over as objects, in a file of this process that is read like any other.

The first line has the names of classes, and each further one a row: an object, or the name of a
type for what is no row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from opro_cli.datasets.formats import (
    BadRow,
    Row,
    build_row,
    list_class_names,
    name_classes,
    parse_json,
)
from opro_cli.errors import DataError

_SUFFIX = ".rows-of-a-program"


def write_handed(folder: Path, key: str, rows: Iterable[Any]) -> Path:
    """Write rows to a file that `read_handed` reads, and return its path.

    Args:
        folder: Where to.
        key: What messages call the rows: the key of the config that they are given under.
        rows: Dicts, a Hugging Face dataset, or a pandas DataFrame.

    Raises:
        DataError: They are no rows, or one cannot be written.
    """
    names = list_class_names(getattr(rows, "features", None))
    path = folder / f"{key}{_SUFFIX}"
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(names) + "\n")
        for number, row in enumerate(_list_rows(rows, key), start=1):
            try:
                file.write(_encode_row(row) + "\n")
            except (TypeError, ValueError, RecursionError) as error:
                raise DataError(
                    f"row {number} of {key}: cannot be written as JSON: {error}",
                    "give texts, numbers, lists, and dicts whose keys are texts",
                ) from error
    return path


def _list_rows(rows: Any, key: str) -> Iterable[Any]:
    if hasattr(rows, "iloc") and hasattr(rows, "columns"):  # a DataFrame; pandas is not imported
        records: Iterable[Any] = rows.to_dict("records")
        return records
    if not isinstance(rows, Iterable):
        raise DataError(
            f"{key}: expected rows, found {type(rows).__name__}",
            "give a list of dicts, a Hugging Face Dataset, a DataFrame, or the name of a file",
        )
    return rows


def _encode_row(row: Any) -> str:
    if not isinstance(row, Mapping):
        return json.dumps(type(row).__name__)
    return json.dumps({str(name): value for name, value in row.items()}, default=_encode_value)


def _encode_value(value: Any) -> str | None:
    """Return a value that JSON does not know as text; None for a missing one of pandas."""
    return None if type(value).__name__ in ("NAType", "NaTType") else str(value)


def name_handed(source: str) -> str | None:
    """Return the key that a program gave these rows under; None for another source."""
    name = PurePath(source).name
    return name.removesuffix(_SUFFIX) if name.endswith(_SUFFIX) else None


def read_handed(source: str) -> Iterator[Row | BadRow]:
    """Read the rows of a file that `write_handed` wrote, numbered from 1."""
    with Path(source).open(encoding="utf-8") as file:
        names: dict[str, list[str]] = json.loads(file.readline())
        for number, line in enumerate(file, start=1):
            value = parse_json(line)
            if isinstance(value, str):
                reason = f'expected a dict such as {{"question": …}}, found {value}'
                yield BadRow(number, reason)
            elif isinstance(value, dict):
                numbers = {name: _read_numbers(value[name]) for name in names if name in value}
                yield build_row(number, name_classes({**value, **numbers}, names))


def _read_numbers(value: Any) -> Any:
    """Return the numbers of classes, which JSON has as they were written."""
    if isinstance(value, list):
        return [_read_numbers(each) for each in value]
    return int(value) if isinstance(value, str) and value.isdecimal() else value
