"""The worth of the parts of prompts, by the scores of the prompts that had them.

Each past outcome counts again and again: a ridge regression of the scores on the parts, so that a
part that was tried once, or always beside better ones, gets little of the credit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from opro_cli.core.draws import Random

Part = tuple[str, str | int | bool]
"""A part of a prompt, such as ("row", 17) or ("count", 4)."""
T = TypeVar("T")

SHRINKING: Mapping[str, float] = {"row": 4.0}
"""How many average outcomes a part of a kind is believed to have had, besides its own."""
SHRUNK = 1.0
ROUNDS = 20
STEEPNESS = 0.05
"""A gain of so much makes a part e times as likely to be drawn."""


def estimate_worth(tried: Sequence[tuple[Sequence[Part], float]]) -> dict[Part, float]:
    """Return what each part adds to a score; those that were never tried are left out.

    Args:
        tried: The parts of each prompt, and its score from 0 to 1.
    """
    if not tried:
        return {}
    average = math.fsum(score for _, score in tried) / len(tried)
    left = [score - average for _, score in tried]
    prompts: dict[Part, list[int]] = {}
    for index, (parts, _) in enumerate(tried):
        for part in dict.fromkeys(parts):
            prompts.setdefault(part, []).append(index)
    worth = dict.fromkeys(prompts, 0.0)
    for _ in range(ROUNDS):  # coordinate descent, which the shrinking lets settle soon
        for part, having in prompts.items():
            before = worth[part]
            known = len(having) + SHRINKING.get(part[0], SHRUNK)
            gain = math.fsum(left[index] for index in having) + before * len(having)
            worth[part] = gain / known
            for index in having:
                left[index] -= worth[part] - before
    return worth


def draw(rng: Random, among: Sequence[T], worths: Sequence[float]) -> T:
    """Draw one of several, those that are worth more more often."""
    best = max(worths)
    weights = [math.exp((worth - best) / STEEPNESS) for worth in worths]
    return rng.choices(among, weights)[0]
