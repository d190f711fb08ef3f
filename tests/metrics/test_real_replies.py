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


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("False is false and True is true.", "unreadable"),
        ("not not is false and not is false.", "unreadable"),
        ("not True is False, and False and True is False.", "unreadable"),
        ("The expression is false.", "right"),
        ("So the answer is False.", "right"),
    ],
)
def test_values_of_parts_of_an_expression(reply: str, told: str) -> None:
    assert verdict("boolean", reply, "false", "not True and ( True ) is") == told


def test_a_quoted_answer_in_a_sentence_that_was_cut() -> None:
    asked = "Did Ann break the jar on purpose?"
    reply = 'A typical person would answer "No" to the question of whether Ann'
    assert verdict("boolean", reply, "no", asked, cut=True) == "right"
    reply = 'A typical person would answer "nothing" to the question of whether Ann'
    assert verdict("boolean", reply, "no", asked, cut=True) == "unreadable"


@pytest.mark.parametrize(
    ("reply", "cut", "told"),
    [
        ("Yes, there is one. So the answer is a storm.", True, "wrong"),  # a whole sentence
        ("Yes, there is one. So the answer is a sto", True, "unreadable"),
        ("It asks for a change.\nUpdate my billing.", False, "unreadable"),  # the question again
        ("It asks for a change.\nThe team is billing.", False, "right"),
    ],
)
def test_an_answer_outside_of_the_set_and_the_question_again(
    reply: str, cut: bool, told: str
) -> None:
    assert verdict("label", reply, "billing", "Update my billing for May.", cut=cut) == told


def test_the_only_label_in_a_sentence_of_thirteen_words() -> None:
    reply = "The team responsible for the ticket is the one that handles the billing."
    assert verdict("label", reply, "billing", "I paid twice.") == "right"


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("86 * 7 = 602\nThe store used 602 shelves.\n", "right"),
        ("86 * 7 = 602\nThe store used 603 shelves.\n", "unreadable"),  # not what came out
        ("86 * 7 = 602\nThe store sold 602 books.\n", "unreadable"),  # not what was asked for
        ("So, the answer is 3 * 2 = 602.", "right"),
        ("So, the answer is 3 * 2 = 602", "unreadable"),  # more digits may follow
        ("So it costs $602.", "unreadable"),  # and cents
    ],
)
def test_a_result_that_a_cut_reply_had_stated(reply: str, told: str) -> None:
    asked = "Each of 86 shelves holds 7 books. How many shelves did they use?"
    assert verdict("number", reply, "602", asked, cut=True) == told


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("The argument is deductively valid. It follows from its premises.", "wrong"),
        ("The argument is not necessarily deductively valid.", "right"),
        ("It is not invalid.", "wrong"),
        ("The argument is valid because all purr.\nIt is invalid because none does.", "unreadable"),
    ],
)
def test_labels_of_which_one_denies_the_other(reply: str, told: str) -> None:
    metric = LabelMetric(("invalid", "valid"))
    assert verdict_of(metric.grade(reply, Example("All cats purr.", "invalid", "here"))) == told


def test_a_denied_label_of_a_set_without_contraries_is_none() -> None:
    metric = LabelMetric(("negative", "positive"))
    grade = metric.grade("It is not positive.", Example("Fine.", "negative", "here"))
    assert verdict_of(grade) == "unreadable"


def test_an_emotion_is_stated_through_its_noun() -> None:
    metric = LabelMetric(("anger", "fear", "joy"))
    reply = "The message shows the emotion of fear, which is often negative in many ways to people."
    assert verdict_of(metric.grade(reply, Example("Boo!", "fear", "here"))) == "right"


def test_a_short_answer_outside_of_the_set_before_another_sentence() -> None:
    reply = "The answer to this classic question is 8. A spider has 8 legs."
    assert verdict("label", reply, "billing") == "wrong"


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("(A)\n(B)\n(C)\n(D)\n", "unreadable"),  # the list, longer than the question's
        ("(A)\n(A)\n", "right"),
        ("A: milk", "unreadable"),  # the letter of one, the text of another
        ("(A) dried red", "unreadable"),  # the same, cut
        ('The best one is "boiled white rice." It has most of it, it seems to me.', "right"),
        ("(A) old wine (B) older wine\nResult = (A)", "right"),
    ],
)
def test_letters_and_texts_of_options(reply: str, told: str) -> None:
    options = "Which?\n(A) boiled white rice\n(B) dried red lentils\n(C) milk"
    cut = reply.endswith(" red") or reply.startswith("(A)\n(B)")
    assert verdict("choice", reply, "A", options, cut=cut) == told


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("Yes, I'd be happy to help you with that question.", "unreadable"),
        ("Yes, I can help with that. The answer is yes.", "right"),
        ("Yes, I think she does.", "right"),
    ],
)
def test_a_yes_to_the_request_is_no_answer(reply: str, told: str) -> None:
    assert verdict("boolean", reply, "yes", "Does Ann tell the truth?") == told


