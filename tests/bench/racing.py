"""What racing saves, and what it costs: `python -m tests.bench.racing [RUNS] [--all | --list]`.

Simulated searches, no model: one initial instruction, then 20 steps of 8 candidates race with the
product's own code on N train questions. True accuracies are normal(.70, .06); a candidate is right
on a question where a normal variable of the two falls below its accuracy; how hard a question is,
is shared by all candidates (latent correlation .6). `--all` adds other settings, on 20, 50 and
261 questions; `--list` races 20 and 60 candidates, few in a step, as `search.strategy: list`
does; `--seed=S` draws others. 1,000 runs unless RUNS is given.

saved: scorer calls of the 160 proposals that racing spares, and beside it what a plain test does
(anytime-valid, on discordant pairs against the best so far, level 5 %, blocks of 10). dropped: the
candidate of highest true accuracy was stopped (95 % Wilson; of equals the first), in brackets the
plain test; all equals: every candidate of that accuracy was; each: share of such candidates
stopped. choice: true accuracy of the best on train among those never stopped, minus that of the
choice under full evaluation; dev: the same where the 5 best on train meet on 100 dev questions.
covered: stopped candidates whose partial score's interval holds the score on all N questions
(and: their true accuracy, which the interval does not promise); off: partial minus full score.
ms: the time to prepare a step's race.
"""

from __future__ import annotations

import itertools
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.pool import Pool
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from opro_cli.core.racing.race import BLOCK, Race
from opro_cli.core.run.candidates import Answers, Outcome
from opro_cli.core.settings.filled import LISTED_A_STEP
from opro_cli.core.stats.intervals import wilson_interval
from tests.bench.table import Row, at_least, at_most

STEPS, PER_STEP, DEV, FINALISTS = 20, 8, 100, 5
RUNS = 1000
SAVED = (30, 50, 70)
"""Per cent of the calls, by size, that racing is meant to save at least."""
SIZES, OTHER_SIZES = (50, 100, 261), (20, 50, 261)
OTHER_SHARE = 5
"""The other settings get so many times fewer runs."""
RIGHT, WRONG = Outcome("right", 1.0), Outcome("wrong", 0.0)
Shape = tuple[int, int]
SEARCHED: Shape = (STEPS, PER_STEP)
"""Steps, and candidates in each."""
LISTS: tuple[Shape, ...] = ((5, LISTED_A_STEP), (15, LISTED_A_STEP))
LIST_SIZES = (50, 200)
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Setting:
    """How true accuracies are drawn.

    Normal (mean, spread), or among `levels` with `shares`. rise: how much the mean grows from
    the first to the last step. shared: the latent correlation. kinds: two kinds of candidates,
    half of what is shared being shared among a kind only.
    """

    mean: float = 0.70
    spread: float = 0.06
    levels: tuple[float, ...] = ()
    shares: tuple[float, ...] | None = None
    rise: float = 0.0
    shared: float = 0.6
    kinds: bool = False


MAIN = "normal(.70, .06)"
WIDE = "normal(.5, .2)"
SETTINGS = {
    MAIN: Setting(),
    "correlation 0": Setting(shared=0.0),
    "correlation .3": Setting(shared=0.3),
    "correlation .9": Setting(shared=0.9),
    "normal(.5, .1)": Setting(0.5, 0.1),
    "normal(.9, .04)": Setting(0.9, 0.04),
    "levels .6 .7 .8": Setting(levels=(0.6, 0.7, 0.8)),
    "few best: .7 .75 .78": Setting(levels=(0.7, 0.75, 0.78), shares=(0.8, 0.17, 0.03)),
    "all equal": Setting(spread=0.0),
    "levels .8 .9 1": Setting(levels=(0.8, 0.9, 1.0), shares=(0.5, 0.3, 0.2)),
    "rising .55 to .85": Setting(0.55, 0.03, rise=0.3),
    "rising .6 to .8": Setting(0.6, 0.02, rise=0.2),
    "two kinds": Setting(kinds=True),
    WIDE: Setting(0.5, 0.2),
}


class Task(NamedTuple):
    """One run to simulate."""

    setting: str
    questions: int
    seed: int
    steps: int = STEPS
    per_step: int = PER_STEP

    def step_of(self) -> Ints:
        """The step of each candidate."""
        return np.concatenate([[0], np.repeat(np.arange(1, self.steps + 1), self.per_step)])


