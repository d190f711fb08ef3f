"""How often the verdict is right: `python -m tests.bench.verdicts [RUNS]`, 1,000 when left out.

Simulated searches, no model: the start prompt and 40 candidates answer 50 train, 100 dev and N
test questions; the best 5 on train meet on dev, the best of dev meets the start prompt on test,
and the product's own statistics judge. Answers are right where a normal variable of the question
and the prompt together falls below the prompt's accuracy; how hard a question is, is shared by
all prompts (latent correlation .6). The start prompt answers the test questions once more, as
independently of its first answers as of another prompt's: where that alone is a difference as large
as the gain and told from chance, the gain is not claimed: told apart, and not `improved`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from opro_cli.core.stats.intervals import (
    Interval,
    difference_interval,
    mcnemar_mid_p,
    wilson_interval,
)
from opro_cli.core.stats.paired import ALPHA

RUNS = 1000
CANDIDATES = 40
FINALISTS = 5
SHARED = 0.6
TRAIN, DEV = 50, 100


@dataclass(frozen=True)
class Met:
    """The start prompt and the winner on test: right under only one, under the winner, in all.

    better, worse: questions that the start prompt had right only the second time, or the first.
    """

    gained: int
    lost: int
    right: int
    n: int
    better: int = 0
    worse: int = 0


def answers(
    generator: np.random.Generator, accuracies: np.ndarray, questions: int
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Right or wrong, prompts × questions."""
    hardness = math.sqrt(SHARED) * generator.standard_normal(questions)
    return answers_to(hardness, generator, accuracies)


def answers_to(
    hardness: np.ndarray, generator: np.random.Generator, accuracies: np.ndarray
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """The same to questions that are so hard."""
    cut = np.array([NormalDist().inv_cdf(each) for each in accuracies])
    own = math.sqrt(1 - SHARED) * generator.standard_normal((len(cut), len(hardness)))
    return (hardness + own) < cut[:, None]


def search(
    generator: np.random.Generator,
    repeats: np.random.Generator,
    accuracies: np.ndarray,
    test: int,
) -> tuple[int, Met]:
    """One search; the winner's place among the candidates, and the meeting on test.

    repeats: draws the second answers alone, so that the rest is the same without them.
    """
    train = answers(generator, accuracies, TRAIN).mean(axis=1)
    finalists = np.argsort(-train, kind="stable")[:FINALISTS]
    dev = answers(generator, accuracies, DEV).mean(axis=1)
    winner = int(finalists[np.argmax(dev[finalists])])
    hardness = math.sqrt(SHARED) * generator.standard_normal(test)
    start, best = answers_to(hardness, generator, accuracies)[[0, winner]]
    (again,) = answers_to(hardness, repeats, accuracies[:1])
    gained, lost = int((best & ~start).sum()), int((start & ~best).sum())
    better, worse = int((again & ~start).sum()), int((start & ~again).sum())
    return winner, Met(gained, lost, int(best.sum()), test, better, worse)


def meetings(seed: int, accuracy: float, gain: float, test: int, runs: int) -> Iterator[Met]:
    """The winner, of that gain, against a start prompt of that accuracy."""
    generator, repeats = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    for _ in range(runs):
        accuracies = np.full(CANDIDATES + 1, accuracy + gain)
        accuracies[0] = accuracy
        winner = 0
        while winner == 0:  # where the start prompt itself wins there is nothing to judge
            winner, met = search(generator, repeats, accuracies, test)
            if winner == 0 and gain == 0:
                met = Met(0, 0, met.right, test)
                break
        yield met


def row(name: str, met: list[Met], accuracy: float, gain: float) -> str:
    """One line of the table."""
    improved = [is_told(m.gained, m.lost) for m in met]
    claimed = [is_claimed(m) for m in met]
    judged = [m for m in met if m.gained or m.lost] if gain == 0 else met
    scores = [holds(wilson_interval(m.right / m.n, m.n), accuracy + gain) for m in met]
    gains = [holds(difference_interval(m.gained, m.lost, m.n), gain) for m in judged]
    shares = [sum(held) / len(held) for held in (improved, claimed, scores, gains)]
    return f"{name:<34}" + "".join(f"{100 * share:>11.1f} %" for share in shares)


def is_told(gained: int, lost: int) -> bool:
    """Is more gained than lost, and not by chance?"""
    return gained > lost and mcnemar_mid_p(gained, lost) < ALPHA


def is_claimed(m: Met) -> bool:
    """Is it a gain that the scorer itself does not explain? As in reports/verdict.py."""
    is_drift = is_told(m.better, m.worse) and m.better - m.worse >= m.gained - m.lost
    return is_told(m.gained, m.lost) and not is_drift


def holds(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def main() -> None:
    runs = int(sys.argv[1]) if sys.argv[1:] else RUNS
    print(f"{runs:,} simulated searches a row; shares of them, in percent\n")
    heads = ("told apart", "improved", "score held", "gain held")
    print(f"{'truth':<34}" + "".join(f"{head:>13}" for head in heads))
    for accuracy, gain in ((0.6, 0.0), (0.6, 0.1)):
        for test in (100, 200, 300):
            truth = f"{accuracy:.2f} → {accuracy + gain:.2f}, {test} test questions"
            met = list(meetings(test, accuracy, gain, test, runs))
            print(row(truth, met, accuracy, gain))


if __name__ == "__main__":
    main()
