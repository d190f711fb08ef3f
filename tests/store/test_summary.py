"""`summary.jsonl`: with it, `runs` and `show` say to the byte what they say without it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_cli import files as atomic
from opro_cli.app.resume import check_resumable
from opro_cli.app.session import work_on
from opro_cli.core.run.events import Event, SessionEnded, SessionStarted
from opro_cli.errors import OproError
from opro_cli.reports.recorded import RecordedRun
from opro_cli.store import run_folder, summary
from opro_cli.store.journal import FileJournal
from opro_cli.store.run_files import fingerprint_settings
from opro_cli.store.run_folder import read_run, read_run_start
from opro_cli.store.summary import SUMMARY, read_run_details, read_run_summary
from tests.core.histories import START, happenings, legal
from tests.core.runs import answered
from tests.store.conftest import Opro, Said, copy_of, unfinished_copy
from tests.store.test_snapshot import new_run, write

MADE_OF = ["run.json", "examples.jsonl", "events.jsonl", "result.json"]


@pytest.fixture(params=[1, 2, 3, 4])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A whole recorded run of an old opro, with a summary."""
    copy = copy_of(request.param, tmp_path / "runs")
    read_run_summary(copy)
    assert is_kept(copy)
    return copy


def is_kept(folder: Path) -> bool:
    """Would the next reader be served by the summary?"""
    return bool(summary._load_lines(folder))


def told(folder: Path) -> tuple[object, object]:
    """All that a reader is told of a run, or why nothing."""
    try:
        return read_run_summary(folder), read_run_details(folder)
    except OproError as error:
        return error.message, error.hint


def told_anew(folder: Path) -> tuple[object, object]:
    """The same by replay; leaves the folder as it was."""
    kept = (folder / SUMMARY).read_bytes() if (folder / SUMMARY).exists() else None
    (folder / SUMMARY).unlink(missing_ok=True)
    anew = told(folder)
    (folder / SUMMARY).unlink(missing_ok=True)
    if kept is not None:
        (folder / SUMMARY).write_bytes(kept)
    return anew


def asked_of(opro: Opro, folder: Path) -> Iterator[Said]:
    for flags in ([], ["--json"]):
        yield opro("show", folder, *flags)
        yield opro("runs", "--runs-dir", folder.parent, *flags)


def test_commands_print_the_same_with_and_without(folder: Path, opro: Opro) -> None:
    with_it = list(asked_of(opro, folder))
    anew = []
    (folder / SUMMARY).unlink()
    for said in asked_of(opro, folder):
        anew.append(said)
        (folder / SUMMARY).unlink()
    assert with_it == anew


