"""Questions that stand in the data more than once: in one source, or in several."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from opro_cli.core.task.example import SPLITS, Example, Split
from opro_cli.datasets.faults import Problems


def normalize_question(text: str) -> str:
    """Make texts equal that read the same: Unicode NFC, whitespace collapsed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def drop_repeats(examples: Sequence[Example], problems: Problems) -> list[Example]:
    """Keep each question of one source once: the first of those with the same target.

    A question with different targets is dropped with all its rows and is a problem, since its
    right target is not known.
    """
    copies: dict[str, list[Example]] = {}
    for example in examples:
        copies.setdefault(normalize_question(example.shown), []).append(example)
    usable = []
    for same in copies.values():
        if all(_is_same_gold(example, same[0]) for example in same):
            usable.append(same[0])
            continue
        for example in same:
            other = next(copy for copy in same if not _is_same_gold(copy, example))
            what = "the question has another target"
            targets = f"{example.target!r} here and {other.target!r} there"
            problems.add(example.source, f"{what} in {other.source}, {targets}", what)
    return usable


def _is_same_gold(one: Example, other: Example) -> bool:
    return (one.target, one.golds) == (other.target, other.golds)


def drop_leaks(
    sources: Mapping[Split, Sequence[Example]], problems: Problems
) -> dict[Split, list[Example]]:
    """Drop questions that stand in two sources: from train and dev for test, from train for dev.

    So test stays as given. Every row that is dropped is a problem.
    """
    seen: dict[str, Example] = {}
    clean: dict[Split, list[Example]] = {}
    for split in reversed(SPLITS):
        if split not in sources:
            continue
        clean[split] = []
        for example in sources[split]:
            held_out = seen.get(normalize_question(example.shown))
            if held_out is None:
                clean[split].append(example)
            else:
                problems.add(example.source, f"the question is also in {held_out.source}")
        seen.update((normalize_question(example.shown), example) for example in clean[split])
    return clean
