from __future__ import annotations

import json
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy
import pytest

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.errors import RunError, UsageError
from opro_cli.grading.grading_worker import import_function
from opro_cli.metrics import FunctionMetric

EXAMPLE = Example("2+2?", "4", "train.jsonl:17")


def overlap(reply: str, target: str, question: str) -> float:
    assert (target, question) == ("4", "2+2?")
    return 0.25


@pytest.mark.parametrize(
    ("function", "score"),
    [
        (overlap, 0.25),
        (lambda *_: True, 1.0),
        (lambda *_: False, 0.0),
        (lambda *_: 1, 1.0),
        (lambda *_: numpy.float32(0.5), 0.5),
        (lambda *_: numpy.float64(0.5), 0.5),
        (lambda *_: numpy.bool_(True), 1.0),
        (lambda *_: numpy.int64(0), 0.0),
        (lambda *_: Fraction(1, 4), 0.25),
    ],
)
def test_score(function: Callable[..., Any], score: float) -> None:
    assert FunctionMetric(function).grade("The answer is 4.", EXAMPLE) == Grade("4.", score)


def test_none_is_unreadable() -> None:
    assert FunctionMetric(lambda *_: None).grade("4", EXAMPLE) == UNREADABLE


@pytest.mark.parametrize(
    "returned",
    [
        "1",
        1.5,
        -0.1,
        math.nan,
        math.inf,
        [1.0],
        10**400,
        numpy.float32(math.nan),
        numpy.float32(2),
        numpy.array([1.0]),
        numpy.str_("1"),
    ],
)
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


def read_digit(text: str) -> int:
    return int(text)


def test_the_last_line_of_the_users_own_code_is_named() -> None:
    def scored(reply: str, target: str, question: str) -> float:
        return float(json.loads(reply)["n"] / read_digit(target))

    with pytest.raises(RunError) as refusal:
        FunctionMetric(scored).grade('{"n": 1}', Example("q", "four", "train.jsonl:17"))
    line = read_digit.__code__.co_firstlineno + 1
    assert refusal.value.message.endswith(
        f"on train.jsonl:17, at {__file__}:{line}: return int(text)"
    )
    with pytest.raises(RunError) as refusal:
        FunctionMetric(scored).grade("no JSON", EXAMPLE)  # raised inside the library that it calls
    line = scored.__code__.co_firstlineno + 1
    assert f", at {__file__}:{line}: return float(json.loads" in refusal.value.message
    assert refusal.value.hint == "make it return None for a reply that it cannot read"


def test_a_function_of_other_arguments_is_told_what_it_is_called_with() -> None:
    def scored(reply: str, target: str) -> float:
        return 1.0

    with pytest.raises(RunError, match="takes 2 positional arguments") as refusal:
        FunctionMetric(scored).grade("4", EXAMPLE)  # type: ignore[arg-type]
    assert "def score(reply, target, question)" in str(refusal.value.hint)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def grade(reply, target): return 1", "too many positional arguments"),
        ("def grade(reply, target, question, more): return 1", "missing a required argument"),
        ("async def grade(reply, target, question): return 1", "found an async function"),
        ("class grade:\n    def __init__(self, one): pass", "too many positional arguments"),
    ],
)
def test_a_function_that_cannot_be_called_is_refused_when_it_is_imported(
    tmp_path: Path, code: str, said: str
) -> None:
    module = f"graded_{abs(hash(code))}"
    (tmp_path / f"{module}.py").write_text(code)
    with pytest.raises(UsageError, match=said):
        import_function(f"python:{module}:grade", [tmp_path])


@pytest.mark.parametrize("signature", ["*texts", "reply, target, question, weight=1", "a, b, c"])
def test_any_function_of_three_texts_will_do(tmp_path: Path, signature: str) -> None:
    module = f"graded_{abs(hash(signature))}"
    (tmp_path / f"{module}.py").write_text(f"def grade({signature}): return 0.5")
    assert import_function(f"python:{module}:grade", [tmp_path])("r", "t", "q") == 0.5


@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        ('```json\n{\n  "n": 1\n}\n```', '{ "n": 1 }'),
        ("[\n  1,\n  2\n]", "[ 1, 2 ]"),
        ("The answer is 4.", "4."),
        ("{broken\n}", "{broken }"),
    ],
)
def test_what_is_shown_of_a_reply_in_json_is_more_than_a_bracket(reply: str, shown: str) -> None:
    assert FunctionMetric(lambda *_: 1.0).grade(reply, EXAMPLE).answer == shown


def test_target_is_the_users() -> None:
    assert FunctionMetric(overlap).target(" 4 ") == "4"
