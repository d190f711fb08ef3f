"""exact, contains and regex: answers that are texts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from opro_cli.core.task.example import UNREADABLE, Grade
from opro_cli.metrics import create_metric

Grading = Callable[..., Grade]


@pytest.mark.parametrize(
    ("reply", "target", "answer", "score"),
    [
        ("Paris", "Paris", "Paris", 1.0),
        ("The answer is PARIS.", "Paris", "Paris", 1.0),
        ('The answer is "Paris".', "Paris", "Paris", 1.0),
        ("The answer is **Paris**.", "Paris", "Paris", 1.0),
        ("The answer is “Paris.”", "Paris", "Paris", 1.0),
        ("The answer is Paris. It is large.", "Paris", "Paris", 1.0),
        ("It is large.\nParis", "Paris", "Paris", 1.0),
        ("new\tyork", "New  York", "New York", 1.0),
        ("barn damp\ndot", "barn damp dot", "barn damp dot", 1.0),
        ("ﬁne ｆｏｏｄ", "fine food", "fine food", 1.0),
        ("STRASSE", "straße", "straße", 1.0),
        ("The answer is U.S..", "U.S.", "U.S.", 1.0),
        ("Paris, France", "Paris", "Paris, France", 0.0),
        ("I like Paris", "Paris", "I like Paris", 0.0),
        ("It is 3.5", "5", "3.5", 0.0),
        ("The answer is the U.S.", "U.S.", "U.S.", 1.0),
        ("The answer is PARIS!", "Paris", "Paris", 1.0),
        ("Köln 😊", "Köln", "Köln", 1.0),
        ('{"city": "Paris"}', "Paris", "Paris", 1.0),
        ("**City:** Paris", "Paris", "Paris", 1.0),
        # a target that holds a marker
        ("the answer is 42", "the answer is 42", "the answer is 42", 1.0),
        # targets of punctuation only
        ("The answer is ] ] ).", "] ] )", "] ] )", 1.0),
        ("] ] )", "] ] )", "] ] )", 1.0),
        ("The answer is ] )", "] ] )", "] )", 0.0),
        ("'", "'", "'", 1.0),
        ('"*"', "*", '"*"', 0.0),
        (".", ".", ".", 1.0),
    ],
)
def test_exact(grade: Grading, reply: str, target: str, answer: str, score: float) -> None:
    assert grade("exact", reply, target) == Grade(answer, score)


@pytest.mark.parametrize(
    ("reply", "target", "answer", "score"),
    [
        ("I like Paris a lot", "paris", "paris", 1.0),
        ("PARIS!", "paris", "paris", 1.0),
        ("(new\n york)", "New York", "New York", 1.0),
        ("Parisian, then Paris", "Paris", "Paris", 1.0),
        ("C++ it is", "C++", "C++", 1.0),
        ("Parisian", "Paris", "Parisian", 0.0),
        ("It is 118", "18", "It is 118", 0.0),
        ("It is 18th", "18", "It is 18th", 0.0),
        ("the answer is Rome", "Paris", "Rome", 0.0),
        # a denial is no mention
        ("It is not Paris.", "Paris", "It is not Paris.", 0.0),
        ("It isn't in Paris", "Paris", "It isn't in Paris", 0.0),
        ("Not Paris? Yes, Paris.", "Paris", "Paris", 1.0),
    ],
)
def test_contains(grade: Grading, reply: str, target: str, answer: str, score: float) -> None:
    assert grade("contains", reply, target) == Grade(answer, score)


@pytest.mark.parametrize(
    ("pattern", "reply", "target", "answer", "score"),
    [
        (r"= (\d+)", "a = 3, b = 18", "18", "18", 1.0),
        (r"\d+", "3 then 18 end", "18", "18", 1.0),
        (r"(?i)<b>(.*?)</b>", "<B> Paris. </B>", "paris", "Paris.", 1.0),
        (r"x(a)?", "xa x", "x", "x", 1.0),
        (r"a:(.*)", "a:b:c", "c", "b:c", 0.0),
    ],
)
def test_regex(
    grade: Grading, pattern: str, reply: str, target: str, answer: str, score: float
) -> None:
    assert grade(f"regex:{pattern}", reply, target) == Grade(answer, score)


@pytest.mark.parametrize(
    ("spec", "reply"),
    [
        ("exact", ""),
        ("exact", " \n"),
        ("contains", ""),
        (r"regex:\d+", "none here"),
        (r"regex:\d*", "none here"),
        (r"regex:x( *)", "x "),
    ],
)
def test_unreadable(grade: Grading, spec: str, reply: str) -> None:
    assert grade(spec, reply, "18") == UNREADABLE


@pytest.mark.parametrize("spec", ["exact", "contains", "regex:x", "json:a"])
def test_empty_target_refused(spec: str) -> None:
    with pytest.raises(ValueError, match="expected a text, found an empty one"):
        create_metric(spec).target(" \n")
