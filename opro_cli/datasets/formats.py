"""The formats of local files: CSV and TSV, JSON, JSON Lines and Parquet.

Cells and numbers stay as they were written: 007, 39.0, 1e3, every digit."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator

import jsonlines

from opro_cli.datasets.local_file import BadRow, Row, build_row, open_file, read_lines, read_text
from opro_cli.errors import DataError


def parse_json(text: str) -> object:
    """Decode JSON; numbers become their source text, NaN and infinities count as null.

    Raises ValueError (json.JSONDecodeError where there is a position).
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _read_missing(_word: str) -> None:
    # What pandas and numpy write for a missing number.
    return None


def _build_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {twice!r} stands twice in one object")
    return fields


# One for all rows: `json.loads` with options builds one a call, a third of its time.
_DECODER = json.JSONDecoder(
    parse_int=str, parse_float=str, parse_constant=_read_missing, object_pairs_hook=_build_object
)


def explain_json_error(error: BaseException | None) -> str:
    """A decoding error in one short phrase, with the column where it has one."""
    if isinstance(error, json.JSONDecodeError):
        place = f"line {error.lineno}, column" if error.lineno > 1 else "column"
        return f"broken JSON at {place} {error.colno}: {error.msg[:1].lower()}{error.msg[1:]}"
    return f"broken JSON: {error}"


# The library's limit of 128 KiB a cell is one for the whole process; a document is longer.
csv.field_size_limit(2**31 - 1)


def read_csv(place: str, columns: tuple[str, ...] | None = None) -> Iterator[Row | BadRow]:
    """The rows of a CSV file, numbered by the line they begin on. Raises DataError.

    columns: names for the columns of a file without a header; a first line that repeats
    these names is still taken as one.
    """
    return _read_cells(place, columns, ",")


def read_tsv(place: str, columns: tuple[str, ...] | None = None) -> Iterator[Row | BadRow]:
    """The same for tab-separated cells."""
    return _read_cells(place, columns, "\t")


def _read_cells(
    place: str, columns: tuple[str, ...] | None, delimiter: str
) -> Iterator[Row | BadRow]:
    records = _read_records(place, delimiter)
    header = columns
    first = True
    for record in records:
        if isinstance(record, BadRow):
            if header is None:
                raise DataError(f"{place}:{record.number}: header: {record.reason}")
            yield record
            continue
        number, cells = record
        if header is None:
            header = _check_header(cells, f"{place}:{number}")
        elif not (first and [cell.strip().lower() for cell in cells] == [*map(str.lower, header)]):
            yield _build_cell_row(number, cells, header)
        first = False


def _read_records(place: str, delimiter: str) -> Iterator[tuple[int, list[str]] | BadRow]:
    """Each record with the number of its first line; blank lines are skipped."""
    reader = csv.reader(read_lines(place), delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                # Everything after the quote was taken as one cell: no row to skip, a lost file.
                raise DataError(
                    f'{place}:{number}: a quote (") opened in this row is never closed',
                    'close it; a quote inside a quoted cell is written ""',
                ) from None
            yield BadRow(number, f"broken cells: {error}")
            continue
        if cells:
            yield number, cells


def _check_header(cells: list[str], where: str) -> tuple[str, ...]:
    twice = next((name for name in cells if name and cells.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{where}: header: the column {twice!r} stands twice", "rename one")
    return tuple(cells)


def _build_cell_row(number: int, cells: list[str], header: tuple[str, ...]) -> Row | BadRow:
    if len(cells) != len(header):
        return BadRow(number, f"expected {len(header)} columns, found {len(cells)}")
    # A column without a name (the index that pandas writes) cannot be asked for.
    return Row(number, {name: cell for name, cell in zip(header, cells, strict=True) if name})


class _Counted:
    """Lines that remember their number: the library tells it for broken lines only."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.number += 1
            yield line


def read_jsonl(place: str, columns: tuple[str, ...] | None = None) -> Iterator[Row | BadRow]:
    """The rows of a JSON Lines file; `columns` means nothing here. Raises DataError."""
    del columns
    lines = _Counted(read_lines(place))
    with jsonlines.Reader(lines, loads=_loads) as reader:
        while True:
            try:
                value = reader.read(skip_empty=True, allow_none=True)
            except EOFError:
                return
            except jsonlines.InvalidLineError as error:
                yield BadRow(lines.number, explain_json_error(error.__cause__))
                continue
            yield build_row(lines.number, value)


def _loads(text: str | bytes) -> object:
    decoded = text if isinstance(text, str) else text.decode("utf-8")
    # With the line end, an error at the end of the line would be one of line 2.
    return parse_json(decoded.rstrip("\r\n"))


def read_json_list(place: str, columns: tuple[str, ...] | None = None) -> Iterator[Row | BadRow]:
    """The rows of a JSON file, numbered from 1; `columns` means nothing here. Raises DataError."""
    text = read_text(place)
    if not text.strip():
        return
    try:
        value = parse_json(text)
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
            yield from read_jsonl(place, columns)
            return
        raise DataError(f"{place}: {explain_json_error(error)}", "mend the file") from None
    for number, item in enumerate(_find_list(value, place), start=1):
        yield build_row(number, item)


def _find_list(value: object, place: str) -> list[object]:
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


def read_parquet(place: str, columns: tuple[str, ...] | None = None) -> Iterator[Row | BadRow]:
    """The rows of a parquet file, numbered from 1; `columns` means nothing. Raises DataError."""
    del columns
    with open_file(place) as stream:
        # Here, because local text files must not pay for the import.
        import pyarrow
        import pyarrow.parquet

        try:
            number = 0
            for batch in pyarrow.parquet.ParquetFile(stream).iter_batches(batch_size=1024):
                for value in batch.to_pylist():
                    number += 1
                    yield build_row(number, value)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise DataError(
                f"{place}: cannot be read as parquet ({str(error).splitlines()[0]})",
                "check that the file is complete and really parquet",
            ) from None
