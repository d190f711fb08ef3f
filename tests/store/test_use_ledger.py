"""The file of the ledger: damage, several processes, merges, disks that refuse."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opro_cli.core.run.candidates import Candidate
from opro_cli.errors import OproError, UsageError
from opro_cli.store import ledger_file
from opro_cli.store.ledger_file import LedgerContent, read_ledger
from opro_cli.store.use_ledger import FileTestLedger, UseOrigin, find_ledger_path, forget_uses

START, WINNER = Candidate("aa", "Add.", 0), Candidate("bb", "Count.", 2)
ROWS = [f"row{n}" for n in range(10)]
ROOT = Path(__file__).parents[2]


def ledger(path: Path, run: str = "one", **more: Any) -> FileTestLedger:
    return FileTestLedger(path, UseOrigin(run, f"{run}-folder", "rows.jsonl", **more))


def draw(path: Path, run: str = "one", rows: list[str] = ROWS, **more: Any) -> Any:
    return ledger(path, run, **more).draw(START, WINNER, rows)


def test_uses_are_numbered_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "state" / "ledger.jsonl"
    drawn = [draw(path, run) for run in ("one", "two", "three")]
    assert [each.number for each in drawn] == [1, 2, 3]
    assert [each.level for each in drawn] == pytest.approx([0.025, 0.05 / 6, 0.05 / 12])
    assert [each.note for each in drawn] == ["", "", ""]
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [each["record"] for each in records] == ["set", "use", "use", "use"]  # the rows once


def test_a_run_finds_its_own_use_again_until_it_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    draw(path, "other")
    first = draw(path)
    draw(path, "later")
    size = path.stat().st_size
    assert draw(path) == first
    assert path.stat().st_size == size
    assert ledger(path).close(first.use, "improved", "answers", repeats=False) == ""
    # Its journal was cut, or it was copied before the test: that is another use.
    again = draw(path)
    assert (again.use, again.number) == ("one-2", 4)
    assert draw(path) == again


@pytest.mark.parametrize("later", [0.0, -3600.0], ids=["same millisecond", "clock set back"])
def test_the_last_use_of_a_run_is_found_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: float
) -> None:
    path = tmp_path / "ledger.jsonl"
    monkeypatch.setattr("opro_cli.store.use_ledger.time.time", lambda: 1e9)
    ledger(path).close(draw(path).use, "improved", "answers", repeats=False)
    monkeypatch.setattr("opro_cli.store.use_ledger.time.time", lambda: 1e9 + later)
    again = draw(path)
    assert again.use == "one-2"
    assert draw(path) == again


def test_the_end_of_a_use_is_recorded_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    use = draw(path).use
    for outcome in ("improved", "worse"):
        assert ledger(path).close(use, outcome, "answers", repeats=False) == ""
    ledger(path).close("nobody", "improved", "x", repeats=False)
    assert read_ledger(path).list_uses()[0].outcome == "improved"
    assert path.read_bytes().count(b'"end"') == 1
    assert draw(path, "two").level == 0.025  # passed on
    assert draw(path, "two").known == {"answers": 0.025}


def test_forgotten_uses_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    draw(path), draw(path, "two")
    assert forget_uses(path, lambda content: list(content.began)) == ("one", "two")
    assert draw(path, "three").number == 1
    assert draw(path).use == "one-2"  # its own was forgotten


def test_a_torn_line_stays_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    draw(path)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"record":"use","use":"tor')
    drawn = draw(path, "two")
    assert drawn.number == 2
    assert "line 3 is no record of this opro's and does not count" in drawn.note
    assert draw(path, "three").number == 3
    assert path.read_bytes().startswith(whole + b'{"record":"use","use":"tor\n{"record"')


def test_a_last_line_that_lost_its_end_only_still_counts(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    draw(path)
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    drawn = draw(path, "two")
    assert (drawn.number, drawn.note) == (2, "")


@pytest.mark.parametrize(
    "line",
    [b"\x00\x00\x00", b"[]", b"{}", b"\xff\xfe", b'{"record":"use"}', b"[" * 100_000, b"<<<<<<< a"],
)
def test_a_line_of_any_kind_is_named_and_harms_no_other(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "ledger.jsonl"
    draw(path)
    path.write_bytes(line + b"\n" + path.read_bytes())
    drawn = draw(path, "two")
    assert drawn.number == 2
    assert drawn.note.startswith(f"{path}: line 1 is no record")


def test_a_line_that_was_changed_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    draw(path)
    path.write_bytes(path.read_bytes().replace(b'"number":1', b'"number":0'))
    assert read_ledger(path).damaged == [2]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.integers(0, 400))
def test_nothing_in_a_file_raises(tmp_path: Path, noise: bytes, at: int) -> None:
    path = tmp_path / "noise.jsonl"
    path.unlink(missing_ok=True)
    draw(path)
    data = path.read_bytes()
    LedgerContent.parse(data[:at] + noise + data[at:]).list_uses()
    path.write_bytes(data[:at] + noise)
    assert draw(path, "two").number in (1, 2)


def test_two_branches_that_are_merged_count_all_of_their_uses(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    draw(path, "common")
    common = path.read_bytes()
    draw(path, "left")
    left = path.read_bytes()
    path.write_bytes(common)
    draw(path, "right")
    right = path.read_bytes().removeprefix(common)
    path.write_bytes(left + right + common + right)  # as a union merge, and then another
    assert draw(path, "next").number == 4
    conflict = b"<<<<<<< HEAD\n" + left + b"=======\n" + common + right + b">>>>>>> other\n"
    path.write_bytes(conflict)
    drawn = draw(path, "next")
    assert drawn.number == 4
    assert "lines 1, 5, 9 are no records of this opro's and do not count" in drawn.note


MANY = """
import sys
from pathlib import Path
from tests.store.test_use_ledger import draw
sys.stdin.readline()
for number in range(10):
    print(draw(Path(sys.argv[1]), f"{sys.argv[2]}-{number}").number)
