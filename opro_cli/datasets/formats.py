"""Local files of rows: JSON, JSON Lines and Parquet.

Cells and numbers stay as they were written: 007, 39.0, 1e3, every digit. Rows are numbered as a
person counts, and every mistake in a file has a remedy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import jsonlines

from opro_cli.datasets.opening import open_file, read_lines
from opro_cli.errors import DataError


@dataclass(frozen=True, slots=True)
class Row:
    """One row that could be read.

    Attributes:
        number: The line it begins on (jsonl, csv, tsv), or its position counted from 1.
        fields: Values as the source has them; numbers of text formats as written.
    """

    number: int
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row that could not be read, and why."""

    number: int
    reason: str


# The arguments: a path or a hub name; names for the columns of a file of cells without a header
# (None: its first line is one), and the encoding of a text file (None: UTF-8), which other formats
# ignore. Readers raise DataError.
Reader = Callable[[str, tuple[str, ...] | None, str | None], Iterator[Row | BadRow]]


class WrittenNumber(str):
    """A number of a JSON file as its text: 39.0, 1e3, every digit."""

    __slots__ = ()


class ClassNumber(int):
    """The number of a class in a hub dataset, which also knows the class's name."""

    name: str

    def __new__(cls, number: int, name: str) -> Self:
        """Return `number`, called `name`."""
        made = super().__new__(cls, number)
        made.name = name
        return made


def build_row(number: int, value: object) -> Row | BadRow:
    """Build a row from a decoded value; anything but an object is a bad one."""
    if isinstance(value, dict):
        return Row(number, value)
    kinds = {list: "a list", bool: "true or false", type(None): "nothing"}
    kind = kinds.get(type(value), "a single value")
    return BadRow(number, f'expected an object such as {{"question": …}}, found {kind}')


