"""Replies as models write them, and which option they choose."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from opro_cli.core.task.example import UNREADABLE, Grade

Grading = Callable[..., Grade]

QUESTION = "Which bird?\nOptions:\n(A) red robin\n(B) Blue Jay\n(C) owl\n(D) snowy owl"

CHOOSING_A = [
    "A",
    "A.",
    "The answer is A",
    "The answer is A, the red robin.",
    "Answer: A",
    "答案是A",
    "选A",
    "答案：A。",
    "答えはAです",
    "정답은 A입니다",
    "정답: A",
    "Ответ: А",
]

CHOOSING_B = [
    "B",
    "b",
    "(b)",
    "B.",
    "B)",
    "[B]",
    "Option B",
    "option (B)",
    "Answer B",
    "ANSWER: B",
    "answer is b",
    "(ANSWER B)",
    "answer.B",
    "ans B",
    "Ans. B",
    "The answer: B",
    "I choose B",
    "I'd pick (B).",
    "My choice is B.",
    "It's B.",
    "It must be B.",
    "Definitely B",
    "B it is.",
    "**B) Blue Jay**",
    "**Answer: B**",
    "### B",
    "\\boxed{B}",
    "\\boxed{\\textbf{(B)}}",
    "$\\boxed{\\text{(B) Blue Jay}}$",
    "The correct answer is option B: Blue Jay.",
    "The best answer is (B).",
    "Blue jay",
    "the blue jay",
    "Blue Jay.",
    '"Blue Jay"',
    "It is a blue jay, not an owl.",
    "A) red robin: no.\nB) Blue Jay: yes!\nC) owl: no.\nD) snowy owl: no.",
    "A is incorrect. B is correct. C is incorrect.",
    "Options A and C are wrong. So the answer must be B.",
    "Not A, not C, not D. So B.",
    "La respuesta es la B.",
    "La réponse est B.",
    "A resposta correta é a letra B.",
    "La risposta corretta è la B.",
    "Die richtige Antwort ist B.",
    "الإجابة الصحيحة هي B",
    "सही उत्तर B है",
    "B. Blue Jay\n\nExplanation: A is red, C and D are owls.",
    "B\n\nA is wrong because robins are red. C is wrong.",
    "The answer is B. Option A is incorrect.",
    "Between (A) and (B), I think (B) is better.",
    "At first I thought (A), but it's (B).",
    "(A). Wait, no. (B).",
    "<think>It could be A. Or B?</think>\nB",
    '{"answer": "B"}',
    '{"choice": "B"}',
    "<answer>B</answer>",
    "<answer>(B) Blue Jay</answer>",
    "The answer is (B).\n\nQ: Which fish?\n(A) cod (B) eel\nA: The answer is (A).",
    "Ⓑ",
    "（B）",
    "Ｂ",
    "Therefore, option B is the correct answer.",
    "(B) is the right choice.",
    "B is right.",
    "Choice B.",
    "Letter B",
    "B!",
    "B :)",
    "The answer is probably B, but it might be C.",
    "The bird is a Blue Jay.",
]

CHOOSING_ANOTHER = [
    "It's an owl.",
    "The answer is a snowy owl",
    "So the answer is (C).",
]

UNREADABLE_REPLIES = [
    "(A) or (B)",
    "A/B",
    "A, B",
    "A and B",
    "All of them",
    "None of the above",
    "I don't know",
    "E",
    "The answer is E.",
    "A bird",
    "A robin is red.",
    "I",
    "Ответ: Б",
    "Let's see: (A) is a robin, (B) is a jay, and (C)",
    "The correct answer is not listed.",
    "I am torn between B and C.",
    "I would eliminate A, C and D.",
]


@pytest.mark.parametrize("reply", CHOOSING_A)
def test_a(grade: Grading, reply: str) -> None:
    assert grade("choice", reply, "A", QUESTION) == Grade("(A)", 1.0)


@pytest.mark.parametrize("reply", CHOOSING_B)
def test_b(grade: Grading, reply: str) -> None:
    assert grade("choice", reply, "B", QUESTION) == Grade("(B)", 1.0)


@pytest.mark.parametrize("reply", CHOOSING_ANOTHER)
def test_another(grade: Grading, reply: str) -> None:
    assert grade("choice", reply, "B", QUESTION).score == 0.0


@pytest.mark.parametrize("reply", UNREADABLE_REPLIES)
def test_unreadable(grade: Grading, reply: str) -> None:
    assert grade("choice", reply, "B", QUESTION) == UNREADABLE
