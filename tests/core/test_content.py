"""Rows are known by what they ask, whatever else changes about them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.task.content import digest_answers, digest_rows, digest_set, normalize_content
from opro_cli.core.task.example import Example

ROW = Example("What is 3 + 4?", "7", "a.jsonl:1")


def known(example: Example, template: str = "") -> str:
    (digest,) = digest_rows([example], template)
    return digest


@pytest.mark.parametrize(
    "other",
    [
        replace(ROW, source="b/c.csv:99", row=17),
        replace(ROW, input="what is 3 + 4 ?"),
        replace(ROW, input="WHAT  IS 3 + 4\n"),
        replace(ROW, input="“What is ３ + 4?”"),
        replace(ROW, target="8"),  # a corrected label, or one that is read otherwise
        replace(ROW, target="seven | 7", golds=("seven", "7")),
        replace(ROW, fields={"part": "3 + 4"}),  # the question has it already
    ],
)
def test_these_are_the_same_row(other: Example) -> None:
    assert known(other) == known(ROW)


@pytest.mark.parametrize(
    "other",
    [
        replace(ROW, input="What is 3 - 4?"),
        replace(ROW, input="What is 34?"),
        replace(ROW, fields={"context": "In base 5."}),
    ],
)
def test_these_are_other_rows(other: Example) -> None:
    assert known(other) != known(ROW)


def test_questions_of_brackets_alone_are_told_apart() -> None:
    rows = digest_rows([Example(text, "", "") for text in ("[ { [", "[ { {", "[ ( [", "?", "!")])
    assert len(set(rows)) == 5


def test_what_a_template_puts_around_every_question_does_not_count() -> None:
    framed = replace(ROW, input="Q: What is 3 + 4?\nA:")
    assert known(framed, "Q: {question}\nA:") == known(ROW, "question") == known(ROW)
    # A template that is none (of an older opro, say) frames nothing.
    assert known(framed, "Q: {question") == known(framed)


def test_a_set_is_known_whatever_its_order() -> None:
    assert digest_set(["b", "a", "a"]) == digest_set(["a", "b"]) != digest_set(["a"])


def test_answers_are_known_whatever_the_order_of_the_rows() -> None:
    assert digest_answers(["b", "a"], [1.0, None]) == digest_answers(["a", "b"], [None, 1.0])
    assert digest_answers(["b", "a"], [1.0, None]) != digest_answers(["b", "a"], [None, 1.0])


@given(st.text())
def test_spaces_and_marks_around_any_text_do_not_count(text: str) -> None:
    once = normalize_content(text)
    assert normalize_content(f" {text}\n") == once
    if re.search(r"\w", once):
        assert normalize_content(f"“{text}”.") == once
