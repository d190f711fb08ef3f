"""A sweep in real processes on the embedded models: interrupted, killed, and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.loop.runs import drop_costs

ROOT = Path(__file__).parents[2]
PATIENCE_S = 180.0
CELLS = ("seed0", "seed1")
BASE = f"""\
task:
  data:
    train: {ROOT}/configs/data/bbh_navigate.jsonl
    input: input
    target: target
    split: {{train: 6, dev: 4, test: 4}}
  answer: boolean
scorer: {{model: embedded/tiny-mistral, max_tokens: 20, concurrency: 2, cache: false}}
optimizer: {{model: embedded/tiny-optimizer, max_tokens: 40, concurrency: 2}}
search: {{steps: 4, candidates_per_step: 2, exemplars: 1, baselines: [], noise_check: false}}
"""
SWEEP = "name: grid\nbase: base.yaml\nmatrix: {search.seed: 0..1}\n"

pytestmark = pytest.mark.slow


def prepared(folder: Path) -> Path:
    """A working folder with a sweep of two cells."""
    folder.mkdir(exist_ok=True)
    (folder / "base.yaml").write_text(BASE)
    (folder / "grid.yaml").write_text(SWEEP)
    return folder


def environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
    return {**kept, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), "OPRO_RUNS_DIR": "runs"}


def begun(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "opro_cli", "sweep", "grid.yaml", "--processes", "2"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in err
    return process.returncode, out, err


def until(seen: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        if seen():
            return
        time.sleep(0.02)
    raise AssertionError(f"in vain: {what}")


def journal(folder: Path, cell: str) -> bytes:
    path = folder / "runs" / "grid" / cell / "events.jsonl"
    return path.read_bytes() if path.exists() else b""


def wait_until_both_ask(folder: Path) -> None:
    until(
        lambda: all(journal(folder, cell).count(b"\n") > 5 for cell in CELLS), "both cells at work"
    )


def results(folder: Path) -> dict[str, Any]:
    """What the cells came to, but for the times."""
    read = {
        cell: json.loads((folder / "runs" / "grid" / cell / "result.json").read_text())
        for cell in CELLS
    }
    for result in read.values():
        del result["spend"]["uncounted"]  # what a kill cut off may have cost
    read = drop_costs(read)  # an answer that a kill left in the cache alone has no figures
    return {
        cell: {
            key: value
            for key, value in result.items()
            if key not in ("seconds", "started", "test_use")
        }
        for cell, result in read.items()
    }


def living() -> dict[int, int]:
    """The parent of every process that is alive; a zombie is not."""
    told = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    )
    rows = (line.split() for line in told.stdout.splitlines())
    return {int(pid): int(parent) for pid, parent, state in rows if not state.startswith("Z")}


def below(process: int, parents: dict[int, int]) -> set[int]:
    """The processes that it began, and those that they began."""
    mine = {pid for pid, parent in parents.items() if parent == process}
    return mine.union(*(below(pid, parents) for pid in mine))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The results of a sweep that nobody disturbed."""
    folder = prepared(tmp_path_factory.mktemp("whole"))
    code, _, err = ended(begun(folder))
    assert code == 0, err
    assert err.endswith("2 of 2 cells finished\n")
    return results(folder)


def check_that_it_ends_the_same(folder: Path, whole: dict[str, Any]) -> None:
    code, _, err = ended(begun(folder))
    assert code == 0, err
    assert results(folder) == whole


def test_ctrl_c_stops_all_cells_cleanly(tmp_path: Path, whole: dict[str, Any]) -> None:
    folder = prepared(tmp_path)
    child = pexpect.spawn(
        sys.executable,
        ["-m", "opro_cli", "sweep", "grid.yaml", "--processes", "2"],
        cwd=str(folder),
        env=environment(),
        dimensions=(24, 80),
        encoding="utf-8",
        codec_errors="replace",  # the terminal echoes ^C in the middle of a letter
        timeout=PATIENCE_S,
    )
    wait_until_both_ask(folder)
    child.sendintr()
    child.expect("resume with: opro sweep grid.yaml")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert "Traceback" not in str(child.before)
    stopped = results(folder)
    assert {result["status"] for result in stopped.values()} == {"stopped"}
    check_that_it_ends_the_same(folder, whole)


def test_no_cell_outlives_a_sweep_that_is_killed(tmp_path: Path, whole: dict[str, Any]) -> None:
    folder = prepared(tmp_path)
    process = begun(folder)
    wait_until_both_ask(folder)
    cells = below(process.pid, living())
    assert len(cells) >= len(CELLS)
    process.kill()
    process.communicate()
    until(lambda: not cells & set(living()), "the cells' processes gone")
    # They were stopped, as Ctrl-C does it, and did not merely come to their end.
    assert {result["status"] for result in results(folder).values()} == {"stopped"}
    check_that_it_ends_the_same(folder, whole)


def test_a_cell_that_is_killed_is_told_and_the_other_goes_on(
    tmp_path: Path, whole: dict[str, Any]
) -> None:
    folder = prepared(tmp_path)
    process = begun(folder)
    wait_until_both_ask(folder)
    cells = [pid for pid, parent in living().items() if parent == process.pid]
    os.kill(min(cells), signal.SIGKILL)
    code, out, err = ended(process)
    assert code == 1
    (failed,) = (cell for cell in CELLS if f"{cell}: failed" in err)
    (other,) = set(CELLS) - {failed}
    assert f"{failed} failed: its process was killed (signal 9)" in err
    assert "1 of 2 cells finished, 1 failed; resume with: opro sweep grid.yaml" in err
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [
        [cell, "failed" if cell == failed else "finished"] for cell in CELLS
    ]
    before = journal(folder, other)
    check_that_it_ends_the_same(folder, whole)
    assert journal(folder, other) == before
