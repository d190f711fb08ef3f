"""What the server was asked and what it sent: the witness in tests of "nothing is paid twice"."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class LogEntry:
    """One chat request.

    number: 0, 1, ... in the order of arrival.
    arrived, finished: seconds since the server started; finished is None while it is open.
    status: of the answer, None where none was begun.
    sent: the whole answer was handed to the operating system, the client still being connected.
    authorization: the header, in memory only, so that a key never lands in a file.
    """

    number: int
    path: str
    arrived: float
    body: dict[str, Any]
    authorization: str | None = None
    status: int | None = None
    sent: bool = False
    finished: float | None = None

    def record(self) -> dict[str, Any]:
        """The entry as JSON data."""
        record = asdict(self)
        del record["authorization"]
        return record


@dataclass(slots=True)
class RequestLog:
    """All chat requests in order of arrival; `file` gets one JSON line as each one finishes."""

    file: Path | None = None
    entries: list[LogEntry] = field(default_factory=list)

    def open(
        self, path: str, arrived: float, body: dict[str, Any], authorization: str | None
    ) -> LogEntry:
        entry = LogEntry(len(self.entries), path, arrived, body, authorization)
        self.entries.append(entry)
        return entry

    def close(self, entry: LogEntry, finished: float) -> None:
        entry.finished = finished
        if self.file is not None:
            with self.file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(entry.record(), ensure_ascii=False) + "\n")
