"""Power loss: what was not forced to the disk is gone. A copy of a mounted disk shows what is left.

The disk is a file with an ext4 file system in it. What the system still holds in memory is not
in that file yet, so a copy of the file is the disk after the plug was pulled.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from opro_cli.core.task.example import fingerprint_examples
from opro_cli.files import write_atomically
from opro_cli.store.folders import list_runs
from opro_cli.store.journal import FileJournal, read_events
from opro_cli.store.run_folder import create_run, read_run
from tests.loop.runs import examples, settings
from tests.store.conftest import ROOT, Opro, unfinished_copy
from tests.store.journals import EVENTS, write

PATIENCE_S = 120.0


def tool(*command: str | Path) -> None:
    """Run a command, or skip the test saying why it cannot be run."""
    try:
        done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip(f"no {command[0]} on this machine")
    if done.returncode:
        pytest.skip(f"needs the right to mount: {done.stderr.strip()}")


@dataclass
class Disk:
    """A disk in use, mounted at `here`."""

    place: Path
    mounted: list[Path] = field(default_factory=list)

    @property
    def here(self) -> Path:
        return self.place / "mounted"

    def mount(self, image: Path, at: Path) -> None:
        at.mkdir()
        # The system writes of its own accord, every 5 s or now and then; here it does not.
        tool("mount", "-o", "loop,commit=300", image, at)
        self.mounted.append(at)

    def after_power_loss(self) -> Path:
        """The same disk as it is found after the power is back."""
        copy = self.place / f"copy-{len(self.mounted)}"
        shutil.copyfile(self.place / "image", copy)
        self.mount(copy, copy.with_suffix(".mounted"))
        return copy.with_suffix(".mounted")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(8 << 20)
    tool("mkfs.ext4", "-q", image)
    disk = Disk(tmp_path)
    try:
        disk.mount(image, disk.here)
        yield disk
    finally:
        for place in reversed(disk.mounted):
            subprocess.run(["umount", "--lazy", place], check=True)


def test_what_was_synced_is_there_and_what_was_not_is_lost_whole(disk: Disk) -> None:
    path = disk.here / "events.jsonl"
    path.touch()
    os.sync()
    journal = FileJournal(path)
    for event in EVENTS:
        journal.append(event)
    journal.sync()
    journal.append(EVENTS[0])
    found = disk.after_power_loss() / "events.jsonl"
    journal.close()
    assert list(read_events(found)) == EVENTS
    write(found, EVENTS[0])
    assert list(read_events(found)) == [*EVENTS, EVENTS[0]]


def test_a_file_written_whole_stays_written(disk: Disk) -> None:
    path = disk.here / "result.json"
    write_atomically(path, b"old")
    assert (disk.after_power_loss() / "result.json").read_bytes() == b"old"
    write_atomically(path, b"new")
    assert (disk.after_power_loss() / "result.json").read_bytes() == b"new"
    path.write_bytes(b"not forced to the disk")
    assert (disk.after_power_loss() / "result.json").read_bytes() != path.read_bytes()


def test_a_new_run_is_there_once_it_is_made(disk: Disk) -> None:
    questions = examples()
    identity = {"data_fingerprint": fingerprint_examples(questions)}
    run = create_run(disk.here / "new" / "runs", settings(), questions, identity)
    (found,) = list_runs(disk.after_power_loss() / "new" / "runs")
    assert found.name == run.name
    assert read_run(found).examples == questions


@pytest.mark.slow
@pytest.mark.parametrize("answers", [12, 30, 60])
def test_a_run_goes_on_after_power_loss_to_the_same_result(
    disk: Disk, opro_process: Opro, answers: int
) -> None:
    folder = unfinished_copy(disk.here / "runs", events=10)
    os.sync()
    process = subprocess.Popen(
        [sys.executable, "-m", "opro_cli", "resume", str(folder), "--plain"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: lines(folder) >= answers or process.poll() is not None)
    process.send_signal(signal.SIGSTOP)
    before = list(read_events(folder / "events.jsonl"))
    found = disk.after_power_loss() / "runs" / folder.name
    process.kill()
    process.wait()
    left = list(read_events(found / "events.jsonl"))
    assert len(left) >= 10
    assert left == before[: len(left)]
    said = opro_process("resume", found, "--plain")
    assert said.code == 0, said.err
    result = json.loads((found / "result.json").read_bytes())
    assert (result["status"], result["spend"]["calls"]) == ("finished", 86)


def lines(folder: Path) -> int:
    return (folder / "events.jsonl").read_bytes().count(b"\n")


def wait_until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)
