"""Replies that ended at their limit, and those that begin with the frame of the prompt."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.task.example import Example
from opro_cli.metrics import create_metric
from opro_cli.reading.prose import drop_half_word, drop_unfinished
from opro_cli.reading.reply_text import Part, select_parts

OPTIONS = "Which one?\n(A) 05/01\n(B) 05/02\n(C) 05/03"
FRAME = "Q: How many?\nA:"

CUT = [
    # working that was cut: no number of it is an answer
    ("number", "6", "So 9 * 5 = 45 and 45 + 1", None),
    ("number", "6", "The shop has 4 cages * 4 cages = 45", None),
    ("number", "6", "The answer is 4", None),
    ("number", "6", "The answer is 60 / ", None),
    ("number", "6", "1) 2 + 3 = 5\n2) 5 - 1 = 6", None),
    ("number", "6", "A) 60\nB) 64\nC) 6", None),
    # what was clearly stated before the cut
    ("number", "6", "6\n\nThe shop has 3 cages and", "6"),
    ("number", "6", "The answer is 6, since there are", "6"),
    ("number", "6", "2 + 2 + 2 = 6.\n#### 6", "6"),
    ("number", "6", "A: 6\nA: 6\nA: ", "6"),
    ("number", "6", "**6**, because: 3 * 2 are", "6"),
    ("number", "6", "3 + 3 = 6. So, he has 6 cages in total.\n\nThe", "6"),
    ("boolean", "no", "No, the sentence is not plausible, since he", "no"),
    ("boolean", "no", "If you walk there, no one will", None),
    ("choice", "(B)", "(B) because the day is", "(B)"),
    ("choice", "(B)", "05/02 is the date one week", "(B)"),
    ("choice", "(B)", "(A) 05/01 is wrong. (B)", None),
    ("exact", "Rome", "Rome\nWhat is the capital of", "Rome"),
    ("exact", "Rome", "The capital of Italy is the most", None),
    ("exact", "Rome", "Rome", None),  # "Romeo"
    ("exact", "Rome", "Rome\n", "Rome"),
    ("exact", "Rome", "The capital is big.\n#### Rome\n\nQ: Another", "Rome"),
]


@pytest.mark.parametrize(("kind", "target", "reply", "answer"), CUT)
def test_a_cut_reply_answers_only_where_it_had_before(
    kind: str, target: str, reply: str, answer: str | None
) -> None:
    question = OPTIONS if kind == "choice" else "Which one?"
    metric: Any = create_metric(kind)  # `cut` is for those that take it
    grade = metric.grade(reply, Example(question, target, "t:1"), cut=True)
    assert grade.answer == answer


@pytest.mark.parametrize("kind", ["number", "choice", "boolean", "exact"])
@pytest.mark.parametrize("reply", ["A:", "A: ", "\nA:\n", "Q: How many legs?\nA: 4"])
def test_the_frame_and_another_question_are_no_answer(kind: str, reply: str) -> None:
    target = {"number": "4", "choice": "(A)", "boolean": "yes", "exact": "A"}[kind]
    grade = create_metric(kind).grade(reply, Example(OPTIONS, target, "t:1"), FRAME)
    assert grade.score is None


def test_an_answer_behind_the_frame_is_read() -> None:
    metric = create_metric("choice")
    assert metric.grade("A: (C)", Example(OPTIONS, "(C)", "t:1"), FRAME).score == 1.0
    assert metric.grade("A: (C)\n\nQ: Next?\nA: (A)", Example(OPTIONS, "(C)", "t:1"), FRAME).score
    # Without the frame it is an option.
    assert metric.grade("A: 05/01", Example(OPTIONS, "(A)", "t:1"), "Choose.").score == 1.0


@pytest.mark.parametrize(
    "reply", ["(B) 05/03", "The answer is (B) 05/03.", "The answer is (A) (B) (C).", "A)\nB)\nC)"]
)
def test_two_options_are_none(reply: str) -> None:
    assert create_metric("choice").grade(reply, Example(OPTIONS, "(B)", "t:1")).score is None


@pytest.mark.parametrize(
    ("text", "question", "whole"),
    [
        ("It is Ro", "", "It is"),
        ("Rome. It is Rome", "", "Rome. It is Rome"),
        ("It is Rome", "A flight to Rome", "It is Rome"),
        ("It takes 2", "It takes 2 hours", "It takes"),  # "25" begins like this
        ("60 /", "", ""),
        ("It is 3 * 5 =", "", "It is"),
    ],
)
def test_half_a_word_is_dropped(text: str, question: str, whole: str) -> None:
    assert drop_half_word(text, question) == whole


@pytest.mark.parametrize(
    ("text", "finished"),
    [
        ("It is Rome, the capit", "It is Rome,"),
        ("It is Rome. The capit", "It is Rome."),
        ("One.\n2.", "One."),
        ("It finishes noth", ""),
        ("It is done.", "It is done."),
    ],
)
def test_what_is_finished(text: str, finished: str) -> None:
    assert drop_unfinished(text) == finished


def test_a_text_before_another_question_is_whole() -> None:
    assert select_parts("4\n\nQ: How", "", FRAME, cut=True) == (Part("4"),)
    assert select_parts("4\n\nQ:", "", FRAME, cut=True) == (Part("4"),)
