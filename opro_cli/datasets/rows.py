"""Rows as examples: the question, its gold answers, and what to say of rows that have neither."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from opro_cli.core.settings.schema import nearest
from opro_cli.core.task.example import Example, show_golds
from opro_cli.core.task.prompt import Field, Template
from opro_cli.datasets import read_rows
from opro_cli.datasets.formats import BadRow, ClassNumber, Row
from opro_cli.datasets.paths import show_plain
from opro_cli.datasets.shapes import (
    MissingFieldError,
    RowShape,
    encode_value,
    format_value,
    get_field,
    read_text,
)
from opro_cli.errors import DataError
from opro_cli.ports import Metric

QUOTED = 10
"""Problems quoted in full; the others are counted."""

Setting = Literal["input", "target", "rows"]
"""The key below `task.data` that is at fault."""


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

    def __str__(self) -> str:
        more = self.count - len(self.quoted)
        return "\n".join([*self.quoted, *([f"and {more} more"] if more > 0 else [])])


class RowFaults(ValueError):
    """What is wrong with one row, by the setting that asked for it."""

    def __init__(self, faults: Mapping[Setting, ValueError]) -> None:
        super().__init__("; ".join(map(_describe_fault, faults.values())))
        self.faults = faults


def _describe_fault(error: ValueError) -> str:
    return f"field {error.name}: {error}" if isinstance(error, MissingFieldError) else str(error)


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads the rows of a task as examples (`task.data` and the metric).

    Attributes:
        named: The gold answer of a class number is the class's name.
        any_gold: A list has several right answers, though the metric could compare it as a whole.
    """

    input: Template
    target: Template
    shape: RowShape
    metric: Metric
    named: bool = False
    any_gold: bool = False

    def build_example(self, row: Row, source: str) -> Example:
        """Build the example in a row.

        Raises:
            RowFaults: The question or the gold answer cannot be had; names the field and its fault.
        """
        faults: dict[Setting, ValueError] = {}
        text, golds = "", tuple[str, ...]()
        try:
            fields = self.shape.reshape(row.fields)
        except ValueError as error:
            raise RowFaults({"rows": error}) from None
        try:
            text = _render(self.input, fields)
        except ValueError as error:
            faults["input"] = error
        try:
            golds = self._read_golds(_name_classes(fields) if self.named else fields)
        except ValueError as error:
            faults["target"] = error
        if faults:
            raise RowFaults(faults)
        if len(golds) == 1:
            return Example(text, golds[0], source)
        return Example(text, show_golds(golds), source, golds=golds)

    def _read_golds(self, fields: Mapping[str, object]) -> tuple[str, ...]:
        """Return each right answer as the metric compares it, at least one.

        A metric that compares lists and objects is given them as JSON.
        """
        name = _get_only_field(self.target)
        if name is None:
            raw = self.target.render(lambda each: self._read_part(fields, each))
            return (self._read_gold(raw),)
        value = get_field(fields, name)
        kinds: frozenset[str] = getattr(self.metric, "structures", frozenset())
        if isinstance(value, list) and ("list" not in kinds or self.any_gold):
            return self._read_any(value, kinds)
        if _is_structure(value, kinds):
            return (self._read_gold(encode_value(value)),)
        return (self._read_gold(read_text(fields, name)),)

    def _read_part(self, fields: Mapping[str, object], name: str) -> str:
        """Return a field of a template of several."""
        kinds: frozenset[str] = getattr(self.metric, "structures", frozenset())
        value = get_field(fields, name)
        return encode_value(value) if _is_structure(value, kinds) else read_text(fields, name)

    def _read_any(self, values: list[object], kinds: frozenset[str]) -> tuple[str, ...]:
        """Return the answers in a list of right ones, each once; what can be none is left out."""
        golds: dict[str, None] = {}
        fault: ValueError | None = None
        for value in values:
            try:
                whole = _is_structure(value, kinds)
                raw = encode_value(value) if whole else format_value(value, join_lists=False)
                golds[self._read_gold(raw)] = None
            except ValueError as error:
                fault = fault or error
        if not golds:
            where = _label(self.target, "target")
            text = str(fault or ValueError("expected one value, found an empty list"))
            raise ValueError(text if text.startswith(where) else f"{where}: {text}")
        return tuple(golds)

    def _read_gold(self, raw: str) -> str:
        """Return one right answer as the metric compares it."""
        try:
            _refuse_blank(raw)
            return self.metric.target(raw)
        except ValueError as error:
            raise ValueError(f"{_label(self.target, 'target')}: {error}") from None


def _is_structure(value: object, kinds: frozenset[str]) -> bool:
    """Return whether a value is one that a metric compares as a whole, of "object" and "list"."""
    return (isinstance(value, Mapping) and "object" in kinds) or (
        isinstance(value, list) and "list" in kinds
    )


def _name_classes(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: _name_class(value) for name, value in fields.items()}


