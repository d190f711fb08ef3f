from __future__ import annotations

from collections.abc import Callable

import pytest

from opro_cli.core.task.example import UNREADABLE, Grade
from opro_cli.metrics import create_metric
from opro_cli.reading.options import find_options

Grading = Callable[..., Grade]

BIRDS = "Which bird?\nOptions:\n(A) red robin\n(B) Blue Jay\n(C) owl\n(D) snowy owl"


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("(B)", "(B)"),
        ("B", "(B)"),
        ("b)", "(B)"),
        ("B.", "(B)"),
        (" **B** ", "(B)"),
        ("[b]", "(B)"),
        ("(B) Blue Jay", "(B)"),
        ("Blue  Jay", "Blue Jay"),
        ("A. Smith", "A. Smith"),
    ],
)
def test_target(raw: str, canonical: str) -> None:
    assert create_metric("choice").target(raw) == canonical


def test_empty_target_refused() -> None:
    with pytest.raises(ValueError, match="expected an option letter or the text of an option"):
        create_metric("choice").target(" ")


@pytest.mark.parametrize(
    ("question", "options"),
    [
        (BIRDS, {"A": "red robin", "B": "Blue Jay", "C": "owl", "D": "snowy owl"}),
        ("Q\nA) 5(√3 + 1)\nB)6", {"A": "5(√3 + 1)", "B": "6"}),
        ("Q\nA. yes\nB. no", {"A": "yes", "B": "no"}),
        ("Pick: (A) yes, (B) no", {"A": "yes", "B": "no"}),
        ("(A) old (B) older\nOptions:\n(A) x\n(B) y", {"A": "x", "B": "y"}),
        ("A. Smith wrote it.", {}),
        ("C) x\nD) y", {}),
        ("", {}),
    ],
)
def test_options(question: str, options: dict[str, str]) -> None:
    assert find_options(question) == options


CASES = [
    ("The answer is (B).", "(B)"),
    ("The answer is (B) Blue Jay because (A) is red.", "(B)"),
    ("The answer is B", "(B)"),
    ("The answer is B because it is blue", "(B)"),
    ("The answer is **B**.", "(B)"),
    ("The answer is: **(B)**", "(B)"),
    ("The answer is option B, as told", "(B)"),
    ("The answer is b.", "(B)"),
    ("**Answer:** B) Blue Jay", "(B)"),
    ("#### B", "(B)"),
    (r"\boxed{\text{B}}", "(B)"),
    (r"$\boxed{(B)}$", "(B)"),
    ("The correct option is B", "(B)"),
    ("The answer is A.", "(A)"),
    ("The answer is A", "(A)"),
    ("The answer is A because it is red", "(A)"),
    ("Answer: the bird in question is (B)", "(B)"),
    ("The answer is not (A) but rather (B)", "(B)"),
    ("The answer is blue jay.", "(B)"),
    ("The answer is the BLUE   JAY of course", "(B)"),
    ("The answer is a snowy owl.", "(D)"),
    ("The answer is a blue jay", "(B)"),
    ("Answer: Let's think step by step.\nJays are blue. So it is (B).", "(B)"),
    ("ANS:B", "(B)"),
    # without a marker
    ("B", "(B)"),
    ("(b)", "(B)"),
    ("B.", "(B)"),
    ("B. Blue Jay", "(B)"),
    ("It has feathers.\n\nB", "(B)"),
    ("It has feathers.\n\n**B**", "(B)"),
    ("A", "(A)"),
    ("B\n\nBecause jays are blue.", "(B)"),
    ("I choose (B) since jays are blue.", "(B)"),
    ("(A) is red. (C) is an owl. So it is (B).", "(B)"),
    ("I'd go with option B here", "(B)"),
    ("B is correct.", "(B)"),
    ("Blue Jay", "(B)"),
    ("(A) is red, (C) is grey.\nSo it must be the blue jay.", "(B)"),
]


@pytest.mark.parametrize(("reply", "answer"), CASES)
def test_reply(grade: Grading, reply: str, answer: str) -> None:
    assert grade("choice", reply, "B", BIRDS) == Grade(answer, float(answer == "(B)"))


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I do not know.",
        "A bird in the hand.",
        "A dog",
        "I think so",
        "The answer is a bird.",
        "The answer is A bird.",
        "The answer is either (A) or (B).",
        "The answer is (A) or (B).",
        "The answer is A or B",
        "The answer is (E).",
        "The answer is not (B).",
        "Z",
        "It may be (A) or (B)",
        "It is not a blue jay",
        "The answer is red robin or blue jay",
    ],
)
def test_unreadable(grade: Grading, reply: str) -> None:
    assert grade("choice", reply, "B", BIRDS) == UNREADABLE


def test_every_letter_is_allowed_where_the_question_lists_none(grade: Grading) -> None:
    assert grade("choice", "The answer is (E).", "E") == Grade("(E)", 1.0)


def test_an_option_that_looks_like_a_letter(grade: Grading) -> None:
    question = "Q\n(A) C++\n(B) f\n(C) I. Newton\n(D) x"
    assert grade("choice", "The answer is C++.", "A", question) == Grade("(A)", 1.0)
    assert grade("choice", "The answer is f.", "B", question) == Grade("(B)", 1.0)
    assert grade("choice", "The answer is D.", "D", question) == Grade("(D)", 1.0)


def test_target_given_as_option_text(grade: Grading) -> None:
    assert grade("choice", "The answer is (B).", "blue jay", BIRDS) == Grade("(B)", 1.0)
    assert grade("choice", "The answer is (A).", "blue jay", BIRDS) == Grade("(A)", 0.0)
    assert grade("choice", "The answer is heron.", "heron", BIRDS) == Grade("heron", 1.0)
