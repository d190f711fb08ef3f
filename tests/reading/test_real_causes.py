"""Causes of misreading that recordings of small models showed, with their neighbours."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.task.example import Example
from opro_cli.evaluators import takes_cut
from opro_cli.metrics import create_metric
from opro_cli.metrics.label import LabelMetric

LABELS = ("billing", "login", "shipping")
OPTIONS = "Which is a metal?\n(A) Iron\n(B) A fatty acid\n(C) 384\n(D) Rome, the capital"
TURN = "If you follow these steps, do you return? Take 3 steps. Turn left."
ASIDE = "We were charged 19 dollars for the parcel to Dublin."
CITY = f"Name the city in the sentence.\n{ASIDE}"
SHOWN = f"Q: The vet in Bern took 95 francs.\nA: Bern\nQ: {ASIDE}\nA:"


def read(
    kind: str, target: str, question: str, reply: str, *, prompt: str = "", cut: bool = False
) -> str | None:
    """What the reader of a kind takes from a reply."""
    metric: Any = LabelMetric(LABELS) if kind == "label" else create_metric(kind)
    told = {"cut": True} if cut and takes_cut(metric.__class__) else {}
    grade = metric.grade(reply, Example(question, target, "t:1"), prompt, **told)
    answer: str | None = grade.answer
    return answer.strip('."') if answer else answer


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ('{"amount": 80', "80"),
        ('{"amount": 8', None),
        ('{"amount": 12', None),
        ('The amount is 12.\n{"amount": 12', "12"),
        ('{"amount": "eighty', None),
        ('It is eighty pounds. So the answer is {"amount": "eighty', "eighty"),
        ('It is eighty-one. So the answer is {"amount": "eigh', None),
    ],
)
def test_a_json_value_at_the_cut_is_whole_where_it_stands_elsewhere(
    reply: str, answer: str | None
) -> None:
    question = "The plumber from Leeds asked for 80 pounds."
    assert read("json:amount", "80", question, reply, cut=True) == answer


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("True: it may be true.\nFalse: it may be false.\nSo, the answer is:", None),
        ("- Yes\n- No\n- Yes", None),
        ("True: it may be.\nFalse: it may not.\nSo, it is false.", "false"),
        ("False. True is not True.", "false"),
        ("Please say if it is true, or is it false?", None),
    ],
)
def test_both_words_gone_through_and_questions_assert_nothing(
    reply: str, answer: str | None
) -> None:
    assert read("boolean", "true", "not True and False is", reply) == answer


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("Iron is a metal that is mined in many countries. It is", "(A)"),
        ("Iron is a metal that", None),
        ("A fatty acid is one. It has", "(B)"),
        ("The answer in (C) is 384 km. The", "(C)"),
        ("The answer in (A) is 384 km. The", None),
        ("The average is 384. It", "(C)"),
    ],
)
def test_a_choice_that_was_cut_counts_for_a_whole_first_sentence(
    reply: str, answer: str | None
) -> None:
    assert read("choice", "(A)", OPTIONS, reply, cut=True) == answer


@pytest.mark.parametrize(
    ("reply", "answer"), [("A (C)\nA (D)", None), ("A (D)", "(D)"), ("A (D)\nA (D)", "(D)")]
)
def test_lines_of_different_letters_choose_none(reply: str, answer: str | None) -> None:
    assert read("choice", "(A)", OPTIONS, reply) == answer


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("The answer is the United Kingdom.", "the United Kingdom"),
        ("The answer is the currency of the United Kingdom.", None),
        ("**pound**, because: Pound is the opposite of euro.", "pound"),
        ('"pound", since: it is the euro.', "pound"),
        ("**Pfund**, weil: Das Pfund ist der Euro.", "Pfund"),
        ('{\n  "response": {\n    "title": "The money",\n    "type": "json"\n  }\n}', None),
    ],
)
def test_an_answer_is_what_is_plainly_given_as_one(reply: str, answer: str | None) -> None:
    question = "What is the currency of the United Kingdom?"
    assert read("exact", "pound sterling", question, reply) == answer


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("The heart is the organ that pumps blood", "heart"),
        ("The liver is the organ that pumps blood", "liver"),
        ("The heart is the organ that a surgeon", None),
        ("The organ is the one that pumps blood", None),
        ('"heart"\n\nThe', "heart"),
    ],
)
def test_the_subject_of_a_sentence_that_was_cut_may_complete_the_question(
    reply: str, answer: str | None
) -> None:
    question = "Which organ pumps blood through the body?"
    found = read("exact", "heart", question, reply, cut=True)
    assert (found or "").removeprefix("The ") == (answer or "")


@pytest.mark.parametrize(
    ("prompt", "reply", "answer"),
    [
        (ASIDE, "The amount of money spent on the parcel is 19 dollars.", None),
        (ASIDE, "Nos cobraron 19 dólares por el paquete a Dublín.", None),
        (SHOWN, "The vet in Cork took 90 francs.", None),
        (CITY, "The city in the sentence is Cork.", "Cork"),
        (CITY, "The city in the sentence is Dublin.", "Dublin"),
        (CITY, "Cork", "Cork"),
        (ASIDE, "The answer is Cork.", "Cork"),
    ],
)
def test_a_sentence_about_a_statement_answers_where_it_takes_up_what_was_asked(
    prompt: str, reply: str, answer: str | None
) -> None:
    assert read("exact", "Dublin", ASIDE, reply, prompt=prompt) == answer


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("Write the date as YYYY-MM-DD: the third of April", "The date would be 2020-03-04."),
        ("Give the past tense of 'bring'. One word.", "The past tense is 'bringed'."),
    ],
)
def test_a_sentence_answers_an_order(question: str, reply: str) -> None:
    assert read("exact", "right", question, reply, prompt=question) is not None


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("**email**, because: An address is an email.", "email"),
        ("**a very long and winding story**, because: It is.", None),
        ("Reason: ", None),
        ("Dana.", "Dana"),
        ("* **Billing**: the label is login.\n* **Login**: the label is login.", None),
        ("* **Billing**: no.\n* **Login**: yes.\n\nThe label is login.", "login"),
    ],
)
def test_other_answers_and_labels_gone_through(reply: str, answer: str | None) -> None:
    assert read("label", "login", "I forgot it.", reply) == answer


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("3 and 3.\n#### No\nIf you follow these steps, do you turn?\n#### Yes", "no"),
        (f"#### No\n{TURN}\n#### Yes", "yes"),
        ("No turn.\nIf you follow these steps, do you return? I say yes.\n#### Yes", "yes"),
    ],
)
def test_the_next_exercise_may_begin_as_the_question(reply: str, answer: str) -> None:
    assert read("boolean", "no", TURN, reply) == answer


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("I have a bed and a lamp. This includes four chairs, which are objects.", None),
        ("4 chairs", "4"),
        ("You have four objects.", "4"),
        ("So that makes four chairs.", "4"),
        ("You have a bed and five chairs.", "5"),
    ],
)
def test_a_quantity_of_the_question_is_no_count_of_something_else(
    reply: str, answer: str | None
) -> None:
    question = "I have a bed, a lamp and four chairs. How many objects do I have?"
    assert read("number", "6", question, reply) == answer
