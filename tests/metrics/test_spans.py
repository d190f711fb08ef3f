"""Where in a reply an answer was read: by hand, and for every generated frame."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_cli.core.task.example import Example, Grade
from opro_cli.metrics import create_metric
from opro_cli.metrics.label import LabelMetric, LabelSetMetric
from tests.metrics import frames

BIRDS = "Which bird?\n(A) red robin\n(B) Blue Jay\n(C) owl"
PARITY = "Is 4 an odd number?"
TEAMS = ("billing", "login", "not urgent")


def read(
    kind: str, reply: str, target: str, question: str = "", prompt: str = "", *, cut: bool = False
) -> tuple[Grade, str | None]:
    """Return the grade of a reply, and the text at its span."""
    metrics = {"label": LabelMetric(TEAMS), "labels": LabelSetMetric(TEAMS)}
    metric: Any = metrics.get(kind) or create_metric(kind)
    told = {"cut": True} if cut else {}
    example = Example(question, metric.target(target), "here")
    grade = metric.grade(reply, example, prompt, **told)
    return grade, None if grade.span is None else reply[slice(*grade.span)]


@pytest.mark.parametrize(
    ("kind", "reply", "target", "question", "place"),
    [
        ("number", "First 3 + 4 = 7 eggs.\nThe answer is **7** eggs.\nCheck: 7.", "7", "", "7"),
        ("number", "She had 18 hens. Each lays one. So she makes $1,018.50.", "1018.50", "",
         "1,018.50"),
        ("number", "There are 18 hens. Each lays an egg a day, so she sells 18 a day.", "18", "",
         "18"),
        ("number", "It takes twenty-one days.", "21", "", "It takes twenty-one days."),
        ("number", "  42\r\n", "42", "", "42"),
        ("number", "４２ pens", "42", "", "４２"),
        ("exact", "Ku\u0308che: The answer is Mu\u0308sli.", "Müsli", "", "Mu\u0308sli"),
        ("exact", "Cafe\u0301\r\nThe answer is cafe\u0301", "café", "", "cafe\u0301"),
        ("exact", "The answer is \u1112\u1161\u11ab\u1100\u1173\u11af", "한글", "",
         "\u1112\u1161\u11ab\u1100\u1173\u11af"),
        ("number", "La re\u0301ponse est 42.", "42", "", "42"),
        ("boolean", "Si\u0301, claro.", "yes", "", "Si\u0301, claro."),
        ("boolean", "Yes, four is even, so no doubt.", "yes", "", "Yes"),
        ("boolean", "We look at it. 4 is not odd: that is not true.", "no", PARITY,
         "4 is not odd: that is not true."),
        ("choice", "I know (A) well. I pick (B) for its colour.", "B", BIRDS, "B"),
        ("choice", "It must be the Blue Jay.", "B", BIRDS, "It must be the Blue Jay."),
        ("label", "This is about a charge.\n\nThe team is billing.", "billing", "", "billing"),
        ("label", '{"team": "login"}', "login", "", "login"),
        ("label", "The answer is a refund.", "login", "", "The answer is a refund."),
        ("labels", "Both billing and login.", "billing, login", "", "Both billing and login."),
        ("exact", "The capital of Italy is Rome.", "Rome", "What is the capital of Italy?", "Rome"),
        ("exact", "( ] )", "( ] )", "", "( ] )"),
        ("contains", "Some say  New\nYork, I say Rome.", "new york", "", "New\nYork"),
        ("contains", "It is Oslo.", "Rome", "", "It is Oslo."),
        ("json:city", 'No: {"city": "Rome"}. So {"city": "Oslo"}', "Oslo", "", "Oslo"),
        ("json:a.amount", '{"b": 12, "a": {"amount": 12.50}}', "12.5", "", "12.50"),
        ("regex:= (\\d+)", "  1 + 2 = 3, so x = 45 .", "45", "", "45"),
    ],
)  # fmt: skip
def test_the_place_in_the_reply(
    kind: str, reply: str, target: str, question: str, place: str
) -> None:
    grade, found = read(kind, reply, target, question)
    assert grade.answer is not None
    assert found == place


def test_the_last_of_equal_words_at_the_marker() -> None:
    reply = "Is it 7? Maybe 7.\nThe answer is 7.\n7 is a prime."
    grade, _ = read("number", reply, "7")
    assert grade.span == (reply.index("is 7.") + 3, reply.index("is 7.") + 4)


def test_behind_thoughts_and_before_another_question() -> None:
    reply = "<think>7, or 7?</think>\n\n7\n\nQ: And 3 + 4?\nA: 7"
    grade, _ = read("number", reply, "7")
    assert grade.span == (reply.index("\n\n7") + 2, reply.index("\n\n7") + 3)


def test_a_reply_that_ended_at_its_limit() -> None:
    reply = "There are 11 objects in all: a bed, a chair and"
    question = "I have a bed and ten chairs. How many objects do I have?"
    _, place = read("number", reply, "11", question, cut=True)
    assert place == "11"


def test_a_reader_that_cannot_tell_says_none() -> None:
    """Two pieces were taken out, and the same text may stand on either side of one."""
    question = "What is two and five, said aloud?"
    reply = f"{question} <think>a</think> 7 <think>b</think> 7"
    grade, _ = read("number", reply, "7", question)
    assert grade.answer == "7"
    assert grade.span is None


def test_nothing_was_read() -> None:
    assert read("number", "I do not know.", "7") == (Grade(None, None), None)


def test_a_place_is_no_part_of_what_a_grade_is() -> None:
    assert Grade("7", 1.0, (3, 4)) == Grade("7", 1.0)


@pytest.mark.parametrize("span", [(-1, 2), (3, 3), (4, 1)])
def test_a_place_is_a_stretch(span: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="a stretch of a reply"):
        Grade("7", 1.0, span)


SAID = st.one_of(
    st.tuples(st.just("number"), frames.framed("18", "7"), st.just("18"), st.just("")),
    st.tuples(st.just("boolean"), frames.framed("yes"), st.just("yes"), st.just("")),
    st.tuples(st.just("choice"), frames.framed("(B)"), st.just("B"), st.just(BIRDS)),
    st.tuples(st.just("exact"), frames.framed("Danube"), st.just("Danube"), st.just("")),
    st.tuples(st.just("label"), frames.framed("login"), st.just("login"), st.just("")),
)


@settings(max_examples=400, deadline=None)
@given(said=SAID)
def test_read_alone_the_place_gives_the_same_answer(said: tuple[str, str, str, str]) -> None:
    kind, reply, target, question = said
    grade, place = read(kind, reply, target, question)
    if grade.answer is not None:
        assert place is not None
        alone, _ = read(kind, place, target, question)
        assert alone == grade
