"""Prompts for people: as a whole, and what in them is sent as it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.task.chat import QUESTION
from opro_cli.core.task.example import Message
from opro_cli.core.task.placeholders import find_placeholders, list_names
from opro_cli.core.task.prompt import Prompt


def note_names(prompts: Sequence[str], fields: Sequence[str]) -> list[str]:
    """Return a note for each name in a start prompt that looks like a hole for a field of a row.

    Args:
        prompts: The texts, in which nothing is filled.
        fields: The names of the fields.
    """
    known = {*fields, *QUESTION}
    found = dict.fromkeys(
        (spelled, name)
        for prompt in prompts
        for spelled, name in list_names(prompt)
        if name.partition(".")[0] in known
    )
    return [
        f"{spelled} in a start prompt is sent as it stands, and not filled with "
        f"{f'the field {name}' if name.partition('.')[0] in fields else 'the question'}; "
        "where the question stands is said by task.instruction_position, or by task.prompt with a "
        f"hole {{{{{name}}}}} (`opro docs prompts`)"
        for spelled, name in found
    ]


_BRACES = re.compile(r"\{[^\W\d]\w*\}")


def note_braces(prompts: Sequence[str], fields: Sequence[str]) -> list[str]:
    """Return a note on names in single braces that are no fields, where rows have a single input.

    Such a name may stand for the input: {text}.

    Args:
        prompts: The texts, in which nothing is filled.
        fields: The names of the fields, on which `note_names` has a note.
    """
    known = {f"{{{name}}}" for name in (*fields, *QUESTION)}
    found = dict.fromkeys(
        spelled
        for prompt in prompts
        for spelled in find_placeholders(prompt)
        if _BRACES.fullmatch(spelled) and spelled not in known
    )
    if not found:
        return []
    are = "is" if len(found) == 1 else "are"
    return [
        f"{', '.join(found)} in a start prompt {are} sent as written: opro fills nothing in single "
        "braces. Where your own program does, all is well; the question goes into a hole "
        "{{question}} of task.prompt (`opro docs prompts`)"
    ]


def serialize_form(candidate: Candidate) -> dict[str, Any]:
    """Return the keys `demos` and `layout` of a candidate, each where it has any of its own."""
    content = candidate.content
    if not candidate.form or not isinstance(content, Prompt):
        return {}
    demos = [asdict(demo) for demo in content.demos]
    layout = {name: own for name, own in asdict(content.layout).items() if own is not None}
    return {**({"demos": demos} if demos else {}), **({"layout": layout} if layout else {})}


@dataclass(frozen=True, slots=True)
class WholePrompt:
    """A prompt as a model gets it, with holes for what comes from a row.

    Attributes:
        run: The run's name.
        step: The step that proposed it, 0 for a start prompt.
        instruction: The text that was optimized.
        messages: The chat around it; empty where an evaluator of the user's own builds it.
        form: Worked examples and layout, as `serialize_form` returns them.
        escaped: The instruction has what reads as a hole of the chat; there it is escaped.
    """

    run: str
    step: int
    instruction: str
    messages: tuple[Message, ...]
    form: Mapping[str, Any] = field(default_factory=dict)
    escaped: bool = False

    @property
    def text(self) -> str:
        """The prompt as text: of several messages each is under its role."""
        if not self.messages:
            return self.instruction
        if len(self.messages) == 1:
            return self.messages[0].content
        return "\n\n".join(f"[{each.role}]\n{each.content}" for each in self.messages)

    def to_json(self) -> dict[str, Any]:
        """Return what `opro prompt --json` prints."""
        messages = [{"role": each.role, "content": each.content} for each in self.messages]
        return {
            "run": self.run,
            "step": self.step,
            "instruction": self.instruction,
            "messages": messages,
            **self.form,
        }
