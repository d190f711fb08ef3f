"""A run in one process and `opro watch` in others, on the embedded models."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pyte
import pytest

from tests.cli.test_watch import lines_of

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "quickstart.yaml"
PATIENCE_S = 180.0
ROWS, COLUMNS = 30, 100
LESS = "train: 16, dev: 12, test: 12"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with a smaller quickstart."""
    small = CONFIG.read_text()
    for large, less in (("steps: 8", "steps: 4"), ("train: 40, dev: 40, test: 45", LESS)):
        assert large in small
        small = small.replace(large, less)
    (tmp_path / "c.yaml").write_text(small.replace("data/", f"{CONFIG.parent}/data/"))
    return tmp_path


def environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
    return {**kept, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), "OPRO_RUNS_DIR": "runs"}


def wait_until_it_asks(folder: Path) -> None:
    """Until the run has its first answers."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        for journal in (folder / "runs").glob("[!.]*/events.jsonl"):
            if journal.read_bytes().count(b"\n") > 5:
                return
        time.sleep(0.05)
    raise AssertionError("no run began")


def on_terminal(folder: Path, *arguments: str) -> pexpect.spawn[bytes]:
    return pexpect.spawn(
        sys.executable,
        ["-m", "opro_cli", *arguments],
        cwd=str(folder),
        env=environment(),
        dimensions=(ROWS, COLUMNS),
        timeout=PATIENCE_S,
    )


def piped(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "opro_cli", *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def left_on(raw: bytes) -> list[str]:
    """What stands on the terminal in the end, history included, from the run's opening on."""
    screen = pyte.HistoryScreen(COLUMNS, ROWS, history=1000)
    pyte.ByteStream(screen).feed(raw)
    history = ["".join(line[x].data for x in range(COLUMNS)) for line in screen.history.top]
    lines = [line.rstrip() for line in [*history, *screen.display]]
    # Each has its own clock: the process reads its own, whoever looks on reads the journal.
    told = [re.sub(r"\d+s$|[\d.]+/s$", "…", line) for line in lines]
    return [line for line in told if line and not line.startswith("saved in")]


@pytest.mark.slow
def test_the_last_frame_is_that_of_the_process_itself(folder: Path) -> None:
    running = on_terminal(folder, "optimize", "c.yaml")
    wait_until_it_asks(folder)
    watching = on_terminal(folder, "watch", "--last")
    running.expect(pexpect.EOF)
    ran = left_on(running.before)
    watching.expect(pexpect.EOF)
    watched = left_on(watching.before)
    again = on_terminal(folder, "watch", "--last", "--replay", "--speed", "max")
    again.expect(pexpect.EOF)
    replayed = left_on(again.before)
    for child in (running, watching, again):
        child.close()
        assert child.exitstatus == 0
    assert any(" finished · …" in line for line in ran)
    assert watched == ran
    assert replayed == ran


@pytest.mark.slow
def test_the_plain_log_has_the_same_lines(folder: Path) -> None:
    running = piped(folder, "optimize", "c.yaml", "--plain")
    wait_until_it_asks(folder)
    watching = piped(folder, "watch", "--last", "--plain")
    ran, ran_err = running.communicate(timeout=PATIENCE_S)
    watched, watched_err = watching.communicate(timeout=PATIENCE_S)
    assert (running.returncode, watching.returncode) == (0, 0), ran_err + watched_err
    assert "not at work" not in watched_err
    assert watched == ran
    assert len(lines_of(ran_err)) > 10
    assert lines_of(watched_err) == lines_of(ran_err)


@pytest.mark.slow
def test_a_killed_run_is_told_while_it_is_watched(folder: Path) -> None:
    config = folder / "c.yaml"  # so long that it cannot end before somebody looks on
    config.write_text(config.read_text().replace("steps: 4", "steps: 400"))
    running = piped(folder, "optimize", "c.yaml", "--plain")
    wait_until_it_asks(folder)
    watching = piped(folder, "watch", "--last", "--plain")
    assert watching.stderr is not None
    assert watching.stderr.readline().startswith("run quickstart-")
    running.kill()
    running.communicate()
    _, err = watching.communicate(timeout=PATIENCE_S)
    assert watching.returncode == 0
    assert "killed: its process is gone without a word" in err
    assert "resume with: opro resume quickstart-" in err
