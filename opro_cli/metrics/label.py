"""Grade answers from a closed set: one label, or several."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from opro_cli.core.spellings import is_same_label
from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.metrics.json_field import find_last_object, find_value
from opro_cli.reading.answer_text import collapse_spaces, require_text
from opro_cli.reading.evidence import find_span
from opro_cli.reading.labels import read_label, read_label_set, read_other_answer
from opro_cli.reading.reply_text import Part, Span, select_parts

_SEPARATOR = re.compile(r"\s*[,;|\n]\s*")
_LIST = re.compile(r"\[[^\[\]]{0,2000}\]")
_WHOLE = re.compile(r"(-?\d+)\.0+")
LONGEST_VALUE = 200
"""Characters of a JSON value that may be a label."""


@dataclass(frozen=True, slots=True)
class LabelMetric:
    """Whether the reply gives the label of the target, and no other one.

    Attributes:
        labels: The closed set; without it only targets can be read.
        names: Labels by what stands for them in the data, "0" for billing.
    """

    labels: Sequence[str] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    def target(self, raw: str) -> str:
        """Return the label of a gold answer.

        Raises:
            ValueError: It is none of `task.labels`.
        """
        return find_name(raw, self.labels, self.names)

    def grade(self, reply: str, example: Example, prompt: str = "", *, cut: bool = False) -> Grade:
        """Return 1.0 for the target's label, 0.0 for another one."""
        labels = self.labels or (example.target,)
        parts = select_parts(reply, example.input, prompt, cut=cut)
        given, span = _find_label(parts, labels, example.input)
        for part in parts if given is None else ():
            if given := read_other_answer(part):
                span = find_span(part, given, read_other_answer)
                break
        if given is None or not given.strip():
            return UNREADABLE
        return Grade(collapse_spaces(given), float(is_same_label(given, example.target)), span)


@dataclass(frozen=True, slots=True)
class LabelSetMetric:
    """Whether the reply gives the labels of the target, in any order.

    Attributes:
        labels: The closed set; without it only targets can be read.
        names: Labels by what stands for them in the data.
        score: "exact" for all or nothing, "f1" for the harmonic mean of precision and recall.
    """

    labels: Sequence[str] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    score: str = "exact"
    structures: ClassVar = frozenset({"list"})

    def target(self, raw: str) -> str:
        """Return the labels of a gold answer, sorted, "billing, login".

        Raises:
            ValueError: There is none, or one is none of `task.labels`.
        """
        parts = [part for part in split_gold(raw) if part]
        found = {find_name(part, self.labels, self.names) for part in parts}
        return require_text(", ".join(sorted(found)))

    def grade(self, reply: str, example: Example, prompt: str = "", *, cut: bool = False) -> Grade:
        """Return the score of the labels that the reply gives."""
        wanted = set(split_gold(example.target))
        labels = self.labels or tuple(sorted(wanted))

        def read(part: Part) -> frozenset[str]:
            # A line that was cut may have named more labels.
            text = part.text.rpartition("\n")[0] if part.cut else part.text
            return read_label_set(text, labels, example.input) or frozenset()

        def join(part: Part) -> str:
            return ", ".join(sorted(read(part)))

        for part in select_parts(reply, example.input, prompt, cut=cut):
            if given := read(part):
                span = find_span(part, join(part), join)
                return Grade(join(part), self._compare(given, wanted), span)
        return UNREADABLE

    def _compare(self, given: frozenset[str], wanted: set[str]) -> float:
        if self.score == "exact":
            return float(given == wanted)
        return 2 * len(given & wanted) / (len(given) + len(wanted))


def split_gold(raw: str) -> list[str]:
    """Return the labels in a gold answer: a JSON list, or parted by commas, ";", "|" or lines."""
    if _LIST.fullmatch(raw.strip()):
        try:
            listed = json.loads(raw)
        except ValueError:
            listed = None
        if isinstance(listed, list):
            return [str(each).strip() for each in listed]
    return [part.strip() for part in _SEPARATOR.split(raw.strip())]


def find_name(raw: str, labels: Sequence[str], names: Mapping[str, str]) -> str:
    """Return the label that stands for a gold answer.

    Raises:
        ValueError: It is none of the closed set; says which there are.
    """
    text = require_text(raw)
    if text in names:
        return names[text]
    if standing := next((raw for raw in names if is_same_label(text, raw)), None):
        return names[standing]
    whole = _WHOLE.fullmatch(text)
    if whole and (whole[1] in names or not labels):  # of a column of floats
        return names.get(whole[1], whole[1])
    found = next((label for label in labels if is_same_label(text, label)), None)
    if labels and found is None:
        known = ", ".join(labels[:8]) + (", …" if len(labels) > 8 else "")
        raise ValueError(f"expected one of task.labels ({known}); found {text[:60]!r}")
    return found or text


def _find_label(
    parts: Sequence[Part], labels: Sequence[str], question: str
) -> tuple[str | None, Span | None]:
    """Return the label that a reply gives in a JSON object, or else in words, and where it is."""
    for part in parts:
        if found := _find_in_object(part.text, labels):
            label, value = found
            span = find_value(part.text, value)
            return label, part.locate(*span) if span else None
    for part in parts:
        if mention := read_label(part.text, labels, question, cut=part.cut):
            return mention.label, part.locate(mention.start, mention.end)
    return None, None


def _find_in_object(text: str, labels: Sequence[str]) -> tuple[str, str] | None:
    """Return the only label that is a value of a text's last JSON object, and that value."""
    if "{" not in text:
        return None
    found = find_last_object(text) or {}
    values = [v for v in found.values() if isinstance(v, str) and len(v) <= LONGEST_VALUE]
    given = {label: value for label in labels for value in values if is_same_label(value, label)}
    return next(iter(given.items())) if len(given) == 1 else None
