from __future__ import annotations

import pytest

from opro_cli.reading.reply_text import is_repetition, normalize_characters, select_answer_texts

QUESTION = "How many pens does Tom have?"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("１８（Ｂ）：", "18(B):"),
        ("١٨ १८ ১৮", "18 18 18"),
        ("Ⓑ", "(B)"),
        ("1٫5 1٬000", "1.5 1,000"),
        ("a\u200bb\ufeffc\u00add", "abcd"),
        ("a\r\nb\u2028c\x0bd", "a\nb\nc\nd"),
        ("7，4！", "7，4！"),
        ("x² ½", "x² ½"),
        ("\ud800", "\ud800"),
    ],
)
def test_plain_characters(text: str, plain: str) -> None:
    assert normalize_characters(text) == plain


@pytest.mark.parametrize(
    ("reply", "texts"),
    [
        (" 18 ", ("18",)),
        ("", ("",)),
        # thoughts
        ("<think>5?</think>\n18", ("18",)),
        ("5?\n</think>\n18", ("18",)),
        ("18 <thinking>or 5?</thinking>", ("18",)),
        ("<think>18</think>", ("18",)),
        ("<think>18, but", ("",)),
        # the question restated
        (f"{QUESTION} 18", ("18",)),
        (f"Q: {QUESTION}\nA: 18", ("Q: \nA: 18",)),
        # another question
        ("18\n\nQ: And now?\nA: 5", ("18", "18\n\nQ: And now?\nA: 5")),
        ("18\n**Question 2:** And?", ("18", "18\n**Question 2:** And?")),
        ("Question: Which?\nAnswer: 18", ("Question: Which?\nAnswer: 18",)),
        # another speaker
        ("18<|im_end|>\n<|im_start|>user\n5?", ("18",)),
        ("18\nHuman: 5?", ("18",)),
        # programs
        ("```python\nprint(5)\n```\nIt prints 18.", ("It prints 18.",)),
        ("```python\nprint(5)\n```", ("```python\nprint(5)\n```",)),
        ("```\n18\n```", ("```\n18\n```",)),
    ],
)
def test_answering_texts(reply: str, texts: tuple[str, ...]) -> None:
    assert select_answer_texts(reply, QUESTION) == texts


def test_repeats() -> None:
    question = "Which?\n(A) owl\n(B) jay"
    assert is_repetition("(A) owl\n(B) jay", question)
    assert not is_repetition("(A) owl", question)
    assert not is_repetition("(A) owl\n(C) jay", question)
