"""Completions as a shell asks for them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FIRST, SECOND = "sums-20260101-000000-3f9ae7b2", "sums-20260102-000000-e1e1e1e1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two runs, a sweep of two cells, and a name that no shell should evaluate."""
    for name in (FIRST, SECOND, "grid/seed0", "grid/seed1", "$(touch x)"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "run.json").write_text("{}")
    (tmp_path / "runs" / "grid" / "sweep.json").write_text("{}")
    return tmp_path


def complete(folder: Path, *words: str) -> list[str]:
    """Return the completions of `opro WORDS<TAB>` in bash."""
    line = ("opro", *words)
    done = subprocess.run(
        [sys.executable, "-c", "from opro_cli.cli.app import main; main()"],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "_OPRO_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(line),
            "COMP_CWORD": str(len(line) - 1),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("show", ""), [SECOND, FIRST]),
        (("show", "sums-20260101"), [FIRST]),
        (("resume", "grid/"), ["grid/seed0", "grid/seed1"]),
        (("diff", "gri"), ["grid", "grid/seed0", "grid/seed1"]),
        (("report", ""), [SECOND, FIRST, "grid"]),
        (("eval", "--best-of", "sums-20260102"), [SECOND]),
        (("eval", "--best-of", "grid/seed1"), ["grid/seed1"]),
        (("eval", "--sweep", "g"), ["grid"]),
        (("init", "--template", "embedded-s"), ["embedded-sweep"]),
        (("show", "$("), []),
    ],
)
def test_names_are_complete(folder: Path, words: tuple[str, ...], names: list[str]) -> None:
    assert complete(folder, *words) == names
