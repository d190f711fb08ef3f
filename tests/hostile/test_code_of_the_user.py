"""`answer: python:…` runs code: only when the config names it, and never without saying so."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from opro_cli.errors import UsageError
from opro_cli.grading.grader import check_code
from opro_cli.grading.grading_worker import import_function
from tests.cli.conftest import CONFIG, Opro

GRADER = (
    "open('ran', 'w').close()\n\ndef same(reply, target, question):\n    return target in reply\n"
)


@pytest.fixture(autouse=True)
def grader(folder: Path) -> Iterator[Path]:
    """A module that leaves a file called "ran" when it is run."""
    path = folder / "grader.py"
    path.write_text(GRADER)
    before, searched = set(sys.modules), [*sys.path]
    yield path
    sys.path[:] = searched
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(folder):
            del sys.modules[name]


def with_answer(folder: Path, answer: str) -> None:
    (folder / "c.yaml").write_text(CONFIG.replace("answer: number", f'answer: "{answer}"'))


def test_what_grades_is_said_wherever_it_runs(
    opro: Opro, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    with_answer(folder, "python:grader:same")
    told = f"answers are graded by python:grader:same, code from {folder / 'grader.py'}"
    assert told in opro("check", "c.yaml").out
    assert told in opro("check", "c.yaml", "--json").data["notes"]
    started = opro("optimize", "c.yaml")
    assert f"  note: {told}\n" in started.err
    assert "answers are graded by python:grader:same\n" in started.err
    assert (folder / "ran").exists()


@pytest.mark.parametrize("answer", ["number", "exact", "contains", "regex:python:grader:same"])
def test_no_other_answer_runs_code(opro: Opro, folder: Path, answer: str) -> None:
    with_answer(folder, answer)
    assert opro("optimize", "c.yaml", "--no-preflight").code == 0
    assert not (folder / "ran").exists()
    assert "grader" not in sys.modules
    assert "graded by" not in opro("check", "c.yaml").out


@pytest.mark.parametrize(
    "answer",
    [
        "python:grader",
        "python:grader:",
        "python::same",
        "python:grader:same:more",
        "python:../grader:same",
        "python:/tmp/grader:same",
        "python:grader:same()",
        "python:os;grader:same",
        "Python:grader:same",
        "python :grader:same",
    ],
)
def test_a_name_that_is_none_runs_nothing(opro: Opro, folder: Path, answer: str) -> None:
    with_answer(folder, answer)
    said = opro("check", "c.yaml")
    assert said.code == 2
    assert "task.answer" in said.err
    assert not (folder / "ran").exists()


def test_reading_a_run_does_not_run_its_code(opro: Opro, folder: Path) -> None:
    with_answer(folder, "python:grader:same")
    assert opro("optimize", "c.yaml").code == 0
    (folder / "ran").unlink()
    for command in (["runs"], ["show", "sums"], ["diff", "sums", "sums"], ["resume", "--last"]):
        assert opro(*command).code == 0
    assert not (folder / "ran").exists()


def test_the_folder_is_searched_first_for_that_module_and_last_for_all_others(
    folder: Path,
) -> None:
    """A litellm.py that lies about must not run because some metric is the user's own."""
    (folder / "this_is_elsewhere.py").write_text("")
    before = [*sys.path]
    import_function("python:grader:same")
    assert sys.path == [*before, *([str(folder)] if str(folder) not in before else [])]


def test_where_code_comes_from() -> None:
    """A function written in C has no source file: its module has one."""
    told = check_code("python:operator:setitem")
    assert told.startswith("answers are graded by python:operator:setitem, code from ")
    assert told.endswith("operator.py")


def test_a_function_written_in_c_that_takes_other_arguments_is_refused() -> None:
    with pytest.raises(UsageError, match=r"python:operator:eq.*too many positional") as refusal:
        check_code("python:operator:eq")
    assert "def score(reply, target, question)" in str(refusal.value.hint)
