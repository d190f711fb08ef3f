"""The same question twice: harmless within a source, a leak between splits."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence

from opro_cli.adapters.datasets.examples import Problems
from opro_cli.core.model import SPLITS, Example, Split


def question_key(text: str) -> str:
    """Equal for texts that read the same: Unicode NFC, whitespace collapsed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def without_repeats(examples: Sequence[Example], problems: Problems) -> list[Example]:
    """One source with each question once: the first of those with one and the same target.

    A question with different targets goes with all of its rows and is a problem, since which
    target is right is not known.
    """
    first: dict[str, Example] = {}
    contradicted: dict[str, Example] = {}
    copies: Counter[str] = Counter()
    for example in examples:
        key = question_key(example.input)
        kept = first.setdefault(key, example)
        copies[key] += 1
        if kept.target != example.target:
            contradicted.setdefault(key, example)
    for key, other in contradicted.items():
        kept = first.pop(key)
        problems.add(
            f"{other.source}: the question of {kept.source} again with another target, "
            f"{other.target!r} after {kept.target!r}",
            rows=copies[key],
        )
    return list(first.values())


def without_leaks(
    sources: Mapping[Split, Sequence[Example]], problems: Problems
) -> dict[Split, list[Example]]:
    """Sources that share no question: what test has leaves train and dev, what dev has leaves
    train, so that test stays as given. Every row that leaves is a problem."""
    seen: dict[str, Example] = {}
    kept: dict[Split, list[Example]] = {}
    for split in reversed(SPLITS):
        if split not in sources:
            continue
        kept[split] = []
        for example in sources[split]:
            held_out = seen.get(question_key(example.input))
            if held_out is None:
                kept[split].append(example)
            else:
                problems.add(f"{example.source}: the question is also in {held_out.source}")
        seen.update((question_key(each.input), each) for each in kept[split])
    return kept
