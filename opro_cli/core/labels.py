"""Closed sets: tasks whose gold answers are a few labels that come again and again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from opro_cli.core.spellings import is_same_label, normalize_label
from opro_cli.core.task.example import SPLITS, Example, Groups, Split, list_groups

MOST_LABELS = 20
"""Distinct gold answers of a closed set at most."""
MOST_NUMBERS = 5
"""The same where answers are numbers: a few more, and they are the results of sums."""
LEAST_TIMES = 2
"""How often each label is a gold answer at least, on average."""

TEXTS = frozenset(
    {"boolean", "choice", "contains", "exact", "json", "label", "labels", "regex"}
)  # fmt: skip
"""Kinds of answers that are compared as texts; "json:FIELD" and "regex:PATTERN" among them."""


@dataclass(frozen=True, slots=True)
class ClosedSet:
    """The gold answers of a task, as labels.

    Attributes:
        labels: As the data spells them first, the commonest first.
        golds: By split, the label of each question.
        shares: A label of several, "billing, login", is partly right where some of them are.
        groups: Which questions belong together.
    """

    labels: tuple[str, ...]
    golds: Mapping[Split, tuple[str, ...]]
    shares: bool = False
    groups: Groups = field(default_factory=dict)

    def score(self, label: str, gold: str) -> float:
        """Return the score of answering with a label where another, or the same, is the gold one.

        With `shares` it is the harmonic mean of precision and recall, as of `task.label_score`.
        """
        if not self.shares or label == gold:
            return float(label == gold)
        given, wanted = set(label.split(", ")), set(gold.split(", "))
        return 2 * len(given & wanted) / (len(given) + len(wanted))

    def match(self, answer: str) -> str | None:
        """Return the label that an answer read from a reply names; None for no label."""
        return next((label for label in self.labels if is_same_label(answer, label)), None)


def get_kind(answer: str, evaluator: str = "model") -> str:
    """Return the kind of answers that `task.answer` names, "json" for "json:label".

    Returns:
        "" where an answer that was read is for display only: with a metric or an evaluator of the
        user's own, or a problem.
    """
    kind = answer.partition(":")[0]
    return kind if evaluator == "model" and (kind in TEXTS or kind == "number") else ""


def _find_common(examples: Mapping[Split, Sequence[Example]]) -> ClosedSet | None:
    """Return the one answer that is right to every question; None where there is none."""
    rights = [
        {normalize_label(each.target): each.target for each in example.split_golds()}
        for rows in examples.values()
        for example in rows
    ]
    common = next((right for key, right in rights[0].items() if all(key in r for r in rights)), "")
    if not common:
        return None
    golds = {split: (common,) * len(examples.get(split, ())) for split in SPLITS}
    return ClosedSet((common,), golds, groups=list_groups(examples))


def find_closed_set(
    kind: str,
    examples: Mapping[Split, Sequence[Example]],
    *,
    shares: bool = False,
    least: int = 2,
) -> ClosedSet | None:
    """Return the labels of a task over all of its splits; None where its answers are open.

    Args:
        kind: As `get_kind` returns it.
        examples: By split.
        shares: As of a ClosedSet.
        least: Labels at least; where 1 will do, all gold answers may be alike.
    """
    if not kind:
        return None
    if any(example.golds for rows in examples.values() for example in rows):
        # Which of several right answers a wrong one was for, nobody knows.
        return _find_common(examples) if least == 1 else None
    counts: Counter[str] = Counter()
    spelled: dict[str, str] = {}
    keys: dict[Split, list[str]] = {}
    for split in SPLITS:
        keys[split] = [normalize_label(example.target) for example in examples.get(split, ())]
        for key, example in zip(keys[split], examples.get(split, ()), strict=True):
            spelled.setdefault(key, example.target)
        counts.update(keys[split])
    most = MOST_NUMBERS if kind == "number" else MOST_LABELS
    if not least <= len(counts) <= most or counts.total() < LEAST_TIMES * len(counts):
        return None
    labels = tuple(spelled[key] for key, _ in counts.most_common())
    golds = {split: tuple(spelled[key] for key in keys[split]) for split in SPLITS}
    return ClosedSet(labels, golds, shares and kind == "labels", list_groups(examples))
