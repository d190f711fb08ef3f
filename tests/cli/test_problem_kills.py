"""kill -9 at random moments of searches for solutions: each ends as one that nobody disturbed.

OPRO_KILLS says how many kills there are of each kind; OPRO_KILL_SEED repeats those of a run.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.killed import kill_and_resume

KILLS = int(os.environ.get("OPRO_KILLS", "6"))

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


@pytest.mark.parametrize("kind", CONFIGS)
def test_killed_at_any_moment_a_search_ends_the_same(tmp_path: Path, kind: str) -> None:
    def prepare(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "c.yaml").write_text(CONFIGS[kind])
        (folder / "subsets.py").write_text(SUBSETS)
        return folder

    folders = [*kill_and_resume(prepare, kind, KILLS, latest=1.2)]
    assert len(folders) > 1
