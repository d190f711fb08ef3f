"""The scorer's prompt in every position, by hand (the reference's layouts, and `system`)."""

from __future__ import annotations

import pytest

from opro_cli.core.task.example import Message, Position
from opro_cli.core.task.prompt import (
    Demo,
    Layout,
    Prompt,
    PromptFormat,
    build_scorer_messages,
    build_second_round,
    decode_content,
    encode_form,
    format_question,
    format_second_round,
)


@pytest.mark.parametrize(
    ("position", "markers", "prompt"),
    [
        ("before_Q", True, "Think.\nQ: 1+1?\n\nA:"),
        ("Q_begin", True, "Q: Think.\n1+1?\n\nA:"),
        ("Q_end", True, "Q: 1+1?\nThink.\n\nA:"),
        ("A_begin", True, "Q: 1+1?\n\nA: Think."),
        ("before_Q", False, "Think.\n1+1?"),
        ("Q_begin", False, "Think.\n1+1?"),
        ("Q_end", False, "1+1?\nThink."),
    ],
)
def test_the_instruction_stands_in_its_place(
    position: Position, markers: bool, prompt: str
) -> None:
    messages = build_scorer_messages("1+1?", "Think.", PromptFormat(position, markers))
    assert messages == (Message("user", prompt),)


@pytest.mark.parametrize("position", ["before_Q", "Q_begin", "Q_end", "A_begin", "system"])
def test_an_empty_instruction_leaves_no_trace(position: Position) -> None:
    messages = build_scorer_messages("1+1?", "", PromptFormat(position, True))
    assert messages == (Message("user", "Q: 1+1?\n\nA:"),)


def test_system_sends_the_instruction_as_a_system_message() -> None:
    messages = build_scorer_messages("1+1?", "Think.", PromptFormat("system", False))
    assert messages == (Message("system", "Think."), Message("user", "1+1?"))


def test_braces_are_text() -> None:
    messages = build_scorer_messages("{a}", "{0.__class__}", PromptFormat("Q_begin", True))
    assert messages[0].content == "Q: {0.__class__}\n{a}\n\nA:"


@pytest.mark.parametrize(
    ("reply", "again"),
    [
        ("9 + 9 = 18.", "Q: 9+9?\n\nA: 9 + 9 = 18. So the final answer is"),
        ("  18\n", "Q: 9+9?\n\nA: 18 So the final answer is"),
        ("18.\n\nQ: 1+1?\n\nA: 2", "Q: 9+9?\n\nA: 18. So the final answer is"),
        ("Q: 1+1?", "Q: 9+9?\n\nA:  So the final answer is"),
        ("", "Q: 9+9?\n\nA:  So the final answer is"),
        ("q: {0}", "Q: 9+9?\n\nA: q: {0} So the final answer is"),
    ],
)
def test_the_second_round_goes_on_after_the_reply(reply: str, again: str) -> None:
    assert format_second_round("Q: 9+9?\n\nA:", reply) == again


def test_the_second_round_keeps_the_system_message() -> None:
    asked = build_scorer_messages("1+1?", "Think.", PromptFormat("system", True))
    assert build_second_round(asked, "2") == (
        Message("system", "Think."),
        Message("user", "Q: 1+1?\n\nA: 2 So the final answer is"),
    )


@pytest.mark.parametrize("position", ["before_Q", "Q_begin", "Q_end", "A_begin", "system"])
def test_the_question_text_is_the_user_message(position: Position) -> None:
    form = PromptFormat(position, True)
    user = build_scorer_messages("1+1?", "Think.", form)[-1]
    assert (user.role, user.content) == ("user", format_question("1+1?", "Think.", form))


TURNS: dict[tuple[Position, bool], list[tuple[str, str]]] = {
    ("before_Q", True): [("user", "Think.\nQ: 2+2?\n\nA:"), ("user", "Q: 1+1?\n\nA:")],
    ("Q_begin", True): [("user", "Q: Think.\n2+2?\n\nA:"), ("user", "Q: 1+1?\n\nA:")],
    ("Q_end", True): [("user", "Q: 2+2?\n\nA:"), ("user", "Q: 1+1?\nThink.\n\nA:")],
    ("A_begin", True): [("user", "Q: 2+2?\n\nA:"), ("user", "Q: 1+1?\n\nA: Think.")],
    ("Q_begin", False): [("user", "Think.\n2+2?"), ("user", "1+1?")],
    ("Q_end", False): [("user", "2+2?"), ("user", "1+1?\nThink.")],
    ("system", False): [("system", "Think."), ("user", "2+2?"), ("user", "1+1?")],
}


@pytest.mark.parametrize(("position", "markers"), TURNS)
def test_worked_examples_are_turns_of_what_one_message_would_say(
    position: Position, markers: bool
) -> None:
    form = PromptFormat(position, markers, demo_turns=True)
    *before, first, last = TURNS[position, markers]
    expected = [*before, first, ("assistant", "4"), last]
    found = build_scorer_messages("1+1?", "Think.", form, [("2+2?", "4")])
    assert [(message.role, message.content) for message in found] == expected
    text = build_scorer_messages("1+1?", "Think.", PromptFormat(position, markers), [("2+2?", "4")])
    parts = [content for role, content in expected if role != "system"]
    joined = "{} {}\n\n{}" if markers else "{}\n{}\n\n{}"
    assert text[-1].content == joined.format(*parts)


def test_several_turns_keep_their_order_and_an_empty_instruction_leaves_no_trace() -> None:
    form = PromptFormat("system", qa_markers=False, demo_turns=True)
    found = build_scorer_messages("1+1?", "", form, [("2+2?", "4"), ("{{x}}", "{{question}}")])
    assert [(message.role, message.content) for message in found] == [
        ("user", "2+2?"),
        ("assistant", "4"),
        ("user", "{{x}}"),
        ("assistant", "{{question}}"),
        ("user", "1+1?"),
    ]


def test_without_worked_examples_there_are_no_turns() -> None:
    form = PromptFormat("Q_begin", qa_markers=True, demo_turns=True)
    assert build_scorer_messages("1+1?", "Think.", form) == build_scorer_messages(
        "1+1?", "Think.", PromptFormat("Q_begin", qa_markers=True)
    )


def test_the_form_of_a_layout_without_turns_is_as_before_there_were_any() -> None:
    text = '{"demos":[[1,"gold"]],"layout":{"position":null,"qa_markers":null}}'
    assert encode_form(Prompt("", (Demo(1),))) == text
    turns = Prompt("", (Demo(1),), Layout(demo_turns=True))
    assert decode_content("", encode_form(turns)) == turns
