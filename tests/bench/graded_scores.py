"""Graded scores of two prompts, as paired differences whose mean is the gain asked for.

The test of graded scores was chosen on SEEN, and its weight (`CAUTION`) on the exact sizes of rare
losses as well. UNSEEN was fixed before and looked at once, after: all but its three rare losses
and gains, which differ only in a number from what the weight was chosen on, were not seen before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

Generator = np.random.Generator
Shape = tuple[int, int]
Array = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Draw = Callable[[Generator, Shape, float], Array]
"""Differences in [-1, 1], samples × questions, with a mean of (about) the third argument."""

RUBRIC = np.array([0.0, 0.25, 0.5, 0.75, 1.0])


def either(generator: Generator, shape: Shape, chance: float, yes: float, no: float) -> Array:
    return np.where(generator.random(shape) < min(1.0, chance), yes, no)


def rare_loss(steady: float) -> Draw:
    """The start prompt always scores `steady`, the other 1 that often and else 0."""
    return lambda generator, shape, gain: either(
        generator, shape, steady + gain, 1 - steady, -steady
    )


def rare_gain(steady: float) -> Draw:
    """Its mirror: the start prompt scores 1 or 0, the other always the same."""
    return lambda generator, shape, gain: (
        min(1.0, steady + gain) - either(generator, shape, steady, 1.0, 0.0)
    )


def partial_to_whole(a: float, b: float) -> Draw:
    """The start prompt gets partial credit, Beta(a, b), the other all or nothing."""
    mean = a / (a + b)
    return lambda generator, shape, gain: (
        either(generator, shape, mean + gain, 1.0, 0.0) - generator.beta(a, b, shape)
    )


def whole_to_partial(a: float, b: float) -> Draw:
    mean, size = a / (a + b), a + b
    return lambda generator, shape, gain: (
        generator.beta(size * (mean + gain), size * (1 - mean - gain), shape)
        - either(generator, shape, mean, 1.0, 0.0)
    )


def better(generator: Generator, scores: Array, gain: float, mean: float) -> Array:
    """Some of the scores become 1."""
    return np.where(generator.random(scores.shape) < gain / (1 - mean), 1.0, scores)


def f1_pair(generator: Generator, shape: Shape, gain: float) -> Array:
    """Exact answers as often as the question is easy, else partial credit: symmetric."""
    easy = generator.beta(2, 2, shape)
    old, new = (
        np.where(generator.random(shape) < easy, 1.0, generator.beta(2, 2, shape)) for _ in "ab"
    )
    return better(generator, new, gain, 0.75) - old


def rubric(old: list[float], new: list[float]) -> Draw:
    """Marks with these chances of 0, 1/4, 1/2, 3/4 and 1, equal in the mean."""
    mean = float(np.dot(RUBRIC, new))
    assert math.isclose(mean, float(np.dot(RUBRIC, old)))

    def draw(generator: Generator, shape: Shape, gain: float) -> Array:
        before: Array = generator.choice(RUBRIC, size=shape, p=old)
        after: Array = generator.choice(RUBRIC, size=shape, p=new)
        return better(generator, after, gain, mean) - before

    return draw


def rubric_pair(chances: list[float], shared: float = 0.6) -> Draw:
    """Both prompts alike, how hard a question is shared by both: symmetric."""
    cuts = [NormalDist().inv_cdf(each) for each in np.cumsum(chances)[:-1]]
    mean = float(np.dot(RUBRIC, chances))

    def draw(generator: Generator, shape: Shape, gain: float) -> Array:
        hard = math.sqrt(shared) * generator.standard_normal(shape)

        def marks() -> Array:
            own = math.sqrt(1 - shared) * generator.standard_normal(shape)
            found: Array = RUBRIC[np.searchsorted(cuts, hard + own)]
            return found

        old, new = marks(), marks()
        return better(generator, new, gain, mean) - old

    return draw


def few_differ(share: float, up: float, chance: float, down: float) -> Draw:
    """Only a share of the questions differ, by `up` with this chance, else by `-down`."""
    assert math.isclose(chance * up, (1 - chance) * down)

    def draw(generator: Generator, shape: Shape, gain: float) -> Array:
        changed = either(generator, shape, chance + gain / share / (up + down), up, -down)
        return np.where(generator.random(shape) < share, changed, 0.0)

    return draw


def skewed_loss(a: float, b: float) -> Draw:
    """Many small gains and losses of every size."""
    mean, size = a / (a + b), a + b

    def draw(generator: Generator, shape: Shape, gain: float) -> Array:
        left = max(1e-3, mean - gain)
        return mean - generator.beta(size * left, size * (1 - left), shape)

    return draw


def by_difficulty(generator: Generator, shape: Shape, gain: float) -> Array:
    """How much a question can change is its own; the change itself is skewed."""
    size = generator.beta(1, 2, shape)
    return gain + size * either(generator, shape, 0.8, 0.2, -0.8)


def small_changes(generator: Generator, shape: Shape, gain: float) -> Array:
    """Normal, spread 0.1: no large change ever happens."""
    return np.clip(gain + 0.1 * generator.standard_normal(shape), -1, 1)


def uniform(generator: Generator, shape: Shape, gain: float) -> Array:
    return gain + generator.uniform(-0.5, 0.5, shape)


SEEN: dict[str, Draw] = {
    "rare loss .90": rare_loss(0.9),
    "rare loss .95": rare_loss(0.95),
    "rare gain .90": rare_gain(0.9),
    "rare loss .70": rare_loss(0.7),
    "partial B(8,2) → whole": partial_to_whole(8, 2),
    "whole → partial B(8,2)": whole_to_partial(8, 2),
    "f1, symmetric": f1_pair,
    "rubric, symmetric": rubric_pair([0.1, 0.1, 0.2, 0.3, 0.3]),
    "rubric, steady → split": rubric([0, 0.05, 0.1, 0.65, 0.2], [0.2, 0, 0, 0.2, 0.6]),
    "10 % differ, +.25 or -1": few_differ(0.1, 0.25, 0.8, 1.0),
    "20 % differ, ±.5": few_differ(0.2, 0.5, 0.5, 0.5),
    "small changes": small_changes,
}
UNSEEN: dict[str, Draw] = {
    "rare loss .98": rare_loss(0.98),
    "rare loss .80": rare_loss(0.8),
    "rare gain .95": rare_gain(0.95),
    "5 % differ, +.1 or -.9": few_differ(0.05, 0.1, 0.9, 0.9),
    "15 % differ, +.5 or -1": few_differ(0.15, 0.5, 2 / 3, 1.0),
    "whole → partial B(5,1)": whole_to_partial(5, 1),
    "partial B(5,1) → whole": partial_to_whole(5, 1),
    "loss B(.3,2.7)": skewed_loss(0.3, 2.7),
    "by difficulty": by_difficulty,
    "uniform": uniform,
    "rubric, 3/4 → split": rubric([0, 0, 0, 0.8, 0.2], [0.2, 0, 0, 0, 0.8]),
}
