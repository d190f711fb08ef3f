"""What every metric of the table promises; a new entry is tested here by itself.

An entry that takes an argument or that reads replies of a certain form gives them below.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.metrics import METRICS
from opro_cli.ports import Metric

ARGUMENTS = {"regex": r"answer is (.+?)\.?$", "json": "answer"}
REPLIES: dict[str, Callable[[str], str]] = {
    "json": lambda target: f'The answer is {{"answer": {json.dumps(target)}}}.',
}

RAW_TARGETS = ["72", "-5", "1,234", "39.0", "3.50", "3/4", "50%", "$12"]
RAW_TARGETS += ["(B)", "b)", "C.", "Paris", "new  york", "yes", "No", "True", "valid", "invalid"]
RAW_TARGETS += ["] ) }", "it's", "U.S.", "C++", "straße", "a, b", "the end is near"]
QUESTION = "\n".join(
    ["Which?", *(f"({chr(ord('A') + place)}) {raw}" for place, raw in enumerate(RAW_TARGETS))]
)

HOSTILE = {
    "empty": "",
    "spaces": " " * 1_000_000,
    "letters": "a" * 1_000_000,
    "digits": "1" * 1_000_000,
    "words": "one " * 250_000,
    "markers": "answer is " * 100_000,
    "almost markers": "answer to " * 100_000,
    "boxes": "\\boxed{" * 100_000,
    "braces": "{" * 1_000_000,
    "objects": '{"a":[' * 100_000,
    "commas": "1,222," * 100_000,
    "pairs": "10,20," * 100_000,
    "slashes": "1/2/3 " * 100_000,
    "signs": "-+" * 500_000,
    "letters in brackets": "(A) (B) " * 100_000,
    "nulls": "\0" * 1_000_000,
    "surrogates": "\ud800 18 \udfff" * 100_000,
    "ligatures": "ﷺ" * 1_000_000,
    "markdown": "*" * 1_000_000,
    "lines": "\n\r\u2028x" * 250_000,
    "yes": "not yes no " * 100_000,
}

NAMES = sorted(METRICS)
# Surrogates too: a byte that is no UTF-8 comes as one.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=60)
MARKS = ["The answer is ", "#### ", "\\boxed{", "}", "**", "\n", " ", ".", ",", "-", "%"]
ANSWERS = ["(B)", "A", "18", "3/4", "yes", "not ", "one", "hundred", '{"answer": ', "1e9", "½"]
PIECES = st.sampled_from([*MARKS, *ANSWERS, "\\frac{1}{2}"])
SOUPS = st.text('0012/./,,-+%$eE^×½ ()[]{}\\":*#', max_size=24)
REPLY_TEXTS = st.one_of(TEXTS, SOUPS, st.lists(st.one_of(PIECES, TEXTS), max_size=12).map("".join))


def built(name: str) -> Metric:
    return METRICS[name](ARGUMENTS.get(name, ""))


def targets(metric: Metric) -> list[str]:
    found = []
    for raw in RAW_TARGETS:
        try:
            found.append(metric.target(raw))
        except ValueError:
            continue
    assert found, "RAW_TARGETS has no gold answer that this metric takes: add one"
    return found


@pytest.mark.parametrize("name", NAMES)
def test_canonical_targets_are_stable(name: str) -> None:
    metric = built(name)
    for target in targets(metric):
        assert metric.target(target) == target


@pytest.mark.parametrize("name", NAMES)
def test_the_target_itself_is_right(name: str) -> None:
    metric = built(name)
    reply = REPLIES.get(name, "The answer is {}.".format)
    for target in targets(metric):
        grade = metric.grade(reply(target), Example(QUESTION, target, "contract:1"))
        assert grade.score == 1.0, f"{target!r} read as {grade.answer!r}"


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_reply_is_unreadable(name: str) -> None:
    metric = built(name)
    for target in targets(metric):
        assert metric.grade("", Example(QUESTION, target, "contract:1")) == UNREADABLE


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=200, deadline=None)
@given(raw=st.one_of(TEXTS, st.lists(PIECES, max_size=6).map("".join)))
def test_a_raw_target_is_read_or_refused(name: str, raw: str) -> None:
    metric = built(name)
    try:
        target = metric.target(raw)
    except ValueError:
        return
    assert metric.target(target) == target
    assert metric.target(f"\n {raw}\t ") == target


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=300, deadline=None)
@given(reply=REPLY_TEXTS, question=REPLY_TEXTS, target=st.one_of(TEXTS, PIECES))
def test_any_reply_gets_a_grade(name: str, reply: str, question: str, target: str) -> None:
    metric = built(name)
    grade = metric.grade(reply, Example(question, target, "contract:1"))
    assert isinstance(grade, Grade)
    assert grade.answer is None or grade.answer.strip() == grade.answer != ""


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=200, deadline=None)
@given(reply=REPLY_TEXTS, place=st.integers(0, 99))
def test_surrounding_whitespace_changes_nothing(name: str, reply: str, place: int) -> None:
    metric = built(name)
    gold = targets(metric)
    example = Example(QUESTION, gold[place % len(gold)], "contract:1")
    assert metric.grade(f" \n\t{reply}\r\n ", example) == metric.grade(reply, example)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_reply_gets_a_grade(name: str, kind: str) -> None:
    metric = built(name)
    example = Example(HOSTILE[kind], targets(metric)[0], "contract:1")
    assert isinstance(metric.grade(HOSTILE[kind], example), Grade)
