"""Grade answers that are all of several texts: `task.golds: all`."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import ClassVar

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.metrics.text import ContainsMetric, ExactMetric
from opro_cli.reading.answer_text import is_same_text, split_items
from opro_cli.reading.structure import parse_structure


@dataclass(frozen=True, slots=True)
class AllOf:
    """Whether the reply gives each of several texts, in any order.

    By `exact` it gives them and no other one, as a list; by `contains` it has each of them
    somewhere.
    """

    metric: ExactMetric | ContainsMetric
    structures: ClassVar = frozenset({"list"})

    def target(self, raw: str) -> str:
        """Return the texts as a JSON list, each once; one text is a list of one.

        Raises:
            ValueError: There is none, or one is empty.
        """
        golds = dict.fromkeys(map(self.metric.target, _split(raw)))
        if not golds:
            raise ValueError("expected at least one text, found an empty list")
        return json.dumps(list(golds), ensure_ascii=False)

    def grade(self, reply: str, example: Example, prompt: str = "", *, cut: bool = False) -> Grade:
        """Return 1.0 where all are given, else 0.0."""
        golds = _split(example.target)
        if isinstance(self.metric, ContainsMetric):
            alone = [replace(example, target=gold) for gold in golds]
            grades = [self.metric.grade(reply, each, prompt, cut=cut) for each in alone]
            wrong = next((grade for grade in grades if grade.score != 1.0), None)
            return wrong or Grade(", ".join(golds), 1.0)
        whole = replace(example, target=", ".join(golds))
        grade = self.metric.grade(reply, whole, prompt, cut=cut)
        if grade.answer is None:
            return UNREADABLE
        right = grade.score == 1.0 or _is_same_list(split_items(grade.answer), golds)
        return Grade(grade.answer, float(right))


def _split(raw: str) -> list[str]:
    """Return the texts of a JSON list, numbers as they are written; any other text as it is."""
    found = parse_structure(raw)
    if found is None or not isinstance(found.value, list):
        return [raw]
    return [each if isinstance(each, str) else json.dumps(each) for each in found.value]


def _is_same_list(given: list[str], golds: list[str]) -> bool:
    left = list(golds)
    for part in given:
        same = next((gold for gold in left if is_same_text(part, gold)), None)
        if same is None:
            return False
        left.remove(same)
    return not left
