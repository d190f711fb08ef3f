from __future__ import annotations

import pytest

from opro_cli.reading.final_answer import (
    UNDECIDED,
    Mark,
    decide,
    find_final_answer,
    take_first_sentence,
)
from opro_cli.reading.prose import split_sentences
from opro_cli.reading.reply_text import READ_LIMIT, take_tail


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("So the answer is Paris.\nIt is large.", "Paris."),
        ("The answer was Rome. No: the final answer is Paris.", "Paris."),
        ("Answer: Paris", "Paris"),
        ("**Answer**: Paris", "Paris"),
        ("**Answer:** Paris", "Paris"),
        ("answer = Paris", "Paris"),
        ("Answer - Paris", "Paris"),
        ("### Final Answer\n\nParis", "Paris"),
        ("**Final answer**\n```\nParis\n```", "Paris"),
        ("#### Paris", "Paris"),
        (r"\boxed{Paris}. Done.", "Paris"),
        (r"\boxed{\text{Paris}}", "Paris"),
        (r"\boxed{f(\frac{1}{2}) = {3}} and so on", r"f(\frac{1}{2}) = {3}"),
        (r"The answer is $\boxed{18}$.", "18"),
        ("The correct option is Paris", "Paris"),
        ("The answer should be Paris", "Paris"),
        # a marker with nothing after it does not count
        ("The answer is Paris. Answer:", "Paris. Answer:"),
        (r"#### Paris \boxed{}", r"Paris \boxed{}"),
    ],
)
def test_marked(reply: str, text: str) -> None:
    final = find_final_answer(reply)
    assert (final.text, bool(final.marks)) == (text, True)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("", ""),
        ("Paris", "Paris"),
        ("It is big.\nParis\n\n", "Paris"),
        ("The answers vary.\nParis", "Paris"),
        ("The answer isn't clear", "The answer isn't clear"),
        ("#### Step 2: think\nParis", "Paris"),
        ("##### Paris", "##### Paris"),
        ("unanswer: Paris", "unanswer: Paris"),
        ("```\nParis\n```", "Paris"),
    ],
)
def test_unmarked(reply: str, text: str) -> None:
    final = find_final_answer(reply)
    assert (final.text, bool(final.marks)) == (text, False)


def test_tail_reads_whole_words_of_the_end() -> None:
    reply = "head " + "b" * 10 + " " + "c" * (READ_LIMIT - 5)
    assert take_tail(reply) == "c" * (READ_LIMIT - 5)
    assert take_tail("  short  ") == "short"


def test_sentences() -> None:
    assert take_first_sentence("Paris. It is big.") == "Paris"
    assert take_first_sentence("3.5 is it") == "3.5 is it"
    assert split_sentences("Not (A). Not (B)! So (C).")[-1] == "So (C)."


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("Die Antwort lautet also 18.", "18."),
        ("La bonne réponse est la réponse B.", "la réponse B."),
        ("La respuesta correcta es la opción A.", "la opción A."),
        ("A resposta correta é 18", "18"),
        ("La risposta è 18", "18"),
        ("Правильный ответ: D", "D"),
        ("答案是18支。", "18支。"),
        ("正解はBです。", "B"),
        ("정답은 18입니다.", "18"),
        ("उत्तर: 18", "18"),
        ("الجواب هو 18.", "18."),
        ("<answer>18</answer> done", "18"),
        ('{"why": "so", "answer": "D", "sure": 1}', "D"),
        ("(ANSWER C)", "C)"),
        ("answer.A", "A"),
        ("18 is the final answer.", "18"),
        ("The answer is 15. No wait, 18.", "18."),
        ("So, to answer the question, no.", "no."),
        ("The answer is as follows:\n18", "18"),
        ("The answer is found to be 18", "18"),
    ],
)
def test_marked_otherwise(reply: str, text: str) -> None:
    assert find_final_answer(reply).marks[0].line == text


@pytest.mark.parametrize(
    "reply",
    [
        "I hope the answer is correct.",
        "The answer is found by adding.",
        "What is the answer?",
        "Which one is the correct option to take?",
        "This is the answer to everything.",
        "Do not answer a question.",
        "She will answer 5 questions.",
        "It cannot be that one",
    ],
)
def test_no_marker(reply: str) -> None:
    assert find_final_answer(reply).marks == ()


def read_line(mark: Mark) -> str:
    return mark.line.strip(".")


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("Answer: 40", "40"),
        ("Answer: 40\n\nAnswer: 45", UNDECIDED),
        ("The answer is (C).\nThe answer is (A).", UNDECIDED),
        ("#### 40\n#### 45", UNDECIDED),
        (r"\boxed{40}, \boxed{45}", UNDECIDED),
        ("The answer is 40. The answer is 40.", "40"),
        # taken back, or gone on with
        ("The answer is 40, no, the answer is 45", "45"),
        ("The answer is 40. That is too few.\nThe answer is 45.", "45"),
        ("Answer: 40\nBut wait.\nAnswer: 45", "45"),
        # another form says the same thing again, or better
        ("The answer is 40.\n#### 45", "45"),
        # each in its own case
        ("If so, the answer is 40. If not, the answer is 45.", UNDECIDED),
    ],
)
def test_decided(reply: str, answer: object) -> None:
    assert decide(find_final_answer(reply).marks, read_line) == answer


def test_a_mark_that_says_nothing_leaves_it_to_the_one_before() -> None:
    marks = find_final_answer("The answer is 18. And the answer is blue.").marks
    assert decide(marks, lambda mark: 18 if "18" in mark.line else None) == 18
