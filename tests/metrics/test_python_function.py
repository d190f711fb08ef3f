from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.errors import RunError
from opro_cli.metrics import FunctionMetric

EXAMPLE = Example("2+2?", "4", "train.jsonl:17")


def overlap(reply: str, target: str, question: str) -> float:
    assert (target, question) == ("4", "2+2?")
    return 0.25


@pytest.mark.parametrize(
    ("function", "score"),
    [(overlap, 0.25), (lambda *_: True, 1.0), (lambda *_: False, 0.0), (lambda *_: 1, 1.0)],
)
def test_score(function: Callable[..., Any], score: float) -> None:
    assert FunctionMetric(function).grade("The answer is 4.", EXAMPLE) == Grade("4.", score)


def test_none_is_unreadable() -> None:
    assert FunctionMetric(lambda *_: None).grade("4", EXAMPLE) == UNREADABLE


@pytest.mark.parametrize("returned", ["1", 1.5, -0.1, math.nan, math.inf, [1.0], 10**400])
def test_no_score_is_refused(returned: object) -> None:
    def scored(*_: object) -> Any:
        return returned

    with pytest.raises(RunError, match="expected a score from 0 to 1") as refusal:
        FunctionMetric(scored).grade("4", EXAMPLE)
    assert f"returned {returned!r} on train.jsonl:17" in refusal.value.message


def test_exception_is_reported_with_its_place() -> None:
    def scored(reply: str, target: str, question: str) -> float:
        raise KeyError(reply)

    with pytest.raises(RunError) as refusal:
        FunctionMetric(scored).grade("4", EXAMPLE)
    assert "scored raised KeyError: '4' on train.jsonl:17" in refusal.value.message


def test_target_is_the_users() -> None:
    assert FunctionMetric(overlap).target(" 4 ") == "4"
