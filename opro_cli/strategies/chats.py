"""The words of a meta-prompt about a chat of the user's own and the program around a prompt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from opro_cli.core.task.chat import ChatTemplate, Hole, Turn
from opro_cli.core.task.example import Example
from opro_cli.core.task.placeholders import list_kept
from opro_cli.core.task.prompt import Prompt, PromptFormat, build_messages

MOST_FROZEN = 400
"""Characters of frozen text in a row that an exemplar shows: its ends tell where it is."""


def mark_chat(example: Example, form: PromptFormat, mark: str) -> str:
    """Return the messages of one question with `mark` in the instruction's place.

    A single message stands for itself; of several each is under its role. Long frozen text is cut
    in its middle.
    """
    template = ChatTemplate(tuple(map(_shorten_turn, form.template.turns)))
    messages = build_messages(Prompt(mark), example, replace(form, chat=template))
    if len(messages) == 1:
        return messages[0].content
    return "\n\n".join(f"[{message.role}]\n{message.content}" for message in messages)


def _shorten_turn(turn: Turn) -> Turn:
    parts = (part if isinstance(part, Hole) else _shorten(part) for part in turn.parts)
    return Turn(turn.role, tuple(parts))


def _shorten(text: str) -> str:
    if len(text) <= MOST_FROZEN:
        return text
    half = MOST_FROZEN // 2
    return f"{text[:half]} … {text[-half:]}"


def describe_kept(starts: Iterable[str], what: str) -> str:
    """Return the paragraph about the placeholders that a text must keep; "" for none."""
    kept = list_kept(starts)
    if not kept:
        return ""
    names = ", ".join(kept)
    return (
        f"{what.capitalize()} is a part of a program that fills in these placeholders: "
        f"{names}. Keep each of them exactly as it is spelled, and add no others.\n\n"
    )
