"""The journal on a real disk: torn lines, locks, and refusals that say what to do."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from opro_cli.core.run.events import FORMAT_VERSION, Event, SessionStarted
from opro_cli.errors import JournalError
from opro_cli.store.folders import is_locked
from opro_cli.store.journal import FileJournal, read_events
from tests.core.runs import answered, proposed

EVENTS: list[Event] = [
    SessionStarted(1.0, os.getpid(), "0.1.0"),
    answered("start", 0, None),
    proposed(1, 0, "denk nach: größer \u2028 \ud800"),
    answered("start", 1),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The empty journal of a new run."""
    path = tmp_path / "events.jsonl"
    path.touch()
    return path


def write(path: Path, *events: Event) -> None:
    journal = FileJournal(path)
    for event in events:
        journal.append(event)
    journal.close()


def test_what_is_written_is_read(path: Path) -> None:
    write(path, *EVENTS)
    assert list(read_events(path)) == EVENTS


def test_an_event_is_on_disk_before_append_returns(path: Path) -> None:
    journal = FileJournal(path)
    journal.append(EVENTS[0])
    assert list(read_events(path)) == EVENTS[:1]
    journal.close()


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=st.binary(max_size=60))
def test_no_bytes_at_the_end_can_lose_an_event(path: Path, garbage: bytes) -> None:
    path.write_bytes(b"")
    write(path, *EVENTS)
    with path.open("ab") as file:
        file.write(garbage.replace(b"\n", b""))
    write(path)
    assert list(read_events(path)) == EVENTS


def test_a_second_writer_is_refused_and_told_by_whom(path: Path) -> None:
    journal = FileJournal(path)
    journal.append(EVENTS[0])
    program = (
        "import sys; from pathlib import Path; from opro_cli.store.journal import FileJournal\n"
        "from opro_cli.errors import RunFolderError\n"
        "try: FileJournal(Path(sys.argv[1]))\n"
        "except RunFolderError as error: print(error.message, error.hint)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    ).stdout
    assert f"another opro is working on this run (process {os.getpid()})" in told
    assert f"`kill {os.getpid()}`" in told
    journal.close()


def test_the_lock_goes_with_the_journal(path: Path) -> None:
    assert not is_locked(path)
    journal = FileJournal(path)
    assert is_locked(path)
    journal.close()
    journal.close()
    assert not is_locked(path)


def test_a_disk_that_takes_half_a_line_is_told_and_leaves_nothing_of_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = FileJournal(path)
    journal.append(EVENTS[0])
    monkeypatch.setattr(os, "write", disk_with(room=30))
    with pytest.raises(JournalError, match="No space left") as caught:
        journal.append(EVENTS[1])
    # The command that prints it adds how the run is resumed.
    assert caught.value.hint == "nothing answered is lost: free some space"
    monkeypatch.undo()
    journal.append(EVENTS[1])
    journal.close()
    assert list(read_events(path)) == EVENTS[:2]


def test_nothing_is_written_behind_half_an_event_that_cannot_be_taken_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = FileJournal(path)
    journal.append(EVENTS[0])
    monkeypatch.setattr(os, "write", disk_with(room=30))
    monkeypatch.setattr(os, "ftruncate", broken)
    with pytest.raises(JournalError, match="No space left"):
        journal.append(EVENTS[1])
    monkeypatch.undo()
    for _ in range(2):
        with pytest.raises(JournalError, match="Input/output error"):
            journal.append(EVENTS[1])
    with pytest.raises(JournalError, match="Input/output error"):
        journal.close()
    assert not is_locked(path)
    write(path, *EVENTS[1:])
    assert list(read_events(path)) == EVENTS


def disk_with(room: int) -> Callable[[int, bytes], int]:
    """A disk that takes so many bytes and then is full."""
    real = os.write

    def write(fd: int, data: bytes) -> int:
        nonlocal room
        if room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = real(fd, data[:room])
        room -= written
        return written

    return write


def broken(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_what_a_sync_in_another_thread_found_is_raised_by_the_next_append(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = FileJournal(path)
    journal.append(EVENTS[0])
    monkeypatch.setattr(os, "fsync", broken)
    with ThreadPoolExecutor(1) as thread:
        told = thread.submit(journal.sync).exception()
    assert isinstance(told, JournalError)
    # The system tells it once, so the journal must not believe a later sync either.
    monkeypatch.undo()
    for refused in (partial(journal.append, EVENTS[1]), journal.sync, journal.close):
        with pytest.raises(JournalError, match="Input/output error") as caught:
            refused()
        assert "disk is failing" in str(caught.value.hint)
    assert list(read_events(path)) == EVENTS[:1]
    assert not is_locked(path)


def test_a_sync_with_nothing_new_asks_nothing_of_the_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = FileJournal(path)
    journal.append(EVENTS[0])
    journal.sync()
    monkeypatch.setattr(os, "fsync", broken)
    journal.sync()
    journal.close()


def test_what_was_cut_on_opening_is_told(path: Path) -> None:
    write(path, *EVENTS)
    with path.open("ab") as file:
        file.write(b'{"event":"ans')
    journal = FileJournal(path)
    (note,) = journal.notes
    journal.close()
    assert "13 bytes that are no event" in note
    journal = FileJournal(path)
    assert journal.notes == ()
    journal.close()


def test_a_missing_journal_is_refused_and_not_begun_anew(path: Path) -> None:
    path.unlink()
    for opened in (lambda: list(read_events(path)), lambda: FileJournal(path)):
        with pytest.raises(JournalError, match="No such file") as caught:
            opened()
        assert "backup" in str(caught.value.hint)
    assert not path.exists()
    assert not is_locked(path)


def test_the_journal_of_a_newer_opro_is_refused(path: Path) -> None:
    write(path, EVENTS[0], SessionStarted(2.0, 1, "9.0", FORMAT_VERSION + 1), EVENTS[1])
    with pytest.raises(JournalError, match=r"events\.jsonl:2: written by opro 9\.0") as caught:
        list(read_events(path))
    assert caught.value.hint == "update opro"