def _name_class(value: object) -> object:
    if isinstance(value, list):
        return [_name_class(each) for each in value]
    return value.name if isinstance(value, ClassNumber) else value


def _render(template: Template, fields: Mapping[str, object]) -> str:
    """Return the question; raises ValueError rather than return an empty text."""
    text = template.render(lambda name: read_text(fields, name, join_lists=True))
    try:
        _refuse_blank(text)
    except ValueError as error:
        raise ValueError(f"{_label(template, 'input')}: {error}") from None
    return text


def _refuse_blank(text: str) -> None:
    if not text.strip():
        raise ValueError("expected some text, found none")


def _get_only_field(template: Template) -> str | None:
    """Return the field that a template is, None for one of several parts."""
    only = template.parts[0] if len(template.parts) == 1 else None
    return only.name if isinstance(only, Field) else None


def _label(template: Template, setting: str) -> str:
    """Return the field when the template is a single one, else the setting."""
    name = _get_only_field(template)
    return f"task.data.{setting}" if name is None else f"field {name}"


@dataclass(slots=True)
class _Faults:
    """What is wrong with the rows of one source, by setting, to see what is wrong with all."""

    rows: int = 0
    missing: dict[Setting, Counter[str]] = field(default_factory=dict)
    said: dict[Setting, Counter[str]] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)

    def add(self, found: RowFaults) -> None:
        """Count the faults of one row."""
        for setting, error in found.faults.items():
            if isinstance(error, MissingFieldError):
                self.missing.setdefault(setting, Counter())[error.name] += 1
                self.details.setdefault(error.name, error.detail)
            self.said.setdefault(setting, Counter())[_describe_fault(error)] += 1

    def find_common(self) -> dict[Setting, str]:
        """Return the settings at fault in every row: with the missing field, or the fault."""
        common: dict[Setting, str] = {}
        for setting, said in self.said.items():
            missing = self.missing.get(setting, Counter())
            if missing.total() == self.rows:
                common[setting] = missing.most_common(1)[0][0]
            elif self.rows > 1 and said.most_common(1)[0][1] == self.rows:
                common[setting] = said.most_common(1)[0][0]
        return common


def read_examples(file: str, label: str, reader: RowReader, problems: Problems) -> list[Example]:
    """Read the usable rows of one source, called `label`; the others are noted in `problems`.

    Raises:
        DataError: The source cannot be read, is empty, or no row has a field of the config.
    """
    examples: list[Example] = []
    faults = _Faults()
    fields: tuple[str, ...] = ()
    empty = True
    for row in read_rows(file, reader.shape.columns):
        empty = False
        source = f"{label}:{row.number}"
        if isinstance(row, BadRow):
            problems.add(f"{source}: {row.reason}")
            continue
        fields = fields or tuple(row.fields)
        faults.rows += 1
        try:
            examples.append(reader.build_example(row, source))
        except RowFaults as found:
            faults.add(found)
            problems.add(f"{source}: {found}")
    if empty:
        raise DataError(f"{file}: expected rows, found none", "name a file that has some")
    if not examples and (common := faults.find_common()):
        raise _build_common_error(common, faults, label, fields)
    return examples


def _build_common_error(
    common: Mapping[Setting, str], faults: _Faults, label: str, available: tuple[str, ...]
) -> DataError:
    """Explain what every row lacks: the config is wrong, not the rows. Each setting has a line."""
    # Field names are data and go to the terminal: only what prints, the rest escaped.
    shown = [show_plain(name) for name in available]
    listing = ", ".join(shown[:12]) + (", …" if len(shown) > 12 else "")
    said: dict[Setting, tuple[str, str]] = {}
    for setting, what in common.items():
        if what not in faults.missing.get(setting, ()):
            hint = _find_remedy(what)
            said[setting] = (f"no row of {label} can be used: {what}", hint)
        elif detail := faults.details[what]:
            said[setting] = (f"{label} has no {what}: {detail}", "name what the rows have")
        else:
            guess = nearest(what, shown)
            hint = f'did you mean "{guess}"?' if guess else ""
            if not guess and setting == "rows":
                hint = "for rows of your own set task.data.rows to plain, and input and target"
            found = f"{label} has no field {what}; it has {listing or 'none'}"
            said[setting] = (found, hint or "name one of these, or a template such as {question}")
    if len(said) == 1:
        ((setting, (sentence, remedy)),) = said.items()
        return DataError(f"task.data.{setting}: {sentence}", remedy, keys=(f"task.data.{setting}",))
    lines = [
        f"task.data.{setting}: {sentence} ({hint})" for setting, (sentence, hint) in said.items()
    ]
    return DataError("\n".join(lines), keys=tuple(f"task.data.{setting}" for setting in said))


def _find_remedy(fault: str) -> str:
    """Return what to do about a fault of all rows."""
    if "found an object" in fault:
        return (
            "name one of its fields, as in target: answer.name; task.answer: json compares whole "
            "objects, and python: is given them as JSON"
        )
    return "check input, target and rows under task.data, and task.answer"
