"""`opro watch` as a person uses it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from opro_cli.app import watch as watching
from opro_cli.core.run.events import Retried, SessionEnded
from opro_cli.store.journal import FileJournal
from tests.cli.conftest import Opro, only_run
from tests.store.conftest import ROOT, copy_of, unfinished_copy


def lines_of(err: str) -> list[str]:
    """The lines of a plain log, without their times, and without what is said around them."""
    return [line.partition("] ")[2] for line in err.splitlines() if line.startswith("[")]


def test_a_finished_run_is_shown_with_its_result(opro: Opro, folder: Path) -> None:
    ran = opro("optimize", "c.yaml")
    said = opro("watch", "--last")
    assert said.code == 0
    assert said.out == ran.out
    name = only_run(folder).name
    assert said.err.splitlines()[0] == f"{name} is not at work; this is where it stands"
    # Not on a terminal it is the plain log, line by line that of the run itself.
    assert lines_of(said.err) == lines_of(ran.err)
    assert lines_of(said.err)[-1].startswith("finished: ")


def test_the_result_is_there_for_programs(opro: Opro, folder: Path) -> None:
    ran = opro("optimize", "c.yaml", "--json").data
    assert opro("watch", "sums", "--json").data == ran
    assert opro("watch", "sums", "--json", "--replay", "--speed", "max").data == ran


@pytest.mark.parametrize("speed", ["0", "max", "1e9"])
def test_a_replay_says_what_the_run_said(opro: Opro, speed: str) -> None:
    ran = opro("optimize", "c.yaml", "--plain")
    said = opro("watch", "--last", "--replay", "--speed", speed, "--plain")
    assert (said.code, said.out) == (0, ran.out)
    assert said.err == "".join(
        line for line in ran.err.splitlines(keepends=True) if not line.startswith("saved in")
    )


def test_a_killed_run_says_how_to_go_on(opro: Opro, folder: Path) -> None:
    run = unfinished_copy(folder / "runs", 20)
    said = opro("watch", run.name)
    assert said.code == 0
    assert "killed: its process is gone without a word; nothing answered is lost." in said.err
    assert f"resume with: opro resume {run.name}\n" in said.err
    assert "stopped after 0 steps, no verdict" in said.out
    early = unfinished_copy(folder / "other", 2)
    said = opro("watch", str(early))
    assert (said.code, said.out) == (0, ""), "nothing is scored: there is no result"
    assert f"resume with: opro resume {early}\n" in said.err


def test_a_failed_run_says_its_remedy_and_a_resume_where_that_helps(
    opro: Opro, folder: Path
) -> None:
    hints = {
        "correct it and start a new run: …": False,
        "check the key of openai/a": True,
        "": True,
    }
    for number, (hint, resumes) in enumerate(hints.items()):
        run = unfinished_copy(folder / f"runs-{number}", 20)
        journal = FileJournal(run / "events.jsonl")
        journal.append(SessionEnded(1e9, "failed", "the metric failed", hint))
        journal.close()
        said = opro("watch", str(run))
        assert "failed: the metric failed; nothing answered is lost" in said.err
        assert (f"hint: {hint}" in said.err) == bool(hint)
        assert ("resume with" in said.err) == resumes


def test_of_a_run_at_work_a_replay_says_that_it_goes_on(opro: Opro, folder: Path) -> None:
    run = unfinished_copy(folder / "runs", 20)
    journal = FileJournal(run / "events.jsonl")
    said = opro("watch", "--last", "--replay", "--speed", "max")
    journal.close()
    assert (said.code, said.out) == (0, "")
    assert said.err.endswith("that is all so far: the run is at work\n")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("arguments", [(), ("--replay", "--speed", "0.001")])
def test_ctrl_c_leaves_and_the_run_goes_on(
    opro: Opro,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    stop: signal.Signals,
) -> None:
    run = unfinished_copy(folder / "runs", 20)
    looks = iter(range(10))

    def at_work(journal: Path) -> bool:
        if next(looks) == 1:  # the first after the view has begun
            os.kill(os.getpid(), stop)
        return True

    monkeypatch.setattr(watching, "is_locked", at_work)
    said = opro("watch", "--last", *arguments)
    assert said.code == 130
    assert f"run {run.name}\n" in said.err
    assert said.err.endswith("stopped watching; the run goes on\n")


def test_what_cannot_be_watched_is_refused(opro: Opro, folder: Path) -> None:
    said = opro("watch")
    assert (said.code, "name one run to watch, or say --last" in said.err) == (2, True)
    assert opro("watch", "sums", "--last").code == 2
    said = opro("watch", "nobody")
    assert (said.code, 'no run called "nobody" in runs' in said.err) == (2, True)
    assert "no runs in runs" in opro("watch", "--last").err
    unfinished_copy(folder / "runs", 20)
    for speed in ("fast", "-1", "nan"):
        said = opro("watch", "--last", "--replay", "--speed", speed)
        assert said.code == 2
        assert f"--speed: expected a number such as 10, or max, found '{speed}'" in said.err
    assert "--speed goes with --replay" in opro("watch", "--last", "--speed", "3").err


@pytest.mark.parametrize("how", [(), ("--replay", "--speed", "max")])
def test_a_damaged_journal_is_told_as_elsewhere(
    opro: Opro, folder: Path, how: tuple[str, ...]
) -> None:
    run = copy_of(2, folder / "runs")
    path = run / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    for damage in ([*lines[:9], b"{}\n", *lines[10:]], [*lines[:9], *lines[8:]], lines[:50], []):
        path.write_bytes(b"".join(damage))
        said, shown = opro("watch", "--last", *how), opro("show", run.name)
        assert said.code == shown.code > 0
        assert said.err.splitlines()[-2:] == shown.err.splitlines()[-2:]


def test_text_of_models_is_data(opro: Opro, folder: Path) -> None:
    run = unfinished_copy(folder / "runs", 2)
    journal = FileJournal(run / "events.jsonl")
    journal.append(Retried(time.time(), "scorer", 1, 0.5, "\x1b[2Jevil\u202e"))
    journal.close()
    said = opro("watch", "--last", "--plain")
    assert "\\x1b[2Jevil\\u202e" in said.err
    assert "\x1b" not in said.err + said.out


@pytest.fixture
def public_path() -> Iterator[Path]:
    """A folder that everybody may read: any other pytest that starts closes all of pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_whoever_may_only_read_sees_that_a_run_is_at_work(public_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    run = unfinished_copy(public_path, 20)
    run.chmod(0o755)
    somebody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable]
    if subprocess.run([*somebody, "-c", "import opro_cli"], cwd=ROOT).returncode:
        pytest.skip("nobody else can run this Python here")
    journal = FileJournal(run / "events.jsonl")
    before = {path: path.stat().st_mtime_ns for path in (run, *run.iterdir())}
    process = subprocess.Popen(
        [*somebody, "-m", "opro_cli", "watch", str(run), "--plain"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    seen = ""
    while "step 1" not in seen:
        line = process.stderr.readline()
        assert line, f"it has ended: {seen}"
        seen += line
    time.sleep(0.6)  # two looks
    assert process.poll() is None
    assert {path: path.stat().st_mtime_ns for path in (run, *run.iterdir())} == before
    journal.close()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "not at work" not in seen
    assert "killed: its process is gone without a word" in err
