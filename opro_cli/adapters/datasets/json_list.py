"""A JSON file with a list of objects, or an object with one list: {"examples": […]}.

A file that ends in .json but holds JSON Lines (as the public AQuA does) is read as such.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from opro_cli.adapters.datasets import jsonl
from opro_cli.adapters.datasets.json_values import json_reason, parse_json
from opro_cli.adapters.datasets.local_file import whole_text
from opro_cli.adapters.datasets.rows import BadRow, Row, row_from
from opro_cli.errors import DataError


def read_rows(place: str, columns: tuple[str, ...] | None = None) -> Iterator[Row | BadRow]:
    """The rows of a JSON file, numbered from 1; `columns` means nothing here. Raises DataError."""
    text = whole_text(place)
    if not text.strip():
        return
    try:
        value = parse_json(text)
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
            yield from jsonl.read_rows(place, columns)
            return
        raise DataError(f"{place}: {json_reason(error)}", "mend the file") from None
    for number, item in enumerate(_only_list(value, place), start=1):
        yield row_from(number, item)


def _only_list(value: object, place: str) -> list[object]:
    if isinstance(value, list):
        return value
    expected = "expected a list of objects, or an object with one list"
    if not isinstance(value, dict):
        raise DataError(f"{place}: {expected}, found a single value")
    lists = {name: item for name, item in value.items() if isinstance(item, list)}
    if len(lists) == 1:
        return next(iter(lists.values()))
    if len(lists) > 1:
        names = ", ".join(repr(name) for name in list(lists)[:8])
        raise DataError(f"{place}: {expected}, found the lists {names}", "keep one of them")
    raise DataError(
        f"{place}: {expected}, found an object without a list",
        'a single row is written [{"question": …}]',
    )
