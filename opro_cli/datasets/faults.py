"""Messages on rows that cannot be used, and on a fault that all rows share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from opro_cli.core.settings.schema import nearest
from opro_cli.core.task.chat import ESCAPED
from opro_cli.core.task.template import Template
from opro_cli.datasets.paths import MissingFieldError, show_plain
from opro_cli.errors import DataError

QUOTED = 10
"""Problems quoted in full; the others are counted."""
_VALUES = 8
"""Found values that are named, with how often each occurs."""

Setting = str
"""The key below `task.data` that is at fault, or HOLE and the name of a hole of `task.prompt`."""
HOLE = "hole:"


_FOUND = re.compile(r"; found (?P<value>.*)", re.DOTALL)
_PARTICULARS = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")
"""What differs between two rows with the same fault."""


@dataclass(slots=True)
class _Kind:
    """Rows that cannot be used for the same reason.

    Attributes:
        example: The line of the first one.
        count: How many there are.
        found: The values in place of what was expected, with their counts.
    """

    example: str
    count: int = 0
    found: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        if self.count == 1:
            return self.example
        line = f"{self.count} rows like {self.example}"
        values = [f"{value} ({n})" for value, n in self.found.most_common(_VALUES)]
        if len(self.found) == 1:
            return line
        more = len(self.found) - len(values)
        others = f" and {more} other values" if more > 0 else ""
        return f"{line}, in all {', '.join(values)}{others}" if values else line


@dataclass(slots=True)
class Problems:
    """Rows that cannot be used: how many, the first few as finished lines, and all by reason."""

    count: int = 0
    quoted: list[str] = field(default_factory=list)
    _kinds: dict[str, _Kind] = field(default_factory=dict)

    def add(self, source: str, reason: str, kind: str = "") -> None:
        """Note why a row cannot be used.

        Args:
            source: The row.
            reason: As it is told.
            kind: What other rows with this fault share, where the reason itself does not tell.
        """
        line = f"{source}: {reason}"
        self.count += 1
        if len(self.quoted) < QUOTED:
            self.quoted.append(line)
        found = _FOUND.search(reason)
        kind = kind or _PARTICULARS.sub("…", _FOUND.sub("", reason))
        same = self._kinds.setdefault(kind, _Kind(line))
        same.count += 1
        if found:
            same.found[found["value"]] += 1

    def describe_kinds(self) -> list[str]:
        """Return a line for each reason, the commonest first: how many rows, and one of them."""
        return [*map(str, sorted(self._kinds.values(), key=lambda each: -each.count))]

    def __str__(self) -> str:
        more = self.count - len(self.quoted)
        if more <= 0:
            return "\n".join(self.quoted)
        # A cause that no quoted row has may be the one that most rows share.
        hidden = [str(kind) for kind in self._kinds.values() if self._is_hidden(kind)]
        among = [f"among them {line}" for line in hidden[:QUOTED]]
        return "\n".join([*self.quoted, f"and {more} more", *among])

    def _is_hidden(self, kind: _Kind) -> bool:
        return kind.count > 1 and kind.example not in self.quoted


class RowFaults(ValueError):
    """The faults of one row, by the setting that asked for what is not there."""

    def __init__(self, faults: Mapping[Setting, ValueError]) -> None:
        super().__init__("; ".join(map(describe_fault, faults.values())))
        self.faults = faults


def describe_fault(error: ValueError) -> str:
    """Return a fault with the field that is missing, if it is one."""
    return f"field {error.name}: {error}" if isinstance(error, MissingFieldError) else str(error)


@dataclass(slots=True)
class SourceFaults:
    """The faults of the rows of one source, by setting, to find one that all rows share."""

    rows: int = 0
    missing: dict[Setting, Counter[str]] = field(default_factory=dict)
    reasons: dict[Setting, Counter[str]] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)

    def add(self, found: RowFaults) -> None:
        """Count the faults of one row."""
        for setting, error in found.faults.items():
            if isinstance(error, MissingFieldError):
                self.missing.setdefault(setting, Counter())[error.name] += 1
                self.details.setdefault(error.name, error.detail)
            self.reasons.setdefault(setting, Counter())[describe_fault(error)] += 1

    def find_common(self) -> dict[Setting, str]:
        """Return the settings at fault in every row: with the missing field, or the fault."""
        common: dict[Setting, str] = {}
        for setting, reasons in self.reasons.items():
            missing = self.missing.get(setting, Counter())
            if missing.total() == self.rows:
                common[setting] = missing.most_common(1)[0][0]
            elif self.rows > 1 and reasons.most_common(1)[0][1] == self.rows:
                common[setting] = reasons.most_common(1)[0][0]
        return common


def build_common_error(
    common: Mapping[Setting, str],
    faults: SourceFaults,
    label: str,
    available: tuple[str, ...],
    holes: Mapping[str, str],
) -> DataError:
    """Explain what every row lacks: the config is wrong, not the rows. Each setting has a line.

    Args:
        common: The settings at fault, as `SourceFaults.find_common` returns them.
        faults: Of the rows.
        label: The source.
        available: The fields that it has.
        holes: Those of `task.prompt`, with the place of each.
    """
    # Field names are data and go to the terminal: only what prints, the rest escaped.
    shown = [show_plain(name) for name in available]
    sentences = {
        setting: _explain_fault(setting, what, faults, label, shown)
        for setting, what in common.items()
    }
    lines = [
        f"{_place(setting, holes)}: {sentence}" for setting, (sentence, _) in sentences.items()
    ]
    hints = [hint for _, hint in sentences.values()]
    if len(lines) == 1 or all(setting.startswith(HOLE) for setting in sentences):
        return DataError("\n".join(lines), hints[0])
    pairs = zip(lines, hints, strict=True)
    return DataError("\n".join(f"{line} ({hint})" for line, hint in pairs))


def _explain_fault(
    setting: Setting, what: str, faults: SourceFaults, label: str, shown: list[str]
) -> tuple[str, str]:
    """Return a sentence on the fault of one setting in every row, and its remedy.

    Args:
        setting: What is at fault.
        what: The missing field, or the fault.
        faults: Of the rows.
        label: The source.
        shown: The names of its fields, as they may be shown.
    """
    if what not in faults.missing.get(setting, ()):
        hint = _find_remedy(what)
        if setting.startswith(HOLE):
            hint = "a hole takes a text or a number; name a part of it, with dots and indices"
        return f"no row of {label} can be used: {what}", hint
    if detail := faults.details[what]:
        return f"{label} has no {what}: {detail}", "name what the rows have"
    guess = nearest(what, shown)
    hint = f'did you mean "{guess}"?' if guess else ""
    if not guess and setting.startswith(HOLE):
        hint = f"name one of these; {ESCAPED} is written for {{{{ itself"
    if not guess and setting == "rows":
        hint = "for rows of your own set task.data.rows to plain, and input and target"
    listing = ", ".join(shown[:12]) + (", …" if len(shown) > 12 else "")
    found = f"{label} has no field {what}; it has {listing or 'none'}"
    return found, hint or "name one of these, or a template such as {question}"


def _place(setting: Setting, holes: Mapping[str, str]) -> str:
    """Return the place in the config of a setting."""
    if not setting.startswith(HOLE):
        return f"task.data.{setting}"
    name = setting.removeprefix(HOLE)
    return f"{holes[name]}: {{{{{name}}}}}"


def _find_remedy(fault: str) -> str:
    """Return what to do about a fault of all rows."""
    if "found an object" in fault:
        return (
            "name one of its fields, as in target: answer.name; task.answer: json compares whole "
            "objects, and python: is given them as JSON"
        )
    return "check input, target and rows under task.data, and task.answer"


def name_setting(template: Template, setting: str) -> str:
    """Return the field when the template is a single one, else the setting."""
    name = template.only_field
    return f"task.data.{setting}" if name is None else f"field {name}"
