"""Killed at every moment of a write: what is on disk is the old or the new, never a half."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from opro_cli.files import write_atomically
from opro_cli.store import run_folder
from opro_cli.store.atomic_folders import PARTIAL_PREFIX
from opro_cli.store.folders import find_last_run, is_locked, list_runs
from opro_cli.store.journal import read_events
from opro_cli.store.run_files import encode_config
from opro_cli.store.run_folder import create_run, read_run
from tests.loop.runs import examples, settings
from tests.store.conftest import ROOT
from tests.store.journals import EVENTS, write
from tests.store.killed import DEEDS, NEW, NEW_RESULT, OLD, OLD_RESULT, made_once


def left_behind(what: str, place: Path) -> list[Path]:
    """What is on disk after a kill at each moment, in order; the last one was not killed."""
    command = [sys.executable, "-m", "tests.store.killed", what, str(place)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return sorted(place.iterdir(), key=lambda folder: int(folder.name))


def visible(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_a_file_is_the_old_or_the_new_one(tmp_path: Path) -> None:
    folders = left_behind("file", tmp_path)
    found = [(folder / "file").read_bytes() for folder in folders]
    turn = found.index(NEW)
    assert found == [OLD] * turn + [NEW] * (len(found) - turn)
    assert 8 < turn < len(found) - 2
    for folder in folders:
        assert visible(folder) == {"file"}
        write_atomically(folder / "file", b"next")
        assert (folder / "file").read_bytes() == b"next"
    assert {path.name for path in folders[-1].iterdir()} == {"file"}


def test_a_result_is_never_newer_than_its_prompt(tmp_path: Path) -> None:
    seen = []
    for folder in left_behind("result", tmp_path):
        assert visible(folder) == {"result.json", "best_prompt.txt"}
        result = json.loads((folder / "result.json").read_bytes())
        assert result in (OLD_RESULT, NEW_RESULT)
        prompt = (folder / "best_prompt.txt").read_text()
        seen.append((prompt, result["status"]))
    assert list(dict.fromkeys(seen)) == [
        ("old prompt", "stopped"),
        ("new prompt", "stopped"),
        ("new prompt", "finished"),
    ]


def test_a_config_is_the_old_or_the_new_one(tmp_path: Path) -> None:
    configs = [
        yaml.safe_load((folder / "config.yaml").read_bytes())
        for folder in left_behind("config", tmp_path)
    ]
    assert {config["search"]["steps"] for config in configs} == {1, 2}


@pytest.mark.slow
def test_a_new_run_is_there_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folder, "encode_config", made_once(encode_config))
    monkeypatch.setattr(run_folder, "read_package_versions", dict)
    counts = []
    for folder in left_behind("run", tmp_path):
        runs_dir = folder / "a" / "runs"
        runs = list_runs(runs_dir)
        counts.append(len(runs))
        for run in runs:
            assert visible(run) == {"config.yaml", "run.json", "examples.jsonl", "events.jsonl"}
            assert read_run(run).status == "killed"
        identity = json.loads(
            (find_last_run(folders_with_a_run(tmp_path)) / "run.json").read_bytes()
        )
        new = create_run(runs_dir, settings(), examples(), identity)
        assert find_last_run(runs_dir) == new
        # What the killed process left half-made is gone.
        assert {path.name for path in runs_dir.iterdir()} == {new.name, *(r.name for r in runs)}
        shutil.rmtree(new)
    assert counts == sorted(counts)
    assert set(counts) == {0, 1}


def folders_with_a_run(place: Path) -> Path:
    last = max(place.iterdir(), key=lambda folder: int(folder.name))
    return last / "a" / "runs"


def test_a_journal_loses_nothing_that_was_appended(tmp_path: Path) -> None:
    kept = []
    for folder in left_behind("journal", tmp_path):
        path = folder / "events.jsonl"
        events = list(read_events(path))
        kept.append(len(events))
        assert events == EVENTS[: len(events)]
        assert not is_locked(path)
        write(path, *EVENTS[len(events) :])
        assert list(read_events(path)) == EVENTS
    assert kept == sorted(kept)
    assert set(kept) == set(range(2, len(EVENTS) + 1))


def test_every_deed_is_looked_at() -> None:
    assert set(DEEDS) == {"file", "result", "config", "run", "journal"}


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is forced to the disk, and what is renamed, in order."""
    seen: list[str] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        real(fd)
        place = Path(f"/proc/self/fd/{fd}").readlink()
        name = "half-made" if place.name.startswith(PARTIAL_PREFIX) else place.name
        seen.append(f"folder {name}" if place.is_dir() else "file")

    monkeypatch.setattr(os, "fsync", fsync)
    for name in ("replace", "rename"):
        renaming = getattr(os, name)

        def rename(source: Path, target: Path, renaming: object = renaming) -> None:
            seen.append(f"rename to {Path(target).name}")
            renaming(source, target)  # type: ignore[operator]

        monkeypatch.setattr(os, name, rename)
    return seen


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to name what is synced")
def test_the_bytes_are_on_disk_before_the_name_and_the_name_before_the_return(
    tmp_path: Path, order: list[str]
) -> None:
    write_atomically(tmp_path / "file", NEW)
    assert order == ["file", "rename to file", f"folder {tmp_path.name}"]
    order.clear()
    run = create_run(tmp_path / "a" / "runs", settings(), examples(), {})
    making = "folder half-made"
    files = [
        step
        for name in ("config.yaml", "run.json", "examples.jsonl")
        for step in ("file", f"rename to {name}", making)
    ]
    made = ["folder a", f"folder {tmp_path.name}"]
    assert order == [*made, *files, making, f"rename to {run.name}", "folder runs"]
