"""How often a test calls graded scores different: `python -m tests.bench.graded [RUNS]`.

2,000 samples a cell when RUNS is left out, `--all` for all the tests tried, `--unseen` for the
distributions that were kept back when the test was chosen. First the size: no gain, shares in
percent of "improved" and "worse", each 2.5 % for an honest test. Then the power: "improved" where
the gain is 5 and 10 points. Last the rare losses one by one, exactly: the largest size over all
chances of a loss and all numbers of questions from 25 to 200.

"flips" is a sign-flip permutation test, studentised or not: flips leave the sum of squares alone,
so t grows with the sum. "ours" is `core.stats.paired.compare_graded_scores`, and "Gaffke" its
conservative form; "mid-p" has equal weights. No test that goes by the sample alone holds: of 50
questions that lose everything once in twenty, one sample in thirteen shows no loss.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from opro_cli.core.stats.paired import CAUTION, compare_graded_scores
from tests.bench.graded_scores import SEEN, UNSEEN, Array, Draw
from tests.bench.graded_tests import OTHERS, TESTS, Calls, one_sided

RUNS = 2_000
AT_ONCE = 5_000
SIZES = (25, 50, 100, 200)
RARE = (0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4)
Tests = Mapping[str, Callable[[Array], Calls]]


def shares(draw: Draw, n: int, gain: float, runs: int, tests: Tests) -> dict[str, list[float]]:
    """For each test how often it says improved, and how often worse."""
    generator = np.random.default_rng(n)
    counts = {name: [0, 0] for name in tests}
    for begin in range(0, runs, AT_ONCE):
        x = draw(generator, (min(AT_ONCE, runs - begin), n), gain)
        for name, test in tests.items():
            for side, called in enumerate(test(x)):
                counts[name][side] += int(called.sum())
    return {name: [count / runs for count in both] for name, both in counts.items()}


def table(draws: Mapping[str, Draw], gain: float, runs: int, tests: Tests) -> Iterator[str]:
    """Improved and worse without a gain, improved with one."""
    yield f"{'':<24}{'n':>4}" + "".join(f"{name:>13}" for name in tests)
    for name, draw in draws.items():
        for n in SIZES:
            cells = shares(draw, n, gain, runs, tests).values()
            shown = (
                f"{100 * better:.1f}" if gain else f"{100 * better:.1f} / {100 * worse:.1f}"
                for better, worse in cells
            )
            yield f"{name:<24}{n:>4}" + "".join(f"{cell:>13}" for cell in shown)


def largest_sizes(cautions: tuple[float, ...]) -> Iterator[str]:
    """Of all rare losses, the one that is most often called improved; no simulation."""
    largest = dict.fromkeys(cautions, (0.0, 0, 0.0))
    for n in (*range(25, 60, 3), *range(60, 201, 10)):
        for rare in RARE:
            losses = np.arange(min(n, int(n * rare + 8 * math.sqrt(n * rare) + 8)) + 1)
            x = np.where(np.arange(n) < losses[:, None], rare - 1, rare)
            log_chance = [
                math.log(math.comb(n, k)) + k * math.log(rare) + (n - k) * math.log1p(-rare)
                for k in range(len(losses))
            ]
            for caution in cautions:
                size = float(np.exp(log_chance)[one_sided(x, caution)[0] < 0.025].sum())
                largest[caution] = max(largest[caution], (size, n, rare))
    for caution, (size, n, rare) in largest.items():
        yield f"weight {caution:.2f}: {100 * size:.2f} % (n = {n}, a loss in {rare:.0%})"


def check_that_it_is_ours() -> None:
    """What is measured here is what the product does."""
    generator = np.random.default_rng(1)
    for draw in SEEN.values():
        x = draw(generator, (3, 40), 0.0)
        no_gain, no_loss = one_sided(x, CAUTION)
        for row, *sides in zip(x, no_gain, no_loss, strict=True):
            p_value = compare_graded_scores([float(each) for each in row]).p_value
            assert math.isclose(p_value, min(1.0, 2 * min(sides)), rel_tol=1e-6), (row, p_value)


def main() -> None:
    numbers = [argument for argument in sys.argv[1:] if argument.isdecimal()]
    runs = int(numbers[0]) if numbers else RUNS
    draws = UNSEEN if "--unseen" in sys.argv else SEEN
    tests = TESTS | OTHERS if "--all" in sys.argv else TESTS
    check_that_it_is_ours()
    print(f"{runs:,} samples a cell, in percent: improved / worse where nothing was gained")
    for line in table(draws, 0.0, runs, tests):
        print(line, flush=True)
    for gain in (0.05, 0.1):
        print(f"\nimproved, where the gain is {gain:.2f}")
        for line in table(draws, gain, runs, tests):
            print(line, flush=True)
    print("\nlargest size for rare losses, n = 25 to 200, by the weight of the unseen worst case")
    for line in largest_sizes((0.5, CAUTION, 1.0)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
