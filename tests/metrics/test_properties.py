"""What holds for every reply, and answers found in every generated frame."""

from __future__ import annotations

import sys

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from opro_cli.core.task.example import Example, Grade
from opro_cli.metrics import METRICS
from opro_cli.ports import Metric
from tests.metrics import frames

ARGUMENTS = {"regex": r"answer is (.+?)\.?$", "json": "answer"}
NAMES = sorted(METRICS)

# Surrogates too: a byte that is no UTF-8 comes as one.
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=80)
WHITESPACE = "".join(
    character for character in map(chr, range(sys.maxunicode + 1)) if character.isspace()
)
VOCABULARY = """green trees grow near the river while old boats carry apples, pears (or nuts) to 12
    small towns; 7 of them lie far off. Some say "it rains" there - others don't: 3.5 hours of
    sun, 40% shade! Is that so? I agree. Both A and B do"""
WORDS = VOCABULARY.split()


def built(name: str) -> Metric:
    return METRICS[name](ARGUMENTS.get(name, ""))


def graded(metric: str, reply: str, target: str, question: str = "") -> Grade:
    reader = METRICS[metric]("")
    return reader.grade(reply, Example(question, reader.target(target), "drawn:1"))


def prose() -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(WORDS), min_size=1, max_size=25).map(" ".join)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150, deadline=None)
@given(reply=ANYTHING, raw=ANYTHING, question=ANYTHING, prompt=ANYTHING)
def test_no_text_makes_grading_raise(
    name: str, reply: str, raw: str, question: str, prompt: str
) -> None:
    metric = built(name)
    try:
        target = metric.target(raw)
    except ValueError:
        target = raw
    assert isinstance(metric.grade(reply, Example(question, target, "drawn:1"), prompt), Grade)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=200, deadline=None)
@given(
    reply=st.one_of(ANYTHING, frames.framed("18"), frames.framed("(B)"), frames.framed("yes")),
    before=st.text(WHITESPACE, max_size=5),
    after=st.text(WHITESPACE, max_size=5),
)
def test_surrounding_whitespace_changes_nothing(
    name: str, reply: str, before: str, after: str
) -> None:
    metric = built(name)
    target = {"number": "18", "choice": "(B)", "boolean": "yes"}.get(name, "18")
    example = Example(frames.QUESTION, target, "drawn:1")
    assert metric.grade(f"{before}{reply}{after}", example) == metric.grade(reply, example)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), drawn=frames.numbers(), other=st.integers(0, 10**6))
def test_a_number_is_found_in_any_frame(
    data: st.DataObject, drawn: tuple[str, str], other: int
) -> None:
    gold, rendered = drawn
    reply = data.draw(frames.framed(rendered, earlier="77"))
    assert graded("number", reply, gold).score == 1.0, reply
    assume(str(other) != gold and f"{other / 100:g}" != gold and str(other * 100) != gold)
    assert graded("number", reply, str(other)).score == 0.0, reply


@settings(max_examples=150, deadline=None)
@given(data=st.data(), drawn=frames.choices(), other=st.sampled_from("ABCD"))
def test_a_choice_is_found_in_any_frame(
    data: st.DataObject, drawn: tuple[str, str], other: str
) -> None:
    letter, rendered = drawn
    reply = data.draw(frames.framed(rendered, earlier="(C)"))
    assert graded("choice", reply, letter, frames.QUESTION) == Grade(f"({letter})", 1.0), reply
    assert graded("choice", reply, other, frames.QUESTION).score == float(other == letter), reply


OPPOSITE = {"yes": "no", "no": "yes", "true": "false", "false": "true"} | {
    "valid": "invalid",
    "invalid": "valid",
}


@settings(max_examples=150, deadline=None)
@given(data=st.data(), drawn=frames.booleans())
def test_a_boolean_is_found_in_any_frame(data: st.DataObject, drawn: tuple[str, str]) -> None:
    word, rendered = drawn
    reply = data.draw(frames.framed(rendered, earlier=OPPOSITE[word]))
    assert graded("boolean", reply, word) == Grade(word, 1.0), reply
    assert graded("boolean", reply, OPPOSITE[word]) == Grade(word, 0.0), reply


@settings(max_examples=150, deadline=None)
@given(data=st.data(), drawn=frames.texts(), other=st.sampled_from(frames.TEXTS))
def test_a_text_is_found_in_any_frame(
    data: st.DataObject, drawn: tuple[str, str], other: str
) -> None:
    text, rendered = drawn
    reply = data.draw(frames.framed(rendered, earlier="Rome"))
    assert graded("exact", reply, text).score == 1.0, reply
    if (other in frames.BRACKETS) == (text in frames.BRACKETS):
        assert graded("exact", reply, other).score == float(other == text), reply


CASES: list[tuple[str, str, str]] = [
    ("number", "18", "18"),
    ("number", "$1,234.50", "1234.50"),
    ("choice", "(B)", "B"),
    ("choice", "B", "B"),
    ("boolean", "yes", "yes"),
    ("boolean", "not valid", "invalid"),
    ("exact", "Paris", "Paris"),
]


@pytest.mark.parametrize(("metric", "rendered", "target"), CASES)
@settings(max_examples=150, deadline=None)
@given(text=prose(), joint=st.sampled_from(["\n\n", "\n", " "]))
def test_prose_after_a_marked_answer_changes_nothing(
    metric: str, rendered: str, target: str, text: str, joint: str
) -> None:
    for marker in ("The answer is ", "Answer: ", "So the final answer is ", "Die Antwort ist "):
        reply = f"Let me see.\n{marker}{rendered}.{joint}{text[0].upper()}{text[1:]}."
        assert graded(metric, reply, target, frames.QUESTION).score == 1.0, reply
