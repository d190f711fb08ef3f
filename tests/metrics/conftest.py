from __future__ import annotations

from collections.abc import Callable

import pytest

from opro_cli.core.task.example import Example, Grade
from opro_cli.metrics import create_metric

Grading = Callable[..., Grade]


@pytest.fixture
def grade() -> Grading:
    """grade(spec, reply, raw target, question) as a run does it: the target is read first."""

    def graded(spec: str, reply: str, raw_target: str, question: str = "") -> Grade:
        metric = create_metric(spec)
        return metric.grade(reply, Example(question, metric.target(raw_target), "hand:1"))

    return graded
