"""Replies as models write them, and which of the two words they say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.metrics import create_metric

Grading = Callable[..., Grade]

QUESTION = "Is it so, or is it not?"

SAYING = [
    ("Yes", "yes"),
    ("yes.", "yes"),
    ("Yes!", "yes"),
    ("YES", "yes"),
    ("**Yes**", "yes"),
    ("Answer: Yes", "yes"),
    ("The answer is yes", "yes"),
    ("Yes, it is.", "yes"),
    ("Yes it is", "yes"),
    ("Yes because it is", "yes"),
    ("Yes - it is", "yes"),
    ("Yes\n\nBecause no one says otherwise.", "yes"),
    ("No", "no"),
    ("No.", "no"),
    ("No, it isn't.", "no"),
    ("No it isn't", "no"),
    ("Nope", "no"),
    ("Yep", "yes"),
    ("Yeah", "yes"),
    ("I would say yes.", "yes"),
    ("I'd say no.", "no"),
    ("The answer would be no.", "no"),
    ("It is a definite no.", "no"),
    ("So yes, it is possible.", "yes"),
    ("So, no.", "no"),
    ("Probably yes.", "yes"),
    ("Most likely no.", "no"),
    ("True", "true"),
    ("False.", "false"),
    ("The statement is true.", "true"),
    ("This statement is not true.", "false"),
    ("It is false that birds swim.", "false"),
    ("The claim is incorrect.", "false"),
    ("That's correct.", "true"),
    ("True and False = False", "false"),
    ("not True = False", "false"),
    ("= True", "true"),
    ("The expression evaluates to True.", "true"),
    ("The result is False.", "false"),
    ("\\boxed{True}", "true"),
    ("$\\boxed{\\text{False}}$", "false"),
    ("Valid", "valid"),
    ("invalid", "invalid"),
    ("The argument is valid.", "valid"),
    ("The argument is not valid.", "invalid"),
    ("The argument isn't deductively valid.", "invalid"),
    ("deductively valid", "valid"),
    ("This is a valid argument.", "valid"),
    ("The argument is therefore invalid", "invalid"),
    ("The conclusion does not follow, so the argument is invalid.", "invalid"),
    (
        "An argument is valid if the conclusion follows from the premises. Here it does not. "
        "So the argument is invalid.",
        "invalid",
    ),
    ("Ja", "yes"),
    ("Nein.", "no"),
    ("Oui.", "yes"),
    ("Non, ce n'est pas vrai.", "no"),
    ("Sí", "yes"),
    ("No, no lo es.", "no"),
    ("Sim.", "yes"),
    ("Não.", "no"),
    ("Sì.", "yes"),
    ("Да.", "yes"),
    ("Нет.", "no"),
    ("是的。", "yes"),
    ("不是。", "no"),
    ("はい。", "yes"),
    ("いいえ、違います。", "no"),
    ("네.", "yes"),
    ("हाँ", "yes"),
    ("نعم", "yes"),
    ("لا", "no"),
    ("Die Antwort ist ja.", "yes"),
    ("La réponse est non.", "no"),
    ("答案：是", "yes"),
    ("答案是否", "no"),
    ("La respuesta es sí.", "yes"),
    ("Ответ: нет", "no"),
    ("正确", "true"),
    ("错误", "false"),
    ("Falsch", "false"),
    ("Wahr", "true"),
    ("Vrai", "true"),
    ("Faux", "false"),
    ("1", "yes"),
    ("0", "no"),
    ("0", "false"),
    ("Answer: 1", "yes"),
    ("true", "yes"),
    ("False", "no"),
    ("Yes", "true"),
    ("no", "false"),
    ('{"answer": "yes"}', "yes"),
    ('{"answer": false}', "false"),
    ("<answer>No</answer>", "no"),
    ("Yes. Wait, no.", "no"),
    ("Yes... Actually no.", "no"),
    ("No. Hmm, actually yes.", "yes"),
    ("The answer is not yes.", "no"),
    ('The answer is not "Yes" but "No".', "no"),
    ("The answer is yes.\n\nQ: Is it?\nA: no", "yes"),
    ("There are no reasons against it, so yes.", "yes"),
    ("- Yes", "yes"),
    ("(Yes)", "yes"),
    ('"Yes"', "yes"),
    ("<think>no... yes?</think>No", "no"),
    ("That's not true.", "false"),
]

UNREADABLE_REPLIES = [
    ("no way", "no"),
    ("Not really.", "no"),
    ("I do not know.", "no"),
    ("unknown", "no"),
    ("Nobody knows.", "no"),
    ("There is no way to tell.", "no"),
    ("It depends.", "yes"),
    ("Yes or no?", "yes"),
    ("Maybe.", "yes"),
    ("Yes and no.", "yes"),
    ("Both yes and no.", "yes"),
    ("I cannot answer yes or no.", "yes"),
    ("If A is true then B is false", "true"),
    ("We need to check whether it is true", "true"),
    ("True or false? Let's see", "true"),
    ("The argument is valid or invalid depending on", "valid"),
    ("An argument is valid if its conclusion must be true whenever the premises are", "valid"),
    ("It is not plausible.", "no"),
    ("Let's think step by step. No fish is a bird.", "no"),
    ("Options: Yes / No", "yes"),
]


@pytest.mark.parametrize(("reply", "word"), SAYING)
def test_word(grade: Grading, reply: str, word: str) -> None:
    assert grade("boolean", reply, word, QUESTION) == Grade(word, 1.0)


@pytest.mark.parametrize(("reply", "target"), UNREADABLE_REPLIES)
def test_unreadable(grade: Grading, reply: str, target: str) -> None:
    assert grade("boolean", reply, target, QUESTION) == UNREADABLE


@pytest.mark.parametrize("word", ["Yes", "No"])
@pytest.mark.parametrize(
    "form",
    [
        *("{} (1491 is odd)", "**{}** (odd)", "Answer: {} (odd)", "The answer is {} (odd)"),
        *(
            "{} [odd]",
            "{} \U0001f642",
            "{} \u2705",
            "{} \u2713",
            "{} \u2026",
            "{} | odd",
            "{} / odd",
            "{} -> odd",
        ),
    ],
)
def test_yes_and_no_are_read_alike_before_signs(word: str, form: str) -> None:
    example = Example("Is 1491 even?", word.lower(), "r:1")
    assert create_metric("boolean").grade(form.format(word), example).score == 1.0


@pytest.mark.parametrize(
    "reply",
    [
        "There is no/little doubt: yes.",
        "There is no *clear* reason against it. Yes.",
        'There is no "odd" digit, so yes.',
        "There is no 100% guarantee, but yes.",
    ],
)
def test_a_no_that_denies_a_noun_is_no_answer(reply: str) -> None:
    example = Example("Is 1491 even?", "yes", "r:1")
    assert create_metric("boolean").grade(reply, example).answer == "yes"
