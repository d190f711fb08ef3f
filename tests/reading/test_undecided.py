from __future__ import annotations

import pytest

from opro_cli.reading.prose import (
    drop_denied,
    has_retraction,
    is_cut_off,
    is_left_open,
    is_refusal,
    is_unfinished,
    is_void,
)

DECLINING = [
    "I don't know.",
    "I do not really know.",
    "We cannot determine it.",
    "It can't be determined from this.",
    "There is no way to tell.",
    "It is impossible to say.",
    "I'm not sure.",
    "There is not enough information.",
    "Insufficient data.",
    "The price is unknown.",
    "Unknown.",
    "It depends.",
    "I have no idea.",
    "As an AI, I do not eat.",
    "I'm sorry, but I can't help.",
    "I apologize.",
    "We need more details.",
    "Both readings are possible.",
    "Both are correct.",
    "Das weiß ich leider nicht.",
    "Es tut mir leid.",
    "Je ne sais pas.",
    "No lo sé.",
    "Lo siento.",
    "Não sei.",
    "Mi dispiace.",
    "Non posso rispondere.",
    "Я не знаю.",
    "我不知道。",
    "わかりません。",
    "모르겠습니다.",
    "मुझे नहीं पता",
    "لا أعرف.",
]


@pytest.mark.parametrize("sentence", DECLINING)
def test_declines(sentence: str) -> None:
    assert is_refusal(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "It is 18.",
        "I'm not sure, but it is 18.",
        "There are 3 more than before.",
        "Let x be the unknown.",
        "It does not matter.",
        "Both sides are equal.",
        "He cannot fly.",
    ],
)
def test_does_not_decline(sentence: str) -> None:
    assert not is_refusal(sentence)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("not 12 but 14", " 14"),
        ("is not (C), it is (A)", "is  (A)"),
        ("14, not 12.", "14."),
        ("the jay (not the owl)", "the jay"),
        ("nicht 12, sondern 14", " 14"),
        ("not bad", "not bad"),
    ],
)
def test_without_denied(text: str, left: str) -> None:
    assert drop_denied(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "She gives half of them away, which means that she",
        "Now we have to add 5 and 13 to get the",
        "So the total number of pens that he has =",
        "5 boxes of 3 pens each, and",
        "Insgesamt hält der Bus an der",
        "He was the first man that ever went to",
    ],
)
def test_cut_off(text: str) -> None:
    assert is_cut_off(text)


@pytest.mark.parametrize(
    "text",
    [
        "It is on",
        "She has 18 pens in all",
        "The total is **18 pens**",
        "It is 18.",
        "18 of the",
        "",
    ],
)
def test_not_cut_off(text: str) -> None:
    assert not is_cut_off(text)


def test_trails_off() -> None:
    assert is_unfinished("Then she gives away two more", "She has 5. Then she gives away two more")
    assert not is_unfinished("She has 18 pens now", "5 and 13\nShe has 18 pens now")
    assert not is_unfinished("She has two pens now.", "She has 5. She has two pens now.")
    assert not is_unfinished("Eighteen pens", "She has 5. Eighteen pens")


def test_leaves_open() -> None:
    assert is_left_open("It depends. In one case the answer is 5, in the other 6.")
    assert is_left_open("The answer is 5. The answer is 6. I can't tell which.")
    assert not is_left_open("The price depends on the size. So the answer is 5.")
    assert not is_left_open("")


def test_takes_back_and_is_void() -> None:
    assert has_retraction("Wait, that is wrong.")
    assert has_retraction("15... no, 18.")
    assert not has_retraction("They waited for no one.")
    assert is_void("____")
    assert is_void("unknown")
    assert not is_void("18")
