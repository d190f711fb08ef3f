"""What large models say to ordinary questions; what is made for small ones must not misread it."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.task.example import Example
from opro_cli.metrics import create_metric
from opro_cli.metrics.label import LabelMetric
from tests.metrics.agreement import verdict_of


def told(
    kind: str, reply: str, target: str, question: str, prompt: str = "", *, cut: bool = False
) -> str:
    metric: Any = create_metric(kind)
    given = {"cut": True} if cut else {}
    example = Example(question, metric.target(target), "here")
    return verdict_of(metric.grade(reply, example, prompt or question, **given))


def label_of(labels: tuple[str, ...], reply: str, prompt: str = "") -> str | None:
    return LabelMetric(labels).grade(reply, Example("Look.", labels[0], "here"), prompt).answer


@pytest.mark.parametrize(
    ("reply", "target", "question"),
    [
        (
            "No. The correct answer is Canberra.",
            "no",
            "Is Sydney the capital of Australia?",
        ),
        ("False. The correct answer is blue.", "false", "Grass is red."),
        ("Yes. 17 + 5 = 22, so the final result is 22.", "yes", "Is 17 + 5 = 22?"),
        ("The answer is yes.\n\nConclusion: The opposite claim is false.", "yes", "Is it?"),
        ("No.\n\nConclusion: The claim that no whale is a fish is true.", "no", "Is it a fish?"),
        ("Yes, sure. Nobody flips it.", "yes", "Is the coin still heads up?"),
        ("Yes, I would help them.", "yes", "Would you help a friend who lied?"),
        ("Yes, I'd love to come!", "yes", "Will you come?"),
        ("Yes, I can help. True.", "true", "Is it so?"),
    ],
)
def test_a_clear_yes_or_no_stays_one(reply: str, target: str, question: str) -> None:
    assert told("boolean", reply, target, question) == "right"


@pytest.mark.parametrize(
    ("reply", "target", "question"),
    [
        ("Gold is the heavier metal.", "Gold", "Which is heavier, iron or gold?"),
        (
            "The Pacific Ocean is the largest ocean on Earth.",
            "Pacific Ocean",
            "Which ocean is the largest?",
        ),
        ("Bob is the taller one.", "Bob", "Who is taller, Ann or Bob?"),
        ("Apple is a fruit.", "Apple", "Which of these is a fruit: carrot, apple?"),
        ("**Paris**\n\nConclusion: this city has been the capital since 987.", "Paris", "Where?"),
        ("Paris\n\nResult: correct", "Paris", "What is the capital of France?"),
        ("Ivan IV (the Terrible)", "Ivan IV (the Terrible)", "Who took Kazan?"),
        ('<a href="x.html">Home</a>', '<a href="x.html">Home</a>', "Link to x.html as Home."),
        ("(A and B) or C", "(A and B) or C", "Simplify ((A and B)) or C"),
    ],
)
def test_a_text_that_is_the_answer_stays_one(reply: str, target: str, question: str) -> None:
    prompt = f'Such as Ivan IV (the Terrible) or <a href="x.html">.\n{question}'
    assert told("exact", reply, target, question, prompt) == "right"


@pytest.mark.parametrize(
    ("reply", "target"),
    [
        ("The answer is 12.\n\nConclusion: After 3 days nothing changes.", "12"),
        ("\\boxed{12}\n\nTherefore: the 3 friends share fairly.", "12"),
        ("**Answer: 12**\n\nConclusion: 5 + 7 apples.", "12"),
        ("#### 12\n\nResult: verified in 2 ways", "12"),
        ("Result: 12\nThen we add 3.\nSo she has 15 apples.", "15"),
        (
            "Therefore: 10 eggs are left after breakfast.\nShe sells them for $2 each, which gives "
            "10 * 2 = $20.",
            "20",
        ),
    ],
)
def test_a_remark_behind_an_answer_is_none(reply: str, target: str) -> None:
    assert told("number", reply, target, "How many apples are there?") == "right"


def test_an_expression_in_brackets_is_no_placeholder() -> None:
    question = "Factor a^2 + 2ab + b^2, using (a + b)."
    assert told("math", r"\boxed{(a + b)^2}", "(a+b)^2", question) == "right"


def test_an_option_with_brackets_is_no_placeholder() -> None:
    question = "Which?\n(A) Java (an island)\n(B) Java (a language)\n(C) Bali"
    assert told("choice", "The answer is Java (an island).", "A", question) == "right"


@pytest.mark.parametrize(
    ("labels", "reply", "answer"),
    [
        (("correct", "incorrect"), "This is not right and thus incorrect.", None),
        (("correct", "incorrect"), "The code has no bugs and is correct.", None),
        (("acceptable", "unacceptable"), "It's not grammatical and so unacceptable.", None),
        (("urgent", "not urgent"), "The server is not responding (urgent)", None),
        (("safe", "unsafe"), "Without supervision this is unsafe.", None),
        (("spam", "not spam"), "No doubt this is spam.", None),
        (("spam", "not spam"), "Not only is this spam, it is dangerous.", None),
        (("valid", "invalid"), "The argument is neither valid nor invalid.", None),
        (("valid", "invalid"), "There is no valid reason for it. The argument is valid.", "valid"),
        (("valid", "invalid"), "The argument is not valid.", "invalid"),
        (("toxic", "non-toxic"), "It is not toxic.", "non-toxic"),
        (("fiction", "nonfiction"), "This isn't fiction.", "nonfiction"),
        (("order", "disorder"), "It is not order.", None),
        (("positive", "negative"), "It is partly positive and partly negative.", None),
        (("positive", "negative"), "The sentiment is barely positive and mostly negative.", None),
        (("positive", "negative"), "It is positive.\n\nConclusion: the negative end.", "positive"),
    ],
)
def test_only_a_direct_denial_is_the_other_label(
    labels: tuple[str, ...], reply: str, answer: str | None
) -> None:
    assert label_of(labels, reply) == answer


@pytest.mark.parametrize("adverb", ["probably", "definitely", "primarily", "mainly", "truly"])
def test_an_adverb_between_the_verb_and_the_label(adverb: str) -> None:
    reply = (
        f"Having read all of what they wrote about it twice, the tone is {adverb} positive here."
    )
    assert label_of(("positive", "negative"), reply) == "positive"


def test_quotes_within_an_argument_choose_nothing() -> None:
    question = "Which bird?\n(A) robin\n(B) blue jay\n(C) blue tit"
    reply = 'Its name is "robin" only in Europe.\nSo the bird must be the blue jay.'
    assert told("choice", reply, "B", question) == "right"
    assert told("choice", 'The trap is "robin"; blue jay fits.', "A", question) == "unreadable"


def test_a_quotient_may_go_on() -> None:
    question = "What is the average of 3 and 4?"
    assert told("number", "So it is 7 / 2 = 3.", "3.5", question, cut=True) == "unreadable"


@pytest.mark.parametrize(
    ("reply", "target"),
    [("Mr. Bean", "bean"), ("Miss USA", "USA"), ("MS Word", "Word"), ("Dr. Ann Lee", "Bob Lee")],
)
def test_a_title_does_not_make_another_thing_the_same(reply: str, target: str) -> None:
    assert told("exact", reply, target, "What is it?") == "wrong"


def test_an_answer_that_an_example_had_is_an_answer() -> None:
    prompt = "Q: Who painted it?\nA: Leonardo da Vinci\n\nQ: Who drew it?\nA:"
    assert told("exact", "Leonardo da Vinci", "Rembrandt", "Who drew it?", prompt) == "wrong"
    metric = create_metric("exact")
    example = Example("Name two bugs.", "ant", "here", golds=("ant", "bee"))
    shown = "Q: Name two insects.\nA: bee and ant\n\nQ: Name two bugs.\nA:"
    assert verdict_of(metric.grade("bee and ant", example, shown)) == "right"
