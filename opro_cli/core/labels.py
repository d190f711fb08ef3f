"""Closed sets: tasks whose gold answers are a few labels that come again and again."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
_AROUND = " \t\n()[]{}<>\"'`*.,;:!“”‘’"
_BETWEEN = re.compile(r"[\s_]+|(?<=[^\W\d_])-(?=[^\W\d_])")


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


def normalize_label(text: str) -> str:
    """Return a text in the form that equal labels share: "(B)" and "b", "Not_Sure" and "not sure".

    Signs around a label are dropped unless it has nothing else.
    """
    plain = _BETWEEN.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
    return plain.strip(_AROUND) or plain


def is_same_label(text: str, label: str) -> bool:
    """Return whether a text is a label; see `normalize_label`."""
    return normalize_label(text) == normalize_label(label)


def get_kind(answer: str, evaluator: str = "model") -> str:
    """Return the kind of answers that `task.answer` names, "json" for "json:label".

    Returns:
        "" where an answer that was read is for display only: with a metric or an evaluator of the
        user's own, or a problem.
    """
    kind = answer.partition(":")[0]
    return kind if evaluator == "model" and (kind in TEXTS or kind == "number") else ""


def find_closed_set(
    kind: str, examples: Mapping[Split, Sequence[Example]], *, shares: bool = False
) -> ClosedSet | None:
    """Return the labels of a task over all of its splits; None where its answers are open.

    Args:
        kind: As `get_kind` returns it.
        examples: By split.
        shares: As of a ClosedSet.
    """
    several = any(example.golds for rows in examples.values() for example in rows)
    if not kind or several:  # which of several right answers a wrong one was for, nobody knows
        return None
    counts: Counter[str] = Counter()
    spelled: dict[str, str] = {}
    keys: dict[Split, list[str]] = {}
    for split in SPLITS:
        keys[split] = [normalize_label(example.target) for example in examples.get(split, ())]
        for key, example in zip(keys[split], examples.get(split, ()), strict=True):
            spelled.setdefault(key, example.target)
        counts.update(keys[split])
    most = MOST_NUMBERS if kind == "number" else MOST_LABELS
    if not 2 <= len(counts) <= most or counts.total() < LEAST_TIMES * len(counts):
        return None
    labels = tuple(spelled[key] for key, _ in counts.most_common())
    golds = {split: tuple(spelled[key] for key in keys[split]) for split in SPLITS}
    return ClosedSet(labels, golds, shares and kind == "labels", list_groups(examples))
