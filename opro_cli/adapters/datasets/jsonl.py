"""JSON Lines: one object a line, read one at a time; blank lines are skipped."""

from __future__ import annotations

from collections.abc import Iterator

import jsonlines

from opro_cli.adapters.datasets.json_values import json_reason, parse_json
from opro_cli.adapters.datasets.local_file import text_lines
from opro_cli.adapters.datasets.rows import BadRow, Row, row_from


class _Counted:
    """Lines that remember their number: the library tells it for broken lines only."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.number += 1
            yield line


def read_rows(place: str, columns: tuple[str, ...] | None = None) -> Iterator[Row | BadRow]:
    """The rows of a JSON Lines file; `columns` means nothing here. Raises DataError."""
    del columns
    lines = _Counted(text_lines(place))
    with jsonlines.Reader(lines, loads=_loads) as reader:
        while True:
            try:
                value = reader.read(skip_empty=True, allow_none=True)
            except EOFError:
                return
            except jsonlines.InvalidLineError as error:
                yield BadRow(lines.number, json_reason(error.__cause__))
                continue
            yield row_from(lines.number, value)


def _loads(text: str | bytes) -> object:
    decoded = text if isinstance(text, str) else text.decode("utf-8")
    # With the line end, an error at the end of the line would be one of line 2.
    return parse_json(decoded.rstrip("\r\n"))
