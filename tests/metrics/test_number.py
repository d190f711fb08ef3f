from __future__ import annotations

from collections.abc import Callable

import pytest

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.metrics import create_metric

Grading = Callable[..., Grade]


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("72", "72"),
        ("39.0", "39"),
        ("3.50", "3.50"),
        (".5", "0.5"),
        ("1,234", "1234"),
        ("12,34,567", "1234567"),
        ("$12", "12"),
        ("-5", "-5"),
        ("−5", "-5"),
        ("$-5", "-5"),
        ("-$5", "-5"),
        ("-0", "0"),
        ("3/4", "3/4"),
        ("2 1/2", "5/2"),
        ("50%", "50%"),
        ("5 million", "5 million"),
        ("1.5e3", "1.5e3"),
        ("18 apples", "18"),
        ("eighteen", "18"),
        ("He has 48/2 = <<48/2=24>>24.\n#### 72", "72"),
        ("#### 5,600", "5600"),
        ("1 234 567", "1234567"),
        ("1\u2009234\u2009567", "1234567"),
        ("1\u202f234", "1234"),
        ("1'234'567", "1234567"),
        ("1.234,56 €", "1234.56"),
        ("1,00,000", "100000"),
        ("72 km", "72"),
        ("72km", "72"),
        ("10 km/h", "10"),
        ("5 m^2", "5"),
        ("2/3 cup", "2/3"),
        ("USD 40", "40"),
        ("~5", "5"),
        ("x = 7", "7"),
        ("2nd", "2"),
        ("(7)", "7"),
        ("10^6", "1000000"),
        ("18 個", "18"),
        ("zero", "0"),
        ("The answer is 7 because 3 + 4 = 7.", "7"),
    ],
)
def test_target(raw: str, canonical: str) -> None:
    assert create_metric("number").target(raw) == canonical


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("", "expected one number, found none in ''"),
        ("blue", "expected one number, found none in 'blue'"),
        ("3 to 5", "expected one number, found 2 in '3 to 5'"),
        ("None", "expected one number, found none in 'None'"),
        ("nan", "expected one number, found none in 'nan'"),
        ("room 7", "expected one number with at most a unit, found 'room 7'"),
        (
            "7!",
            "expected one number with at most a unit, found '7!'; task.answer: math reads "
            "mathematics",
        ),
    ],
)
def test_target_refused(raw: str, message: str) -> None:
    with pytest.raises(ValueError, match="expected one number") as refusal:
        create_metric("number").target(raw)
    assert str(refusal.value) == message


NO_NUMBERS = [
    "[2,5)", "(2,5]", "[3,5]", "{3,5}", "(2,4)", "\\boxed{(2,3)}", "12\\pi", "12π", "i",
    "\\frac{\\pi}{2}", "room 7",
    "x^2", "e^2", "3x", "2πr", "#### 12\\pi", "7!", "log 2", "√16", "±3", "11_2", "2\\sqrt{3}",
    "none", "null", "N/A", "-", "7A", "A7", ">10", "≥10", "10+", "at least 10", "5 or more",
    "5 or 6", "1-2", "3:30", "2024-05-01", "1.2.3", "7 and 8", "1,3,5", "\\infty", "\\text{Evelyn}",
]  # fmt: skip


@pytest.mark.parametrize("raw", NO_NUMBERS)
def test_a_gold_answer_that_is_more_or_less_than_a_number_is_refused(raw: str) -> None:
    with pytest.raises(ValueError, match="expected one number"):
        create_metric("number").target(raw)


