"""How often a gate is right, and what it costs: `python -m tests.bench.gate [RUNS]`.

Simulated answers, no model; 10,000 runs a cell when left out, a twentieth for graded scores. Both
prompts answer every question, in the order in which a gate asks; the product's own design says
when it looks and what a look needs. In each cell: *not worse* / *worse* / *cannot tell*, in
percent of the runs, and behind the dot the calls that were made, in percent of asking everything.

Answers: `deterministic` repeats itself, so that two prompts differ on few questions and for good;
`flaky` draws each answer anew (temperature 1) with a chance of its own for each question. `falling`
and `rising` servers lose or gain 20 points while the gate goes on, for both prompts alike;
`favoured` is a server that is 10 points better on the second prompt that is asked a question, and
the order of the two is drawn. `graded` scores are tenths from 0 to 1.

`--designs` compares spendings and numbers of looks, on other seeds than the table's; `--margins`
says how often a prompt that is just as good is told not to be worse, by the margin.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from functools import cache
from statistics import NormalDist

import numpy as np

from opro_cli.core.stats.intervals import mcnemar_mid_p, wilson_interval
from opro_cli.core.stats.sequential import (
    Design,
    Differences,
    Spending,
    compute_levels,
    look_at,
    make_design,
    make_hwang_shih_decani,
    spend_like_obrien_fleming,
    spend_like_pocock,
)

RUNS = 10_000
MARGIN = 0.05
TRUTHS = (-0.20, -0.10, -0.05, -0.02, 0.0, 0.05)
ROWS = (60, 100, 200, 400)
SEED, DESIGN_SEED = 23, 1
"""Of the table, and of the choice of the design."""

Array = np.ndarray
Draw = Callable[[np.random.Generator, int, int, float], Array]
"""Differences, runs × questions, for a truth."""


def repeat(differing: float) -> Draw:
    """Prompts that differ on a share of the questions, or on more where the truth needs it."""

    def draw(rng: np.random.Generator, runs: int, rows: int, truth: float) -> Array:
        share = max(differing, abs(truth))
        chance = rng.random((runs, rows))
        gained, lost = (share + truth) / 2, (share - truth) / 2
        difference: Array = np.where(
            chance < gained, 1.0, np.where(chance < gained + lost, -1.0, 0.0)
        )
        return difference

    return draw


def answer_anew(
    accuracy: float, *, start: float = 0.0, end: float = 0.0, favour: float = 0.0
) -> Draw:
    """Independent answers; the accuracy moves from `start` to `end` beside its mean."""

    def draw(rng: np.random.Generator, runs: int, rows: int, truth: float) -> Array:
        drift = np.linspace(start, end, rows)
        hard = rng.beta(1.5 * accuracy, 1.5 * (1 - accuracy), (runs, rows))
        hard = np.clip(hard * (accuracy + drift) / accuracy, 0, 1)
        second = rng.random((runs, rows)) < 0.5  # the new prompt is asked second
        old = rng.random((runs, rows)) < np.minimum(hard + favour * ~second, 1)
        new = rng.random((runs, rows)) < np.minimum(hard + favour * second, 1)
        mean = np.minimum(hard + favour / 2, 1).mean(axis=0)
        other = rng.random((runs, rows))
        if truth <= 0:
            new &= other >= -truth / mean
        else:
            new |= other < truth / (1 - mean)
        difference: Array = new.astype(float) - old
        return difference

    return draw


def grade(rng: np.random.Generator, runs: int, rows: int, truth: float) -> Array:
    """Scores in tenths, drawn anew; what the new prompt loses, it loses whole."""
    hard = rng.beta(1.5 * 0.6, 1.5 * 0.4, (runs, rows)).clip(0.01, 0.99)
    old, new = (np.round(rng.beta(4 * hard, 4 * (1 - hard)), 1) for _ in range(2))
    mean, other = float(old.mean()), rng.random((runs, rows))
    if truth <= 0:
        new = np.where(other < -truth / mean, 0.0, new)
    else:
        new = np.where(other < truth / (1 - mean), 1.0, new)
    difference: Array = new - old
    return difference


KINDS: dict[str, Draw] = {
    "deterministic, differing on 5 %": repeat(0.05),
    "deterministic, differing on 10 %": repeat(0.10),
    "flaky, accuracy .6": answer_anew(0.6),
    "flaky, accuracy .9": answer_anew(0.9),
    "flaky, .6, falling": answer_anew(0.6, start=0.1, end=-0.1),
    "flaky, .6, rising": answer_anew(0.6, start=-0.1, end=0.1),
    "flaky, .6, favoured": answer_anew(0.6, favour=0.1),
}


def tango(gained: Array, lost: Array, n: int, delta: float) -> Array:
    """`core/stats/intervals.tango_score` for arrays."""
    b = -gained - lost + (2 * n - gained + lost) * delta
    c = -lost * delta * (1 - delta)
    chance = (np.sqrt(np.maximum(0.0, b * b - 8 * n * c)) - b) / (4 * n)
    variance = n * (2 * chance + delta * (1 - delta))
    off = gained - lost - n * delta
    with np.errstate(divide="ignore", invalid="ignore"):
        score: Array = np.where(variance > 0, off / np.sqrt(variance), np.sign(off) * 1e9)
    return score


@cache
def mid_p(gained: int, lost: int) -> float:
    half = mcnemar_mid_p(gained, lost) / 2
    return half if lost > gained else 1 - half


def decide(
    gained: Array, lost: Array, n: int, level: float, margin: float = MARGIN
) -> tuple[Array, Array]:
    """`look_at` for arrays of right/wrong scores: not worse, and worse."""
    if level <= 1e-15:
        return np.zeros(len(gained), bool), np.zeros(len(gained), bool)
    needed = NormalDist().inv_cdf(1 - level)
    not_worse = tango(gained, lost, n, -margin) > needed
    pairs, where = np.unique(np.stack([gained, lost], 1).astype(int), axis=0, return_inverse=True)
    exact = np.array([mid_p(int(g), int(w)) for g, w in pairs])[where.ravel()]
    worse = (tango(lost, gained, n, 0.0) > needed) & (exact < level) & ~not_worse
    return not_worse, worse


def simulate(differences: Array, design: Design, margin: float = MARGIN) -> tuple[Array, Array]:
    """Return for each run 1 (not worse), -1 (worse) or 0, and the rows that it took."""
    runs, rows = differences.shape
    gained, lost = (np.cumsum(differences * sign > 0, axis=1) for sign in (1, -1))
    verdict, took = np.zeros(runs, int), np.full(runs, rows)
    for look, level in zip(design.looks, design.levels, strict=True):
        seen = gained[:, look - 1].astype(float), lost[:, look - 1].astype(float)
        good, bad = decide(*seen, look, level, margin)
        new = (verdict == 0) & (good | bad)
        verdict[new], took[new] = np.where(good, 1, -1)[new], look
    return verdict, took


def simulate_graded(
    differences: Array, design: Design, margin: float = MARGIN
) -> tuple[Array, Array]:
    """The same by the product's own look, one run after the other."""
    verdicts, took = [], []
    for row in np.round(differences, 1).tolist():
        verdict, rows = 0, len(row)
        for look, level in zip(design.looks, design.levels, strict=True):
            seen = Differences(tuple(row[:look]), tuple(row[:look]), graded=True)
            said = look_at(seen, margin=margin, rows=look, level=level)
            if said.decision:
                verdict, rows = {"not_worse": 1, "worse": -1}[said.decision], look
                break
        verdicts.append(verdict)
        took.append(rows)
    return np.array(verdicts), np.array(took)


