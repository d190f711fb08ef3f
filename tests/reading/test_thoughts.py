"""Thoughts of a reasoning model: closed ones are dropped, those without an end are no answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.task.example import Example, Replied
from opro_cli.core.task.prompt import PromptFormat, as_content
from opro_cli.evaluators import InlineGrader, ModelEvaluator
from opro_cli.metrics import FunctionMetric, create_metric
from opro_cli.metrics.label import LabelMetric
from opro_cli.ports import Metric
from opro_cli.reading.thoughts import drop_open_thoughts, drop_thoughts

MARKS = [
    ("<think>", "</think>"),
    ("<Thinking>", "</Thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("analysisWe ", "assistantfinal"),
    ("<|channel>thought\n", "<channel|>"),
    ("<unused94>thought\n", "<unused95>"),
    ("Here is my thought process:", "Here is my response:"),
]
GUESSES = {
    "number": ("99", "Hm, the answer is 99."),
    "choice": ("(B)", "Hm, the answer is (B)."),
    "boolean": ("yes", "Hm, the answer is yes."),
    "exact": ("Rome", "Hm, the answer is Rome."),
    "contains": ("Rome", "Hm, it may be Rome."),
    "label": ("billing", "Hm, the answer is billing."),
    "regex:answer is (..)": ("99", "Hm, the answer is 99."),
    "json:answer": ("99", 'Hm, {"answer": 99} perhaps.'),
    "python": ("99", "Hm, 99 perhaps."),
}


def make_metric(kind: str) -> Metric:
    if kind == "label":
        return LabelMetric(("billing", "login"), {})
    if kind == "python":
        return FunctionMetric(lambda reply, gold, _: gold in reply)
    return create_metric(kind)


def grade(metric: Metric, gold: str, reply: str) -> Any:
    """Return the value of a reply as a run has it, None for unreadable."""

    async def call(*_: Any, **__: Any) -> Replied:
        return Replied(reply, reply)

    evaluator = ModelEvaluator(InlineGrader(metric), PromptFormat("Q_begin", True))
    example = Example("How much, and what is it?", gold, "t:1")
    asked: Any = call
    return asyncio.run(evaluator.evaluate(as_content("Think."), example, asked)).value


@pytest.mark.parametrize("kind", GUESSES)
@pytest.mark.parametrize(("opens", "closes"), MARKS, ids=[opens for opens, _ in MARKS])
def test_thoughts_without_an_end_are_no_answer_in_any_kind_of_reading(
    kind: str, opens: str, closes: str
) -> None:
    metric, (gold, guess) = make_metric(kind), GUESSES[kind]
    assert grade(metric, gold, guess) == 1.0, "the guess would be read"
    assert grade(metric, gold, opens + guess) is None
    assert grade(metric, gold, f"{opens}Well.{closes}\n{guess}") == 1.0
    assert grade(metric, gold, f"{opens}{guess * 2000}") is None, "however long ago they began"


@pytest.mark.parametrize("kind", ["regex:answer is (..)", "json:answer", "number", "exact"])
@pytest.mark.parametrize(("opens", "closes"), MARKS, ids=[opens for opens, _ in MARKS])
def test_nothing_is_read_from_closed_thoughts_before_an_answer(
    kind: str, opens: str, closes: str
) -> None:
    metric, (gold, guess) = make_metric(kind), GUESSES[kind]
    reply = f"{opens}{guess}{closes}I cannot tell."
    assert metric.grade(reply, Example("How much?", gold, "t:1")).score != 1.0


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<think>a</think> b <think>c", "<think>a</think> b "),
        ("It is 7. <think>or <think>8", "It is 7. "),
        ("<think>a <think>b</think> 7", "<think>a <think>b</think> 7"),
        ("a</think>7", "a</think>7"),
        ("7 < 9 and [1, 2] is a list, I think", "7 < 9 and [1, 2] is a list, I think"),
        (" \n<think>7", ""),
        ("", ""),
    ],
)
def test_what_is_left_without_open_thoughts(text: str, rest: str) -> None:
    assert drop_open_thoughts(text) == rest


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<think>a</think> b <think>c", "b"),
        ("a</think>7", "7"),
        ("7 <think>a</think>", "7"),
        ("<think>7</think>", "7"),
        ("<think>a</think>\nb", "b"),
        ("[THINK]a[/THINK]b", "b"),
        ("no marks", "no marks"),
    ],
)
def test_what_is_left_without_thoughts(text: str, rest: str) -> None:
    assert drop_thoughts(text) == rest


PIECES = st.lists(
    st.sampled_from([mark for pair in MARKS for mark in pair]) | st.text("a 7<[", max_size=4)
).map("".join)


@given(PIECES)
def test_nothing_is_open_where_open_thoughts_were_dropped(text: str) -> None:
    rest = drop_open_thoughts(text)
    assert text.startswith(rest)
    assert drop_open_thoughts(rest) == rest
    assert not rest.endswith("<think>")
