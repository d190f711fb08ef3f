"""What disks and copies do to a journal, at every byte of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from opro_cli.core.run.events import Event, SessionStarted
from opro_cli.errors import JournalError
from opro_cli.store.journal import read_events, read_numbered_events
from tests.store.journals import EVENTS, follow, journal_of, recorded, write

NEXT = SessionStarted(9.0, 4712, "0.1.0")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The empty journal of a new run."""
    path = tmp_path / "events.jsonl"
    path.touch()
    return path


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    """A journal with one event of most kinds."""
    return journal_of(tmp_path, *EVENTS)


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of files that nobody will want back after power loss."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)


def line_at(journal: bytes, place: int) -> int:
    return journal[:place].count(b"\n") + 1


def read(path: Path) -> list[Event]:
    return list(read_events(path))


def attempt(path: Path) -> tuple[list[Event], JournalError | None]:
    try:
        return read(path), None
    except JournalError as error:
        return [], error


def check_cut_at_any_byte(path: Path, before: bytes, line: bytes) -> None:
    """Cut the last line of a journal everywhere; read it, and go on writing."""
    path.write_bytes(before + line)
    events = read(path)
    for cut in range(len(line) + 1):
        path.write_bytes(before + line[:cut])
        # A line that lost only its newline is whole: its answer was paid for.
        is_whole = cut >= len(line) - 1
        kept = events if is_whole else events[:-1]
        assert read(path) == kept
        notes = write(path, NEXT)
        assert read(path) == [*kept, NEXT]
        assert len(notes) == (cut > 0 and not is_whole)


def test_a_journal_cut_at_any_byte_reads_and_goes_on(path: Path, whole: bytes) -> None:
    lines = whole.splitlines(keepends=True)
    for number, line in enumerate(lines):
        check_cut_at_any_byte(path, b"".join(lines[:number]), line)


@pytest.mark.parametrize("version", [1, 2])
def test_every_kind_of_line_of_an_old_opro_cut_at_any_byte_reads_and_goes_on(
    path: Path, version: int
) -> None:
    lines = recorded(version).splitlines(keepends=True)
    kinds = {line[: line.index(b",")]: line for line in lines}
    assert len(kinds) >= 4
    for line in kinds.values():
        check_cut_at_any_byte(path, lines[0], line)


@pytest.mark.parametrize("nuls", [1, 4096, 200_000])
def test_nuls_at_the_end_are_cut_whatever_is_before_them(
    path: Path, whole: bytes, nuls: int
) -> None:
    ends = [place for place, byte in enumerate(whole) if byte == ord("\n")]
    step = 1 if nuls == 1 else 97
    for cut in range(ends[0], len(whole) + 1, step):
        path.write_bytes(whole[:cut] + b"\x00" * nuls)
        kept = sum(end <= cut for end in ends)
        assert read(path) == EVENTS[:kept]
        notes = write(path, NEXT)
        assert read(path) == [*EVENTS[:kept], NEXT]
        # One byte in the place of a newline is put right without losing anything.
        assert bool(notes) == (nuls > 1 or cut not in ends)


def test_a_journal_of_nothing_but_nuls_is_refused_and_left_alone(path: Path) -> None:
    for lost in (b"\x00" * 5000, b'{"event":"sess' + b"\x00" * 5000):
        path.write_bytes(lost)
        for opened in (lambda: read(path), lambda: write(path, NEXT)):
            with pytest.raises(JournalError, match=r"events\.jsonl:1: nothing of it is left"):
                opened()
        assert path.read_bytes() == lost


@pytest.mark.parametrize("nuls", [1, 40, 500])
def test_nuls_before_other_events_are_refused_naming_their_line(
    path: Path, whole: bytes, nuls: int
) -> None:
    for start in range(whole.rindex(b"\n", 0, -1) - nuls):
        path.write_bytes(whole[:start] + b"\x00" * nuls + whole[start + nuls :])
        line = line_at(whole, start)
        with pytest.raises(JournalError, match=rf"events\.jsonl:{line}: .*NUL bytes") as caught:
            read(path)
        assert "backup" in str(caught.value.hint)