"""


def test_processes_at_the_same_time_draw_different_numbers(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    command = [sys.executable, "-c", MANY, str(path)]
    processes = [
        subprocess.Popen(
            [*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for name in "abc"
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate()[0].split() for process in processes]
    assert sorted(int(each) for lines in said for each in lines) == list(range(1, 31))


def refuse(number: int) -> Callable[..., Any]:
    def refused(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return refused


def test_without_a_file_the_first_level_holds_and_a_note_says_why(tmp_path: Path) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    drawn = draw(tmp_path / "folder.jsonl")
    assert (drawn.number, drawn.level) == (1, 0.025)
    assert "could not be recorded" in drawn.note
    assert "Is a directory" in drawn.note
    assert "Is a directory" in ledger(tmp_path / "folder.jsonl").close("u", "x", "y", repeats=False)
    (tmp_path / "file").write_text("")
    assert "File exists" in draw(tmp_path / "file" / "ledger.jsonl").note


def test_what_can_be_read_counts_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.jsonl"
    draw(path)
    monkeypatch.setattr(os, "open", refuse(errno.EROFS))
    drawn = draw(path, "two")
    assert drawn.number == 2
    assert "Read-only file system" in drawn.note


def test_a_full_disk_leaves_the_ledger_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.jsonl"
    draw(path)
    before = path.read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:7]) and 0)
    drawn = draw(path, "two")
    assert drawn.number == 2
    assert "No space left" in drawn.note
    assert path.read_bytes() == before
    with pytest.raises(OproError, match="No space left"):
        forget_uses(path, lambda content: list(content.began))


def test_a_lock_that_others_keep_is_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    path = tmp_path / "ledger.jsonl"
    draw(path)
    monkeypatch.setattr(ledger_file, "LOCK_S", 0.0)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        drawn = draw(path, "two")
    assert drawn.number == 2
    assert "another process holds its lock" in drawn.note
    assert draw(path, "two").note == ""


def test_a_file_system_without_locks_has_a_file_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    monkeypatch.setattr(fcntl, "flock", refuse(errno.ENOSYS))
    path = tmp_path / "ledger.jsonl"
    assert [draw(path, run).number for run in ("one", "two")] == [1, 2]
    (tmp_path / ".ledger.jsonl.lock").write_text("")
    monkeypatch.setattr(ledger_file, "LOCK_S", 0.0)
    assert "another process holds its lock" in draw(path, "three").note


def test_where_the_ledger_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = Path(os.environ["OPRO_STATE_DIR"])
    assert find_ledger_path() == state / "ledger.jsonl"
    monkeypatch.delenv("OPRO_STATE_DIR")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert find_ledger_path() == tmp_path / "opro" / "ledger.jsonl"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_ledger_path() == tmp_path / ".local" / "state" / "opro" / "ledger.jsonl"
    assert find_ledger_path(recorded="/began/with") == Path("/began/with")
    monkeypatch.setenv("OPRO_LEDGER", "/of/the/environment")
    assert find_ledger_path(recorded="/began/with") == Path("/of/the/environment")
    assert find_ledger_path(Path("/given"), "/began/with") == Path("/given")


def test_a_ledger_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert read_ledger(tmp_path / "none").list_uses() == []
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_ledger(tmp_path)


def test_texts_of_any_kind_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    half = Candidate("cc", "half \ud800 of it\n" * 20, 1)
    assert ledger(path).draw(half, half, ROWS).note == ""
    (began,) = read_ledger(path).began.values()
    assert len(began.after) == 80
