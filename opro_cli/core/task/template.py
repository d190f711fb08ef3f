"""Templates such as "{title} {body}", which build a question from the fields of a row.

Rows are untrusted, so a template can only name fields (no attributes, no conversions).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_AROUND = 20
"""Characters on either side of a brace that a refusal quotes."""
_TOKEN = re.compile(r"\{\{|\}\}|\{((?:[^{}]|\{\{[^{}]*\}\}|\{\{)*)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Field:
    """A placeholder for the value of a field."""

    name: str


@dataclass(frozen=True, slots=True)
class Template:
    """Literal text and at least one field, in order."""

    parts: tuple[str | Field, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """The distinct names of the fields, in order of appearance."""
        return tuple(dict.fromkeys(part.name for part in self.parts if isinstance(part, Field)))

    @property
    def only_field(self) -> str | None:
        """The field that the template is; None for one of several parts."""
        only = self.parts[0] if len(self.parts) == 1 else None
        return only.name if isinstance(only, Field) else None

    def render(self, text_of: Callable[[str], str]) -> str:
        """Return the text, with each field replaced by `text_of(name)`."""
        return "".join(
            text_of(part.name) if isinstance(part, Field) else part for part in self.parts
        )


class UnpairedBrace(ValueError):
    """A brace of a template without the other one.

    Attributes:
        expected: The missing brace, and how the character itself is written.
        found: The template around the brace.
    """

    def __init__(self, token: re.Match[str]) -> None:
        brace, text, at = token.group(), token.string, token.start()
        other, side = ("}", "after") if brace == "{" else ("{", "before")
        self.expected = f"a {other} {side} each {brace} ({brace}{brace} is the character itself)"
        start, end = max(0, at - _AROUND), at + 1 + _AROUND
        before, after = "…" if start else "", "…" if end < len(text) else ""
        self.found = f"{before}{text[start:end]}{after}"
        super().__init__(f"{self.expected}, found {self.found!r}")


def parse_template(setting: str) -> Template:
    r"""Parse a field name ("question") or a template ("{title}\n{body}", with `{{` for a brace).

    A field whose own name has braces stands in a template, with its braces doubled:
    "{text {{raw}}}".

    Raises:
        ValueError: It is neither; says what was expected.
    """
    if "{" not in setting and "}" not in setting:
        return Template((Field(setting),))
    parts: list[str | Field] = []
    literal, end = "", 0
    for token in _TOKEN.finditer(setting):
        literal += setting[end : token.start()]
        end = token.end()
        if token.group() in ("{{", "}}"):
            literal += token.group()[0]
            continue
        _check_field(token)
        if literal:
            parts.append(literal)
        parts.append(Field(_unescape(token.group(1))))
        literal = ""
    literal += setting[end:]
    if literal:
        parts.append(literal)
    template = Template(tuple(parts))
    if not template.fields:
        raise ValueError("a template that names at least one field, such as {question}")
    return template


def escape_field(name: str) -> str:
    """Return the name of a field as the setting of a field has it, also one with braces."""
    return write_hole(name) if {*name} & {*"{}"} else name


def write_hole(name: str) -> str:
    """Return the place of a field in a template.

    A name with a lone }, or with a brace at its beginning, has none: `{{` is a brace there.
    """
    return "{" + _escape(name) + "}"


def _escape(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _unescape(name: str) -> str:
    return name.replace("{{", "{").replace("}}", "}")


def _check_field(token: re.Match[str]) -> None:
    where = f"at character {token.start() + 1}"
    if token.group(1) is None:
        raise UnpairedBrace(token)
    if not token.group(1).strip():
        raise ValueError(f"the name of a field between the braces {where}")
