"""The instructions that the scripted writers draw from: `python -m tests.bench.search.pool`.

A pool is written by a grammar of phrases, the same at every call, before any of its instructions
is scored. An instruction is made of cues that the writer believes help on the task (its method,
its rule, fine working), cues that may hurt (haste, another task's method), neutral sentences and
filler. What the writer believes is its `tier`; what it is worth, nobody knows here.

It is the second pool. In the first one every third instruction had two or three good cues, and the
best of five draws was right on three questions of four: nothing was left to search for.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from functools import cache

from opro_cli.embedded.training.families import FAMILIES, Family
from opro_cli.embedded.training.grammar import START, WORDINGS, Kind

SIZE = 240
NEUTRAL = (*WORDINGS["neutral"], "Here comes a question.", "Please solve the following.")
FILLER = (
    *WORDINGS["pep"],
    "This question comes from a test.",
    "Many people find this easy.",
    "Thank you in advance.",
    "The question follows.",
)
HASTE = (*WORDINGS["brief"], *WORDINGS["foreign"])
# How many cues that should help, and the share of instructions with so many.
CUES = {0: 0.42, 1: 0.38, 2: 0.16, 3: 0.04}
WITH_BAD_CUE, WITH_FILLER, WITH_NEUTRAL = 0.35, 0.4, 0.35


@dataclass(frozen=True, slots=True)
class Entry:
    """An instruction, and the number of helpful cues less harmful ones that went into it."""

    text: str
    tier: int


def _good_kinds(family: Family) -> tuple[Kind, ...]:
    own: tuple[Kind, ...] = (f"{family}_method", f"{family}_rule")  # type: ignore[assignment]
    return (*own, "fine", "steps", "check", "order")


def _bad_sentences(family: Family) -> tuple[str, ...]:
    others: list[str] = []
    for each in FAMILIES:
        if each != family:
            others += WORDINGS[f"{each}_method"] + WORDINGS[f"{each}_rule"]  # type: ignore[index]
    return (*HASTE, *others)


def _draw(rng: random.Random, family: Family) -> Entry:
    cues = rng.choices(list(CUES), list(CUES.values()))[0]
    kinds = rng.sample(_good_kinds(family), cues)
    sentences = [rng.choice(WORDINGS[kind]) for kind in kinds]
    bad = rng.random() < WITH_BAD_CUE
    if bad:
        sentences.append(rng.choice(_bad_sentences(family)))
    if rng.random() < WITH_FILLER:
        sentences.append(rng.choice(FILLER))
    if rng.random() < WITH_NEUTRAL or not sentences:
        sentences.append(rng.choice(NEUTRAL))
    rng.shuffle(sentences)
    return Entry(" ".join(sentences), cues - bad)


@cache
def write_pool(family: Family) -> tuple[Entry, ...]:
    """Return SIZE different instructions for a task, none of them the start prompt."""
    rng = random.Random(f"bench pool {family}")
    entries: dict[str, Entry] = {}
    while len(entries) < SIZE:
        entry = _draw(rng, family)
        if entry.text != START:
            entries.setdefault(entry.text, entry)
    return tuple(entries.values())


def main() -> None:
    """Print every pool."""
    for family in FAMILIES:
        pool = write_pool(family)
        tiers = sorted(Counter(entry.tier for entry in pool).items())
        print(f"# {family}: {', '.join(f'{count} of tier {tier}' for tier, count in tiers)}")
        for entry in pool:
            print(f"{entry.tier:+d}  {entry.text}")


if __name__ == "__main__":
    main()
