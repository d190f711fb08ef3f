"""Real disks that refuse: full, read-only, not ours; and two processes on one run.

Where this machine does not let the test make such a disk, the test skips and says so.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from opro_cli.core.run.events import SessionStarted
from opro_cli.errors import JournalError, RunFolderError
from opro_cli.store.folders import is_locked
from opro_cli.store.journal import RESERVE, FileJournal, read_events
from opro_cli.store.run_folder import create_run, read_run
from tests.loop.runs import examples, settings
from tests.store.conftest import ROOT, Opro, copy_of, unfinished_copy
from tests.store.journals import EVENTS, write

NO_SPACE = "No space left on device"


def mount(*arguments: str | Path) -> None:
    """Mount, or skip the test saying why it cannot."""
    command = ["mount", *map(str, arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no mount command on this machine")
    if done.returncode:
        pytest.skip(f"needs the right to mount: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 96 KiB: a small run, with its result being written anew."""
    place = tmp_path / "small"
    place.mkdir()
    mount("-t", "tmpfs", "-o", "size=96k", "tmpfs", place)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A disk that can be read only, with an unfinished and a finished run on it."""
    runs, place = tmp_path / "runs", tmp_path / "read-only"
    copy_of(1, runs)
    unfinished_copy(runs, events=20)
    place.mkdir()
    mount("--bind", runs, place)
    subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk: Path, leave: int) -> Path:
    """A file that takes all but so many pages of 4 KiB; without it there is room again."""
    filler = disk / "filler"
    status = os.statvfs(disk)
    filler.write_bytes(bytes(status.f_bsize * (status.f_bavail - leave)))
    return filler


def append_for_ever(journal: FileJournal) -> None:
    for event in itertools.cycle(EVENTS):
        journal.append(event)


def test_a_full_disk_keeps_whole_events_and_goes_on_once_there_is_room(small_disk: Path) -> None:
    path = small_disk / "events.jsonl"
    path.touch()
    filler = fill(small_disk, leave=2)
    journal = FileJournal(path)
    with pytest.raises(JournalError, match=NO_SPACE) as caught:
        append_for_ever(journal)
    assert "free some space" in str(caught.value.hint)
    kept = len(list(read_events(path)))
    assert kept >= 18
    filler.unlink()
    journal.append(EVENTS[0])
    journal.close()
    assert write(path, EVENTS[1]) == ()
    assert len(list(read_events(path))) == kept + 2


def test_a_run_that_finds_no_room_to_begin_leaves_nothing_behind(small_disk: Path) -> None:
    fill(small_disk, leave=2)
    with pytest.raises(
        RunFolderError, match=f"cannot make a run folder here: {NO_SPACE}"
    ) as caught:
        create_run(small_disk / "runs", settings(), examples(), {})
    assert "make room" in str(caught.value.hint)
    assert list((small_disk / "runs").iterdir()) == []


@pytest.mark.parametrize("leave", [2, 4])
def test_a_run_on_a_full_disk_stops_with_a_sentence_and_resumes(
    small_disk: Path, opro_process: Opro, leave: int
) -> None:
    folder = unfinished_copy(small_disk / "runs", events=10)
    filler = fill(small_disk, leave=leave)
    said = opro_process("resume", folder, "--plain")
    assert said.code == 1
    assert NO_SPACE in said.err
    # Where there was no room to reserve, there may be none to say how it ended.
    assert read_run(folder).status in (["failed"] if leave > 3 else ["failed", "killed"])
    (row,) = json.loads(opro_process("runs", "--runs-dir", folder.parent, "--json").out)
    assert row["status"] == read_run(folder).status
    assert not (folder / RESERVE).exists()
    assert said.err.count("opro resume") == 1
    assert said.err.count("nothing answered is lost") == 1
    before = len(list(read_events(folder / "events.jsonl")))
    assert before > 10
    filler.unlink()
    said = opro_process("resume", folder, "--plain")
    assert said.code == 0, said.err
    assert read_run(folder).status == "finished"
    assert json.loads((folder / "result.json").read_bytes())["status"] == "finished"


def test_a_limit_on_the_size_of_files_is_told_as_what_it_is(
    tmp_path: Path, opro_process: Opro
) -> None:
    folder = unfinished_copy(tmp_path, events=10)
    size = (folder / "events.jsonl").stat().st_size
    limited = ("sh", "-c", f'ulimit -f {size // 512 + 4} && exec "$@"', "sh")
    said = opro_process("resume", folder, "--plain", prefix=limited)
    assert said.code == 1
    assert "cannot write the journal: File too large" in said.err
    assert "ulimit -f" in said.err
    assert read_run(folder).status == "failed"
    said = opro_process("resume", folder, "--plain")
    assert said.code == 0, said.err


def test_a_run_on_a_read_only_disk_is_shown_and_not_worked_on(
    read_only: Path, opro_process: Opro
) -> None:
    finished, unfinished = sorted(read_only.iterdir())
    for command in (
        ("show", finished),
        ("show", unfinished),
        ("diff", finished, unfinished),
        ("runs", "--runs-dir", read_only),
    ):
        said = opro_process(*command)
        assert said.code == 0, said.err
    said = opro_process("resume", unfinished, "--plain")
    assert said.code == 1
    assert "cannot write the journal: Read-only file system" in said.err
    assert "copy the run folder elsewhere" in said.err
    said = opro_process("optimize", ROOT / "configs" / "quickstart.yaml", "--runs-dir", read_only)
    assert said.code == 2
    assert "cannot make a run folder here: Read-only file system" in said.err
    assert "--runs-dir" in said.err


def test_a_run_of_somebody_else_is_shown_and_not_worked_on(
    tmp_path: Path, opro_process: Opro
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    folder = unfinished_copy(tmp_path, events=20)
    ours = [place for place in folder.parents if place.name.startswith(("pytest", "popen"))]
    for place in (folder, tmp_path, *ours):
        place.chmod(0o755)
    somebody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    probe = subprocess.run([*somebody, sys.executable, "-c", "import opro_cli"], cwd=ROOT)
    if probe.returncode:
        pytest.skip("nobody else can run this Python here")
    assert opro_process("show", folder, prefix=somebody).code == 0
    said = opro_process("resume", folder, "--plain", prefix=somebody)
    assert said.code == 1
    assert "cannot write the journal: Permission denied" in said.err
    assert "check the permissions" in said.err


def test_a_second_opro_on_a_run_is_refused_naming_the_first(
    tmp_path: Path, opro_process: Opro
) -> None:
    folder = unfinished_copy(tmp_path, events=20)
    journal = FileJournal(folder / "events.jsonl")
    said = opro_process("resume", folder, "--plain")
    assert said.code == 2
    assert f"another opro is working on this run (process {os.getpid()})" in said.err
    said = opro_process("show", folder, "--json")
    assert json.loads(said.out)["run_status"] == "running"
    journal.close()
    assert not (folder / ".pid").exists()
    assert opro_process("resume", folder, "--plain").code == 0


def test_a_killed_process_leaves_no_lock_behind(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.touch()
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from opro_cli.store.journal import FileJournal\n"
        "from opro_cli.core.run.events import SessionStarted\n"
        "journal = FileJournal(Path(sys.argv[1]))\n"
        "journal.append(SessionStarted(1.0, os.getpid(), '0'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    assert not is_locked(path)
    journal = FileJournal(path)
    assert (tmp_path / ".pid").read_text() == str(os.getpid())
    journal.close()
    (event,) = read_events(path)
    assert isinstance(event, SessionStarted)
