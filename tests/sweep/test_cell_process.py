"""When a cell's process may be ended by SIGTERM: before its session, and never after it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

CELL = """
import signal
from pathlib import Path
from opro_cli.app import run as running
from opro_cli.app.run import SessionOutcome
from opro_cli.sweep import cell_process

def work_on(folder, settings, observers, shared):
    if {session}:
        observers[0].after(None, None)
    signal.raise_signal(signal.SIGTERM)
    return SessionOutcome("interrupted", {{"status": "stopped"}}, None)

cell_process.prepared = lambda job: (Path("."), None)
cell_process.Progress._tell = lambda *_: None
running.work_on = work_on
cell_process.main()
"""
JOB = {"name": "cell", "folder": "nowhere", "settings": {}, "server": ["127.0.0.1", 1, "token"]}


def told_to_stop(*, session: bool) -> subprocess.CompletedProcess[str]:
    """What becomes of a cell that is told to stop, before its session begins or after its end."""
    with subprocess.Popen(
        [sys.executable, "-c", CELL.format(session=session)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(JOB) + "\n")
        process.stdin.flush()  # and it stays open: the sweep is there
        said = process.stdout.read()
        process.stdin.close()
        return subprocess.CompletedProcess([], process.wait(), said)


def test_after_its_session_it_writes_its_result_whatever_comes() -> None:
    ended = told_to_stop(session=True)
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["result"] == {"status": "stopped"}


def test_before_its_session_it_ends_at_once() -> None:
    ended = told_to_stop(session=False)
    assert ended.returncode == -signal.SIGTERM
    assert ended.stdout == ""
