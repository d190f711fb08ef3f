"""What the tests of the data layer share: a metric without rules, files, a loader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from opro_cli.core.settings.schema import Problem, read_section
from opro_cli.core.settings.task import TaskSettings
from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.datasets.loading import LoadedData, load_examples
from opro_cli.ports import Metric

Write = Callable[[str, str | bytes], str]
Load = Callable[..., LoadedData]


class WordMetric:
    """Any answer but "?" is one; it is compared stripped."""

    def target(self, raw: str) -> str:
        if raw.strip() == "?":
            raise ValueError("expected an answer; found '?'")
        return raw.strip()

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        return UNREADABLE


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file and get its path."""

    def to_file(name: str, content: str | bytes) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return to_file


@pytest.fixture
def load() -> Load:
    """Load the data of a task; `train` and the other keys of `task.data` as given."""

    def loaded(train: str, metric: Metric | None = None, **data: Any) -> LoadedData:
        plain = {"input": "question", "target": "answer", "train": train, **data}
        problems: list[Problem] = []
        task = read_section(TaskSettings, {"data": plain, "answer": "word"}, (), problems)
        assert task is not None, problems
        return load_examples(task, metric or WordMetric())

    return loaded
