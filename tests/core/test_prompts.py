"""The scorer's prompt in every position, by hand (the reference's layouts, and `system`)."""

from __future__ import annotations

import pytest

from opro_cli.core.model import Message, Position
from opro_cli.core.prompts import PromptFormat, scorer_messages


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
    messages = scorer_messages("1+1?", "Think.", PromptFormat(position, markers))
    assert messages == (Message("user", prompt),)


@pytest.mark.parametrize("position", ["before_Q", "Q_begin", "Q_end", "A_begin", "system"])
def test_an_empty_instruction_leaves_no_trace(position: Position) -> None:
    messages = scorer_messages("1+1?", "", PromptFormat(position, True))
    assert messages == (Message("user", "Q: 1+1?\n\nA:"),)


def test_system_sends_the_instruction_as_a_system_message() -> None:
    messages = scorer_messages("1+1?", "Think.", PromptFormat("system", False))
    assert messages == (Message("system", "Think."), Message("user", "1+1?"))


def test_braces_are_text() -> None:
    messages = scorer_messages("{a}", "{0.__class__}", PromptFormat("Q_begin", True))
    assert messages[0].content == "Q: {0.__class__}\n{a}\n\nA:"
