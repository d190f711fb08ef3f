"""Files of cells: CSV, TSV and the sheets of a workbook."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from opro_cli.core.settings.schema import nearest
from opro_cli.datasets.formats import BadRow, Row
from opro_cli.datasets.opening import open_file, read_lines
from opro_cli.errors import DataError

# The library's limit of 128 KiB a cell is one for the whole process; a document is longer.
csv.field_size_limit(2**31 - 1)


def _read_cells(
    source: str,
    columns: tuple[str, ...] | None = None,
    encoding: str | None = None,
    *,
    delimiter: str,
) -> Iterator[Row | BadRow]:
    """Read a file of cells; a first line that repeats `columns` is still taken as its header.

    Args:
        source: The file.
        columns: Names for its cells, where its first line is none of names.
        encoding: None for UTF-8.
        delimiter: Between cells, unless the lines agree on another one.
    """
    header = columns
    first, rows = True, False
    for record in _open_records(source, encoding, delimiter):
        if isinstance(record, BadRow):
            if header is None:
                raise DataError(f"{source}:{record.number}: header: {record.reason}")
            rows = True
            yield record
            continue
        number, cells = record
        if header is None:
            _refuse_twins(source, number, cells)
            header = tuple(cells)
        elif not (first and [cell.strip().lower() for cell in cells] == [*map(str.lower, header)]):
            rows = True
            yield _build_row(number, cells, header)
        first = False
    if header is not None and columns is None and not rows:
        raise DataError(
            f"{source}: expected rows, found none behind the header {', '.join(header)}",
            "it has only a header; name a file that has some",
        )


def _open_records(
    source: str, encoding: str | None, delimiter: str
) -> Iterator[tuple[int, list[str]] | BadRow]:
    """Open a file, and return its records as its own delimiter parts them."""
    lines = read_lines(source, encoding)
    sample = list(itertools.islice(lines, _SAMPLE))
    skipped = 0
    if sample and (named := _NAMED_DELIMITER.fullmatch(sample[0])):  # Excel's own line
        delimiter, skipped = named[1], 1
    else:
        delimiter = _choose_delimiter(sample, delimiter)
    return _read_records(source, itertools.chain(sample[skipped:], lines), delimiter, skipped)


def _refuse_twins(source: str, number: int, header: Sequence[str]) -> None:
    """Raise DataError for two columns with one name."""
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None:
        where = f"{source}:{number}: header"
        raise DataError(f"{where}: the column {twice!r} stands twice", "rename one")


def _build_row(number: int, cells: Sequence[str], header: Sequence[str]) -> Row | BadRow:
    """Return a record as a row, where it has a cell for each column."""
    if len(cells) != len(header):
        return BadRow(number, f"expected {len(header)} columns, found {len(cells)}")
    # A column without a name (the index that pandas writes) cannot be asked for.
    pairs = zip(header, cells, strict=True)
    return Row(number, {name: cell for name, cell in pairs if name})


_SAMPLE = 100
"""Lines that tell the delimiter of a file."""
_DELIMITERS = ",;\t|"
_NAMED_DELIMITER = re.compile(r"\"?sep=([^\s\w]|\t)\"?\s*", re.IGNORECASE)


def _choose_delimiter(sample: list[str], usual: str) -> str:
    """Return the usual delimiter, unless another one parts all lines alike and it does not."""
    if _count_columns(sample, usual) > 1:
        return usual
    counts = {each: _count_columns(sample, each) for each in _DELIMITERS if each != usual}
    best = max(counts, key=lambda each: counts[each])
    if counts[best] < 2:
        return usual
    # A usual one in the header itself is believed, though some row lacks a cell.
    head = next(csv.reader(sample[:1], delimiter=usual), [])
    return usual if len(head) >= counts[best] else best


def _count_columns(sample: list[str], delimiter: str) -> int:
    """Return the number of cells of every line, 0 where they differ."""
    reader = csv.reader(sample, delimiter=delimiter)
    try:
        widths = [len(cells) for cells in reader if cells]
    except csv.Error:
        return 0
    if len(sample) == _SAMPLE:
        widths = widths[:-1]  # the last may be cut within quotes
    return widths[0] if widths and len({*widths}) == 1 else 0


read_csv = partial(_read_cells, delimiter=",")
read_tsv = partial(_read_cells, delimiter="\t")


def _read_records(
    source: str, lines: Iterable[str], delimiter: str, skipped: int
) -> Iterator[tuple[int, list[str]] | BadRow]:
    """Yield each record with the number of its first line; blank lines are skipped.

    `skipped` lines stand before the first one.
    """
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 1 + skipped
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                # Everything after the quote was taken as one cell: no row to skip, a lost file.
                raise DataError(
                    f'{source}:{number}: a quote (") opened in this row is never closed',
                    'close it; a quote inside a quoted cell is written ""',
                ) from None
            yield BadRow(number, f"broken cells: {error}")
            continue
        if cells:
            yield number, cells


WORKBOOKS = (".xlsx", ".xlsm")


def split_sheet(source: str) -> tuple[str, str]:
    """Return the file and the sheet of "data.xlsx#Sheet"; "" for the first sheet."""
    for ending in WORKBOOKS:
        file, mark, sheet = source.partition(f"{ending}#")
        if mark:
            return f"{file}{ending}", sheet
    return source, ""


def read_workbook(
    source: str, columns: tuple[str, ...] | None = None, encoding: str | None = None
) -> Iterator[Row | BadRow]:
    """Read a sheet of a workbook; the first row that has anything is its header.

    A formula has the value that was saved with it. A cell that is empty or holds an error is an
    empty text; of merged cells the first one has the value. Rows are numbered as in the sheet.
    """
    del columns, encoding
    file, name = split_sheet(source)
    try:
        import openpyxl
    except ImportError:
        raise DataError(
            f"{file}: a workbook needs the package openpyxl", 'pip install "opro-cli[xlsx]"'
        ) from None
    with open_file(file) as stream:
        try:
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
        except Exception as error:  # noqa: BLE001 - zip, XML and its own errors
            raise DataError(
                f"{file}: cannot be read as a workbook ({error})",
                "check that the file is complete and really xlsx, or save it as CSV",
            ) from None
        sheets = [each.title for each in book.worksheets]
        if name and name not in sheets:
            guess = nearest(name, sheets)
            raise DataError(
                f"{file}: has no sheet {name}; it has {', '.join(sheets)}",
                f'did you mean "{guess}"?' if guess else "name one of these",
            )
        yield from _read_sheet(f"{file}#{name or sheets[0]}", book[name or sheets[0]])


def _read_sheet(source: str, sheet: Any) -> Iterator[Row | BadRow]:
    header: list[str] | None = None
    rows = False
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        values = [_read_cell(cell) for cell in cells]
        if all(value == "" for value in values):
            continue
        if header is None:
            header = [str(value).strip() for value in values]
            _refuse_twins(source, number, header)
            continue
        rows = True
        pairs = itertools.zip_longest(header, values[: len(header)], fillvalue="")
        yield Row(number, {column: value for column, value in pairs if column})
    if header is not None and not rows:
        raise DataError(
            f"{source}: expected rows, found none behind the header {', '.join(header)}",
            "it has only a header; name a sheet that has some",
        )


def _read_cell(cell: Any) -> Any:
    return "" if cell.value is None or cell.data_type == "e" else cell.value