CASES = [
    # marker, then the first number of its line
    ("She has 3 + 15 of them. The answer is 18.", "18", "18", 1.0),
    ("The answer is 18 because 20 - 2 leaves it.", "18", "18", 1.0),
    ("The answer is 17.\nWait, no.\nThe answer is 18.", "18", "18", 1.0),
    ("#### 18", "18", "18", 1.0),
    ("**Answer**: 18", "18", "18", 1.0),
    ("**Final Answer:** $18", "18", "18", 1.0),
    ("## Final Answer\n\n18 dollars, not 20.", "18", "18", 1.0),
    ("The answer is:\n\n$$\n18\n$$", "18", "18", 1.0),
    ("Therefore, the answer (arabic numerals) is 18.", "18", "18", 1.0),
    ("The answer to the second question is 18.", "18", "18", 1.0),
    ("The answer is 5 + 13 = 18 apples.", "18", "18", 1.0),
    ("The answer is $5 + $13 = $18.", "18", "18", 1.0),
    ("The answer is x = 18", "18", "18", 1.0),
    ("The answer is eighteen.", "18", "18", 1.0),
    ("5 and 13 together. The answer is eighteen.", "18", "18", 1.0),
    ("#### Step 3: 5 * 3\nso 18", "18", "18", 1.0),
    ("Answer: Let's think step by step.\nShe has 5, then 18.", "18", "18", 1.0),
    # no marker: the last number
    ("5 + 13 = 18", "18", "18", 1.0),
    ("She had 18 of 20.", "18", "18", 1.0),
    ("18.", "18", "18", 1.0),
    # LaTeX
    (r"\boxed{18}", "18", "18", 1.0),
    (r"So $\boxed{18 \text{ dollars}}$, not 20.", "18", "18", 1.0),
    (r"\boxed{\text{18}}", "18", "18", 1.0),
    (r"\boxed{\frac{3}{4}}", "3/4", "3/4", 1.0),
    (r"\boxed{-\dfrac{3}{4}}", "-3/4", "-3/4", 1.0),
    (r"\boxed{2\frac{1}{2}}", "2.5", "5/2", 1.0),
    (r"\boxed{1{,}234}", "1234", "1234", 1.0),
    (r"\boxed{50\%}", "50", "50%", 1.0),
    (r"\boxed{\$18", "18", "18", 1.0),
    # separators, currency, units, signs
    ("The answer is 1,234.", "1234", "1234", 1.0),
    ("The answer is $1,234.50 a year.", "1234.50", "1234.50", 1.0),
    ("The answer is 18kg.", "18", "18", 1.0),
    ("The answer is €18.", "18", "18", 1.0),
    ("The answer is **18**.", "18", "18", 1.0),
    ("The answer is __18__.", "18", "18", 1.0),
    ("The answer is -5.", "-5", "-5", 1.0),
    ("The answer is −5.", "-5", "-5", 1.0),
    ("The answer is negative 5.", "-5", "-5", 1.0),
    ("The answer is 5.", "-5", "5", 0.0),
    ("There is H2O in 18 of CO2", "18", "18", 1.0),
    ("1,2,3", "3", "3", 1.0),
    ("The answer is 1.5 million.", "1500000", "1.5 million", 1.0),
    ("The answer is 5 million.", "5 billion", "5 million", 0.0),
    ("The answer is 3 × 10^8 m/s.", "300000000", "3e8", 1.0),
    ("The answer is 2½.", "2.5", "5/2", 1.0),
    ("The answer is １８.", "18", "18", 1.0),
    # percent is a unit when only one side has it
    ("The answer is 50%.", "50", "50%", 1.0),
    ("The answer is 50 percent.", "50%", "50%", 1.0),
    ("The answer is 0.5.", "50%", "0.5", 1.0),
    ("The answer is 5%.", "50%", "5%", 0.0),
    # precision is the target's
    ("The answer is 17.6.", "18", "17.6", 0.0),
    ("The answer is 18.0.", "18", "18", 1.0),
    ("The answer is 39.", "39.0", "39", 1.0),
    ("The answer is 3.333.", "3.33", "3.333", 1.0),
    ("The answer is 3.3.", "3.33", "3.3", 0.0),
    ("The answer is 10/3.", "3.33", "10/3", 1.0),
    ("The answer is 3.335.", "3.33", "3.335", 0.0),
    ("The answer is 0.75.", "3/4", "0.75", 1.0),
    ("The answer is 0.76.", "3/4", "0.76", 0.0),
    ("The answer is 0.33.", "1/3", "0.33", 1.0),
    ("The answer is 0.3.", "1/3", "0.3", 0.0),
    ("The answer is 0.30000000000000004.", "0.3", "0.30000000000000004", 1.0),
    ("The answer is 9007199254740993.", "9007199254740992", "9007199254740993", 0.0),
    # words, only without digits
    ("There are twenty-five of them.", "25", "25", 1.0),
    ("There are one hundred and five.", "105", "105", 1.0),
    ("Two thousand three hundred", "2300", "2300", 1.0),
    ("There are eighteen, 3 of them red.", "18", "3", 0.0),
    ("one", "1", "1", 1.0),
]


@pytest.mark.parametrize(("reply", "target", "answer", "score"), CASES)
def test_reply(grade: Grading, reply: str, target: str, answer: str, score: float) -> None:
    assert grade("number", reply, target) == Grade(answer, score)


@pytest.mark.parametrize(
    "reply",
    [
        *("", "I do not know.", "I am not sure about this one.", "5/0", "9" * 101, "someone"),
        # a calculation is no answer, and its last number would be luck
        *("It is 10-5", "It is 10 - 5", "The answer is 3 * 6."),
    ],
)
def test_unreadable(grade: Grading, reply: str) -> None:
    assert grade("number", reply, "18") == UNREADABLE


def test_half_a_number_at_the_reading_limit_is_no_number() -> None:
    # READ_LIMIT is 20,000: the cut goes through the six digits.
    reply = "x" * 50 + " 123456 " + "y" * 19_995
    assert create_metric("number").grade(reply, Example("", "456", "hand:1")) == UNREADABLE


def test_a_target_that_is_no_number_is_never_met() -> None:
    assert create_metric("number").grade("18", Example("", "blue", "hand:1")) == Grade("18", 0.0)


def test_what_surrounds_a_gold_number_changes_nothing() -> None:
    target = create_metric("number").target
    assert target("\n \\frac{0}{1}\r\r\r\r\t ") == target("\\frac{0}{1}")
