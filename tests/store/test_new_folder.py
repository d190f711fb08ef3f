"""Folders made in one step: by several at once, by one that is killed, beside one that lives."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from opro_cli.errors import RunExistsError, RunFolderError
from opro_cli.store import run_folder
from opro_cli.store.atomic_folders import PARTIAL_PREFIX, make_folder
from opro_cli.store.folders import find_run, find_sweep, list_runs, list_sweeps
from opro_cli.store.run_folder import create_run, read_identity
from tests.loop.runs import examples, settings
from tests.store.conftest import ROOT

MAKE = """\
import sys
from pathlib import Path
from opro_cli.store.atomic_folders import make_folder

def fill(hidden):
    (hidden / "run.json").write_text(sys.argv[2])
    print("filling", flush=True)
    sys.stdin.readline()
    (hidden / "events.jsonl").write_text(sys.argv[2])

print("made" if make_folder(Path(sys.argv[1]), fill) else "found")
"""


@contextmanager
def making(folder: Path, text: str = "x") -> Iterator[subprocess.Popen[str]]:
    """A process that is filling a folder, and goes on once it is sent a line."""
    command = [sys.executable, "-c", MAKE, str(folder), text]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "filling\n"
        try:
            yield process
        finally:
            process.kill()


def half_made(parent: Path) -> list[Path]:
    return list(parent.glob(f"{PARTIAL_PREFIX}*"))


def test_of_several_that_make_one_folder_at_once_one_makes_it_whole(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "one"
    command = [sys.executable, "-c", MAKE, str(folder)]
    processes = [
        subprocess.Popen(
            [*command, str(number)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    said = [process.communicate("\n")[0].split()[-1] for process in processes]
    assert sorted(said) == ["found"] * 7 + ["made"]
    maker = str(said.index("made"))
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "run.json": maker,
        "events.jsonl": maker,
    }
    assert list(folder.parent.iterdir()) == [folder]


def test_what_a_dead_process_left_is_cleared_and_is_never_a_run(tmp_path: Path) -> None:
    with making(tmp_path / "one") as process:
        process.send_signal(signal.SIGKILL)
    (left,) = half_made(tmp_path)
    assert list_runs(tmp_path) == []
    assert list_sweeps(tmp_path) == []
    for wanted in (left.name, str(left), "making"):
        with pytest.raises(RunFolderError):
            find_run(tmp_path, wanted)
        assert find_sweep(tmp_path, wanted) is None
    assert make_folder(tmp_path / "one", lambda hidden: (hidden / "file").touch())
    assert list(tmp_path.iterdir()) == [tmp_path / "one"]


def test_what_a_living_process_makes_is_left_alone(tmp_path: Path) -> None:
    with making(tmp_path / "one") as process:
        assert make_folder(tmp_path / "other", lambda hidden: None)
        assert len(half_made(tmp_path)) == 1
        assert process.communicate("\n")[0] == "made\n"
    assert {path.name for path in (tmp_path / "one").iterdir()} == {"run.json", "events.jsonl"}
    assert half_made(tmp_path) == []


def test_a_disk_that_refuses_leaves_nothing_behind(tmp_path: Path) -> None:
    def refuse(hidden: Path) -> None:
        (hidden / "file").touch()
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        make_folder(tmp_path / "one", refuse)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_is_drawn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many runs begin within a second."""
    drawn = iter(("aa", "aa", "aa", "bb"))
    monkeypatch.setattr(run_folder, "secrets", SimpleNamespace(token_hex=lambda _: next(drawn)))
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    monkeypatch.setattr(run_folder, "datetime", SimpleNamespace(now=lambda _: noon))
    runs = [create_run(tmp_path, settings(), examples(), {"number": n}) for n in range(2)]
    assert [run.name.rpartition("-")[2] for run in runs] == ["aa", "bb"]
    assert [read_identity(run)["number"] for run in runs] == [0, 1]
    assert [read_identity(run)["run"] for run in runs] == [run.name for run in runs]


def test_a_run_of_a_given_name_is_never_made_over_another(tmp_path: Path) -> None:
    run = create_run(tmp_path, settings(), examples(), {"number": 1}, "cell")
    with pytest.raises(RunExistsError, match="there is a run of this name"):
        create_run(tmp_path, settings(), examples(), {"number": 2}, "cell")
    assert read_identity(run)["number"] == 1
    assert list(tmp_path.iterdir()) == [run]


def test_a_cell_whose_folder_was_half_made_by_an_older_opro_is_made(tmp_path: Path) -> None:
    (tmp_path / ".cell").mkdir()
    (tmp_path / ".cell" / "config.yaml").touch()
    run = create_run(tmp_path, settings(), examples(), {"number": 1}, "cell")
    assert read_identity(run)["number"] == 1
