"""Means of measurements that share what they were measured on: tasks, seeds and questions.

A question that several runs asked is one question, a task that several runs worked on is one
task: more runs on the same ones make nothing surer about others. So tasks, and the questions of
a task, are what is taken to be a random sample here, and for one task the seeds of its runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from statistics import fmean as mean
from statistics import variance

from opro_cli.core.stats.intervals import Z_95, Interval

RESAMPLES = 2_000
MOST_WORK = 2_000_000
"""Values drawn for the bootstrap at most; the means of larger samples are normal."""

POOL = 200
"""Resampled means of a task's questions that the resampled tasks take theirs from."""
_NORMAL_FROM = 300
"""Degrees of freedom from which Student's t is the normal distribution to 1 in 200."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval."""

    mean: float
    interval: Interval


def estimate_over_tasks(tasks: Sequence[Sequence[float]], random: Random) -> Estimate:
    """The mean of task means, each task counting as much as another.

    tasks: for each its values, one a question, at least one each; at least two tasks. A task's
    mean is in [-1, 1].
    The interval is the wider, at each end, of Student's t over the task means and the percentile
    bootstrap of tasks and then of questions in them (Davison and Hinkley, Bootstrap Methods and
    their Application, 1997, section 3.8). The bootstrap alone is too narrow with few tasks, t
    alone where few tasks happen to agree.
    """
    if len(tasks) < 2 or not all(tasks):
        raise ValueError("two tasks at least, with a question each")
    means = [mean(values) for values in tasks]
    middle = mean(means)
    spread = t_95(len(means) - 1) * math.sqrt(variance(means) / len(means))
    drawn = _bootstrap(tasks, random)
    low, high = drawn[RESAMPLES * 25 // 1000], drawn[RESAMPLES * 975 // 1000 - 1]
    return Estimate(middle, _clip(min(low, middle - spread), max(high, middle + spread)))


def estimate_these_tasks(tasks: Sequence[Sequence[float]]) -> Estimate:
    """The same mean where no other tasks are meant: only questions are a sample, in each task.

    tasks: as above, or only one. Student's t with as many degrees of freedom as questions allow.
    """
    count, freedom = len(tasks), sum(len(values) - 1 for values in tasks)
    middle = mean(mean(values) for values in tasks)
    if any(len(values) < 2 for values in tasks):
        return Estimate(middle, Interval(-1.0, 1.0))
    whole = math.fsum(variance(values) / len(values) for values in tasks) / count**2
    spread = t_95(freedom) * math.sqrt(whole)
    return Estimate(middle, _clip(middle - spread, middle + spread))


def _bootstrap(tasks: Sequence[Sequence[float]], random: Random) -> list[float]:
    """Means of resampled questions of resampled tasks, ascending."""
    count = len(tasks)
    # Pools are of one length: to draw from all of them is to draw a task and then from its pool.
    pools = [each for values in tasks for each in _pool(values, MOST_WORK // count, random)]
    return sorted(mean(random.choices(pools, k=count)) for _ in range(RESAMPLES))


def _pool(values: Sequence[float], most_work: int, random: Random) -> list[float]:
    n = len(values)
    if n * POOL > most_work:  # the mean of so many is normal
        middle = mean(values)
        spread = math.sqrt(variance(values, middle) / n) if n > 1 else 0.0
        return [random.gauss(middle, spread) for _ in range(POOL)]
    return [math.fsum(random.choices(values, k=n)) / n for _ in range(POOL)]


def estimate_over_seeds(seeds: Sequence[Sequence[float]]) -> Estimate:
    """The mean over seeds and questions, both random samples: another seed finds another prompt.

    seeds: for each its values in [-1, 1] on the same questions, in the same order; two seeds at
    least. One question says nothing of others: its interval is all there is. The variance of the
    mean is that of two crossed random effects (Searle, Casella and McCulloch, Variance
    Components, 1992, section 4.7): what seed means vary by, and question means, less what both
    of them count. Student's t with Satterthwaite's degrees of freedom.
    """
    count, n = len(seeds), len(seeds[0]) if seeds else 0
    if count < 2 or n < 1 or any(len(values) != n for values in seeds):
        raise ValueError("two seeds at least, all on the same questions")
    by_seed = [mean(values) for values in seeds]
    by_question = [mean(values) for values in zip(*seeds, strict=True)]
    middle = mean(by_seed)
    if n == 1:
        return Estimate(middle, Interval(-1.0, 1.0))
    left = math.fsum(
        (value - of_seed - of_question + middle) ** 2
        for values, of_seed in zip(seeds, by_seed, strict=True)
        for value, of_question in zip(values, by_question, strict=True)
    )
    seed_part, question_part = variance(by_seed) / count, variance(by_question) / n
    both = left / ((count - 1) * (n - 1)) / (count * n)
    whole = max(seed_part + question_part - both, seed_part, question_part)
    if not whole:
        return Estimate(middle, Interval(middle, middle))
    freedom = whole**2 / (seed_part**2 / (count - 1) + question_part**2 / (n - 1))
    spread = t_95(max(1.0, freedom)) * math.sqrt(whole)
    return Estimate(middle, _clip(middle - spread, middle + spread))


@cache
def t_95(freedom: float) -> float:
    """What Student's t stays within, plus or minus, 95 times of 100; degrees of freedom >= 1."""
    if freedom >= _NORMAL_FROM:
        return Z_95
    # t = sqrt(freedom) tan(angle): the density of the angle is cos(angle) ** (freedom - 1).
    half = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(math.pi)
    low, high = 0.0, math.pi / 2
    for _ in range(50):
        angle = (low + high) / 2
        if half * _integrate_cosine(angle, freedom - 1) < 0.475:
            low = angle
        else:
            high = angle
    return math.sqrt(freedom) * math.tan(low)


def _integrate_cosine(end: float, power: float, parts: int = 200) -> float:
    """The integral of cos ** power from 0 to `end`, by Simpson's rule."""
    step = end / parts
    heights = (math.pow(math.cos(i * step), power) for i in range(1, parts))
    inner = math.fsum((2 if i % 2 else 4) * height for i, height in enumerate(heights))
    return step / 3 * (1 + inner + math.pow(math.cos(end), power))


def _clip(low: float, high: float) -> Interval:
    return Interval(max(-1.0, low), min(1.0, high))
