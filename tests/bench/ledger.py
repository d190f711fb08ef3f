"""Twenty runs in a row on one test set: `python -m tests.bench.ledger [FAMILIES] [SEED]`.

2,000 families and seed 23 when left out. Simulated, no model: a family is a set of 200 test rows
and 20 runs, each of which compares a start prompt with a winner on them and is judged by the
product's own statistics (McNemar's mid-p) at the level that its own ledger gives (core/run/uses).
Answers are right where a normal variable of the question and the prompt together falls below the
prompt's accuracy; how hard a question is, is shared by all prompts (latent correlation .6), and a
prompt's answers are decided once, as at temperature 0. A winner is chosen on other rows, so its
answers on these are drawn anew. The start prompt has accuracy .60 and so has every winner, unless
a row says otherwise.

An "improved" is false where the winner's accuracy is not above that of the prompt that it was
compared with. Intervals are Wilson's, 95 %.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from opro_cli.core.run.uses import Use, plan_use
from opro_cli.core.stats.intervals import mcnemar_mid_p, wilson_interval
from opro_cli.core.stats.paired import ALPHA
from opro_cli.core.stats.spending import compute_threshold

FAMILIES, RUNS, ROWS, POOL = 2000, 20, 200, 600
SHARED, ACCURACY, GAIN = 0.6, 0.6, 0.1

cut_at = NormalDist().inv_cdf
compute_p = lru_cache(maxsize=None)(mcnemar_mid_p)


@dataclass(frozen=True)
class Prompt:
    """A prompt: its accuracy, and whether it is right on each row of the pool."""

    accuracy: float
    right: np.ndarray


@dataclass(frozen=True)
class Judged:
    """One run: is it called improved, with the ledger and without, and may it be?"""

    improved: bool
    improved_alone: bool
    gain: bool
    threshold: float

    @property
    def is_false(self) -> bool:
        return self.improved and not self.gain


class Family:
    """One pool of rows, and the runs on it."""

    def __init__(self, seed: int, family: int, rows: int) -> None:
        self.rng = np.random.default_rng([seed, family])
        self._hard = math.sqrt(SHARED) * self.rng.standard_normal(rows)
        self._uses: list[Use] = []
        self.judged: list[Judged] = []

    def draw_prompt(self, accuracy: float) -> Prompt:
        own = math.sqrt(1 - SHARED) * self.rng.standard_normal(len(self._hard))
        return Prompt(accuracy, self._hard + own < cut_at(accuracy))

    def judge(self, start: Prompt, winner: Prompt, rows: np.ndarray, sharers: int = 1) -> bool:
        """Judge one run; return whether it is called improved."""
        before, after = start.right[rows], winner.right[rows]
        gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
        p_value = compute_p(gained, lost)
        better = gained > lost
        name, known = str(len(self._uses)), frozenset(map(str, rows.tolist()))
        planned = plan_use(self._uses, known, group=name, sharers=sharers)
        threshold = compute_threshold(planned.level)
        improved = better and p_value < threshold
        outcome = "improved" if improved else "none"
        use = Use(name, name, known, planned.number, planned.level, "", "", outcome)
        self._uses.append(use)
        gain = winner.accuracy > start.accuracy
        self.judged.append(Judged(improved, better and p_value < ALPHA, gain, threshold))
        return improved


ALL = np.arange(ROWS)
Row = Callable[[int, int], Family]


def same_start(seed: int, number: int) -> Family:
    """The same start prompt each time, other winners, no gain."""
    family = Family(seed, number, ROWS)
    start = family.draw_prompt(ACCURACY)
    for _ in range(RUNS):
        family.judge(start, family.draw_prompt(ACCURACY), ALL)
    return family


def other_splits(seed: int, number: int) -> Family:
    """Each run draws its 200 test rows anew from the same 600."""
    family = Family(seed, number, POOL)
    start = family.draw_prompt(ACCURACY)
    for _ in range(RUNS):
        rows = np.sort(family.rng.permutation(POOL)[:ROWS])
        family.judge(start, family.draw_prompt(ACCURACY), rows)
    return family


def from_the_improved(seed: int, number: int, gains: Sequence[int] = ()) -> Family:
    """A winner that was called improved is the next start prompt; some runs find a real gain."""
    family = Family(seed, number, ROWS)
    start = family.draw_prompt(ACCURACY)
    for run in range(RUNS):
        accuracy = start.accuracy + (GAIN if run in gains else 0)
        winner = family.draw_prompt(accuracy)
        if family.judge(start, winner, ALL):
            start = winner
    return family


def with_gains(seed: int, number: int) -> Family:
    """The same, and the runs 1, 4 and 8 have found a real gain of ten points."""
    return from_the_improved(seed, number, gains=(0, 3, 7))


def from_the_luckiest(seed: int, number: int) -> Family:
    """The start prompt is whichever has the lowest figure on test so far: the worst user."""
    family = Family(seed, number, ROWS)
    start = family.draw_prompt(ACCURACY)
    for _ in range(RUNS):
        winner = family.draw_prompt(ACCURACY)
        family.judge(start, winner, ALL)
        start = min(start, winner, key=lambda prompt: int(prompt.right.sum()))
    return family


FAMILY_ROWS: dict[str, Row] = {
    "same start prompt, other winners": same_start,
    "the same, rows drawn anew from 600": other_splits,
    "goes on from what was called improved": from_the_improved,
    "the same, with gains in runs 1, 4 and 8": with_gains,
    "goes on from the least lucky prompt": from_the_luckiest,
}


def count_false(row: Row, seed: int, families: int) -> tuple[int, int]:
    """Count the families with a false improvement: by the ledger, and without one."""
    judged = [row(seed, number).judged for number in range(families)]
    with_ledger = sum(any(each.is_false for each in runs) for runs in judged)
    alone = sum(any(e.improved_alone and not e.gain for e in runs) for runs in judged)
    return with_ledger, alone


def count_found(seed: int, families: int, use: int, *, passed: bool = False) -> tuple[int, int]:
    """Count how often a gain of ten points is found at a use: by the ledger, and without one.

    The uses before it found nothing; or the last of them found such a gain, where `passed`.
    """
    found = alone = 0
    for number in range(families):
        family = Family(seed, number, ROWS)
        start = family.draw_prompt(ACCURACY)
        for run in range(1, use):
            if passed and run == use - 1:
                family.judge(start, Prompt(1.0, np.ones(ROWS, bool)), ALL)
            else:
                family.judge(start, family.draw_prompt(ACCURACY), ALL)
        family.judge(start, family.draw_prompt(ACCURACY + GAIN), ALL)
        found += family.judged[-1].improved
        alone += family.judged[-1].improved_alone
    return found, alone


def percent(count: int, of: int) -> str:
    interval = wilson_interval(count / of, of)
    low, high = 100 * interval.low, 100 * interval.high
    return f"{100 * count / of:5.1f} % [{low:.1f}–{high:.1f}]"


def main() -> None:
    numbers = [int(each) for each in sys.argv[1:]]
    families, seed = (numbers + [FAMILIES, 23][len(numbers) :])[:2]
    print(f"{families:,} families of {RUNS} runs on {ROWS} test rows, seed {seed}\n")
    print(f"{'some false improvement':<44}{'with the ledger':<24}without it")
    for name, row in FAMILY_ROWS.items():
        counts = count_false(row, seed, families)
        print(f"{name:<44}" + "".join(f"{percent(each, families):<24}" for each in counts))
    print(f"\n{f'a gain of 60 % → {100 * (ACCURACY + GAIN):.0f} % is found':<44}")
    for use in (1, 2, 5, 10, 20):
        found = count_found(seed + 1, families, use)
        name = f"at use {use}, p below {compute_threshold(plan_level(use)):.2g}"
        print(f"{name:<44}" + "".join(f"{percent(each, families):<24}" for each in found))
    found = count_found(seed + 1, families, 5, passed=True)
    print(f"{'at use 5, behind an improvement':<44}" + f"{percent(found[0], families):<24}")


def plan_level(use: int) -> float:
    """Return the level of a use behind others that found nothing."""
    rows = frozenset({"row"})
    one = Use("", "", rows, 1, 0.025, "", "", "none")
    uses = [replace(one, id=str(n), group=str(n)) for n in range(1, use)]
    return plan_use(uses, rows, group="new").level


if __name__ == "__main__":
    main()
