"""Tests and intervals by group: `python -m tests.bench.groups [SAMPLES]`, 2,000 by default.

Two prompts answer questions of documents. What makes an answer right is in the question (.4), in
prompt and document together (`shared`), and in prompt and question (the rest). The first table has
the true difference 0 over all documents: how often each test says "improved", and how often its
interval holds 0. The second has gains of 10 and 20 points: how often they are found where documents
do nothing, the price of taking them as a whole. The third is as unkind as can be: on most documents
a prompt gains a little, and on a few it loses nearly all, so that nothing is gained. The last has
the intervals of one score, where documents differ in difficulty.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from opro_cli.core.stats.groups import compute_design_effect
from opro_cli.core.stats.intervals import wilson_interval
from opro_cli.core.stats.paired import PairedTest, compare_scores
from tests.simulations.server import cut_at

SAMPLES = 2000
QUESTION = 0.4
"""The share of the variance that both prompts have in common."""

Groups = NDArray[np.int64]
LAYOUTS = {
    "5 docs of 40": np.arange(200) % 5,
    "10 docs of 20": np.arange(200) % 10,
    "20 docs of 10": np.arange(200) % 20,
    "50 docs of 4": np.arange(200) % 50,
    "100 pairs": np.arange(200) % 100,
    "20 docs of 1 to 19": np.repeat(np.arange(20), [*range(1, 20), 10]),
    "200 rows, 10 in pairs": np.concatenate([np.arange(195), np.arange(5)]),
    "50 rows, one pair": np.concatenate([np.arange(49), np.arange(1)]),
}


def draw_answers(
    rng: np.random.Generator, groups: Groups, shared: float, accuracies: Sequence[float]
) -> list[NDArray[np.float64]]:
    """Draw whether each prompt answers each question right."""
    question = rng.normal(size=len(groups)) * QUESTION**0.5
    answers = []
    for accuracy in accuracies:
        document = rng.normal(size=groups.max() + 1)[groups] * shared**0.5
        own = rng.normal(size=len(groups)) * (1 - QUESTION - shared) ** 0.5
        answers.append((question + document + own < cut_at(accuracy)).astype(float))
    return answers


def compare(before: NDArray[np.float64], after: NDArray[np.float64], by: Groups) -> PairedTest:
    pairs = list(zip(before.tolist(), after.tolist(), strict=True))
    return compare_scores(pairs, by.tolist())


def percent(count: int, samples: int) -> str:
    interval = wilson_interval(count / samples, samples)
    low, high = 100 * interval.low, 100 * interval.high
    share = "100" if count == samples else f"{100 * count / samples:.1f}"
    return f"{share} [{low:.0f}–{high:.0f}]"


def measure(
    samples: int, groups: Groups, shared: float, gain: float, seed: int
) -> tuple[list[int], list[int]]:
    """Count "improved", and intervals that hold the gain: by question, and by group."""
    rng = np.random.default_rng(seed)
    improved, held = [0, 0], [0, 0]
    alone = np.arange(len(groups))
    for _ in range(samples):
        before, after = draw_answers(rng, groups, shared, (0.6, 0.6 + gain))
        for index, by in enumerate((alone, groups)):
            test = compare(before, after, by)
            improved[index] += test.p_value < 0.05 and test.difference > 0
            held[index] += test.interval.low <= gain <= test.interval.high
    return improved, held


def measure_scores(samples: int, groups: Groups, shared: float, seed: int) -> list[int]:
    """Count the intervals of one score that hold .6: by question, and by group."""
    rng = np.random.default_rng(seed)
    held = [0, 0]
    for _ in range(samples):
        (answers,) = draw_answers(rng, groups, shared, (0.6,))
        for index, effect in enumerate((1.0, compute_design_effect(groups.tolist()))):
            interval = wilson_interval(float(answers.mean()), max(1.0, len(groups) / effect))
            held[index] += interval.low <= 0.6 <= interval.high
    return held


UNKIND = ((0.05, 0.45), (0.05, 0.95), (0.1, 0.9), (0.2, 0.8), (0.3, 0.6))
"""Gains on most documents, and losses on so few that they make up for it."""


def measure_unkind(
    samples: int, documents: int, gain: float, loss: float, seed: int
) -> tuple[list[int], list[int]]:
    """Count "improved" by question and by group, 200 questions; and the intervals that hold 0."""
    rng = np.random.default_rng(seed)
    groups, improved, held = np.arange(200) % documents, [0, 0], [0, 0]
    for _ in range(samples):
        bad = rng.random(documents) < gain / (gain + loss)
        effect = np.where(bad, -loss, gain)[groups]
        differing = np.maximum(0.3, np.abs(effect))
        drawn = rng.random(200)
        better, worse = drawn < (differing + effect) / 2, drawn >= 1 - (differing - effect) / 2
        before, after = (worse & ~better).astype(float), better.astype(float)
        for index, by in enumerate((np.arange(200), groups)):
            test = compare(before, after, by)
            improved[index] += test.p_value < 0.05 and test.difference > 0
            held[index] += test.interval.low <= 0 <= test.interval.high
    return improved, held


def main() -> None:
    samples = int(sys.argv[1]) if sys.argv[1:] else SAMPLES
    title = f"{'improved':>13}{'by group':>14}{'held':>14}{'by group':>14}"

    def show(name: str, found: tuple[list[int], list[int]]) -> None:
        cells = [percent(each, samples) for part in found for each in part]
        print(f"{name:<21}{cells[0]:>13}{cells[1]:>14}{cells[2]:>14}{cells[3]:>14}", flush=True)

    print(f"{'no gain, shared .3':<21}{title}")
    for seed, (name, groups) in enumerate(LAYOUTS.items()):
        show(name, measure(samples, groups, 0.3, 0.0, seed))
    for gain in (0.1, 0.2):
        print(f"\n{f'gain {gain}, shared 0':<21}{title}")
        for seed, (name, groups) in enumerate(LAYOUTS.items(), start=int(1000 * gain)):
            show(name, measure(samples, groups, 0.0, gain, seed))
    print(f"\n{'no gain, unkind':<21}{title}")
    for documents in (5, 10, 20, 50):
        for seed, (gain, loss) in enumerate(UNKIND, start=300 + documents):
            name = f"{documents}: +{gain} or -{loss}"
            show(name, measure_unkind(samples, documents, gain, loss, seed))
    print(f"\n{'score .6, shared .3':<21}{'held':>13}{'by group':>14}")
    for seed, (name, groups) in enumerate(LAYOUTS.items(), start=400):
        cells = [percent(each, samples) for each in measure_scores(samples, groups, 0.3, seed)]
        print(f"{name:<21}{cells[0]:>13}{cells[1]:>14}", flush=True)


if __name__ == "__main__":
    main()