def parse_json(text: str) -> object:
    """Decode JSON; numbers become a WrittenNumber, NaN and infinities null.

    Raises ValueError (json.JSONDecodeError where there is a position).
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _build_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {twice!r} stands twice in one object")
    return fields


# One for all rows: `json.loads` with options builds one a call, a third of its time.
_DECODER = json.JSONDecoder(
    parse_int=WrittenNumber,
    parse_float=WrittenNumber,
    parse_constant=lambda _: None,  # pandas and numpy write NaN for a missing number
    object_pairs_hook=_build_object,
)


def _explain_json_error(error: BaseException | None) -> str:
    """Say in one short phrase why JSON cannot be read, with the column where there is one."""
    if isinstance(error, json.JSONDecodeError):
        where = f"line {error.lineno}, column" if error.lineno > 1 else "column"
        return f"broken JSON at {where} {error.colno}: {error.msg[:1].lower()}{error.msg[1:]}"
    return f"broken JSON: {error}"


def read_jsonl(
    source: str, columns: tuple[str, ...] | None = None, encoding: str | None = None
) -> Iterator[Row | BadRow]:
    """Read a JSON Lines file."""
    del columns
    number = 0

    def count_lines() -> Iterator[str]:  # the library tells the number of broken lines only
        nonlocal number
        for line in read_lines(source, encoding):
            number += 1
            yield line

    # With the line end, an error at the end of the line would be one of line 2.
    loads = lambda text: parse_json(str(text).rstrip("\r\n"))  # noqa: E731
    with jsonlines.Reader(count_lines(), loads=loads) as reader:
        while True:
            try:
                value = reader.read(skip_empty=True, allow_none=True)
            except EOFError:
                return
            except jsonlines.InvalidLineError as error:
                yield BadRow(number, _explain_json_error(error.__cause__))
                continue
            yield build_row(number, value)


def read_json_list(
    source: str, columns: tuple[str, ...] | None = None, encoding: str | None = None
) -> Iterator[Row | BadRow]:
    """Read a JSON file with a list of rows, one of pandas, or JSON Lines in a file of that name."""
    text = "".join(read_lines(source, encoding))
    if not text.strip():
        return
    try:
        value = parse_json(text)
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
            yield from read_jsonl(source, columns, encoding)
            return
        raise DataError(f"{source}: {_explain_json_error(error)}", "mend the file") from None
    for number, item in enumerate(_find_list(value, source), start=1):
        yield build_row(number, item)


def _find_list(value: object, source: str) -> list[object]:
    if isinstance(value, list):
        return value
    expected = "expected a list of objects, or an object with one list"
    if not isinstance(value, dict):
        raise DataError(f"{source}: {expected}, found a single value")
    if (rows := _read_frame(value)) is not None:
        return rows
    lists = {name: item for name, item in value.items() if isinstance(item, list)}
    if len(lists) == 1:
        return next(iter(lists.values()))
    if len(lists) > 1:
        names = ", ".join(repr(name) for name in list(lists)[:8])
        raise DataError(f"{source}: {expected}, found the lists {names}", "keep one of them")
    raise DataError(
        f"{source}: {expected}, found an object without a list",
        'a single row is written [{"question": …}]',
    )


def _read_frame(value: dict[str, Any]) -> list[object] | None:
    """Return the rows of a data frame as pandas writes one; None for another object.

    Its orientations are split, columns, index, and a list for each column.
    """
    data, names = value.get("data"), value.get("columns")
    if isinstance(names, list) and isinstance(data, list) and {*value} <= _SPLIT:
        return [dict(zip(names, row, strict=True)) for row in data if _has_length(row, len(names))]
    first = next(iter(value.values()), None)
    if isinstance(first, dict) and first and all(isinstance(v, dict) for v in value.values()):
        if not all(each.keys() == first.keys() for each in value.values()):
            return None
        if all(key.isdecimal() for key in first):  # by column, then by the number of the row
            return [{name: column[key] for name, column in value.items()} for key in first]
        return list(value.values())
    if isinstance(first, list) and len(value) > 1:
        scalars = all(
            _has_length(each, len(first)) and not any(isinstance(x, dict | list) for x in each)
            for each in value.values()
        )
        if scalars:
            return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]
    return None


_SPLIT = {"columns", "index", "data", "index_names", "column_names"}


def _has_length(value: object, length: int) -> bool:
    return isinstance(value, list) and len(value) == length


def list_class_names(features: Any) -> dict[str, list[str]]:
    """Return the names of the classes in each column of class numbers, or of lists of them.

    Args:
        features: By column, as `datasets` has them as objects, or writes them as JSON.
    """
    found: dict[str, list[str]] = {}
    for column, feature in (features or {}).items():
        inner = feature
        while (deeper := _look_inside(inner)) is not None:
            inner = deeper
        names = inner.get("names") if isinstance(inner, dict) else getattr(inner, "names", None)
        if isinstance(names, list):
            found[column] = list(map(str, names))
    return found


def _look_inside(feature: Any) -> Any:
    """Return the feature of a list's elements; None for what is no list."""
    if isinstance(feature, list):
        return feature[0] if feature else None
    if isinstance(feature, dict):
        return feature.get("feature")
    return getattr(feature, "feature", None)


def name_classes(row: Any, names: Mapping[str, list[str]]) -> Any:
    """Return a row whose class numbers know their names; -1 stands for an unknown class."""
    if not names or not isinstance(row, dict):
        return row
    return {column: _name_value(value, names.get(column)) for column, value in row.items()}


def _name_value(value: Any, names: list[str] | None) -> Any:
    if names is None:
        return value
    if isinstance(value, list):
        return [_name_value(each, names) for each in value]
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return ClassNumber(value, names[value])
    return value


def read_parquet(
    source: str, columns: tuple[str, ...] | None = None, encoding: str | None = None
) -> Iterator[Row | BadRow]:
    """Read a parquet file; class numbers know their names where `datasets` wrote them."""
    del columns, encoding
    with open_file(source) as stream:
        # Here, because local text files must not pay for the import.
        import pyarrow
        import pyarrow.parquet

        try:
            file = pyarrow.parquet.ParquetFile(stream)
            written = (file.schema_arrow.metadata or {}).get(b"huggingface", b"{}")
            names = list_class_names(json.loads(written).get("info", {}).get("features"))
            batches = file.iter_batches(batch_size=1024)
            values = (value for batch in batches for value in batch.to_pylist())
            for number, value in enumerate(values, start=1):
                yield build_row(number, name_classes(value, names))
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise DataError(
                f"{source}: cannot be read as parquet ({str(error).splitlines()[0]})",
                "check that the file is complete and really parquet",
            ) from None
