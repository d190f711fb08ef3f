"""What asking a question several times is worth: `python -m tests.bench.repeats [RUNS [SEED]]`.

4,000 comparisons a row with seed 1 when left out. Two prompts answer the same test questions, each
`scorer.repeats` times, and the product's own test compares them. An answer is right where a normal
variable falls below the prompt's accuracy; of its variance .6 is the question's, shared by both
prompts, a part is the chance of each single answer (a scorer at temperature 1), and the rest what
the prompt makes of this question, the same each time. `false` is "improved" where both prompts are
right on .60 of all questions, `power` where the second is on .65 or .70.
"""

from __future__ import annotations

import math
import sys
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opro_cli.core.stats.intervals import wilson_interval
from opro_cli.core.stats.paired import ALPHA, compare_differences

RUNS, SEED = 4000, 1
START, SHARED = 0.60, 0.6
CHANCES = (0.1, 0.4)
GAINS = (0.0, 0.05, 0.10)
ROWS = ((200, 1, "mean"), (200, 4, "mean"), (200, 4, "all"), (50, 4, "mean"), (800, 1, "mean"))
"""Questions, repeats and `scorer.repeat_score`."""

Numbers = NDArray[Any]


def draw_scores(
    rng: np.random.Generator, chance: float, gain: float, questions: int, repeats: int, score: str
) -> tuple[Numbers, Numbers]:
    """The scores of the questions under both prompts."""
    hardness = math.sqrt(SHARED) * rng.standard_normal(questions)
    both: list[Numbers] = []
    for accuracy in (START, START + gain):
        own = math.sqrt(1 - SHARED - chance) * rng.standard_normal(questions)
        each = math.sqrt(chance) * rng.standard_normal((repeats, questions))
        right: Numbers = hardness + own + each < NormalDist().inv_cdf(accuracy)
        scores = right.all(axis=0) if score == "all" else right.mean(axis=0)
        both.append(np.asarray(scores))
    return both[0], both[1]


def count_improved(
    seed: int, runs: int, chance: float, gain: float, row: tuple[int, int, str]
) -> int:
    """The comparisons that are called "improved"."""
    questions, repeats, score = row
    rng = np.random.default_rng([seed, int(100 * chance), int(100 * gain), questions, repeats])
    graded = repeats > 1 and score == "mean"
    known: dict[tuple[float, ...], bool] = {}
    improved = 0
    for _ in range(runs):
        first, second = draw_scores(rng, chance, gain, questions, repeats, score)
        differences = tuple(sorted((second * 1.0 - first).tolist()))
        if math.fsum(differences) <= 0:
            continue
        if differences not in known:
            test = compare_differences(differences, graded=graded)
            known[differences] = test.p_value < ALPHA
        improved += known[differences]
    return improved


def share(count: int, runs: int) -> str:
    interval = wilson_interval(count / runs, runs)
    return f"{100 * count / runs:5.1f} [{100 * interval.low:4.1f}-{100 * interval.high:4.1f}]"


def main() -> None:
    runs, seed = (
        int(each) for each in (*sys.argv[1:3], *(str(RUNS), str(SEED))[len(sys.argv) - 1 :])
    )
    print(f"{runs:,} comparisons a row, seed {seed}; percent with 95 % intervals\n")
    heads = ("false improved", "power, +5", "power, +10")
    print(f"{'chance':<7}{'questions':<14}" + "".join(f"{head:>19}" for head in heads))
    for chance in CHANCES:
        for row in ROWS:
            cells = (share(count_improved(seed, runs, chance, gain, row), runs) for gain in GAINS)
            questions, repeats, score = row
            asked = f"{questions} × {repeats}{f' {score}' if repeats > 1 else ''}"
            shown = "".join(f"{cell:>19}" for cell in cells)
            print(f"{chance:<7}{asked:<14}{shown}", flush=True)


if __name__ == "__main__":
    main()
