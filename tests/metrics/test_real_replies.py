"""What small models say, by the cause for which it was once misread; a case for each, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.task.example import Example
from opro_cli.metrics import create_metric
from opro_cli.metrics.label import LabelMetric
from tests.metrics.agreement import verdict_of

TEAMS = ("billing", "login", "product")
FOOD = (
    "Which food has the most iron?\n\n(A) boiled white rice\n(B) dried red lentils\n"
    "(C) fresh green apples of the last harvest\n(D) milk"
)
BOAT = "She rented a boat in Miami for 300 dollars."
HELP = "Does the writer want an answer or some help?\nThanks, that was all."
EXAMPLES = "Text: Great!\nLabel: positive\nText: Awful.\nLabel: negative\n"
ARROWS = "A -> Reno\nB -> Bern\nThe one at the top ->"


def verdict(
    kind: str, reply: str, target: str, question: str = "", prompt: str = "", *, cut: bool = False
) -> str:
    metric: Any = LabelMetric(TEAMS) if kind == "label" else create_metric(kind)
    told = {"cut": True} if cut else {}
    example = Example(question, metric.target(target), "here")
    return verdict_of(metric.grade(reply, example, prompt or question, **told))


@pytest.mark.parametrize(
    ("reply", "target", "told"),
    [
        ("(A) milk", "B", "wrong"),  # neither the letter nor the text
        ("(A) milk", "D", "unreadable"),  # the text, but not the letter
        ("(A) milk", "A", "unreadable"),
        ("(B) dried red lentils", "B", "right"),
    ],
)
def test_a_letter_with_the_text_of_another_option(reply: str, target: str, told: str) -> None:
    assert verdict("choice", reply, target, FOOD) == told


def test_a_part_of_an_option_is_the_option_unless_the_list_may_begin_there() -> None:
    part = "fresh green apples of the last"
    assert verdict("choice", f"(C) {part}", "C", FOOD, cut=True) == "right"
    assert verdict("choice", "(A) boiled white", "A", FOOD, cut=True) == "right"
    options = "Which?\n(A) one two three four five six seven\n(B) eight"
    assert verdict("choice", "(A) one two three four five", "A", options, cut=True) == "unreadable"


def test_an_option_with_a_word_changed() -> None:
    options = FOOD.replace("milk", "cold milk of a young brown cow")
    assert verdict("choice", "Cold milk of an old brown cow.", "D", options) == "right"


def test_two_options_one_below_the_other() -> None:
    assert verdict("choice", "(B) dried red lentils\n(D) milk", "B", FOOD) == "unreadable"


def test_the_options_again_their_first_letter_left_out() -> None:
    listed = "boiled white rice\n(B) dried red lentils\n(C) fresh green"
    assert verdict("choice", listed, "A", FOOD, cut=True) == "unreadable"


@pytest.mark.parametrize(
    ("prompt", "reply", "told"),
    [
        (f"{EXAMPLES}Text: Fine.\nLabel:", " login\nText: Bad.\nLabel: billing", "right"),
        (f"{EXAMPLES}Text: Fine.\nLabel:", "Text: Bad.\nLabel: login", "unreadable"),
        (f"{EXAMPLES}Text: Fine.\nLabel:", "login\nAwful.\nLabel: billing", "right"),
        (f"Fine.\n{EXAMPLES}Now the first text:", "login\nNow the second text: billing", "right"),
        (f"Fine.\n{ARROWS}", " login\nC -> billing\nThe one", "right"),
        (f"Fine.\n{ARROWS}", " the one at the bottom\nThe one at", "unreadable"),
        # without examples a prompt has no form to go on in
        ("Fine. So the answer is:", "So the answer is login.", "right"),
        ("Fine.\nNote: one word.", "login\nNote: it is not billing.", "right"),
    ],
)
def test_exercises_of_the_reply_in_the_form_of_the_prompt(
    prompt: str, reply: str, told: str
) -> None:
    assert verdict("label", reply, "login", "Fine.", prompt) == told


def test_exercises_of_the_reply_in_other_forms() -> None:
    plausible = 'Is the following sentence plausible? "Ann won the race."'
    other = 'Is the following sentence plausible? "Bob won."\nAnswer: yes'
    assert verdict("boolean", other, "yes", plausible) == "unreadable"
    assert verdict("boolean", f"{plausible}\nAnswer: yes", "yes", plausible) == "right"
    options = "(B)\nNow another one, what is best for cats?\nOptions:\n(A) milk\n(D) tea"
    assert verdict("choice", options, "B", FOOD) == "right"
    object_first = 'It is 7.\n#### {"n": 7}\nTom has a cat.\n\nA: It is 9.\n#### {"n": 9}'
    assert verdict("json:n", object_first, "7") == "right"


@pytest.mark.parametrize(
    ("reply", "target", "told"),
    [
        ("The writer wants an answer.", "yes", "right"),
        ("The writer does not want an answer or any help.", "no", "right"),
        ("The writer is asking for assistance.", "yes", "right"),
        ("The writer wants an answer or some help.", "no", "unreadable"),  # the question again
        ("I want to make sure that everything is correct.", "yes", "unreadable"),
    ],
)
def test_an_answer_to_what_the_instruction_asks(reply: str, target: str, told: str) -> None:
    instruction, message = HELP.split("\n")
    prompt = f"{message}\n{instruction}"
    assert verdict("boolean", reply, target, message, prompt) == told


def test_a_restatement_that_was_cut_in_its_reason() -> None:
    question = 'Is the following sentence plausible? "Ann won the race."'
    reply = 'The sentence "Ann won the race" is not entirely plausible, as she'
    assert verdict("boolean", reply, "no", question, cut=True) == "right"


def test_expressions_are_no_values() -> None:
    assert verdict("boolean", "The answer is (True or True).", "true") == "unreadable"
    assert verdict("boolean", "True and True is True.", "true") == "right"


@pytest.mark.parametrize(
    ("reply", "told", "cut"),
    [
        ("The team is billing, while the product is done by login", "unreadable", True),
        ("This is about billing, not the", "right", True),
        ("I'm not sure if the team is billing, it may", "unreadable", True),
        ("* Billing: the card.\n* Login: the password.\n* Product: the", "unreadable", True),
        ("This is a product that is sold out.", "unreadable", False),
        ("It is billing, but it's login.", "unreadable", False),
        ("Nobody.", "wrong", False),
        ("Unknown.", "unreadable", False),
    ],
)
def test_labels(reply: str, told: str, cut: bool) -> None:
    assert verdict("label", reply, "billing", cut=cut) == told


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("The city of Miami in Florida", "right"),
        ("Miami, Florida, for a boat.", "right"),
        ("Miami is a city in Florida.", "right"),
        ('The answer is "Miami" and I choose it because "Miami" is a city.', "right"),
        ('{"type": "json", "items": [{"name": "Miami", "state": "Flo', "right"),
        ("She rented a big boat in Miami for 300 dollars.", "unreadable"),
        ("A boat is a small kind of ship for rivers and lakes.", "unreadable"),
        ("Oslo", "wrong"),
    ],
)
def test_what_stands_in_a_statement(reply: str, told: str) -> None:
    prompt = f"Name the city.\n{BOAT}"
    assert verdict("exact", reply, "Miami", BOAT, prompt, cut="Flo" in reply[-3:]) == told


def test_a_place_beside_another_one_is_not_alone() -> None:
    trip = "From Miami she went to Reno."
    assert verdict("exact", "Miami, Reno", "Miami", trip) == "wrong"
    assert verdict("exact", "Paris, France", "Paris", "Which city is meant?") == "wrong"


def test_the_last_name_of_a_person_who_was_asked_for() -> None:
    play, city = "Who wrote the play?", "Which city is it?"
    assert verdict("exact", "Shakespeare was a famous man.", "William Shakespeare", play) == "right"
    assert verdict("exact", "York", "New York", city) == "wrong"
    assert verdict("exact", "John Shakespeare", "William Shakespeare", play) == "wrong"


def test_the_last_step_of_a_reply_that_was_cut_behind_it() -> None:
    question = "What is the capital of Argentina?"
    steps = "1. Argentina is in America.\n2. The capital of Argentina is Buenos Aires."
    assert verdict("exact", steps, "Buenos Aires", question, cut=True) == "right"
    assert verdict("exact", "1. Rome\n2. Osl", "Rome", question, cut=True) == "unreadable"


def test_numbers() -> None:
    things = "I have a car, three couches, a lamp, two chairs and an oven. How many objects?"
    less = "I have a car, three couches, two chairs and an oven."
    assert verdict("number", less, "2", things) == "unreadable"
    counted = "How many objects do I have?"
    assert verdict("number", "There are 11 objects: a bed", "11", counted, cut=True) == "right"
    given = f"I have 11 objects. {counted}"
    assert verdict("number", "There are 11 objects: a bed", "11", given, cut=True) == "unreadable"
