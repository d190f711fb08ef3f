"""The reference's scoring: its notable oddities worked by hand.

Everything else about it is in `tests/conformance`, which needs vectors from outside.
"""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_cli.core.task.example import Example, Grade
from opro_cli.core.task.prompt import format_second_round
from opro_cli.metrics.paper import PaperKind, PaperMetric

KINDS: tuple[PaperKind, ...] = ("number", "choice", "boolean", "text")
SUN = "Where does the sun rise?\n(A) west\n(B) east\n(C) south east"


def graded(kind: PaperKind, reply: str, raw_target: str, prompt: str = "") -> Grade:
    metric = PaperMetric(kind)
    return metric.grade(reply, Example("?", metric.target(raw_target), "hand:1"), prompt)


NUMBERS = [
    ("The answer is 18.", "18", "18", 1.0),
    ("She pays $1,234.", "1,234", "1234", 1.0),
    ("eighteen", "8", "8", 1.0),  # "8een"
    ("twenty-five", "5", "5", 1.0),  # "20-5", the last integer of what is no number
    ("often", "10", "10", 1.0),
    ("17.6", "18", "18", 1.0),
    ("18.5", "18", "18", 1.0),
    ("12 of 20", "20", "20", 1.0),
    ("The answer is 12 of 20", "12", "12", 1.0),
    ("5  apples", "5", "", 0.0),
    ("Answer: 7", "7", "", 0.0),
    ("1.000.000", "1000000", "000", 0.0),
    ("nan", "18", "", 0.0),
    ("-7", "7", "-7", 1.0),  # a minus sign is punctuation
    ("1_000", "1000", "1000", 1.0),
    ("1e999", "18", "inf", 0.0),
    ("5²", "5", "5", 1.0),
    ("²", "2", "²", 0.0),
    ("18\nQ: and 20?", "18", "18", 1.0),
    ("", "18", "", 0.0),
]


@pytest.mark.parametrize(("reply", "target", "answer", "score"), NUMBERS)
def test_number(reply: str, target: str, answer: str, score: float) -> None:
    assert graded("number", reply, target) == Grade(answer, score)


WORDS = {
    "0": "zero", "1": "one", "2": "two", "3": "three", "5": "five", "9": "nine nineteen ninety",
    "4": "four fourteen", "6": "six sixteen sixty", "7": "seven seventeen seventy",
    "8": "eight eighteen eighty", "10": "ten", "11": "eleven", "12": "twelve", "13": "thirteen",
    "15": "fifteen", "20": "twenty", "30": "thirty", "40": "forty", "50": "fifty",
}  # fmt: skip


@pytest.mark.parametrize("digits", WORDS)
def test_number_words(digits: str) -> None:
    for word in WORDS[digits].split():
        assert graded("number", f"It is {word}.", "18").answer == digits


CHOICES = [
    ("(b)", "(B)", "(b)", 1.0),
    ("The answer is (B) east.", "B", "(b)", 1.0),
    ("It is east", "(B)", "it is east", 1.0),  # "south east" is not in the reply
    ("It is south east", "(B)", "it is south east", 0.0),  # and here it is
    ("It is south east", "(C)", "it is south east", 1.0),  # what is left of it has no "east"
    ("west or east", "(B)", "west or east", 0.0),
    ("I can't say", "A", "i can't say", 1.0),  # there is an "a" in it
    ("Look (west) first, then (b)", "(B)", "(west)", 0.0),
    ("east", "east", "east", 0.0),  # a gold answer that is no letter
    ("(d)", "(D)", "(d)", 1.0),  # not listed: the reference raises IndexError
    ("(c)", "(D)", "(c)", 0.0),
]


@pytest.mark.parametrize(("reply", "target", "answer", "score"), CHOICES)
def test_choice(reply: str, target: str, answer: str, score: float) -> None:
    assert graded("choice", reply, target, SUN) == Grade(answer, score)


GAPS = "(A) east (B) (C) (ab)"


@pytest.mark.parametrize(
    ("reply", "target", "score"),
    [
        ("to the east", "(A)", 0.0),  # every reply mentions the empty option
        ("east", "(A)", 1.0),
        ('"east"', "(A)", 1.0),
        ("east!", "(A)", 0.0),  # "!", "?" and full stops are no punctuation in an option
        ("ab", "(C)", 1.0),  # letters in their order get brackets
        ("ba", "(C)", 0.0),
    ],
)
def test_options_with_odd_texts(reply: str, target: str, score: float) -> None:
    assert graded("choice", reply, target, GAPS).score == score


def test_options_are_read_in_the_prompt_where_there_is_one() -> None:
    metric, example = PaperMetric("choice"), Example(SUN, "(B)", "hand:1")
    assert metric.grade("east", example).score == 1.0
    assert metric.grade("east", example, f"A: is no option.\n{SUN}").score == 0.0
    assert metric.grade("west", example, f"A: is no option.\n{SUN}").score == 1.0


def test_a_prompt_that_only_ends_in_an_answer_line_meets_a_with_anything() -> None:
    assert graded("choice", "whatever", "(A)", "Q: Where?\n\nA:").score == 1.0


OTHERS: list[tuple[PaperKind, str, str, str, float]] = [
    ("boolean", "Yes, it is.", "yes", "yes it is", 1.0),
    ("boolean", "1", "yes", "true", 1.0),
    ("boolean", "0.7", "no", "false", 1.0),  # the 0 before the full stop
    ("boolean", ".7", "yes", "true", 1.0),  # nothing stands there: rounded to 1
    ("boolean", "true", "valid", "true", 1.0),
    ("boolean", "valid", "True", "valid", 0.0),
    ("boolean", "invalid", "valid", "invalid", 1.0),
    ("boolean", "unknown", "no", "unknown", 1.0),
    ("text", "The answer is ami exeter.", "ami exeter", "ami exeter", 1.0),
    ("text", "ami. exeter", "ami exeter", "ami", 0.0),
    ("text", "} >", "] )", "} >", 1.0),
    ("text", "", "] )", "", 1.0),
]


