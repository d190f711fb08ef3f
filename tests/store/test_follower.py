"""A journal read while another process writes it."""

from __future__ import annotations

import gc
from itertools import islice
from pathlib import Path

import pytest

from opro_cli.core.run.events import Event, Retried, SessionStarted
from opro_cli.errors import JournalError
from opro_cli.store.journal import FileJournal, encode_event, read_events
from opro_cli.store.replay import JournalFollower, find_last_session, pause_garbage_collection
from tests.store.journals import EVENTS, write

LINES = [encode_event(event) for event in EVENTS]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    path.touch()
    return path


def add(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def new(follower: JournalFollower) -> list[Event]:
    return [event for _, event in follower.read_new()]


def test_each_event_is_given_once_with_its_line(path: Path) -> None:
    follower = JournalFollower(path)
    assert new(follower) == []
    add(path, LINES[0] + b"\n" + LINES[1])
    assert list(follower.read_new()) == [(1, EVENTS[0]), (3, EVENTS[1])]
    assert new(follower) == []
    add(path, LINES[2])
    assert list(follower.read_new()) == [(4, EVENTS[2])]


def test_cut_at_any_byte_a_line_is_waited_for(path: Path) -> None:
    """The third one has letters of two, three and four bytes."""
    line = LINES[2]
    assert "größer “als” ≥ 7 🜁".encode() in line
    for cut in range(1, len(line)):
        path.write_bytes(LINES[0])
        follower = JournalFollower(path)
        assert new(follower) == [EVENTS[0]]
        add(path, line[:cut])
        assert new(follower) == []
        add(path, line[cut:])
        assert new(follower) == [EVENTS[2]]


def test_byte_by_byte_nothing_is_lost(path: Path) -> None:
    follower, seen = JournalFollower(path), []
    for byte in b"".join(LINES):
        add(path, bytes([byte]))
        seen += new(follower)
    assert seen == EVENTS


def test_a_burst_is_read_in_one_look_and_as_it_is_asked_for(path: Path) -> None:
    follower = JournalFollower(path)
    burst = [Retried(float(i), "scorer", 1, 0.5, "429") for i in range(10_000)]
    add(path, b"".join(map(encode_event, burst)))
    assert [event for _, event in islice(follower.read_new(), 3)] == burst[:3]
    assert new(follower) == burst[3:]


def test_a_torn_tail_that_a_resume_cuts_is_no_loss(path: Path) -> None:
    add(path, LINES[0] + LINES[1][:40])
    follower = JournalFollower(path)
    assert new(follower) == [EVENTS[0]]
    journal = FileJournal(path)
    assert journal.notes
    journal.append(EVENTS[2])
    assert new(follower) == [EVENTS[2]]
    journal.close()


def test_a_file_that_became_shorter_is_told(path: Path) -> None:
    add(path, LINES[0] + LINES[1])
    follower = JournalFollower(path)
    new(follower)
    path.write_bytes(LINES[0])
    gone = f"{len(LINES[1]):,} bytes that were read are not there any more"
    with pytest.raises(JournalError, match=gone) as caught:
        new(follower)
    assert "opro watch" in str(caught.value.hint)


def test_a_file_that_is_gone_is_told(path: Path) -> None:
    follower = JournalFollower(path)
    path.unlink()
    with pytest.raises(JournalError, match="cannot read the journal: No such file"):
        new(follower)
    with pytest.raises(JournalError, match="cannot read the journal: No such file"):
        find_last_session(path)


def test_what_a_network_disk_shows_too_early_is_looked_at_again(path: Path) -> None:
    """The length of a line is there, its bytes are still zero."""
    add(path, LINES[0] + bytes(len(LINES[1]) - 1) + b"\n" + LINES[2])
    follower = JournalFollower(path)
    assert new(follower) == [EVENTS[0]]
    path.write_bytes(LINES[0] + LINES[1] + LINES[2])
    assert list(follower.read_new()) == [(2, EVENTS[1]), (3, EVENTS[2])]


def test_a_damaged_line_is_told_at_the_second_look(path: Path) -> None:
    add(path, LINES[0] + b'{"event":"nothing"}\n' + LINES[2])
    follower = JournalFollower(path)
    assert new(follower) == [EVENTS[0]]
    with pytest.raises(JournalError, match=r"events.jsonl:2: not an event of a run"):
        new(follower)


@pytest.mark.parametrize("damage", [b"{}\n", b"\x00\x00\n", b'{"event":"nothing"}\n'])
def test_once_nobody_writes_a_damaged_line_is_told_at_once(path: Path, damage: bytes) -> None:
    add(path, damage + LINES[0])
    with pytest.raises(JournalError, match=r"events.jsonl:1: not an event of a run"):
        list(JournalFollower(path).read_rest())


@pytest.mark.parametrize(("tail", "more"), [(LINES[2][:-1], 1), (LINES[2][:-9], 0), (b"", 0)])
def test_once_nobody_writes_a_whole_event_without_an_end_counts(
    path: Path, tail: bytes, more: int
) -> None:
    add(path, LINES[0] + tail)
    follower = JournalFollower(path)
    assert new(follower) == [EVENTS[0]]
    assert list(follower.read_rest()) == [(2, EVENTS[2])][:more]


def test_a_newer_opro_is_refused_with_the_line(path: Path) -> None:
    add(path, encode_event(SessionStarted(1.0, 1, "9.0", format_version=99)))
    with pytest.raises(JournalError, match=r"written by opro 9\.0"):
        new(JournalFollower(path))


def test_a_newer_opro_is_refused_where_its_line_lacks_an_end(path: Path) -> None:
    add(path, LINES[0] + encode_event(SessionStarted(1.0, 1, "9.0", format_version=99))[:-1])
    with pytest.raises(JournalError, match=r"events.jsonl:2: written by opro 9\.0"):
        list(JournalFollower(path).read_rest())
    with pytest.raises(JournalError, match=r"events.jsonl:2: written by opro 9\.0"):
        list(read_events(path))


def test_the_present_session_is_the_last_one(path: Path) -> None:
    assert find_last_session(path) == 0
    write(path, *EVENTS)
    assert find_last_session(path) == 0
    before = path.stat().st_size
    write(path, SessionStarted(6.0, 4712, "0.1.0"), EVENTS[1])
    assert find_last_session(path) == before
    follower = JournalFollower(path)
    assert [event for _, event in follower.read_new(until=before)] == EVENTS
    assert new(follower) == [SessionStarted(6.0, 4712, "0.1.0"), EVENTS[1]]


def test_replays_that_overlap_leave_the_collector_as_it_was() -> None:
    """Two requests of `opro view` read runs at the same time, and the first one ends first."""
    assert gc.isenabled()
    first, second = pause_garbage_collection(), pause_garbage_collection()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not gc.isenabled()
    second.__exit__(None, None, None)
    assert gc.isenabled()