@pytest.mark.parametrize("name", MADE_OF)
def test_a_change_of_any_file_is_noticed(folder: Path, name: str) -> None:
    path = folder / name
    whole = path.read_bytes()
    changes = [whole[:-1], whole + b" ", b""]
    for place in range(0, len(whole), 1 + len(whole) // 30):
        changes.append(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    for changed in changes:
        path.write_bytes(changed)
        assert not is_kept(folder)
    path.unlink()
    assert not is_kept(folder)
    for changed in changes[:4]:
        path.write_bytes(changed)
        assert told(folder) == told_anew(folder)
        path.write_bytes(whole)
        assert told(folder) == told_anew(folder)


@settings(max_examples=30, deadline=None)
@given(happenings, happenings, st.sampled_from(["wrong", "exclude"]))
def test_whatever_happened_since_readers_learn_the_same(
    before: list[Event], after: list[Event], unanswerable: str
) -> None:
    with TemporaryDirectory() as parent:
        folder = new_run(Path(parent), unanswerable=unanswerable)
        state = read_run_start(folder).state
        for part in (before, after):
            write(folder, *legal(state, part))
            anew = told_anew(folder)
            for _ in range(2):
                assert json.dumps(told(folder)) == json.dumps(anew)
            assert is_kept(folder) == isinstance(anew[0], dict)


def test_a_damaged_summary_is_none_and_is_made_anew(folder: Path) -> None:
    path = folder / SUMMARY
    whole, expected = path.read_bytes(), told(folder)
    for place in range(0, len(whole), 1 + len(whole) // 50):
        changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        for damaged in (changed, whole[:place], whole[place + 1 :], whole + b"\n"):
            path.write_bytes(damaged)
            assert not is_kept(folder)
        assert told(folder) == expected
        assert path.read_bytes() == whole
    # A line break that has moved, so that the parts put together are the same.
    header, row, shown = whole.split(b"\n")
    path.write_bytes(b"\n".join([header, row + shown[:1], shown[1:]]))
    assert not is_kept(folder)


def test_a_summary_of_another_opro_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, other in (("__version__", "0.0.9"), ("_VERSION", summary._VERSION + 1)):
        with monkeypatch.context() as changed:
            changed.setattr(summary, name, other)
            assert not is_kept(folder)
        assert is_kept(folder)


def test_a_run_of_other_settings_is_another_run(folder: Path) -> None:
    identity = json.loads((folder / "run.json").read_bytes())
    identity["settings"]["search"]["seed"] = 77
    identity["config_fingerprint"] = fingerprint_settings(identity["settings"])
    (folder / "run.json").write_text(json.dumps(identity))
    assert read_run_details(folder).result["seed"] == 77


def test_a_moved_folder_tells_where_and_what_it_is_now(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "elsewhere" / folder.name)
    assert is_kept(copy)
    assert read_run_summary(copy)["folder"] == str(copy)
    renamed = folder.rename(folder.with_name("renamed"))
    assert not is_kept(renamed)
    assert read_run_summary(renamed)["run"] == read_run_details(renamed).result["run"] == "renamed"


def test_a_run_at_work_is_read_and_no_summary_of_it_made(folder: Path) -> None:
    kept = (folder / SUMMARY).read_bytes()
    journal = FileJournal(folder / "events.jsonl")
    try:
        assert not is_kept(folder)
        assert read_run_summary(folder)["status"] == read_run_details(folder).status == "running"
        journal.append(SessionStarted(5e9, 4711, "0.1.0"))
        (folder / "result.json").unlink()
        assert read_run_summary(folder)["status"] == "running"
    finally:
        journal.close()
    assert (folder / SUMMARY).read_bytes() == kept
    assert read_run_summary(folder)["status"] == read_run_details(folder).status == "killed"


def test_what_changes_while_it_is_read_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = new_run(tmp_path)
    write(folder, answered(START, 0))

    def read_slowly(path: Path) -> RecordedRun:
        run = read_run(path)
        write(path, answered(START, 1))
        return run

    with monkeypatch.context() as slow:
        slow.setattr(run_folder, "read_run", read_slowly)
        assert read_run_summary(folder)["spend"]["calls"] == 1
    assert not (folder / SUMMARY).exists()
    assert read_run_summary(folder)["spend"]["calls"] == 2


def test_a_folder_that_takes_none_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes, *, lasting: bool = True) -> None:
        raise OSError(28, "No space left on device")

    folder = copy_of(3, tmp_path)
    expected = told_anew(folder)
    with monkeypatch.context() as disk:
        disk.setattr(atomic, "write_atomically", full)
        assert told(folder) == expected
    with monkeypatch.context() as disk:
        disk.setattr("os.access", lambda *_: False)
        assert told(folder) == expected
    assert not (folder / SUMMARY).exists()


def test_a_session_leaves_what_a_reader_would(tmp_path: Path) -> None:
    folder = unfinished_copy(tmp_path / "runs", events=20)
    assert read_run_summary(folder)["status"] == "killed"
    for calls, status in (("30", "stopped"), ("none", "finished")):
        work_on(folder, check_resumable(folder, [f"calls={calls}"]), [])
        assert is_kept(folder)
        left = (folder / SUMMARY).read_bytes()
        assert read_run_summary(folder)["status"] == status
        (folder / SUMMARY).unlink()
        read_run_summary(folder)
        assert (folder / SUMMARY).read_bytes() == left


def test_a_text_that_is_no_unicode_is_kept(tmp_path: Path) -> None:
    folder = new_run(tmp_path)
    half = {"instruction": "half \ud83d of it"}
    write(folder, answered(START, 0), SessionEnded(5.0, "interrupted"))
    run = read_run(folder)
    summary.save_summary(run, half)
    assert read_run_details(folder).result == half
