r"""Chats with holes: frozen text, and where an instruction, worked examples and a row stand in it.

`{{name}}` is a hole, `\{{` is written for {{ itself, and single braces are literal. Reserved are
`{{instruction}}`, `{{demos}}`, and `{{question}}` or `{{input}}` for the question as
`task.data.input` builds it; any other hole is a field of the row. What is put into a hole is never
looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import get_args

from opro_cli.core.task.example import ChatRole, Message, Position

INSTRUCTION, DEMOS = "instruction", "demos"
QUESTION = ("question", "input")
RESERVED = (INSTRUCTION, DEMOS, *QUESTION)
ROLES: tuple[ChatRole, ...] = get_args(ChatRole)
ESCAPED = r"\{{"
"""How {{ itself is written in frozen text."""

RawChat = tuple[tuple[ChatRole, str], ...]
"""Messages as they are written, each a role and its text with holes."""

_OPTIONAL = (INSTRUCTION, DEMOS)
"""Holes that close when they are empty; a field of a row may be empty, and is so on purpose."""
_TOKEN = re.compile(r"\\\{\{|\{\{(?!\{)(?:([^{}\n]*)\}\})?")
_BREAK = re.compile(r"\r?\n")
_MARKED = re.compile("\0(.*?)\0")
"""A hole that stays; no prompt holds a NUL."""
_AROUND = 20
"""Characters behind an opening that an error quotes."""


class MalformedHole(ValueError):
    """A hole without an end or a name, `found`, on a line of its text."""

    def __init__(self, expected: str, found: str, line: int) -> None:
        super().__init__(expected)
        self.found, self.line = found, line


@dataclass(frozen=True, slots=True)
class Hole:
    """A place for a value, and the line of its text that it stands on."""

    name: str
    line: int = 1

    def __str__(self) -> str:
        return f"{{{{{self.name}}}}}"


@dataclass(frozen=True, slots=True)
class Turn:
    """One message: literal text and holes, in order."""

    role: ChatRole
    parts: tuple[str | Hole, ...]

    @property
    def holes(self) -> tuple[Hole, ...]:
        """The holes in order."""
        return tuple(part for part in self.parts if isinstance(part, Hole))

    @property
    def may_close(self) -> bool:
        """All of its holes may be empty, and nothing of a row stands in it."""
        return bool(self.holes) and all(hole.name in _OPTIONAL for hole in self.holes)


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A chat with holes."""

    turns: tuple[Turn, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names of all holes."""
        return frozenset(hole.name for turn in self.turns for hole in turn.holes)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of a row that have a hole, in order."""
        names = (hole.name for turn in self.turns for hole in turn.holes)
        return tuple(dict.fromkeys(name for name in names if name not in RESERVED))

    @property
    def shows_demos(self) -> bool:
        """There is a hole for worked examples, or for the question, which they stand before."""
        return not self.names.isdisjoint((DEMOS, *QUESTION))

    @property
    def starts_answer(self) -> bool:
        """The instruction stands in the last message and the model goes on from there."""
        last = self.turns[-1]
        return last.role == "assistant" and INSTRUCTION in {hole.name for hole in last.holes}

    def render(self, value_of: Callable[[str], str]) -> tuple[Message, ...]:
        """Return the messages, each hole filled with `value_of(name)`.

        A message that holds nothing but an empty instruction is left out.
        """
        rendered = (
            (turn, Message(turn.role, _render(turn.parts, value_of))) for turn in self.turns
        )
        return tuple(message for turn, message in rendered if message.content or not turn.may_close)


def _render(parts: Sequence[str | Hole], value_of: Callable[[str], str]) -> str:
    done: list[str] = []
    frozen = ""  # the literal text since the last value
    is_closing = False  # a hole was left out, and the text behind it has not come yet
    for part in parts:
        if isinstance(part, str):
            frozen = _close(frozen, part, is_first=not done) if is_closing else frozen + part
            is_closing = False
            continue
        value = value_of(part.name)
        is_closing = part.name in _OPTIONAL and not value
        if not is_closing:
            done += [frozen, value]
            frozen = ""
    return "".join([*done, frozen.rstrip() if is_closing else frozen])


def _close(before: str, behind: str, *, is_first: bool) -> str:
    """Join the literal texts around a hole that was left out, with its line or paragraph."""
    alone = before.endswith(("\n\n", "\r\n\r\n")) or (is_first and not before)
    line = _BREAK.match(behind)
    blank = _BREAK.match(behind, line.end()) if line and alone else None
    end = (blank or line).end() if line else 0
    return before + behind[end:]


def parse_turn(role: ChatRole, text: str) -> Turn:
    """Parse the text of one message.

    Raises:
        MalformedHole: A hole has no end on its line, or no name.
    """
    parts: list[str | Hole] = []
    literal, end = "", 0
    for token in _TOKEN.finditer(text):
        literal += text[end : token.start()]
        end = token.end()
        if token.group() == ESCAPED:
            literal += "{{"
            continue
        line = text.count("\n", 0, token.start()) + 1
        if token.group(1) is None:
            found = text[token.start() : end + _AROUND].partition("\n")[0]
            raise MalformedHole(
                f"a }}}} behind each {{{{ ({ESCAPED} is the sign itself)", found, line
            )
        if not token.group(1).strip():
            raise MalformedHole("a name between {{ and }}", token.group(), line)
        if literal:
            parts.append(literal)
        parts.append(Hole(token.group(1).strip(), line))
        literal = ""
    literal += text[end:]
    if literal or not parts:
        parts.append(literal)
    return Turn(role, tuple(parts))


def has_instruction(text: str) -> bool:
    """Return whether a text has a hole for the instruction, whatever else is wrong with it."""
    return any((token[1] or "").strip() == INSTRUCTION for token in _TOKEN.finditer(text))


def escape_holes(text: str, names: Iterable[str]) -> str:
    """Return a text in which the holes of these names are literal text."""
    known = "|".join(map(re.escape, names))
    return re.sub(rf"(?<![\\{{]){{{{(?=\s*(?:{known})\s*}}}})", lambda _: ESCAPED, text)


def list_holes(text: str) -> tuple[str, ...]:
    """Return the names of what would be holes in frozen text, each once."""
    found = (token[1].strip() for token in _TOKEN.finditer(text) if token[1])
    return tuple(dict.fromkeys(filter(None, found)))


def fill_instruction(template: ChatTemplate, instruction: str) -> RawChat:
    """Return a chat with an instruction in its hole, and without worked examples.

    The holes for a row stay. A text before one of them that ends with a backslash would escape it,
    and is left as it is.
    """
    values = {INSTRUCTION: instruction, DEMOS: ""}
    filled = template.render(lambda name: values.get(name, f"\0{name}\0"))
    return tuple(
        (message.role, _MARKED.sub(r"{{\1}}", message.content.replace("{{", ESCAPED)))
        for message in filled
    )


@cache
def parse_chat(messages: RawChat) -> ChatTemplate:
    """Parse a chat, each message a role and its text; raises MalformedHole."""
    return ChatTemplate(tuple(parse_turn(role, text) for role, text in messages))


def _lay_out(position: Position, *, qa_markers: bool) -> ChatTemplate:
    """Return the chat of one of the five positions, with "Q:" and "A:" or without."""
    own, question = "{{instruction}}", "{{question}}"
    q, a = ("Q: ", "\n\nA:") if qa_markers else ("", "")
    asked = {
        "before_Q": f"{own}\n{q}{question}{a}",
        "Q_begin": f"{q}{own}\n{question}{a}",
        "Q_end": f"{q}{question}\n{own}{a}",
        "A_begin": f"{q}{question}{a} {own}",
        "system": f"{q}{question}{a}",
    }
    system: RawChat = (("system", own),) if position == "system" else ()
    return parse_chat((*system, ("user", asked[position])))


POSITIONS: Mapping[tuple[Position, bool], ChatTemplate] = {
    (position, qa_markers): _lay_out(position, qa_markers=qa_markers)
    for position in get_args(Position)
    for qa_markers in (True, False)
}
"""The chats of `task.instruction_position` and `task.qa_markers`."""


def find_asked(messages: Sequence[Message]) -> Message:
    """Return the message that asks: the last one of the user, else the last one."""
    return next((m for m in reversed(messages) if m.role == "user"), messages[-1])
