"""`opro show --answers` on a real pseudo-terminal, in a pipe, and with --plain."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from opro_cli.store.journal import FileJournal
from tests.cli.test_watch_process import environment
from tests.render.test_keys import Screen

RECORDED = Path(__file__).parents[1] / "run_folders" / "format-9"
SHOW = ("show", "recorded", "--answers")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with a run."""
    shutil.copytree(RECORDED, tmp_path / "runs" / "recorded")
    return tmp_path


@pytest.fixture
def pager(folder: Path) -> Iterator[Screen]:
    shown = Screen.of(folder, *SHOW)
    shown.see("q back")
    yield shown
    shown.child.close(force=True)


def test_questions_are_read_with_keys(pager: Screen, folder: Path) -> None:
    assert pager.marked.count("train 0") == 1
    lines = pager.press("j", "· right")
    assert any(line.startswith("question  ") for line in lines)
    assert any(line.startswith("reply     ") for line in lines)
    pager.press("/nobody says this", " 0 of ")
    pager.press("\r", "/ search")
    pager.press("/", "Enter keeps")
    assert "nobody" not in "\n".join(pager.lines), "a search starts afresh"
    pager.press("\x1b", "answers right")
    pager.child.send("\x1b[200~q and nothing else\x1b[201~")  # pasted: no keys
    pager.press("G", "test ")
    pager.child.send("q")
    pager.child.expect(pexpect.EOF)
    pager.child.close()
    assert pager.child.exitstatus == 0


def test_the_screen_is_as_before(pager: Screen) -> None:
    assert not pager.child.getecho()
    pager.child.send("q")
    pager.child.expect(r"\x1b\[\?25h\x1b\[\?1049l")  # the cursor, and the screen from before
    pager.child.close(force=True)


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)])
def test_a_signal_leaves_it_in_order(pager: Screen, number: int, code: int) -> None:
    pager.child.kill(number)
    pager.child.expect(r"\x1b\[\?25h\x1b\[\?1049l")
    pager.child.expect(pexpect.EOF)
    pager.child.close()
    assert pager.child.exitstatus == code


def test_plain_and_piped_answers_have_no_keys(folder: Path) -> None:
    plain = Screen.of(folder, *SHOW, "--plain", rows=1000)
    lines = plain.see("answers shown")
    assert not any("q back" in line for line in lines)
    plain.child.close(force=True)
    piped = subprocess.run(
        [sys.executable, "-m", "opro_cli", *SHOW],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "\x1b" not in piped
    said = [line for line in piped.splitlines() if line.startswith("question  ")]
    assert len(said) == sum(line.startswith("question  ") for line in lines)


def test_a_choice_of_answers_is_counted_among_all(folder: Path) -> None:
    shown = Screen.of(folder, "show", "recorded@start", "--answers", "--unreadable")
    (title,) = (line for line in shown.see("q back") if " unreadable of " in line)
    assert re.search(r" \d+ unreadable of \d+ answers", title)
    shown.child.close(force=True)


def test_q_ends_a_watch_as_it_should(folder: Path) -> None:
    journal = FileJournal(folder / "runs" / "recorded" / "events.jsonl")  # as one at work has it
    shown = Screen.of(folder, "watch", "recorded", "--replay", "--speed", "0.001")
    shown.see("q leave")
    shown.child.send("q")
    shown.child.expect("stopped watching")
    shown.child.expect(pexpect.EOF)
    shown.child.close()
    assert shown.child.exitstatus == 0
    journal.close()
