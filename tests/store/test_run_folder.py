"""Run folders: made whole, found by part of a name, read by replay, refused with a remedy."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from opro_cli.core.run.events import FORMAT_VERSION, Event, SessionEnded, SessionStarted
from opro_cli.core.task.example import Example, Split, fingerprint_examples
from opro_cli.errors import JournalError, RunFolderError
from opro_cli.files import write_atomically
from opro_cli.store.folders import find_last_run, find_run, list_runs
from opro_cli.store.journal import FileJournal
from opro_cli.store.run_folder import (
    create_run,
    read_examples,
    read_identity,
    read_run,
    write_result,
)
from tests.core.runs import answered
from tests.loop.runs import settings

EXAMPLES: dict[Split, list[Example]] = {
    "train": [Example("Größe?\n\u2028", "007", "t.csv:2"), Example("b", "NA", "t.csv:3")],
    "dev": [],
    "test": [Example("\ud800", "x", "t.csv:4")],
}
FINGERPRINT = fingerprint_examples(EXAMPLES)
START = "Let's solve the problem."


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return create_run(tmp_path, settings(), EXAMPLES, {"data_fingerprint": FINGERPRINT})


def write(run: Path, *events: Event) -> None:
    journal = FileJournal(run / "events.jsonl")
    for event in events:
        journal.append(event)
    journal.close()


def change(run: Path, **changes: Any) -> None:
    identity = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**identity, **changes}))


def test_a_new_run_is_whole_and_leaves_nothing_else(run: Path) -> None:
    assert {path.name for path in run.iterdir()} == {
        "config.yaml",
        "run.json",
        "examples.jsonl",
        "events.jsonl",
    }
    assert list(run.parent.iterdir()) == [run]
    assert read_examples(run) == EXAMPLES
    identity = read_identity(run)
    assert identity["format_version"] == FORMAT_VERSION
    assert identity["data_fingerprint"] == FINGERPRINT
    assert "litellm" in identity["packages"]


def test_the_state_is_the_replay_of_the_journal(run: Path) -> None:
    write(run, SessionStarted(1.0, 1, "0.1.0"), answered(START, 1, 0.0), answered(START, 0))
    recorded = read_run(run)
    score = next(iter(recorded.state.candidates.values())).score("train")
    assert score is not None
    assert (score.mean, score.n) == (0.5, 2)
    assert recorded.name == run.name


@pytest.mark.parametrize(
    ("reason", "status"),
    [("interrupted", "stopped"), ("budget", "stopped"), ("failed", "failed")],
)
def test_the_status_is_how_the_last_session_ended(run: Path, reason: str, status: str) -> None:
    write(run, SessionStarted(1.0, 1, "0.1.0"))
    assert read_run(run).status == "killed"
    write(run, SessionEnded(2.0, reason))
    assert read_run(run).status == status
    journal = FileJournal(run / "events.jsonl")
    assert read_run(run).status == "running"
    journal.close()


def test_runs_are_listed_oldest_first_and_other_folders_left_alone(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == []
    with pytest.raises(RunFolderError, match="no runs in"):
        find_last_run(tmp_path)
    for stamp in ("20260102-000000-aaaa", "20251231-235959-bbbb", "20260102-000001-cccc"):
        (tmp_path / f"z-{stamp}").mkdir()
        (tmp_path / f"z-{stamp}" / "run.json").write_text("{}")
    (tmp_path / "notes").mkdir()
    assert [run.name[-4:] for run in list_runs(tmp_path)] == ["bbbb", "aaaa", "cccc"]
    assert find_last_run(tmp_path).name.endswith("cccc")
    assert find_run(tmp_path, "aaa").name.endswith("aaaa")
    with pytest.raises(RunFolderError, match="not a run folder"):
        find_run(tmp_path, str(tmp_path / "notes"))
    for nothing in ("", "zzz"):
        with pytest.raises(RunFolderError, match="no run called"):
            find_run(tmp_path, nothing)


def test_a_run_of_a_newer_opro_is_refused(run: Path) -> None:
    change(run, format_version=99)
    with pytest.raises(RunFolderError, match="format version 99") as caught:
        read_run(run)
    assert caught.value.hint == "update opro"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format_version": "1"}', "{"])
def test_a_damaged_identity_is_an_error_with_a_remedy(run: Path, content: str) -> None:
    (run / "run.json").write_text(content)
    with pytest.raises(RunFolderError, match=r"run\.json") as caught:
        read_run(run)
    assert "restore it from a backup" in str(caught.value.hint)


def test_damaged_examples_name_their_line(run: Path) -> None:
    path = run / "examples.jsonl"
    lines = path.read_text().splitlines()
    path.write_text(f"{lines[0]}\n{lines[1][:-5]}\n")
    with pytest.raises(RunFolderError, match=r"examples\.jsonl:2: not a question"):
        read_run(run)


def test_a_journal_that_contradicts_itself_is_told(run: Path) -> None:
    write(run, answered(START, 0), answered(START, 0))
    with pytest.raises(JournalError, match="second answer"):
        read_run(run)


def test_the_best_prompt_is_written_byte_for_byte(run: Path) -> None:
    prompt = " Zwei\r\nZeilen\t\u2028 \ud800"
    write_result(run, {"best": prompt}, prompt)
    assert (run / "best_prompt.txt").read_bytes() == prompt.encode("utf-8", "surrogatepass")
    assert json.loads((run / "result.json").read_text()) == {"best": prompt}


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "result.json"
    write_atomically(path, b"old")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_system_that_cannot_sync_folders_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def only_files(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(fd)

    monkeypatch.setattr(os, "fsync", only_files)
    write_atomically(tmp_path / "result.json", b"new")
    assert (tmp_path / "result.json").read_bytes() == b"new"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot make a run folder") as caught:
        create_run(tmp_path / "file", settings(), EXAMPLES, {})
    assert "--runs-dir" in str(caught.value.hint)
