"""Every Python example of README and manual runs as it stands, with models of this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.api.test_api import ROWS, TASK, optimizer, scorer

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "opro_cli/docs").glob("*.md"))]
MINE = """\
task:
  data:
    train: {rows}
    input: input
    target: target
    split: {{train: 4, dev: 2, test: 4}}
  answer: boolean
scorer: {{model: embedded/tiny-mistral, max_tokens: 200}}
optimizer: {{model: embedded/tiny-optimizer, max_tokens: 80}}
search: {{steps: 1, candidates_per_step: 1, baselines: [], noise_check: false}}
"""


def examples(page: Path) -> list[str]:
    """The Python blocks of a page, in their order."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def with_examples() -> list[Any]:
    return [pytest.param(page, id=page.name) for page in PAGES if examples(page)]


def test_the_pages_that_should_have_examples_have_them() -> None:
    names = {param.id for param in with_examples()}
    assert names >= {"README.md", "python.md", "extending.md"}
    assert all(len(block.splitlines()) <= 30 for page in PAGES for block in examples(page))


@pytest.mark.parametrize("name", ["README.md", "opro_cli/docs/python.md"])
def test_programs_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a reader has to bring is here: rows, a model, a config."""
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(MINE.format(rows=ROOT / "configs/data/bbh_navigate.jsonl"))
    known: dict[str, Any] = {
        "rows": ROWS,
        "task": TASK,
        "scorer": scorer,
        "ask_my_model": lambda chat: scorer(chat, 1),
    }
    for block in examples(ROOT / name):
        source = block.replace('"openai/gpt-4o-mini"', "optimizer")
        known["optimizer"] = optimizer
        exec(compile(source, name, "exec"), known)


def test_parts_of_the_manual_keep_their_contracts(tmp_path: Path) -> None:
    """Each block names its file; the suites run over what they define."""
    for block in examples(ROOT / "opro_cli/docs/extending.md"):
        first, _, source = block.partition("\n")
        (tmp_path / first.removeprefix("# ")).write_text(source)
    (tmp_path / "test_judged.py").write_text(
        "from judged import Judged\n"
        "from opro_cli.testing import EvaluatorSuite\n\n\n"
        "class TestJudged(EvaluatorSuite):\n"
        "    def make(self):\n"
        "        return Judged()\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert re.search(r"\b(2\d|3\d) passed", ran.stdout)


SEARCH = """\
task:
  data: {{train: {rows}, input: input, target: target, split: {{train: 4, dev: 2, test: 4}}}}
  answer: boolean
scorer: {{model: "python:models:answer"}}
optimizer: {{model: "python:models:propose"}}
search: {{strategy: "python:reflect:Reflect", start: "Hey", steps: 2, baselines: []}}
"""
MODELS = """\
import hashlib
def answer(chat):
    text = chat[-1]["content"]
    even = hashlib.sha256(text.encode()).digest()[0] % 2
    return f"The answer is {'yes' if even else 'no'}." if "?" in text else "ok"
def propose(chat, seed):
    return f"Walk {'abcdefghij'[seed % 10] * 3} first." if "prompt" in chat[-1]["content"] else "ok"
"""


def test_the_strategy_of_the_manual_is_checked_estimated_and_searched_with(tmp_path: Path) -> None:
    """As a reader would try it, with the line of the config that the page shows."""
    page = ROOT / "opro_cli/docs/extending.md"
    assert '`search: {strategy: "python:reflect:Reflect"}` uses it' in page.read_text("utf-8")
    (source,) = [block for block in examples(page) if block.startswith("# reflect.py")]
    (tmp_path / "reflect.py").write_text(source)
    (tmp_path / "models.py").write_text(MODELS)
    rows = ROOT / "configs/data/bbh_navigate.jsonl"
    (tmp_path / "c.yaml").write_text(SEARCH.format(rows=rows))
    for command in ("check", "optimize --dry-run", "optimize --plain --no-preflight"):
        verb, *options = command.split()
        ran = subprocess.run(
            [sys.executable, "-m", "opro_cli", verb, "c.yaml", *options],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        if verb == "check":
            assert "This prompt was used: Hey" in ran.stdout
            assert "-> (the reply of the scorer)" in ran.stdout
