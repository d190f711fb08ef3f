"""The journal on a real disk: torn lines, locks, and refusals that say what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from opro_cli.adapters.journal import FileJournal, is_locked, read_events
from opro_cli.core.events import Event, SessionStarted
from opro_cli.errors import JournalError
from tests.core.runs import answered, proposed

EVENTS: list[Event] = [
    SessionStarted(1.0, os.getpid(), "0.1.0"),
    answered("start", 0, None),
    proposed(1, 0, "denk nach: größer \u2028 \ud800"),
    answered("start", 1),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


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


def test_a_file_cut_anywhere_reads_and_goes_on(path: Path) -> None:
    write(path, *EVENTS)
    whole = path.read_bytes()
    ends = [index for index, byte in enumerate(whole) if byte == 10]
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        # A line that lost only its newline is whole: its answer was paid for.
        kept = sum(end <= cut for end in ends)
        assert list(read_events(path)) == EVENTS[:kept]
        write(path, *EVENTS[kept:])
        assert list(read_events(path)) == EVENTS
        assert path.read_bytes() == whole


def test_trailing_nuls_are_cut(path: Path) -> None:
    write(path, *EVENTS[:2])
    with path.open("ab") as file:
        file.write(b"\x00" * 5000)
    assert list(read_events(path)) == EVENTS[:2]
    write(path, *EVENTS[2:])
    assert list(read_events(path)) == EVENTS


def test_damage_in_the_middle_names_the_line_and_the_remedy(path: Path) -> None:
    write(path, *EVENTS)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b'{"event": "answered"}\n' + lines[2])
    with pytest.raises(JournalError, match=r"events\.jsonl:2: .*answered without at") as caught:
        list(read_events(path))
    assert "head -n 1" in str(caught.value.hint)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=st.binary(max_size=60))
def test_no_bytes_at_the_end_can_lose_an_event(path: Path, garbage: bytes) -> None:
    path.unlink(missing_ok=True)
    write(path, *EVENTS)
    with path.open("ab") as file:
        file.write(garbage.replace(b"\n", b""))
    write(path)
    assert list(read_events(path)) == EVENTS


def test_a_second_writer_is_refused_and_told_by_whom(path: Path) -> None:
    journal = FileJournal(path)
    journal.append(EVENTS[0])
    program = (
        "import sys; from pathlib import Path; from opro_cli.adapters.journal import FileJournal\n"
        "from opro_cli.errors import RunFolderError\n"
        "try: FileJournal(Path(sys.argv[1]))\n"
        "except RunFolderError as error: print(error.message)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    ).stdout
    assert f"another opro is working on this run (process {os.getpid()})" in told
    journal.close()


def test_the_lock_goes_with_the_journal(path: Path) -> None:
    assert not is_locked(path)
    journal = FileJournal(path)
    assert is_locked(path)
    journal.close()
    journal.close()
    assert not is_locked(path)


def test_a_full_disk_is_told_and_leaves_no_half_event(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = FileJournal(path)
    journal.append(EVENTS[0])
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[: len(data) // 2]))
    with pytest.raises(JournalError, match="no space left") as caught:
        journal.append(EVENTS[1])
    assert "opro resume" in str(caught.value.hint)
    monkeypatch.undo()
    journal.append(EVENTS[1])
    journal.close()
    assert list(read_events(path)) == EVENTS[:2]


def test_a_failing_sync_is_an_error_of_the_journal_and_frees_the_run(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(fd: int) -> None:
        raise OSError(5, "Input/output error")

    journal = FileJournal(path)
    journal.append(EVENTS[0])
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(JournalError, match="Input/output error"):
        journal.close()
    assert not is_locked(path)


def test_a_missing_journal_is_an_error_of_the_journal(path: Path) -> None:
    with pytest.raises(JournalError, match="cannot read"):
        list(read_events(path))
