"""Journals to damage: one of all kinds of events, and the recorded ones of old formats."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from msgspec.structs import replace

from opro_cli.core.run.events import (
    Event,
    FirstReply,
    Refused,
    Retried,
    SessionEnded,
    SessionStarted,
)
from opro_cli.errors import OproError
from opro_cli.store.journal import FileJournal
from tests.core.runs import answered, proposed

FOLDERS = Path(__file__).parents[1] / "run_folders"

EVENTS: list[Event] = [
    SessionStarted(1.0, 4711, "0.1.0"),
    answered("start", 0, None),
    FirstReply(2.0, "c", "train", 1, "größer “als” ≥ 7 🜁", "stop", 3, 4, 1e-05, 0.5),
    Retried(3.0, "scorer", 1, 0.5, "429: slow down"),
    proposed(1, 0, "denk nach: größer \u2028", "…"),
    Refused(4.0, "c", "dev", 2, "filtered"),
    replace(answered("start", 1), text="a lone surrogate: \ud800"),
    SessionEnded(5.0, "interrupted"),
]


def write(path: Path, *events: Event) -> tuple[str, ...]:
    """Open a journal, append, close; what opening had to tell."""
    journal = FileJournal(path)
    for event in events:
        journal.append(event)
    journal.close()
    return journal.notes


def journal_of(folder: Path, *events: Event) -> bytes:
    """The bytes of a journal with these events."""
    path = folder / "written" / "events.jsonl"
    path.parent.mkdir()
    path.touch()
    write(path, *events)
    return path.read_bytes()


def recorded(version: int) -> bytes:
    """The journal of a whole run that an old opro wrote."""
    return (FOLDERS / f"format-{version}" / "events.jsonl").read_bytes()


def follow(error: OproError, folder: Path) -> None:
    """Do what the remedy says, word for word."""
    command = re.search(r"\((head .*?)\)", str(error.hint))
    assert command, error.hint
    subprocess.run(["sh", "-c", command[1]], cwd=folder, check=True)
