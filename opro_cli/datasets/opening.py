"""Files of rows opened: names, compression, encodings, and what to do where one cannot be read."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from opro_cli.core.settings.schema import nearest
from opro_cli.errors import DataError, reason_of
from opro_cli.files import NotAFileError, open_to_read

GZIP = ".gz"
_AROUND = 12
"""Characters on either side of the first odd one that a message shows."""
_HEAD = 256
"""Bytes of a first line that tell an encoding of two or four bytes a character."""
_WIDE_MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_WIDE_NULS: dict[tuple[bool, ...], str] = {
    (False, True, False, True): "UTF-16LE",
    (True, False, True, False): "UTF-16BE",
    (False, True, True, True): "UTF-32LE",
    (True, True, True, False): "UTF-32BE",
}
"""Which of four bytes of Latin text are NUL -> the encoding of a file without a mark."""


@contextmanager
def open_file(source: str) -> Iterator[BinaryIO]:
    """Open a file to read bytes, unpacked if its name ends in .gz; raises DataError."""
    with _open(source) as stream:
        if is_packed(source):
            with gzip.GzipFile(fileobj=stream) as unpacked:
                yield cast("BinaryIO", unpacked)
        else:
            yield stream


def _open(source: str) -> BinaryIO:
    path = Path(source)
    try:
        return open_to_read(path)
    except FileNotFoundError:
        if source.isprintable():
            raise DataError(f"{source}: no such file", _suggest_name(path)) from None
        # "data\new.jsonl" in double quotes has a line break in it
        raise DataError(
            f"{source!r}: no such file",
            "in double quotes YAML reads a backslash as the start of a sign such as \\n: use "
            "single quotes, or / in paths",
        ) from None
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


def is_packed(source: str) -> bool:
    """Return whether a file is compressed, by its name."""
    return source.lower().endswith(GZIP)


def read_lines(source: str, encoding: str | None = None) -> Iterator[str]:
    """Yield the lines of a file of text with their ends, without a byte order mark.

    Args:
        source: The file.
        encoding: None for UTF-8.

    Raises:
        DataError: It cannot be opened, or is not in that encoding; then the message has line and
            byte, and the remedy another encoding that it can be read in.
    """
    with open_file(source) as stream:
        try:
            yield from (
                _decode_utf8(stream, source)
                if encoding is None
                else _decode_as(stream, source, encoding)
            )
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(
                f"{source}: cannot be unpacked: {error}", "check that the file is complete"
            ) from None


def _decode_utf8(stream: BinaryIO, source: str) -> Iterator[str]:
    offset = 0
    for number, line in enumerate(stream, start=1):
        if number == 1 and (wide := _recognize_wide(line)):
            hint = _offer(wide.lower(), wide)
            raise DataError(f"{source}: line 1, byte 1: expected UTF-8, found {wide}", hint)
        try:
            yield (line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line).decode("utf-8")
        except UnicodeDecodeError as error:
            if _is_binary(line):
                raise _build_binary_error(source) from None
            where = f"{source}: line {number}, byte {offset + error.start + 1}"
            found = f"byte 0x{error.object[error.start]:02x}"
            hint = _guess_encoding(error.object, error.start)
            raise DataError(f"{where}: expected UTF-8, found {found}", hint) from None
        offset += len(line)


def _is_binary(line: bytes) -> bool:
    """Return whether a line that is no UTF-8 is of no encoding: one byte in 20 steers something."""
    steering = sum(byte < 32 and byte not in b"\t\n\v\f\r\x1b" for byte in line[:_HEAD])
    return 20 * steering > len(line[:_HEAD])


def _build_binary_error(source: str) -> DataError:
    return DataError(
        f"{source}: expected text, found binary data",
        "name a file of rows, such as .jsonl, .csv, .parquet or .xlsx",
    )


def _recognize_wide(line: bytes) -> str:
    """Return the encoding of two or four bytes a character of a first line, "" where it has none.

    Without a mark at its beginning most of its characters must be Latin: each has the same NULs.
    """
    for mark, name in _WIDE_MARKS.items():
        if line.startswith(mark):
            return name
    head = line[:_HEAD]
    columns = [head[at::4] for at in range(4)]
    nuls = tuple(2 * column.count(0) > len(column) for column in columns)
    return _WIDE_NULS.get(nuls, "")


def _guess_encoding(line: bytes, at: int) -> str:
    """Offer the encoding of Western European files, and show how a line reads in it."""
    for name, title in (("cp1252", "WINDOWS-1252"), ("latin-1", "ISO-8859-1")):
        try:
            line.decode(name)
        except UnicodeDecodeError:
            continue
        shown = line[max(0, at - _AROUND) : at + 1 + _AROUND].decode(name)
        reads = " ".join("".join(c if c.isprintable() else " " for c in shown).split())
        return f"as {name} it reads “{reads}”: if that is right, {_offer(name, title)}"
    return _offer("latin-1", "ISO-8859-1")


def _offer(name: str, title: str) -> str:
    return (
        f"set task.data.encoding: {name}, or save it as UTF-8, for example: "
        f"iconv -f {title} -t UTF-8 OLD > NEW"
    )


def _decode_as(stream: BinaryIO, source: str, encoding: str) -> Iterator[str]:
    number = 0
    text = io.TextIOWrapper(stream, encoding=encoding, newline="")
    try:
        for number, line in enumerate(text, start=1):
            yield line.removeprefix("\ufeff") if number == 1 else line
    except UnicodeError as error:
        raise DataError(
            f"{source}: cannot be read as {encoding} (task.data.encoding), behind line {number}: "
            f"{error}",
            "name the encoding that it was saved in, or leave task.data.encoding out for UTF-8",
        ) from None
    finally:
        text.detach()  # its owner closes the stream


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
