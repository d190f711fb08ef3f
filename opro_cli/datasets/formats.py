"""Local files of rows: CSV and TSV, JSON, JSON Lines and Parquet.

Cells and numbers stay as they were written: 007, 39.0, 1e3, every digit. Rows are numbered as a
person counts, and every mistake in a file has a remedy.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Self

import jsonlines

from opro_cli.core.settings.schema import nearest
from opro_cli.errors import DataError, reason_of
from opro_cli.files import NotAFileError, open_to_read


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


# The arguments: a path or a hub name, and names for the columns of a file of cells without a header
# (None: its first line is one), which other formats ignore. Readers raise DataError.
Reader = Callable[[str, tuple[str, ...] | None], Iterator[Row | BadRow]]


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


# The library's limit of 128 KiB a cell is one for the whole process; a document is longer.
csv.field_size_limit(2**31 - 1)


def _read_cells(
    source: str, columns: tuple[str, ...] | None = None, *, delimiter: str
) -> Iterator[Row | BadRow]:
    """Read a file of cells; a first line that repeats `columns` is still taken as its header."""
    header = columns
    first = True
    for record in _read_records(source, delimiter):
        if isinstance(record, BadRow):
            if header is None:
                raise DataError(f"{source}:{record.number}: header: {record.reason}")
            yield record
            continue
        number, cells = record
        if header is None:
            twice = next((name for name in cells if name and cells.count(name) > 1), None)
            if twice is not None:
                where = f"{source}:{number}: header"
                raise DataError(f"{where}: the column {twice!r} stands twice", "rename one")
            header = tuple(cells)
        elif not (first and [cell.strip().lower() for cell in cells] == [*map(str.lower, header)]):
            if len(cells) == len(header):
                # A column without a name (the index that pandas writes) cannot be asked for.
                named = zip(header, cells, strict=True)
                yield Row(number, {name: cell for name, cell in named if name})
            else:
                reason = f"expected {len(header)} columns, found {len(cells)}"
                yield BadRow(number, reason)
        first = False


read_csv = partial(_read_cells, delimiter=",")
read_tsv = partial(_read_cells, delimiter="\t")


def _read_records(source: str, delimiter: str) -> Iterator[tuple[int, list[str]] | BadRow]:
    """Yield each record with the number of its first line; blank lines are skipped."""
    reader = csv.reader(read_lines(source), delimiter=delimiter, strict=True)
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
                    f'{source}:{number}: a quote (") opened in this row is never closed',
                    'close it; a quote inside a quoted cell is written ""',
                ) from None
            yield BadRow(number, f"broken cells: {error}")
            continue
        if cells:
            yield number, cells


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


def read_jsonl(source: str, columns: tuple[str, ...] | None = None) -> Iterator[Row | BadRow]:
    """Read a JSON Lines file."""
    del columns
    number = 0

    def count_lines() -> Iterator[str]:  # the library tells the number of broken lines only
        nonlocal number
        for line in read_lines(source):
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


def read_json_list(source: str, columns: tuple[str, ...] | None = None) -> Iterator[Row | BadRow]:
    """Read a JSON file with a list of rows, or JSON Lines in a file of that name."""
    text = "".join(read_lines(source))
    if not text.strip():
        return
    try:
        value = parse_json(text)
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
            yield from read_jsonl(source, columns)
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


def read_parquet(source: str, columns: tuple[str, ...] | None = None) -> Iterator[Row | BadRow]:
    """Read a parquet file."""
    del columns
    with open_file(source) as stream:
        # Here, because local text files must not pay for the import.
        import pyarrow
        import pyarrow.parquet

        try:
            batches = pyarrow.parquet.ParquetFile(stream).iter_batches(batch_size=1024)
            values = (value for batch in batches for value in batch.to_pylist())
            for number, value in enumerate(values, start=1):
                yield build_row(number, value)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise DataError(
                f"{source}: cannot be read as parquet ({str(error).splitlines()[0]})",
                "check that the file is complete and really parquet",
            ) from None


def open_file(source: str) -> BinaryIO:
    """Open a file to read bytes; raises DataError with a remedy."""
    path = Path(source)
    try:
        return open_to_read(path)
    except FileNotFoundError:
        raise DataError(f"{source}: no such file", _suggest_name(path)) from None
    except IsADirectoryError:
        raise DataError(
            f"{source}: expected a file, found a folder", f"name a file in it{_list_folder(path)}"
        ) from None
    except NotAFileError as error:
        raise DataError(
            f"{source}: expected a file, found {error.kind}", "write the rows to a file and name it"
        ) from None
    except PermissionError:
        raise DataError(f"{source}: not readable by this user", "change its permissions") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise DataError(f"{source}: cannot be opened: {reason_of(error)}") from None


def read_lines(source: str) -> Iterator[str]:
    """Yield the lines of a UTF-8 file with their ends, without a byte order mark.

    Raises:
        DataError: It cannot be opened, or is not UTF-8; then the message has line and byte.
    """
    with open_file(source) as stream:
        offset = 0
        for number, line in enumerate(stream, start=1):
            yield _decode(line, source, number, offset)
            offset += len(line)


def _decode(line: bytes, source: str, number: int, offset: int) -> str:
    if number == 1:
        line = line.removeprefix(b"\xef\xbb\xbf")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        is_utf16 = number == 1 and line.startswith((b"\xff\xfe", b"\xfe\xff"))
        found = "UTF-16" if is_utf16 else f"byte 0x{line[error.start]:02x}"
        origin = "UTF-16" if is_utf16 else "WINDOWS-1252"
        raise DataError(
            f"{source}: line {number}, byte {offset + error.start + 1}: "
            f"expected UTF-8, found {found}",
            f"save it as UTF-8, for example: iconv -f {origin} -t UTF-8 OLD > NEW",
        ) from None


def _suggest_name(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} either"
    guess = nearest(path.name, _find_names(path.parent))
    return f'did you mean "{guess}"?' if guess else f"check the name{_list_folder(path.parent)}"


def _list_folder(folder: Path) -> str:
    names = _find_names(folder)
    more = ", …" if len(names) > 8 else ""
    return f"; it holds {', '.join(names[:8])}{more}" if names else "; it is empty"


def _find_names(folder: Path) -> list[str]:
    try:
        # Names that do not print could carry terminal escapes into the message.
        return sorted(entry.name for entry in folder.iterdir() if entry.name.isprintable())
    except OSError:
        return []
