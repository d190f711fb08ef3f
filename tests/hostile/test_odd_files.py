"""Pipes, sockets, devices and giants where a file is named: refused, and never waited for."""

from __future__ import annotations

import csv
import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from opro_cli.config.yaml_file import MOST_BYTES
from opro_cli.files import write_atomically
from opro_cli.render.tables import write_csv
from opro_cli.reports.viewed import EXPORTED, format_csv
from tests.store.conftest import ROOT, Said, copy_of

GUARD_S = 120
CONFIG = """\
name: sums
task:
  data: {{train: "{data}", input: question, target: answer}}
  answer: number
scorer: {{model: embedded/tiny-mistral}}
optimizer: {{model: embedded/tiny-optimizer}}
search: {{steps: 0}}
"""


def opro(folder: Path, *arguments: str, stdin: str = "", umask: int | None = None) -> Said:
    """Run a command as a process; one that hangs fails the test."""
    done = subprocess.run(
        [sys.executable, "-m", "opro_cli", *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=GUARD_S,
        umask=-1 if umask is None else umask,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPRO_RUNS_DIR": "runs"},
    )
    assert "Traceback" not in done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder with a pipe that nobody writes to and a socket, under names of files."""
    for name in ("pipe.yaml", "pipe.jsonl", "pipe.csv", "pipe.txt"):
        os.mkfifo(tmp_path / name)
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(tmp_path)  # a socket's path is short
        listener.bind("socket.yaml")
        os.chdir(here)
    rows = [{"question": f"{n} + {n}?", "answer": str(2 * n)} for n in range(80)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "good.yaml").write_text(CONFIG.format(data="rows.jsonl"))
    for kind in ("jsonl", "csv"):
        (tmp_path / f"{kind}.yaml").write_text(CONFIG.format(data=f"pipe.{kind}"))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["check", "pipe.yaml"], "pipe.yaml: cannot be read: it is a named pipe, not a file"),
        (["optimize", "pipe.yaml"], "it is a named pipe, not a file"),
        (["sweep", "pipe.yaml"], "it is a named pipe, not a file"),
        (["eval", "pipe.yaml", "-p", "x"], "it is a named pipe, not a file"),
        (["check", "socket.yaml"], "socket.yaml: cannot be read: it is a socket, not a file"),
        (["check", "/dev/zero"], "/dev/zero: cannot be read: it is a device, not a file"),
        (["check", "."], "cannot be read: Is a directory"),
        (["check", "jsonl.yaml"], "pipe.jsonl: expected a file, found a named pipe"),
        (["optimize", "csv.yaml"], "pipe.csv: expected a file, found a named pipe"),
        (["eval", "csv.yaml", "-p", "x"], "pipe.csv: expected a file, found a named pipe"),
        (["eval", "good.yaml", "-f", "pipe.txt"], "pipe.txt: cannot be read"),
        (["init", "pipe.yaml"], "pipe.yaml is there already"),
    ],
)
def test_what_is_no_file_is_refused_and_not_waited_for(
    odd: Path, arguments: list[str], told: str
) -> None:
    said = opro(odd, *arguments)
    assert said.code == 2
    assert told in said.err


def test_a_report_replaces_no_pipe_and_no_device(odd: Path) -> None:
    run = copy_of(4, odd / "runs")
    for place, told in (("pipe.txt", "it is a named pipe"), (".", "Is a directory")):
        said = opro(odd, "report", run.name, "-o", place)
        assert said.code == 2
        assert f"{place}: the report cannot be written: {told}" in said.err
    assert (odd / "pipe.txt").is_fifo()
    with pytest.raises(OSError, match="it is a device, not a file"):
        write_atomically(Path("/dev/full"), b"")  # even as root


def test_a_config_from_the_shell_is_read(odd: Path) -> None:
    said = opro(odd, "check", "/dev/stdin", stdin=(odd / "good.yaml").read_text())
    assert said.code == 0, said.err


DEEP = "a: " + "[" * 5_000
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{after}: &{after} [{','.join([f'*{before}'] * 9)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"a: {'x' * MOST_BYTES}", "larger than 10 MB, so no config is expected in it"),
        (DEEP, "nested too deeply"),
        ("a: " + "{b: " * 5_000, "nested too deeply"),
        (BOMB, "more than 100,000 values, with its aliases written out"),
        (f"a: [{'1,' * 150_000}1]", "more than 100,000 values"),
        (f"a: 1{':59' * 200_000}", "which is no int; is it meant as text? quote it"),
        (f"a: 1{'0' * 2_000}.5", "which is no float; is it meant as text? quote it"),
    ],
    ids=["large", "lists", "maps", "aliases", "values", "base 60", "float"],
)
def test_a_config_that_is_made_to_be_slow_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    said = opro(tmp_path, "check", "c.yaml")
    assert said.code == 2
    assert told in said.err


def test_a_giant_of_100_megabytes_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "c.yaml").open("wb") as file:
        file.write(b"a: ")
        file.seek(100_000_000)
        file.write(b"x")
    assert "larger than 10 MB" in opro(tmp_path, "check", "c.yaml").err


@pytest.mark.slow
@pytest.mark.parametrize(("umask", "wanted"), [(0o077, 0o600), (0o002, 0o664), (0o022, 0o644)])
def test_files_have_the_permissions_that_the_umask_leaves(
    odd: Path, umask: int, wanted: int
) -> None:
    """But for the answer cache, which is nobody else's."""
    limits = ("--budget", "calls=3", "--plain")
    opro(odd, "eval", "good.yaml", "-p", "x", "--limit", "2", *limits, umask=umask)
    run = copy_of(4, odd / "runs")
    opro(odd, "report", run.name, "-o", "page.html", umask=umask)
    (cell,) = (odd / "runs" / "evals").iterdir()
    written = [odd / "page.html", *cell.iterdir()]
    assert {"run.json", "events.jsonl", "result.json", ".lock"} <= {each.name for each in written}
    modes = {each.name: oct(each.stat().st_mode & 0o777) for each in written}
    assert set(modes.values()) == {oct(wanted)}, modes
    assert cell.stat().st_mode & 0o777 == 0o777 & ~umask


def _write_cell(value: object) -> str:
    """Write a table of one cell as CSV and return what a spreadsheet finds there."""
    stream = io.StringIO(newline="")
    write_csv([{"cell": value}], stream)
    (row,) = csv.DictReader(io.StringIO(stream.getvalue(), newline=""))
    return str(row["cell"])


def test_a_number_is_written_as_one() -> None:
    assert _write_cell(-1.5) == "-1.5"


@pytest.mark.parametrize("sign", "=+-@＝＋－＠")
@pytest.mark.parametrize("before", ["", "\n", "\r", "\t", " ", "\ufeff", "\u200b", "\0", "\u3000"])
def test_a_spreadsheet_gets_no_formula_in_any_guise(before: str, sign: str) -> None:
    text = f"{before}{sign}1+1"
    assert _write_cell(text) == f"'{text}"
    assert _write_cell(f"a{text}") == f"a{text}"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("-5", "-5"),
        ("+1,000.5", "+1,000.5"),
        ("-5+1", "'-5+1"),
        ("-", "'-"),
        ("\u200b-5", "'\u200b-5"),
    ],
)
def test_a_number_with_a_sign_is_no_formula(text: str, cell: str) -> None:
    assert _write_cell(text) == cell
    answer = {**dict.fromkeys(EXPORTED, "x"), "answer": text, "replies": [text]}
    (row,) = csv.DictReader(io.StringIO(format_csv([answer]), newline=""))
    assert (row["answer"], row["replies"]) == (cell, cell)


@pytest.mark.parametrize("text", ["\ttext", "\rtext", "\ntext"])
def test_a_spreadsheet_gets_no_text_that_begins_with_a_control(text: str) -> None:
    assert _write_cell(text) == f"'{text}"
