"""A terminal that closes, and Ctrl-Z: real commands on real pseudo-terminals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pyte
import pytest

from opro_cli.store.run_folder import read_run
from tests.cli.test_watch_process import (
    COLUMNS,
    PATIENCE_S,
    ROWS,
    environment,
    on_terminal,
    piped,
    wait_until_it_asks,
)

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "quickstart.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with a search so long that no test waits for its end."""
    text = CONFIG.read_text().replace("steps: 8", "steps: 400")
    (tmp_path / "c.yaml").write_text(text.replace("data/", f"{CONFIG.parent}/data/"))
    return tmp_path


def only_run(folder: Path) -> Path:
    (run,) = (folder / "runs").glob("[!.]*")
    return run


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("view", [(), ("--plain",)], ids=["live", "plain"])
def test_a_run_whose_terminal_closes_stops_cleanly(folder: Path, view: tuple[str, ...]) -> None:
    child = on_terminal(folder, "optimize", "c.yaml", *view)
    wait_until_it_asks(folder)
    os.close(child.child_fd)  # as when a window is closed
    _, status = os.waitpid(child.pid, 0)
    child.closed, child.child_fd = True, -1
    assert (os.WIFEXITED(status), os.WEXITSTATUS(status)) == (True, 130)
    run = only_run(folder)
    assert read_run(run).status == "stopped"
    assert json.loads((run / "result.json").read_text())["status"] == "stopped"


def test_a_second_hangup_is_that_of_the_shell(folder: Path) -> None:
    process = piped(folder, "optimize", "c.yaml", "--plain")
    wait_until_it_asks(folder)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "stopped; nothing is lost. resume with: opro resume quickstart-" in err
    assert read_run(only_run(folder)).status == "stopped"


def test_nohup_goes_on(folder: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` hands it on
    try:
        process = piped(folder, "optimize", "c.yaml", "--plain")
    finally:
        signal.signal(signal.SIGHUP, before)
    wait_until_it_asks(folder)
    process.send_signal(signal.SIGHUP)
    journal = only_run(folder) / "events.jsonl"
    size = journal.stat().st_size
    wait_for(lambda: journal.stat().st_size > size + 2000)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130


@pytest.fixture
def shell(folder: Path) -> Iterator[pexpect.spawn[bytes]]:
    """A shell with job control: where a process has none, Ctrl-Z does nothing."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash on this machine")
    child = pexpect.spawn(
        bash,
        ["--norc", "--noprofile", "-i"],
        cwd=str(folder),
        env={**environment(), "PS1": "shell> ", "TERM": "xterm-256color"},
        dimensions=(ROWS, COLUMNS),
        timeout=PATIENCE_S,
    )
    child.expect("shell> ")
    yield child
    child.close(force=True)


def test_ctrl_z_gives_the_cursor_to_the_shell_and_fg_takes_it_back(
    shell: pexpect.spawn[bytes], folder: Path
) -> None:
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)

    def cursor_is_hidden() -> bool:
        return bool(screen.cursor.hidden)

    def see(pattern: str) -> None:
        """Show the screen all that comes until the pattern, it included."""
        shell.expect(pattern)
        stream.feed(shell.before + (shell.after if isinstance(shell.after, bytes) else b""))

    shell.sendline(f"{sys.executable} -m opro_cli optimize c.yaml")
    see("step 1/400.*q stop")
    assert cursor_is_hidden()
    assert not shell.getecho()
    shell.sendcontrol("z")
    see("Stopped.*shell> ")
    assert not cursor_is_hidden()
    shell.sendline("stty -a")
    see(" icanon .* echo .*shell> ")
    shell.sendline("fg")
    see(r"step (1|2)/400.*q stop")
    while not cursor_is_hidden():  # a frame that was under way came first
        see(r"step (1|2)/400.*q stop")
    assert not any("Stopped" in line for line in screen.display)
    shell.send("q")  # keys work again
    see("resume with: opro resume")
    see("shell> ")
    assert not cursor_is_hidden()
    shell.sendline("stty -a; echo code $?")
    see(" icanon .* echo .*shell> ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_gives_the_terminal_back(
    shell: pexpect.spawn[bytes], folder: Path, number: signal.Signals
) -> None:
    shell.sendline(f"{sys.executable} -m opro_cli optimize c.yaml; echo code $?")
    shell.expect("step 1/400.*q stop")
    os.kill(int(read_run(only_run(folder)).state.sessions[0].pid), number)
    shell.expect("resume with: opro resume.*code 130")
    shell.sendline("stty -a")
    shell.expect(" icanon .* echo .*shell> ")


def test_in_the_background_no_key_is_taken_from_the_shell(shell: pexpect.spawn[bytes]) -> None:
    shell.sendline(f"{sys.executable} -m opro_cli optimize c.yaml")
    shell.expect("step 1/400.*q stop")
    shell.sendcontrol("z")
    shell.expect("Stopped.*shell> ")
    shell.sendline("bg")
    shell.expect("step 1/400|step 2/400")  # it draws, and reads nothing
    shell.sendline("echo $((6*7))q")
    shell.expect("42q")
    shell.sendline("fg")
    shell.expect("q stop")
    shell.send("q")
    shell.expect("resume with: opro resume")