def accuracies(setting: Setting, task: Task, chance: np.random.Generator) -> Floats:
    """True accuracies, one a candidate."""
    step_of = task.step_of()
    if setting.levels:
        return chance.choice(setting.levels, len(step_of), p=setting.shares)
    means = setting.mean + setting.rise * step_of / task.steps
    return np.clip(chance.normal(means, setting.spread), 0.02, 0.995)


def right_answers(
    setting: Setting, true: Floats, questions: int, chance: np.random.Generator
) -> Bools:
    """Candidates x questions: is the answer right?"""
    size = (len(true), questions)
    common = chance.normal(size=questions)
    if setting.kinds:
        of_kind = chance.normal(size=(2, questions))[chance.integers(0, 2, len(true))]
        common = (common + of_kind) / math.sqrt(2)
    latent = math.sqrt(setting.shared) * common
    latent = latent + math.sqrt(1 - setting.shared) * chance.normal(size=size)
    threshold = np.array([NormalDist().inv_cdf(min(1 - 1e-12, each)) for each in true])
    return np.asarray(latent < threshold[:, None])


def simulate(task: Task) -> list[float]:
    """One run's figures, in the order of the table."""
    setting = SETTINGS[task.setting]
    name = list(SETTINGS).index(task.setting)
    chance = np.random.default_rng([task.seed, task.questions, name])
    true = accuracies(setting, task, chance)
    right = right_answers(setting, true, task.questions + DEV, chance)
    train, dev = right[:, : task.questions], right[:, task.questions :]
    n = task.questions
    asked, held, held_true, off, clock = race(train, true, task)
    stopped = asked < n
    scores = train.sum(axis=1).astype(float)
    racing = np.where(stopped, -1.0, scores)
    plain = plain_test(train, task)
    equals = true == true.max()
    first = int(true.argmax())
    with_dev = [best_on_dev(each, dev) for each in (scores, racing)]
    return [
        1 - asked[1:].mean() / n,
        1 - plain[1:].mean() / n,
        stopped[first],
        plain[first] < n,
        stopped[equals].all(),
        stopped[equals].mean(),
        true[racing.argmax()] - true[scores.argmax()],
        true[with_dev[1]] - true[with_dev[0]],
        float(np.mean(held)) if held else math.nan,
        float(np.mean(held_true)) if held else math.nan,
        float(np.mean(off)) if held else math.nan,
        1000 * clock / task.steps,
    ]


def race(
    train: Bools, true: Floats, task: Task
) -> tuple[Ints, list[bool], list[bool], list[float], float]:
    """Questions asked of each candidate; of each stopped: held, true held, off; CPU seconds."""
    n = task.questions
    asked = np.full(len(train), n)
    earlier = [answered(train[0], range(n))]
    held, held_true, off, clock = [], [], [], 0.0
    for step in range(1, task.steps + 1):
        began = time.process_time()
        against = Race.start(earlier, n, task.seed, step)
        clock += time.process_time() - began
        joined = []
        for candidate in np.flatnonzero(step == task.step_of()):
            answers, done = Answers(), 0
            for boundary in against.boundaries:
                for question in against.order[done:boundary]:
                    answers.add(question, RIGHT if train[candidate, question] else WRONG)
                done = boundary
                if against.is_stopped(answers, boundary):
                    estimate = against.estimate(answers)
                    full, interval = float(train[candidate].mean()), estimate.interval
                    held.append(interval.low - 1e-9 <= full <= interval.high + 1e-9)
                    held_true.append(bool(interval.low <= true[candidate] <= interval.high))
                    off.append(estimate.mean - full)
                    break
            asked[candidate] = done
            joined.append(answers)
        earlier += joined
    return asked, held, held_true, off, clock


def answered(right: Bools, questions: range) -> Answers:
    """The answers to all questions."""
    answers = Answers()
    for question in questions:
        answers.add(question, RIGHT if right[question] else WRONG)
    return answers


