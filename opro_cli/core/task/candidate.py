"""The content of a candidate: a prompt with its demonstrations and layout, or another solution.

In the journal a content is a text, as in every format, and beside it a form: "" for a bare
instruction, else a JSON object with all that the text does not say.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from opro_cli.core.task.example import Position

GOLD = "gold"


@dataclass(frozen=True, slots=True)
class Demo:
    """A worked example that a prompt shows before the question.

    Attributes:
        row: The index of a training example.
        shown: Its answer: GOLD for the gold answer, or the id of a candidate for the reply that
            the scorer gave under that candidate.
    """

    row: int
    shown: str = GOLD


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the instruction stands and whether "Q:" and "A:" frame the question.

    None leaves a choice to the config.
    """

    position: Position | None = None
    qa_markers: bool | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """An instruction, worked examples in their order, and where both stand."""

    instruction: str
    demos: tuple[Demo, ...] = ()
    layout: Layout = Layout()

    @property
    def text(self) -> str:
        """The instruction."""
        return self.instruction


@dataclass(frozen=True, slots=True)
class Solution:
    """A solution that is not a prompt: a pair of numbers, a tour, a program."""

    text: str


Content = Prompt | Solution


def encode_form(content: Content) -> str:
    """Return what the text of a content does not say, as canonical JSON; "" for nothing."""
    if isinstance(content, Solution):
        return '{"solution":true}'
    if content == Prompt(content.instruction):
        return ""
    form = {
        "demos": [[demo.row, demo.shown] for demo in content.demos],
        "layout": asdict(content.layout),
    }
    return json.dumps(form, separators=(",", ":"), sort_keys=True)


def decode_content(text: str, form: str) -> Content:
    """Return the content with this text and form.

    Raises:
        ValueError: The form is not one that `encode_form` writes.
    """
    if not form:
        return Prompt(text)
    plain: Any = json.loads(form)
    try:
        if plain.get("solution"):
            return Solution(text)
        demos = tuple(Demo(int(row), str(shown)) for row, shown in plain["demos"])
        content = Prompt(text, demos, Layout(**plain["layout"]))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not the form of a candidate: {form:.60}") from error
    return content


def as_content(candidate: Content | str) -> Content:
    """Return a content; a string is an instruction."""
    return Prompt(candidate) if isinstance(candidate, str) else candidate