def describe(count: int, runs: int) -> str:
    interval = wilson_interval(count / runs, runs)
    return f"{100 * count / runs:.1f} % [{100 * interval.low:.1f} to {100 * interval.high:.1f}]"


def print_table(runs: int) -> None:
    worst: dict[str, tuple[float, str]] = {}

    def note(error: str, count: int, of: int, where: str) -> None:
        if count / of >= worst.get(error, (-1.0, ""))[0]:
            worst[error] = count / of, f"{describe(count, of)}, {where}"

    kinds = [(name, draw, simulate, runs) for name, draw in KINDS.items()]
    kinds.append(("graded", grade, simulate_graded, max(100, runs // 20)))
    for number, (name, draw, run, times) in enumerate(kinds):
        print(f"\n### {name}, {times:,} runs a cell\n", flush=True)
        print("| rows | " + " | ".join(f"{100 * truth:+.0f} points" for truth in TRUTHS) + " |")
        print("|---|" + "---|" * len(TRUTHS))
        for rows in ROWS:
            cells = []
            for truth in TRUTHS:
                rng = np.random.default_rng((SEED, number, rows, round(1000 * (truth + 1))))
                verdict, took = run(draw(rng, times, rows, truth), make_design(rows))
                good, bad = (int((verdict == each).sum()) for each in (1, -1))
                shares = [100 * each / times for each in (good, bad, times - good - bad)]
                said = " / ".join(f"{share:.1f}" for share in shares)
                cells.append(f"{said} · {100 * float(took.mean()) / rows:.0f}")
                where = f"{name}, {rows} rows, truth {100 * truth:+.0f}"
                if truth <= -MARGIN:
                    note("not worse, though the margin or more is lost", good, times, where)
                if truth >= 0:
                    note("worse, though nothing is lost", bad, times, where)
            print(f"| {rows} | " + " | ".join(cells) + " |", flush=True)
    print()
    for error, (_, text) in worst.items():
        print(f"the most frequent '{error}': {text}")


def print_designs(runs: int) -> None:
    spendings: dict[str, Spending] = {"like Pocock": spend_like_pocock}
    spendings |= {
        f"Hwang-Shih-DeCani {gamma:g}": make_hwang_shih_decani(gamma)
        for gamma in (0.0, -1.0, -2.0, -3.0, -4.0)
    }
    spendings["like O'Brien-Fleming"] = spend_like_obrien_fleming
    print("| spending | looks | calls | decided | false not worse | false worse |")
    print("|---|---|---|---|---|---|")
    kinds = list(KINDS.values())[:4]
    for looks in (1, 3, 5, 10, 20):
        for name, spending in spendings.items():
            if looks == 1 and name != "like Pocock":
                continue
            calls, decided, wrong = [], [], {-1: 0.0, 1: 0.0}
            for rows in (100, 200, 400):
                shares = [number / looks for number in range(1, looks + 1)]
                at = tuple(math.ceil(rows * share) for share in shares)
                design = Design(at, compute_levels(shares, spending))
                for number, draw in enumerate(kinds):
                    for truth in TRUTHS:
                        seed = (DESIGN_SEED, number, rows, round(1000 * (truth + 1)))
                        differences = draw(np.random.default_rng(seed), runs, rows, truth)
                        verdict, took = simulate(differences, design)
                        calls.append(float(took.mean()) / rows)
                        decided.append(float((verdict != 0).mean()))
                        if truth == -MARGIN:
                            wrong[1] = max(wrong[1], float((verdict == 1).mean()))
                        if truth == 0:
                            wrong[-1] = max(wrong[-1], float((verdict == -1).mean()))
            figures = (np.mean(calls), np.mean(decided), wrong[1], wrong[-1])
            cells = " | ".join(f"{100 * figure:.1f} %" for figure in figures)
            print(
                f"| {'one look at the end' if looks == 1 else name} | {looks} | {cells} |",
                flush=True,
            )


def print_margins(runs: int) -> None:
    """Print how often a prompt that is just as good is told not to be worse, by the margin."""
    margins = (0.01, 0.02, 0.03, 0.05, 0.1)
    print("| | rows | " + " | ".join(f"{100 * each:.0f} points" for each in margins) + " |")
    print("|---|---|" + "---|" * len(margins))
    for name in ("deterministic, differing on 5 %", "flaky, accuracy .9", "flaky, accuracy .6"):
        for rows in (100, 200, 400, 1000):
            rng = np.random.default_rng((SEED, 99, rows))
            drawn = KINDS[name](rng, runs, rows, 0.0)
            found = (simulate(drawn, make_design(rows), margin) for margin in margins)
            shares = [f"{100 * float((verdict == 1).mean()):.0f} %" for verdict, _ in found]
            print(f"| {name} | {rows} | " + " | ".join(shares) + " |", flush=True)


def main(arguments: Sequence[str]) -> None:
    numbers = [int(each) for each in arguments if each.isdecimal()]
    runs = numbers[0] if numbers else RUNS
    if "--designs" in arguments:
        print_designs(runs)
    elif "--margins" in arguments:
        print_margins(runs)
    else:
        print_table(runs)


if __name__ == "__main__":
    main(sys.argv[1:])
