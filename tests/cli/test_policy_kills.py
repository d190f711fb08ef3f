"""kill -9 at random moments of a search by each policy: it ends as one that nobody disturbed.

OPRO_KILLS says how many kills there are of each kind; OPRO_KILL_SEED repeats those of a run.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.killed import kill_and_resume, outcome

KILLS = int(os.environ.get("OPRO_KILLS", "20"))

MODELS = '''
import asyncio
import hashlib

WORDS = "count check add list solve read think sum weigh write track name".split()


def digest(*parts):
    return int(hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:8], 16)


async def write(chat, seed=None):
    """An instruction for each request: the seed alone decides, and what failures are shown."""
    await asyncio.sleep(0.01)
    text = chat[-1]["content"]
    first, second, third = (WORDS[digest(seed, text, n) % len(WORDS)] for n in range(3))
    return f"Here you are:\\n<INS>{first.title()} and {second}. Then {third} again.</INS>"


async def answer(chat):
    """Right as often as the hash of the prompt says; now and then no answer at all."""
    await asyncio.sleep(0.01)
    text = chat[-1]["content"]
    asked = text.split("What is ")[1]
    gold = 2 * int(asked.split(" ")[0])
    luck = digest(text) % 100
    if luck < 30 + digest(text.split("What is")[0]) % 60:
        return f"The answer is {gold}."
    return f"The answer is {gold + 1}." if luck % 2 else "Who knows?"
'''

CONFIG = """
name: kills
task:
  data:
    train: rows.jsonl
    input: question
    target: answer
    split: {train: 24, dev: 10, test: 12}
  answer: number
scorer: {model: "python:models:answer", concurrency: 4}
"""

LISTED = [f"{word} and add." for word in ("Count", "Check", "List", "Solve", "Read", "Weigh")]
LISTED += [f"{each} Then check." for each in LISTED]

CONFIGS = {
    "reflect": """
optimizer: {model: "python:models:write", concurrency: 3}
search: {strategy: reflect, steps: 6, candidates_per_step: 4, options: {restart_after: 1}}
""",
    "evolve": """
optimizer: {model: "python:models:write", concurrency: 3}
search: {strategy: evolve, steps: 6, candidates_per_step: 4}
""",
    "evolve by code": """
search:
  strategy: evolve
  start: ["Add both numbers. Take your time. Check twice.", "Think first. Then write the sum."]
  steps: 6
  candidates_per_step: 4
  stop_when: {no_gain_steps: 5}
""",
    "demos": """
search: {strategy: demos, steps: 6, candidates_per_step: 4, options: {most: 3}}
""",
    "place": """
search: {strategy: place, start: ["Add both numbers.", "Think first."]}
""",
    "list": f"""
search: {{strategy: list, start: "Think first.", candidates: {LISTED}}}
""",
    "auto": """
optimizer: {model: "python:models:write", concurrency: 3}
search: {strategy: auto, steps: 8, candidates_per_step: 4, start: "Think first. Then add both."}
""",
}

pytestmark = pytest.mark.slow


def list_answers(folder: Path) -> Counter[tuple[str, str, int]]:
    """How often each question was answered under each candidate."""
    (file,) = (folder / "runs").glob("*/events.jsonl")
    events = map(json.loads, file.read_text().splitlines())
    return Counter(
        (event["candidate"], event["split"], event["question"])
        for event in events
        if event.get("event") == "answered"
    )


@pytest.mark.parametrize("kind", CONFIGS)
def test_killed_at_any_moment_a_search_ends_the_same(tmp_path: Path, kind: str) -> None:
    def prepare(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "c.yaml").write_text(CONFIG + CONFIGS[kind])
        (folder / "models.py").write_text(MODELS)
        rows = ({"question": f"What is {n} plus {n}?", "answer": 2 * n} for n in range(1, 61))
        (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return folder

    whole, *cut = kill_and_resume(prepare, kind, KILLS, latest=1.0)
    assert outcome(whole)["candidates"] > 5
    for folder in cut:
        answers = list_answers(folder)
        assert answers == list_answers(whole)
        assert max(answers.values()) == 1
