"""A search whose first answers are beside the point: stopped in a pipe, asked on a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pexpect
import pytest

from tests.cli.test_watch_process import ROOT, on_terminal, piped

SMALLER = (
    ("answer: boolean ", "answer: exact "),
    ("steps: 8", "steps: 1"),
    ("train: 40, dev: 40, test: 45", "train: 24, dev: 4, test: 4"),
    ("data/bbh_navigate.jsonl", "towns.jsonl"),
)
"""What makes the quickstart a run over questions with gold answers that nobody can give."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    text = (ROOT / "configs" / "quickstart.yaml").read_text()
    for plain, changed in SMALLER:
        assert plain in text
        text = text.replace(plain, changed)
    (tmp_path / "c.yaml").write_text(text)
    rows = (ROOT / "configs" / "data" / "bbh_navigate.jsonl").read_text().splitlines()
    towns = ({**json.loads(row), "target": f"town {n}"} for n, row in enumerate(rows))
    (tmp_path / "towns.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in towns))
    return tmp_path


def opro(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run a command in a pipe; return its exit code and what it says."""
    child = piped(folder, *arguments)
    _, said = child.communicate(timeout=120)
    return child.returncode, said


def test_in_a_pipe_it_stops_and_can_be_resumed(folder: Path) -> None:
    code, said = opro(folder, "optimize", "c.yaml")
    assert code == 1
    assert "is any row's gold answer" in said
    for name in ("question", "expected", "said"):
        assert sum(line.startswith(f"  {name} ") for line in said.splitlines()) == 3
    assert " --keep-going\n" in said
    code, said = opro(folder, "resume", "--last")
    assert code == 1  # nobody has looked at it yet
    code, said = opro(folder, "resume", "--last", "--keep-going")
    assert code == 0
    code, said = opro(folder, "resume", "--last")
    assert (code, "is finished" in said) == (0, True)


def test_keep_going_from_the_beginning(folder: Path) -> None:
    code, said = opro(folder, "optimize", "c.yaml", "--keep-going")
    assert (code, "gold answer" in said) == (0, False)


@pytest.mark.parametrize(("typed", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_on_a_terminal_it_asks(folder: Path, typed: str, code: int) -> None:
    child = on_terminal(folder, "optimize", "c.yaml")
    child.expect_exact("go on? y/N ")
    child.sendline(typed)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == code


def test_json_is_never_a_question(folder: Path) -> None:
    child = on_terminal(folder, "optimize", "c.yaml", "--json", "--plain")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1
    assert b"go on?" not in child.before
