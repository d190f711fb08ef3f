"""CSV and TSV with a header line; every cell stays the text it is.

Quoting is that of spreadsheets in both: a cell that begins with `"` ends at the next lone `"`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

from opro_cli.adapters.datasets.local_file import text_lines
from opro_cli.adapters.datasets.rows import BadRow, Row
from opro_cli.errors import DataError

# The library's limit of 128 KiB a cell is one for the whole process; a document is longer.
csv.field_size_limit(2**31 - 1)


def read_csv(place: str, columns: tuple[str, ...] | None = None) -> Iterator[Row | BadRow]:
    """The rows of a CSV file, numbered by the line they begin on. Raises DataError.

    columns: names for the columns of a file without a header; a first line that repeats
    these names is still taken as one.
    """
    return _read(place, columns, ",")


def read_tsv(place: str, columns: tuple[str, ...] | None = None) -> Iterator[Row | BadRow]:
    """The same for tab-separated cells."""
    return _read(place, columns, "\t")


def _read(place: str, columns: tuple[str, ...] | None, delimiter: str) -> Iterator[Row | BadRow]:
    records = _records(place, delimiter)
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
            header = _header(cells, f"{place}:{number}")
        elif not (first and [cell.strip().lower() for cell in cells] == [*map(str.lower, header)]):
            yield _row(number, cells, header)
        first = False


def _records(place: str, delimiter: str) -> Iterator[tuple[int, list[str]] | BadRow]:
    """Each record with the number of its first line; blank lines are skipped."""
    reader = csv.reader(text_lines(place), delimiter=delimiter, strict=True)
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


def _header(cells: list[str], where: str) -> tuple[str, ...]:
    twice = next((name for name in cells if name and cells.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{where}: header: the column {twice!r} stands twice", "rename one")
    return tuple(cells)


def _row(number: int, cells: list[str], header: tuple[str, ...]) -> Row | BadRow:
    if len(cells) != len(header):
        return BadRow(number, f"expected {len(header)} columns, found {len(cells)}")
    # A column without a name (the index that pandas writes) cannot be asked for.
    return Row(number, {name: cell for name, cell in zip(header, cells, strict=True) if name})