@pytest.mark.parametrize(
    ("reply", "target", "told"),
    [
        ("Professor Ilse Hahn", "Ilse Hahn", "right"),
        ("Watson", "Dr. Watson", "right"),
        ("Mr Jones", "Mrs Jones", "wrong"),
        ('The name in the sentence is "Yusuf" is a character of the author.', "Yusuf", "right"),
        ("The date of the storm is 16 October, and it is a rare one.", "16 October", "right"),
        ("The sentence is a classic example of a story.", "The sentence", "wrong"),  # of no name
    ],
)
def test_names_and_what_stands_around_them(reply: str, target: str, told: str) -> None:
    asked = "What is the date of the storm? On 16 October it felled the oak."
    question = asked if "storm" in reply else "Who is named here?"
    assert verdict("exact", reply, target, question) == told


SHOTS = "Q: What is frozen rain?\nA:\nwhy: It falls as balls of ice.\nresult: hail\n\nQ: {}\nA:"
LAYOUT = "Say the team.\nThoughts: (a short sentence)\nFinal answer: (the team)\n\n{}"


@pytest.mark.parametrize(
    ("kind", "reply", "target", "told"),
    [
        ("exact", "\nwhy: It is a meal.\nresult: breakfast\nQ: What", "breakfast", "right"),
        ("exact", "\nwhy: It is a meal.\nresult: dinner", "breakfast", "wrong"),
        ("label", "\nwhy: It is about money.\nresult: billing\n", "billing", "right"),
    ],
)
def test_an_answer_in_two_lines_as_in_the_examples(
    kind: str, reply: str, target: str, told: str
) -> None:
    question = "What do we call the meal in the morning?"
    assert verdict(kind, reply, target, question, SHOTS.format(question)) == told


@pytest.mark.parametrize(
    ("kind", "reply", "target", "told"),
    [
        ("label", "Thoughts: (a short sentence)\nFinal answer: (the team)", "login", "unreadable"),
        ("exact", "Final answer: (the team)", "login", "unreadable"),
        ("exact", "Say the team.", "login", "unreadable"),
        ("exact", "the team", "login", "wrong"),  # so short that it may be an answer
        ("label", "Thoughts: money.\nFinal answer: (billing)", "billing", "right"),
    ],
)
def test_what_a_prompt_has_in_place_of_an_answer_is_none(
    kind: str, reply: str, target: str, told: str
) -> None:
    assert verdict(kind, reply, target, "I paid twice", LAYOUT.format("I paid twice")) == told


def test_an_instruction_behind_the_frame_is_no_answer_when_repeated() -> None:
    prompt = "Q: What do we call the place where planes land?\nA: Réponds en une phrase. Le mot ?"
    question = "What do we call the place where planes land?"
    reply = "Réponds en une phrase."
    assert verdict("exact", reply, "airport", question, prompt) == "unreadable"
    assert verdict("exact", "Réponds en deux mots.", "airport", question, prompt) == "wrong"


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("Let me think. It is a novel by Franz Kafka. Therefore: Franz Kafka", "right"),
        ("Let me think. It is a novel by Franz Kafka. Therefore: Max Brod.", "wrong"),
        ("It is a long novel, as I think.\nMy decision: Franz Kafka\nQ:", "right"),
    ],
)
def test_a_conclusion_behind_a_colon(reply: str, told: str) -> None:
    question = "Who is the author of The Metamorphosis?"
    assert verdict("exact", reply, "Franz Kafka", question, cut=True) == told


@pytest.mark.parametrize(
    ("reply", "target", "told"),
    [
        ("The bridge is made of stone.", "stone", "right"),
        ("The bridge is indeed in Greece.", "Greece", "right"),
        ("The bridge is steel.", "stone", "wrong"),
    ],
)
def test_a_question_with_a_text_that_holds_its_answer(reply: str, target: str, told: str) -> None:
    question = "What is the bridge made of? The old bridge is of stone, the new one of steel."
    prompt = f"Q: Answer from the sentence.\n{question}\nA:"
    assert verdict("exact", reply, target, question, prompt) == told


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ('Billing: "I paid"\nLogin: "I forgot"', "unreadable"),  # gone through one by one
        ("Billing: the customer paid twice.", "right"),
        ("The billing team is indeed the team of the ticket.", "right"),
    ],
)
def test_lines_that_begin_with_labels(reply: str, told: str) -> None:
    assert verdict("label", reply, "billing", "I paid twice.") == told


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("Billing,", "unreadable"),  # the list of labels may follow
        ("Billing, log", "unreadable"),
        ("Billing or", "unreadable"),
        ("Billing, because they paid", "right"),
        ("billing\n\nWhich team: billing,", "right"),  # another exercise behind the answer
        ("Billing", "right"),
    ],
)
def test_a_cut_list_of_labels_is_none_of_them(reply: str, told: str) -> None:
    assert verdict("label", reply, "billing", "I paid twice.", cut=True) == told
