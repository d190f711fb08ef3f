"""How often `search.prefer` crowns a cheaper prompt: `python -m tests.bench.cheapest [RUNS]`.

Simulated ends of searches, no model: a dear prompt and four cheaper ones answer train and dev, the
best on dev leads, and the product's own choice follows. How hard a question is, is shared by all
prompts (latent correlation .9: prompts for one task mostly fail on the same questions). In the
first column every cheaper prompt truly loses the margin of 2 points against the dear one, and
crowning any of them by the test is the error; in the second all are as good as it, and the share is
that of runs whose winner is cheaper than the leader, where the leader was not the cheapest anyway.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from statistics import NormalDist

import numpy as np

from opro_cli.core.run.cheapest import CHOSEN_AT
from opro_cli.core.stats.intervals import wilson_interval
from opro_cli.core.stats.paired import refute_loss

RUNS = 2000
CHEAPER = 4
MARGIN = 0.02
SHARED = 0.9
ACCURACY = 0.85
SIZES = ((50, 100), (100, 300), (200, 1000))


def choose(scores: np.ndarray, train: int) -> tuple[int, int]:
    """Return the leader and the winner; prompts are in the order of their costs, dearest last."""
    means = scores[:, train:].mean(axis=1)
    leader = len(means) - 1 - int(np.argmax(means[::-1]))
    winner = leader
    for cheaper in reversed(range(leader)):
        differences = (scores[cheaper].astype(float) - scores[leader]).tolist()
        if refute_loss(differences, MARGIN, graded=False) >= CHOSEN_AT:
            break
        winner = cheaper
    return leader, winner


def simulate(rng: np.random.Generator, loss: float, train: int, dev: int) -> tuple[int, int]:
    """Return the leader and the winner of one search."""
    accuracies = [ACCURACY - loss] * CHEAPER + [ACCURACY]
    cuts = np.array([NormalDist().inv_cdf(each) for each in accuracies])
    hardness = math.sqrt(SHARED) * rng.standard_normal(train + dev)
    own = math.sqrt(1 - SHARED) * rng.standard_normal((len(cuts), train + dev))
    return choose((hardness + own) < cuts[:, None], train)


def rate(seed: int, loss: float, sizes: tuple[int, int], runs: int) -> str:
    """Return the share of runs in which the dear prompt, or any leader, gave way, in percent."""
    rng = np.random.default_rng(seed)
    gave_way = led = 0
    for _ in range(runs):
        leader, winner = simulate(rng, loss, *sizes)
        if loss and leader < CHEAPER:
            continue  # it led by luck, which the test is not to blame for
        if leader:
            led += 1
            gave_way += winner != leader
    interval = wilson_interval(gave_way / led, led)
    low, high = 100 * interval.low, 100 * interval.high
    return f"{100 * gave_way / led:5.1f} % [{low:4.1f} to {high:4.1f}]"


def rows(runs: int) -> Iterator[str]:
    """Yield a line for each size of train and dev."""
    for sizes in SIZES:
        cells = (rate(7, loss, sizes, runs) for loss in (MARGIN, 0.0))
        yield f"{sizes[0]:>5} + {sizes[1]:<6}{'  '.join(cells)}"


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    print(f"{runs:,} runs a cell\n\ntrain + dev  {'2 points worse':<24}  as good")
    for row in rows(runs):
        print(row, flush=True)


if __name__ == "__main__":
    main()