@pytest.mark.parametrize(("kind", "reply", "target", "answer", "score"), OTHERS)
def test_boolean_and_text(
    kind: PaperKind, reply: str, target: str, answer: str, score: float
) -> None:
    assert graded(kind, reply, target) == Grade(answer, score)


BOXED = [
    (r"\boxed{12} and 13", "12"),
    (r"\boxed{\text{12}}", r"\text{12"),
    ("\\boxed{1\n2}, \\boxed{3}", "3"),
    (r"I would write \boxed so 12", "12"),
    (r"\boxed{12", "12"),
]


@pytest.mark.parametrize(("reply", "answer"), BOXED)
def test_boxed(reply: str, answer: str) -> None:
    example = Example("?", "12", "hand:1")
    assert PaperMetric("number", boxed=True).grade(reply, example).answer == answer


def test_the_second_round_is_cut_before_it_is_read() -> None:
    reply, example = ": 12\nand the answer is 13", Example("?", "12", "hand:1")
    assert PaperMetric("number").grade(reply, example) == Grade("13", 0.0)
    assert PaperMetric("number", second_round=True).grade(reply, example) == Grade("12", 1.0)


def test_the_prompt_of_the_second_round() -> None:
    asked = format_second_round("Q: 6 * 3?\n\nA:", " It is 18.\n\nQ: 6 * 4?\nA: 24")
    assert asked == "Q: 6 * 3?\n\nA: It is 18. So the final answer is"


def test_adaptive_reads_numbers_where_the_gold_answer_is_digits() -> None:
    metric = PaperMetric("text", adaptive=True)
    reply = "The answer is 18 dollars"
    assert metric.grade(reply, Example("?", "18", "hand:1")) == Grade("18", 1.0)
    assert metric.grade(reply, Example("?", "8 dollars", "hand:1")) == Grade("18 dollars", 1.0)


@pytest.mark.parametrize(
    ("kind", "raw", "target"),
    [
        ("number", "48 + 24 = 72\n#### 72", "72"),
        ("number", " 5,600 ", "5600"),
        ("number", "39.0", "39"),
        ("number", "2.50", "2.50"),
        ("number", "-7", "-7"),
        ("choice", " (B)\n", "(B)"),
        ("boolean", "Yes", "Yes"),
        ("text", "] ) }", "] ) }"),
        ("text", "a  b", "a  b"),
    ],
)
def test_target(kind: PaperKind, raw: str, target: str) -> None:
    assert PaperMetric(kind).target(raw) == target


@pytest.mark.parametrize(
    ("kind", "raw", "message"),
    [
        ("number", "18 dollars", "expected a number, found '18 dollars'"),
        ("number", "12 ####", "expected a number, found '12 ####'"),
        ("number", "inf", "expected a number, found 'inf'"),
        ("text", " \n", "expected an answer, found an empty text"),
        ("choice", "", "expected an answer, found an empty text"),
    ],
)
def test_target_refused(kind: PaperKind, raw: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        PaperMetric(kind).target(raw)


# Surrogates too: a byte that is no UTF-8 comes as one.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=30)
MARKS = ["The answer is ", "#### ", "\\boxed{", "}", "(A) ", "(b)", "(", ")", "A:", "Q:", "\n"]
ANSWERS = ["yes", "0", "1.", "17.6", "1e999", "eighteen", "-", ".", "'", "=", "²", "１８", "İ", " "]
PIECES = st.sampled_from([*MARKS, *ANSWERS])
SOUPS = st.lists(PIECES | TEXTS, max_size=8).map("".join)


@settings(max_examples=400, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    reply=SOUPS,
    target=SOUPS | st.sampled_from(["(B)", "z", "yes", "18", "²"]),
    prompt=SOUPS,
)
def test_any_reply_gets_a_score(
    kind: PaperKind, flags: tuple[bool, bool, bool], reply: str, target: str, prompt: str
) -> None:
    second_round, boxed, adaptive = flags
    metric = PaperMetric(kind, second_round=second_round, boxed=boxed, adaptive=adaptive)
    grade = metric.grade(reply, Example(prompt[::2], target, "hand:1"), prompt)
    assert grade.answer is not None
    assert grade.score in (0.0, 1.0)


@settings(max_examples=200, deadline=None)
@given(kind=st.sampled_from(KINDS), raw=SOUPS | st.sampled_from(["1,2.00", "#### 1e5", "٣٫٠"]))
def test_a_raw_target_is_read_or_refused(kind: PaperKind, raw: str) -> None:
    metric = PaperMetric(kind)
    try:
        target = metric.target(raw)
    except ValueError:
        return
    assert metric.target(f"\n {target}\t ") == target
    assert kind != "number" or math.isfinite(float(target))


HOSTILE = {
    "brackets that do not close": "(" * 1_000_000 + "\n(a)",
    "boxes that do not close": "\\boxed{" * 150_000 + "\n",
    "numbers that are none": "The answer is " + "1!" * 500_000,
    "units": "The answer is " + "a" * 1_000_000 + "1" + "a" * 1_000_000,
    "digits": "1" * 1_000_000,
    "options": "(A) (B) A:" * 100_000,
    "phrases": "the answer is " * 70_000,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_reply_gets_a_score(kind: PaperKind, hostile: str) -> None:
    text = HOSTILE[hostile]
    metric = PaperMetric(kind, boxed=True)
    assert metric.grade(text, Example(text, "B", "hand:1")).score in (0.0, 1.0)
