"""kill -9 at random moments of searches for solutions: each ends as one that nobody disturbed.

OPRO_KILLS says how many kills there are of each kind; OPRO_KILL_SEED repeats those of a run.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

KILLS = int(os.environ.get("OPRO_KILLS", "6"))
PATIENCE_S = 120

SUBSETS = '''
import opro_cli


class Subsets(opro_cli.Problem):
    """Letters whose numbers add up to 50."""

    name = "subsets"
    letters = "abcdefghijklmnop"

    def describe(self, instance):
        return "Write letters from a to p, each once, whose places in the alphabet add up to 50."

    def start(self, instance):
        return ["a"]

    def value(self, solution, instance):
        return abs(50 - sum(1 + self.letters.index(each) for each in solution))

    def check(self, solution, instance):
        return "" if set(solution) <= set(self.letters) else "no such letter"

    def draw_solution(self, instance, rng):
        return "".join(sorted(rng.sample(self.letters, rng.randint(1, 9))))

    def references(self, instance):
        return [opro_cli.Reference("best there is", "abcdefghi", 5)]
'''

CONFIGS = {
    "regression": """
task: {problem: regression, w: 36, b: -1, seed: 3}
optimizer: {model: control/random, concurrency: 4}
search: {preset: paper-regression, steps: 60}
""",
    "tour": """
task: {problem: tour, nodes: 12, seed: 1}
optimizer: {model: control/random, concurrency: 4}
search: {preset: paper-tour, steps: 60}
""",
    "tour in opro's words": """
task: {problem: tour, nodes: 14, seed: 2}
optimizer: {model: control/local-search, concurrency: 4}
search: {steps: 60, candidates_per_step: 4, ask_again: 3}
""",
    "python": """
task: {problem: "python:subsets:Subsets"}
optimizer: {model: control/random, concurrency: 4}
search: {steps: 60}
""",
}

pytestmark = pytest.mark.slow


def opro(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"COLUMNS": "80", "OPRO_CACHE_DIR": str(folder / "cache")}
    return subprocess.Popen(
        [sys.executable, "-m", "opro_cli", *words, "--plain"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err.decode()


def outcome(folder: Path) -> dict[str, Any]:
    """What a run came to: all but its name, its times, and calls that were in flight at a kill."""
    (file,) = (folder / "runs").glob("*/result.json")
    result = json.loads(file.read_text())
    return {
        k: v
        for k, v in result.items()
        if k not in ("run", "started", "seconds", "spend", "test_use")
    }


@pytest.mark.parametrize("kind", CONFIGS)
def test_killed_at_any_moment_a_search_ends_the_same(tmp_path: Path, kind: str) -> None:
    def prepare(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "c.yaml").write_text(CONFIGS[kind])
        (folder / "subsets.py").write_text(SUBSETS)
        return folder

    seed = int(os.environ.get("OPRO_KILL_SEED", random.randrange(10**6)))
    moments, left = random.Random(f"{seed} {kind}"), KILLS
    began = time.monotonic()
    whole = prepare("whole")
    finish(opro(whole, "optimize", "c.yaml"))
    took = time.monotonic() - began
    expected = outcome(whole)
    assert expected["status"] == "finished"
    rounds = 0
    while left:
        folder = prepare(f"cut-{rounds}")
        rounds += 1
        process = opro(folder, "optimize", "c.yaml")
        while left:
            try:
                process.wait(moments.uniform(0.1, 1.2) * took)
                break  # it was done before
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                left -= 1
            begun = (folder / "runs").is_dir() and any((folder / "runs").glob("[!.]*/run.json"))
            process = opro(folder, *(("resume", "--last") if begun else ("optimize", "c.yaml")))
        finish(process)
        assert outcome(folder) == expected, f"OPRO_KILL_SEED={seed}"
    print(f"OPRO_KILL_SEED={seed} {kind}: {KILLS} kills survived in {rounds} runs")
