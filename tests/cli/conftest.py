"""The command line in this process, on models that answer by rule."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from opro_cli.cli.app import main
from opro_cli.models import MODELS
from tests.loop.runs import ShuffledModel

CONFIG = """\
name: sums
task:
  data:
    train: train.jsonl
    input: question
    target: answer
    split: {train: 6, dev: 5, test: 7}
  answer: number
scorer: {model: scripted/scorer}
optimizer: {model: scripted/optimizer}
search: {steps: 2, candidates_per_step: 3, exemplars: 2}
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


Opro = Callable[..., Said]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ShuffledModel:
    """The model behind the names scripted/…"""
    model = ShuffledModel()
    monkeypatch.setitem(MODELS, "scripted", lambda settings: model)
    return model


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: ShuffledModel) -> Path:
    """A working folder with a config and its data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPRO_RUNS_DIR", raising=False)
    rows = [{"question": f"What is {n} plus {n}?", "answer": str(2 * n)} for n in range(1, 31)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "c.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def opro(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Opro:
    """Run a command as a shell would."""

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["opro", *arguments])
        with pytest.raises(SystemExit) as exit_info:
            main()
        said = capsys.readouterr()
        code = exit_info.value.code
        assert "Traceback" not in said.err
        return Said(int(code or 0), said.out, said.err)

    return run


def only_run(folder: Path) -> Path:
    (run,) = (folder / "runs").glob("[!.]*")
    return run
