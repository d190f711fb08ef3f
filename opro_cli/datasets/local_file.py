"""Local files of rows: numbered as a person counts, opened with a remedy for every mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from opro_cli.core.settings.schema import nearest
from opro_cli.errors import DataError, reason_of
from opro_cli.files import NotAFileError, open_to_read


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


def build_row(number: int, value: object) -> Row | BadRow:
    """A decoded value as a row; anything but an object is a bad one."""
    if isinstance(value, dict):
        return Row(number, value)
    kind = {list: "a list", str: "a single value", bool: "true or false"}.get(
        type(value), "nothing" if value is None else "a single value"
    )
    return BadRow(number, f'expected an object such as {{"question": …}}, found {kind}')


_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


def open_file(place: str) -> BinaryIO:
    """The file, open for reading bytes. Raises DataError."""
    path = Path(place)
    try:
        return open_to_read(path)
    except FileNotFoundError:
        raise DataError(f"{place}: no such file", _suggest_name(path)) from None
    except IsADirectoryError:
        raise DataError(
            f"{place}: expected a file, found a folder", f"name a file in it{_list_folder(path)}"
        ) from None
    except NotAFileError as error:
        raise DataError(
            f"{place}: expected a file, found {error.kind}", "write the rows to a file and name it"
        ) from None
    except PermissionError:
        raise DataError(f"{place}: not readable by this user", "change its permissions") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise DataError(f"{place}: cannot be opened: {reason_of(error)}") from None


def read_lines(place: str) -> Iterator[str]:
    """The lines of a UTF-8 file with their ends, one in memory at a time.

    A byte order mark is dropped. Raises DataError naming line and byte where it is not UTF-8.
    """
    with open_file(place) as stream:
        offset = 0
        for number, line in enumerate(stream, start=1):
            yield _decode(line, place, number, offset)
            offset += len(line)


def read_text(place: str) -> str:
    """The whole of a UTF-8 file. Raises DataError."""
    return "".join(read_lines(place))


def _decode(line: bytes, place: str, number: int, offset: int) -> str:
    if number == 1:
        line = line.removeprefix(_UTF8_BOM)
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        looks_utf16 = number == 1 and line.startswith(_UTF16_BOMS)
        found = "UTF-16" if looks_utf16 else f"byte 0x{line[error.start]:02x}"
        origin = "UTF-16" if looks_utf16 else "WINDOWS-1252"
        raise DataError(
            f"{place}: line {number}, byte {offset + error.start + 1}: "
            f"expected UTF-8, found {found}",
            f"save it as UTF-8, for example: iconv -f {origin} -t UTF-8 OLD > NEW",
        ) from None


def _suggest_name(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} either"
    names = _find_names(path.parent)
    guess = nearest(path.name, names)
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
