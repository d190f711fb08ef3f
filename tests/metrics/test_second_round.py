"""Which metrics read the cue with the reply, and that the cue alone answers nothing."""

from __future__ import annotations

import pytest

from opro_cli.core.settings.models import OptimizerSettings, ScorerSettings
from opro_cli.core.settings.settings import Settings
from opro_cli.core.settings.task import DataSettings, TaskSettings
from opro_cli.core.task.example import UNREADABLE, Example
from opro_cli.grading.grader import build_metric
from opro_cli.ports import Metric


def metric(answer: str) -> Metric:
    task = TaskSettings(DataSettings("t", "q", "a"), answer, second_round=True)
    model = "openai/x"
    return build_metric(Settings(task, ScorerSettings(model), OptimizerSettings(model)))


@pytest.mark.parametrize(
    ("answer", "target", "reply"),
    [
        ("number", "18", " 18."),
        ("choice", "(B)", ' (B), since "A" is too small.'),
        ("boolean", "no", " no."),
        ("exact", "Paris", " Paris."),
        ("contains", "Paris", " Paris."),
    ],
)
def test_the_reply_alone_is_the_answer(answer: str, target: str, reply: str) -> None:
    example = Example("Which? (A) one (B) two", target, "t:1")
    assert metric(answer).grade(reply, example).score == 1.0


@pytest.mark.parametrize("answer", ["number", "choice", "boolean", "exact"])
def test_the_cue_alone_answers_nothing(answer: str) -> None:
    example = Example("Which? (A) one (B) two", {"number": "18"}.get(answer, "no"), "t:1")
    assert metric(answer).grade("  \n", example) == UNREADABLE


@pytest.mark.parametrize("gold", ["final", "is", "answer"])
def test_no_gold_answer_is_found_in_the_cue(gold: str) -> None:
    assert metric("contains").grade(" nothing.", Example("q", gold, "t:1")).score == 0.0