def plain_test(train: Bools, task: Task) -> Ints:
    """Questions asked of each candidate by the plain test, in one shuffled order."""
    n = task.questions
    asked = np.full(len(train), n)
    order = np.random.default_rng([task.seed, 1]).permutation(n)
    best, best_score = 0, int(train[0].sum())
    for step in range(1, task.steps + 1):
        done_now = np.flatnonzero(step == task.step_of())
        for candidate in done_now:
            for boundary in range(BLOCK, n, BLOCK):
                mine, other = train[candidate, order[:boundary]], train[best, order[:boundary]]
                lost, gained = int((other & ~mine).sum()), int((mine & ~other).sum())
                if evidence(lost, gained) >= 20:
                    asked[candidate] = boundary
                    break
        for candidate in done_now[asked[done_now] == n]:
            if train[candidate].sum() > best_score:
                best, best_score = int(candidate), int(train[candidate].sum())
    return asked


def evidence(lost: int, gained: int) -> float:
    """A test martingale: a share of losses uniform on (.5, 1) against one half."""
    n = lost + gained
    beta = math.lgamma(lost + 1) + math.lgamma(gained + 1) - math.lgamma(n + 2)
    # The share of a Beta(lost + 1, gained + 1) above one half, a binomial tail.
    above = sum(math.comb(n + 1, k) for k in range(lost + 1)) / 2 ** (n + 1)
    return 2 * math.exp(n * math.log(2) + beta) * float(above)


def best_on_dev(scores: Floats, dev: Bools) -> int:
    """The winner: the best on dev of the finalists of train."""
    finalists = np.argsort(-scores, kind="stable")[:FINALISTS]
    return int(finalists[int(dev[finalists].sum(axis=1).argmax())])


def report(
    setting: str, questions: int, runs: int, seed: int, pool: Pool, shape: Shape = SEARCHED
) -> str:
    """One line of the table."""
    tasks = [Task(setting, questions, seed + run, *shape) for run in range(runs)]
    figures = np.array(pool.map(simulate, tasks, chunksize=5), np.float64)
    mean = np.nanmean(figures, axis=0)
    near = 1.96 * figures.std(axis=0) / math.sqrt(runs)
    dropped = wilson_interval(float(mean[2]), runs)
    return (
        f"{setting:20} {questions:4}  {mean[0]:6.1%} ({mean[1]:5.1%})"
        f"  {mean[2]:5.1%} [{dropped.low:.1%}, {dropped.high:.1%}] ({mean[3]:.1%})"
        f"  {mean[4]:5.1%} {mean[5]:5.1%}"
        f"  {mean[6]:+.4f} ±{near[6]:.4f}  {mean[7]:+.4f} ±{near[7]:.4f}"
        f"  {mean[8]:5.1%} ({mean[9]:5.1%})  {mean[10]:+.3f}  {mean[11]:4.1f}"
    )


def rows(runs: int) -> Iterator[Row]:
    """What racing saves and drops over so many runs a size, as lines of a table."""
    with Pool(2) as pool:
        for questions, least in zip(SIZES, SAVED, strict=True):
            tasks = [Task(MAIN, questions, 500_000 + run) for run in range(runs)]
            figures = np.array(pool.map(simulate, tasks, chunksize=5), np.float64)
            mean = np.nanmean(figures, axis=0)
            label = f"{runs} races on {questions} questions"
            yield at_least(f"{label}: calls saved", 100 * float(mean[0]), "%", least)
            yield Row(f"{label}: saved by the plain test", 100 * float(mean[1]), "%")
            yield at_most(f"{label}: true best dropped", 100 * float(mean[2]), "%", 5)


def main(arguments: list[str]) -> None:
    """Print the table."""
    seed = next((int(a[7:]) for a in arguments if a.startswith("--seed=")), 500_000)
    runs = next((int(a) for a in arguments if a.isdecimal()), RUNS)
    print(
        "setting                 N  saved  (plain)  dropped [95 %] (plain)"
        "    all equals, each  choice           dev              covered (true)   off   ms"
    )
    with Pool(2) as pool:
        if "--list" in arguments:
            for shape, setting, questions in itertools.product(LISTS, (MAIN, WIDE), LIST_SIZES):
                line = report(setting, questions, runs, seed, pool, shape)
                print(f"{shape[0] * shape[1]} listed, {line}", flush=True)
            return
        for questions in SIZES:
            print(report(MAIN, questions, runs, seed, pool), flush=True)
        if "--all" in arguments:
            for setting in SETTINGS:
                for questions in OTHER_SIZES:
                    few = max(1, runs // OTHER_SHARE)
                    print(report(setting, questions, few, seed + runs, pool), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
