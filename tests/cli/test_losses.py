"""A loss of any size under every command that shows a score: a number, and nowhere a percentage."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PARTS = '''\
from opro_cli import Draft, Evaluator, Scale, Solution, Strategy


class Count(Strategy):
    """Counts upwards."""

    name = "count"

    def propose(self, view, step):
        return [Draft(Solution(str(step + n))) for n in (1, 2)]

    def read(self, reply, ask):
        return []


class Far(Evaluator):
    """Squared distance to the target: less is better, and there is no bound."""

    name, scale = "far", Scale(minimise=True, bounded=False)

    async def evaluate(self, candidate, example, call):
        return UNIT * (float(candidate.text) - float(example.target)) ** 2


UNIT = {unit}
'''
CONFIG = """\
task:
  data: {train: rows.jsonl, input: question, target: answer, split: {train: 4, dev: 2, test: 2}}
  answer: number
  evaluator: "python:parts:Far"
search:
  strategy: "python:parts:Count"
  steps: 2
  initial_instructions: ["1"]
  baselines: ["2"]
"""
SHARES = re.compile(r"(?<=\d)(?<!95) %|\d\.\d–|[+-]\d+\.\d points|\bnan\b|\binf\b")


def opro(*arguments: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "opro_cli", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "120"},
    )
    assert done.returncode == 0, done.stderr
    shown = done.stdout + done.stderr
    assert not SHARES.search(shown), shown
    return shown


@pytest.fixture(params=["1.4", "1e305"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str, str]:
    """A folder with a config, and the losses of the start prompt and of the best one."""
    rows = [{"question": f"{n}?", "answer": "4.1"} for n in range(8)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "parts.py").write_text(PARTS.replace("{unit}", request.param))
    (tmp_path / "c.yaml").write_text(CONFIG)
    # 3.1 ** 2 = 9.61 and 0.1 ** 2 = 0.01, times the unit.
    start, best = {"1.4": ("13.45", "0.014"), "1e305": ("9.61e+305", "1e+303")}[request.param]
    return tmp_path, start, best


def test_a_run(project: tuple[Path, str, str]) -> None:
    folder, start, best = project
    opro("optimize", "c.yaml", "--dry-run", cwd=folder)
    log = opro("optimize", "c.yaml", "--plain", cwd=folder)
    assert f"initial: {start} n=4 · 1" in log
    assert f"step 2/2 done: best so far {best}, mean " in log
    (run,) = (path.name for path in (folder / "runs").glob("[!.]*-*"))
    table = re.compile(rf"test +{re.escape(start)} n=2 +{re.escape(best)} n=2 +-{start[0]}")
    for shown in (log, opro("show", run, cwd=folder), opro("watch", run, "--plain", cwd=folder)):
        assert table.search(shown), shown
        assert "points" not in shown
    listed = opro("show", run, cwd=folder).splitlines()
    (row,) = (line.split() for line in listed if line.endswith(" 4") and " n=" not in line)
    assert row[1] == best
    assert f"test {best}" in opro("runs", cwd=folder)
    compared = opro("diff", f"{run}@start", run, cwd=folder)
    assert f"{start} n=2" in compared
    assert "so no test compares them" in compared
    assert f"{start} n=2" in opro("diff", f"{run}@start", run, "--markdown", cwd=folder)
    assert f"{start}" in opro("diff", run, f"{run}@start", f"{run}@1", cwd=folder)
    opro("report", run, cwd=folder)


def test_an_evaluation(project: tuple[Path, str, str]) -> None:
    folder, start, best = project
    matrix = opro("eval", "c.yaml", "-p", "1", "-p", "4", cwd=folder)
    assert re.search(rf"^1 +{re.escape(start)}$", matrix, re.MULTILINE), matrix
    assert re.search(rf"^4 +{re.escape(best)}$", matrix, re.MULTILINE), matrix


def test_a_sweep(project: tuple[Path, str, str]) -> None:
    folder, start, best = project
    (folder / "s.yaml").write_text("base: c.yaml\nmatrix: {search.seed: [0, 1]}\n")
    log = opro("sweep", "s.yaml", "--plain", cwd=folder)
    assert f"finished, {start} → {best} on test (-" in log
    report = opro("diff", "runs/sweep", cwd=folder)
    assert report.startswith("no gain can be told: scores that are no shares have no such test\n")
    assert "2 not scored in shares" in report
    assert best in opro("diff", "runs/sweep", "--markdown", cwd=folder)
    assert best in opro("eval", "--sweep", "runs/sweep", cwd=folder)
    opro("report", "runs/sweep", cwd=folder)
