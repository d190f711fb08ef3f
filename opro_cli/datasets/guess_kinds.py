"""Guess the kind of answer that suits gold answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from opro_cli.core.spellings import fold_spellings, normalize_label
from opro_cli.datasets.columns import (
    MOST_CLASSES,
    MOST_VALUES,
    Column,
    is_closed,
    is_list,
    is_structure,
    is_text,
)
from opro_cli.datasets.guess_options import OptionColumns
from opro_cli.metrics.label import split_gold
from opro_cli.metrics.math import MathMetric
from opro_cli.metrics.number import NumberMetric
from opro_cli.metrics.options import ChoiceMetric
from opro_cli.reading.options import find_options
from opro_cli.reading.truth_words import FAMILIES, read_gold_truth

ENOUGH = 0.9
"""Share of the rows whose gold answers must suit a kind of answer."""
_CLASS_WORDS = frozenset(
    {"label", "class", "category", "type", "emotion", "sentiment", "intent", "topic", "index"}
)
_RATING_WORDS = frozenset({"star", "stars", "rating", "ratings", "score", "grade"})
_MOST_RATINGS = 10
OPEN = "open"
"""The kind of free text, which no kind of answer grades."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of answer, the reason for it, and the labels of a closed set, the commonest first."""

    name: str
    why: str
    labels: tuple[str, ...] = ()


def guess_kind(gold: Column, options: OptionColumns | None, asked: Sequence[Column]) -> Kind:
    """Return the kind of answer that suits the gold answers."""
    if options:
        return Kind("choice", "the rows have options")
    if is_list(gold) and not _is_json_text(gold):
        return _guess_list_kind(gold)
    if is_structure(gold):
        return Kind("json", "the gold answers are objects or lists, compared field by field")
    texts = gold.texts
    if _suits(texts, _read_lettered) and _has_lettered_options(asked):
        return Kind("choice", "the question lists its options by letter")
    rated = _guess_rating(gold, texts) if any(map(is_text, asked)) else None
    return _guess_closed(gold, texts) or rated or _guess_text_kind(gold, texts)


def _guess_closed(gold: Column, texts: Sequence[str]) -> Kind | None:
    """Return the kind for the few values of a closed set; None where they are open."""
    values = _count(texts)
    truths = {read_gold_truth(text) for text in texts}
    bits = set(texts) <= {"0", "1", "0.0", "1.0"}
    named = set(gold.words) & {"is", "has", "toxic", "duplicate", "correct"}
    if any(truths <= set(family) for family in FAMILIES) and (not bits or named):
        return Kind("boolean", f"the gold answers are {' and '.join(map(repr, values))}")
    whole = all(re.fullmatch(r"-?\d+", text) for text in texts)
    classes = set(gold.words) & _CLASS_WORDS
    numeric = _suits(texts, NumberMetric().target)
    most = MOST_CLASSES if classes else MOST_VALUES
    if numeric and not bits and not (whole and classes):
        return None
    if several := None if numeric else _guess_label_sets(texts):
        return several
    if is_closed(gold, most):
        labels, spellings = _list_labels(texts), len(set(texts))
        why = f"{len(labels)} distinct values in {len(gold.present)} rows"
        why += f", in {spellings} spellings" if spellings > len(labels) else ""
        return Kind("label", why, labels)
    return None


def _guess_label_sets(texts: Sequence[str]) -> Kind | None:
    """Return the kind for several labels a row: each stands alone, or beside others, as well."""
    wholes = [set(split_gold(text)) for text in {normalize_label(text) for text in texts}]
    counts = Counter(part for whole in wholes for part in whole)
    mixed = [part for whole in wholes if len(whole) > 1 for part in whole]
    again = all(counts[part] > 1 for part in mixed)
    lettered = all(any(map(str.isalpha, part)) and len(part) <= 60 for part in counts)
    if not (mixed and again and lettered and len(counts) <= MOST_VALUES):
        return None
    labels = _list_labels([part for text in texts for part in split_gold(text)])
    return Kind("labels", f"one or several of {len(labels)} labels in each row", labels)


