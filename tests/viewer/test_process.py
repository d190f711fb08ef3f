"""`opro view` as a process: the address it prints, the port it takes, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from opro_cli.core.sweep import Cell
from opro_cli.store.folders import list_runs
from opro_cli.store.sweep_folder import write_sweep
from opro_cli.viewer import server
from opro_cli.viewer.server import DEFAULT_PORT, _bind
from tests.store.conftest import ROOT, Opro

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/[\w-]{32}/(#/(run/|\?open=)\S+)?\n")


@contextmanager
def started(*arguments: str | Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The process, from its address on."""
    clean = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    with subprocess.Popen(
        [sys.executable, "-m", "opro_cli", "view", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**clean, "PYTHONPATH": str(ROOT), **environment},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_address(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    line = process.stdout.readline()
    assert ADDRESS.fullmatch(line), line
    return line.strip()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_it_with_one_line(runs: Path, number: signal.Signals) -> None:
    with started("--no-open", "--port", "0", "--runs-dir", runs) as process:
        address = read_address(process)
        with urlopen(f"{address}api/runs") as reply:  # whose connection is still open
            assert reply.status == 200
            process.send_signal(number)
            out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "")
    assert err == "Ctrl-C ends it\nended; nothing of the runs was changed\n"


def test_it_opens_at_the_run_that_is_named(runs: Path, tmp_path: Path) -> None:
    """In a browser where there is a display: here one that writes down what it is given."""
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/seen\n')
    browser.chmod(0o755)
    name = list_runs(runs)[3].name
    environment = {"DISPLAY": ":9", "BROWSER": f"{browser} %s"}
    with started("000004", "--port", "0", "--runs-dir", runs, **environment) as process:
        address = read_address(process)
        assert process.stderr
        assert process.stderr.readline() == "opened in the browser; Ctrl-C ends it\n"
    assert address.endswith(f"/#/run/{name}")
    assert (tmp_path / "seen").read_text().strip() == address


def test_without_a_display_no_browser_is_opened(runs: Path, tmp_path: Path) -> None:
    browser = f"touch {tmp_path}/seen %s"
    with started("--port", "0", "--runs-dir", runs, BROWSER=browser) as process:
        read_address(process)
        assert process.stderr
        assert process.stderr.readline() == "Ctrl-C ends it\n"
    assert not (tmp_path / "seen").exists()


def test_a_host_that_others_reach_is_warned_of(runs: Path) -> None:
    with started("--host", "0.0.0.0", "--no-open", "--port", "0", "--runs-dir", runs) as process:
        read_address(process)
        assert process.stderr
        assert "can read every run here" in process.stderr.readline()


def test_a_port_that_is_taken_is_an_error_only_if_it_was_asked_for(
    runs: Path, opro: Opro, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = opro("view", "--no-open", "--port", str(port), "--runs-dir", runs)
        assert said.code == 2
        assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in said.err
        monkeypatch.setattr(server, "DEFAULT_PORT", port)
        with _bind("127.0.0.1", None) as other:
            assert other.getsockname()[1] != port
    assert DEFAULT_PORT == 8765


def test_a_run_or_a_host_that_is_none_is_refused(runs: Path, opro: Opro) -> None:
    assert opro("view", "nothing", "--no-open", "--runs-dir", runs).code == 2
    said = opro("view", "--no-open", "--host", "no such host", "--runs-dir", runs)
    assert said.code == 2
    assert "cannot listen on no such host:8765" in said.err


def test_it_opens_at_the_sweep_that_is_named(runs: Path) -> None:
    write_sweep(runs / "a, b", "sweep: a, b", [Cell("x", {})])
    with started("a, b", "--no-open", "--port", "0", "--runs-dir", runs) as process:
        assert read_address(process).endswith("/#/?open=a%252C%20b")


def test_a_file_or_no_folder_is_no_place_for_runs(tmp_path: Path, opro: Opro) -> None:
    (tmp_path / "file").touch()
    for name, words in (("file", "is not a folder"), ("none", "no folder")):
        said = opro("view", "--no-open", "--runs-dir", tmp_path / name)
        assert (said.code, words in said.err) == (2, True), said.err


def test_without_any_run_it_waits_for_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with started("--no-open", "--port", "0") as process:
        got = urlopen(f"{read_address(process)}api/runs")
        assert got.read() == b'{"runs":[],"sweeps":[],"unread":[]}'
        got.close()