@pytest.mark.parametrize("flip", [0x01, 0x10, 0x80])
def test_a_changed_byte_is_refused_or_changes_nothing(path: Path, whole: bytes, flip: int) -> None:
    unnoticed = 0
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= flip
        path.write_bytes(changed)
        events, refusal = attempt(path)
        if refusal is None:
            assert events == EVENTS
            unnoticed += 1
        else:
            assert f"events.jsonl:{line_at(whole, place)}: " in refusal.message
            assert "backup" in str(refusal.hint)
    # Only in the word crc32 itself, and in the last newline.
    assert unnoticed <= len("crc32") * len(EVENTS) + 1


def test_every_answer_before_a_changed_byte_can_be_kept(path: Path, whole: bytes) -> None:
    for line in range(2, len(EVENTS) + 1):
        lines = whole.splitlines(keepends=True)
        lines[line - 1] = lines[line - 1].replace(b"a", b"b", 1)
        path.write_bytes(b"".join(lines))
        with pytest.raises(JournalError, match=rf"events\.jsonl:{line}: ") as caught:
            read(path)
        follow(caught.value, path.parent)
        assert read(path) == EVENTS[: line - 1]


def test_damage_in_the_first_line_leaves_nothing_to_keep(path: Path) -> None:
    path.write_bytes(b"{}\n")
    with pytest.raises(JournalError, match=r"events\.jsonl:1: ") as caught:
        read(path)
    assert "start a new run" in str(caught.value.hint)


@pytest.mark.parametrize("version", [1, 2])
def test_in_a_journal_without_checksums_no_changed_byte_drops_an_event(
    path: Path, version: int
) -> None:
    whole = recorded(version)
    lines = whole.splitlines(keepends=True)
    small = b"".join([*lines[:4], *(line for line in lines if b'"proposed"' in line)])
    for place in range(len(small)):
        changed = bytearray(small)
        changed[place] ^= 0x02
        path.write_bytes(changed)
        events, refusal = attempt(path)
        if refusal is None:
            assert len(events) == small.count(b"\n")
        else:
            assert f"events.jsonl:{line_at(small, place)}: " in refusal.message
            assert refusal.hint


def test_the_lines_of_another_system_are_read_and_gone_on_with(path: Path, whole: bytes) -> None:
    path.write_bytes(whole.replace(b"\n", b"\r\n"))
    assert read(path) == EVENTS
    assert write(path, NEXT) == ()
    assert read(path) == [*EVENTS, NEXT]


def test_empty_lines_and_an_empty_file_are_no_damage(path: Path, whole: bytes) -> None:
    assert read(path) == []
    assert write(path, NEXT) == ()
    assert read(path) == [NEXT]
    path.write_bytes(b"\n\r\n" + whole + b"\n")
    assert [line for line, _ in read_numbered_events(path)] == list(range(3, 3 + len(EVENTS)))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"[" * 200_000, "nested too deeply"),
        (b"\xff\xfe{}", "can't decode byte 0xff"),
        (b"\xef\xbb\xbf{}", "Expecting value"),
        (b'{"event":["answered"]}', "no event of a known kind"),
        (b'{"event":"answered"}', "answered without at"),
        (b'{"event":"session_ended","at":1e999,"reason":"x"}', r"session_ended\.at is inf"),
        (b'{"event":"session_ended","at":NaN,"reason":"x"}', r"session_ended\.at is nan"),
        (b'{"event":"session_ended","at":1,"reason":"x","crc32":"00000000"}', "checksum"),
        (b'{"event":"session_ended","at":1,"reason":"x","crc32":"0', "checksum"),
    ],
)
def test_a_line_that_is_no_event_is_refused_saying_why(path: Path, line: bytes, words: str) -> None:
    path.write_bytes(line + b"\n")
    with pytest.raises(JournalError, match=rf"events\.jsonl:1: not an event of a run: .*{words}"):
        read(path)
