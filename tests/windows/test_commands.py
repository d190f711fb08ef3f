"""Whole commands where what Windows lacks is not there; `stand_in/sitecustomize.py` says what."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = Path(__file__).with_name("stand_in")
METRIC = """
def grade(reply, target, question):
    print("naïve → ▲")  # a pipe has cp1252
    return float(target.lower() in reply.lower())
"""
SWEEP = "base: opro.yaml\nmatrix: {search.seed: [0, 1], search.steps: [%d]}\n"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the stand-in looks into /proc")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    opro(tmp_path, "init")
    return tmp_path


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "opro_cli", *arguments],
        cwd=folder,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith(("OPRO_", "PYTHON"))},
            "PYTHONPATH": f"{STAND_IN}{os.pathsep}{ROOT}",
            "PYTHONIOENCODING": "cp1252",
            "PYTHONUTF8": "0",
            "PYTHONCOERCECLOCALE": "0",
            "LC_ALL": "C",
            "OPRO_STATE_DIR": str(folder / "state"),
            "OPRO_CACHE_DIR": str(folder / "cache"),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def opro(folder: Path, *arguments: str, code: int = 0) -> str:
    process = start(folder, *arguments)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err.decode("cp1252")
    assert b"defect" not in err
    return out.decode("cp1252")


def interrupt(process: subprocess.Popen[bytes], runs: Path, pattern: str) -> int:
    """Send what Ctrl-C sends once such a file is there; return the exit code."""
    until = time.monotonic() + 60
    while not list(runs.glob(pattern)) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    return process.returncode


def test_a_run_is_made_looked_at_and_removed(folder: Path) -> None:
    out = opro(folder, "optimize", "opro.yaml", "--set", "search.steps=1")
    assert "scorer embedded/tiny-mistral" in out
    (run,) = (each.name for each in (folder / "runs").iterdir() if each.name != ".gitignore")
    assert b"\r" not in (folder / "runs" / run / "events.jsonl").read_bytes()
    assert "-----" in opro(folder, "runs")
    assert "\\u" not in opro(folder, "show", run)
    assert run in opro(folder, "tag", run, "first")
    assert "train" in opro(folder, "check", "opro.yaml")
    opro(folder, "report", run)
    assert "svg" in opro(folder, "plot", run, "-o", "-")
    opro(folder, "rm", run, "--yes")
    assert not (folder / "runs" / run).exists()


def test_a_function_of_the_users_grades_and_may_print_anything(folder: Path) -> None:
    (folder / "mine.py").write_text(METRIC, encoding="utf-8")
    grading = "task.answer=python:mine:grade"
    opro(folder, "optimize", "opro.yaml", "--quiet", "--set", grading, "--set", "search.steps=0")


def test_ctrl_c_stops_a_run_which_is_resumed(folder: Path) -> None:
    process = start(folder, "optimize", "opro.yaml", "--set", "search.steps=20", "--plain")
    assert interrupt(process, folder / "runs", "*/events.jsonl") == 130
    opro(folder, "resume", "--last", "--budget", "calls=+1", code=3)


def test_a_sweep_goes_to_its_end(folder: Path) -> None:
    (folder / "grid.yaml").write_text(SWEEP % 0, encoding="utf-8")
    assert opro(folder, "sweep", "grid.yaml").count("finished") == 2
    opro(folder, "rm", "sweep", "--yes")


def test_ctrl_c_stops_the_cells_of_a_sweep(folder: Path) -> None:
    (folder / "grid.yaml").write_text(SWEEP % 40, encoding="utf-8")
    process = start(folder, "sweep", "grid.yaml")
    assert interrupt(process, folder / "runs", "sweep/*/events.jsonl") == 130
    assert opro(folder, "watch", "sweep").count("stopped") == 2


def test_the_web_view_ends_by_ctrl_c(folder: Path) -> None:
    process: Any = start(folder, "view", "--no-open", "--port", "0")
    address = process.stdout.readline().decode().strip()
    with urllib.request.urlopen(address) as page:
        assert page.status == 200
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0
