"""The folder of all runs: made for git to ignore, and left as it is when it is there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Opro

COMMANDS = {
    "optimize": ("optimize", "c.yaml"),
    "eval": ("eval", "c.yaml", "-p", "Count."),
    "sweep": ("sweep", "grid.yaml"),
}


@pytest.fixture(autouse=True)
def sweep_file(folder: Path) -> None:
    (folder / "grid.yaml").write_text("base: c.yaml\nmatrix: {search.seed: [0]}\n")


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_git_sees_nothing_of_new_runs(opro: Opro, folder: Path, command: tuple[str, ...]) -> None:
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    opro(*command, "--runs-dir", "deep/runs")
    assert [path.relative_to(folder) for path in folder.rglob(".gitignore")] == [
        Path("deep/runs/.gitignore")
    ]
    seen = subprocess.run(
        ["git", "-C", str(folder), "status", "--porcelain", "-uall"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "c.yaml" in seen
    assert "deep" not in seen


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_folder_that_is_there_gets_none(
    opro: Opro, folder: Path, command: tuple[str, ...]
) -> None:
    (folder / "runs").mkdir()
    opro(*command)
    assert list(folder.rglob(".gitignore")) == []