def _list_labels(texts: Sequence[str]) -> tuple[str, ...]:
    """Return each label in its commonest spelling, the commonest first."""
    stripped = [text.strip() for text in texts]
    spelled = fold_spellings(_count(stripped))
    return tuple(_count([spelled[text] for text in stripped]))


def _guess_rating(gold: Column, texts: Sequence[str]) -> Kind | None:
    """Return labels for the steps of a scale, by size; None where the values are no such steps."""
    small = all(re.fullmatch(r"-?\d|10", text) for text in texts)
    if not (set(gold.words) & _RATING_WORDS and small and is_closed(gold, _MOST_RATINGS)):
        return None
    labels = sorted(_count(texts), key=int)
    why = f"ratings: {len(labels)} whole numbers in {len(gold.present)} rows"
    return Kind("label", why, tuple(labels))


def _guess_text_kind(gold: Column, texts: Sequence[str]) -> Kind:
    if _suits(texts, NumberMetric().target):
        return Kind("number", "each gold answer is one number")
    if _looks_mathematical(texts) and _suits(texts, MathMetric().target):
        return Kind("math", "the gold answers are formulas")
    short = sum(len(text.split()) <= 6 and len(text) <= 60 for text in texts)
    if short >= ENOUGH * len(texts):
        return Kind("exact", "the gold answers are short texts, most of them different")
    mean = round(gold.mean_length)
    return Kind(OPEN, f"the gold answers are free text, {mean} characters on average")


def _is_json_text(gold: Column) -> bool:
    return all(isinstance(value, str) for value in gold.present)


def _guess_list_kind(gold: Column) -> Kind:
    """Return the kind for lists: several labels, several right answers, or a list as it is."""
    items = [str(item) for value in gold.present for item in value]  # type: ignore[attr-defined]
    labels = _count(items)
    repeated = len(items) >= 2 * len(labels) and len(labels) <= 50
    if set(gold.words) & {"tags", "tokens"}:
        return Kind("json", "each gold answer is a list in an order")
    labelled = set(gold.words) & {"label", "labels", "category", "categories", "emotions", "topics"}
    if repeated and labelled:
        return Kind("labels", f"lists of {len(labels)} distinct values", tuple(labels))
    if all(len(item) <= 120 for item in items) and not all(map(_is_number, items)):
        return Kind("exact", "each gold answer is a list of answers, of which any is right")
    return Kind("json", "the gold answers are lists, compared member by member")


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"-?\d+(?:\.\d+)?", text))


def _count(texts: Sequence[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for text in texts:
        counts[text] = counts.get(text, 0) + 1
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _suits(texts: Sequence[str], read: Callable[[str], str]) -> bool:
    """Return whether nearly all texts are gold answers that `read` takes."""
    taken = 0
    for text in texts:
        try:
            read(text)
            taken += 1
        except ValueError:
            continue
    return taken >= ENOUGH * len(texts) > 0


def _read_lettered(text: str) -> str:
    if not re.fullmatch(r"\([A-Z]\)", ChoiceMetric().target(text)):
        raise ValueError("no letter")
    return text


def _has_lettered_options(asked: Sequence[Column]) -> bool:
    texts = [text for each in asked for text in each.texts]
    return sum(bool(find_options(text)) for text in texts) >= ENOUGH * len(texts) > 0


_FORMULA = re.compile(
    r"\\(?:frac|sqrt|pi|text|boxed|begin|left|cup|infty)|\^|[\[(][^\])]*,[^\])]*[\])]"
)


def _looks_mathematical(texts: Sequence[str]) -> bool:
    return sum(bool(_FORMULA.search(text)) for text in texts) * 4 >= len(texts) > 0
