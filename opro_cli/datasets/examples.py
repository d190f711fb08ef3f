"""Rows of one source to examples: fields, templates, gold answers, and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from opro_cli.core.settings.schema import nearest
from opro_cli.core.task.example import Example
from opro_cli.core.task.template import Field, Template
from opro_cli.datasets import read_rows
from opro_cli.datasets.local_file import BadRow, Row
from opro_cli.datasets.shapes import MissingFieldError, RowShape, format_value, get_field
from opro_cli.errors import DataError
from opro_cli.ports import Metric

# Problems quoted in full; the others are counted.
QUOTED = 10


@dataclass(slots=True)
class Problems:
    """Rows that cannot be used: how many, and the first few reasons as finished lines."""

    count: int = 0
    quoted: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        """Note why a row cannot be used."""
        self.count += 1
        if len(self.quoted) < QUOTED:
            self.quoted.append(line)


@dataclass(frozen=True, slots=True)
class RowReading:
    """How the rows of a task become examples (`task.data` and the metric)."""

    input: Template
    target: Template
    shape: RowShape
    metric: Metric

    def example(self, row: Row, source: str) -> Example:
        """The example in a row. Raises ValueError: what is wrong, with the field."""
        fields = self.shape.reshape(row.fields)
        text = _render(self.input, fields, "input")
        raw = _render(self.target, fields, "target")
        try:
            target = self.metric.target(raw)
        except ValueError as error:
            raise ValueError(f"{_label(self.target, 'target')}: {error}") from None
        return Example(text, target, source)


def read_examples(place: str, label: str, reading: RowReading, problems: Problems) -> list[Example]:
    """The usable rows of one source; the others are noted in `problems`.

    Raises DataError when the source cannot be read, is empty, or when no row has a field
    that the config names.
    """
    examples: list[Example] = []
    missing: Counter[str] = Counter()
    fields: tuple[str, ...] = ()
    empty = True
    for row in read_rows(place, reading.shape.columns):
        empty = False
        source = f"{label}:{row.number}"
        if isinstance(row, BadRow):
            problems.add(f"{source}: {row.reason}")
            continue
        fields = fields or tuple(row.fields)
        try:
            examples.append(reading.example(row, source))
        except MissingFieldError as error:
            missing[error.name] += 1
            problems.add(f"{source}: field {error.name}: {error}")
        except ValueError as error:
            problems.add(f"{source}: {error}")
    if empty:
        raise DataError(f"{place}: expected rows, found none", "the file is empty")
    if not examples and missing:
        raise _no_such_field(missing.most_common(1)[0][0], label, fields, reading)
    return examples


def _render(template: Template, fields: Mapping[str, object], setting: str) -> str:
    """The text of a template, never empty."""

    def value_of(name: str) -> str:
        value = get_field(fields, name)
        try:
            return format_value(value, join_lists=setting == "input")
        except ValueError as error:
            raise ValueError(f"field {name}: {error}") from None

    text = template.render(value_of)
    if not text.strip():
        raise ValueError(f"{_label(template, setting)}: expected some text, found none")
    return text


def _label(template: Template, setting: str) -> str:
    """The field when the template is one, else the setting."""
    only = template.parts[0] if len(template.parts) == 1 else None
    return f"field {only.name}" if isinstance(only, Field) else f"task.data.{setting}"


def _no_such_field(
    name: str, label: str, available: tuple[str, ...], reading: RowReading
) -> DataError:
    """Every row lacks it: the config is wrong, not the rows."""
    # Field names are data and go to the terminal: only what prints, the rest escaped.
    shown = [each if each.isprintable() else repr(each) for each in available]
    listed = ", ".join(shown[:12]) + (", …" if len(shown) > 12 else "")
    guess = nearest(name, shown)
    hint = f'did you mean "{guess}"?' if guess else None
    setting = "rows"
    if name in reading.input.fields:
        setting = "input"
    elif name in reading.target.fields:
        setting = "target"
    else:
        hint = "for rows of your own set task.data.rows to plain, and input and target"
    return DataError(
        f"task.data.{setting}: {label} has no field {name}; it has {listed or 'none'}",
        hint or "name one of these, or a template such as {question}",
    )
