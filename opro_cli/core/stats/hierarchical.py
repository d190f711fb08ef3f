"""Means of measurements with shared tasks, seeds and questions.

A question asked by several runs is one question, and a task of several runs is one task: more
runs say nothing about other tasks. So the random samples are tasks and the questions of each
task, and for a single task the seeds of its runs.
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
"""Values drawn in a bootstrap, at most; means of larger samples are drawn as normal."""

POOL = 200
"""Resampled means of a task's questions from which the resampled tasks draw theirs."""
_NORMAL_FROM = 300
"""Degrees of freedom from which Student's t is the normal distribution to 1 in 200."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval."""

    mean: float
    interval: Interval


def estimate_over_tasks(tasks: Sequence[Sequence[float]], random: Random) -> Estimate:
    """Estimate the mean of task means, all of equal weight, for other tasks.

    `tasks` has at least two tasks, each with a value in [-1, 1] for at least one question.
    At each end the interval is the wider of Student's t over the task means and the percentile
    bootstrap of tasks and then of their questions (Davison and Hinkley, Bootstrap Methods and
    their Application, 1997, section 3.8). The bootstrap alone is too narrow with few tasks, t
    alone if few tasks happen to agree.
    """
    if len(tasks) < 2 or not all(tasks):
        raise ValueError("expected at least two tasks, each with a question")
    means = [mean(values) for values in tasks]
    middle = mean(means)
    spread = t_95(len(means) - 1) * math.sqrt(variance(means) / len(means))
    drawn = _bootstrap(tasks, random)
    low, high = drawn[RESAMPLES * 25 // 1000], drawn[RESAMPLES * 975 // 1000 - 1]
    return Estimate(middle, _clip(min(low, middle - spread), max(high, middle + spread)))


def estimate_these_tasks(tasks: Sequence[Sequence[float]]) -> Estimate:
    """Estimate the mean of task means for these tasks, of which only questions are a sample.

    `tasks` has at least one task. Student's t with all the degrees of freedom of the questions.
    """
    count, freedom = len(tasks), sum(len(values) - 1 for values in tasks)
    middle = mean(mean(values) for values in tasks)
    if any(len(values) < 2 for values in tasks):
        return Estimate(middle, Interval(-1.0, 1.0))
    whole = math.fsum(variance(values) / len(values) for values in tasks) / count**2
    spread = t_95(freedom) * math.sqrt(whole)
    return Estimate(middle, _clip(middle - spread, middle + spread))


def _bootstrap(tasks: Sequence[Sequence[float]], random: Random) -> list[float]:
    """Return means of resampled questions of resampled tasks, ascending."""
    count = len(tasks)
    # Pools have one length, so drawing from all is drawing a task and then from its pool.
    pools = [value for values in tasks for value in _resample(values, MOST_WORK // count, random)]
    return sorted(mean(random.choices(pools, k=count)) for _ in range(RESAMPLES))


def _resample(values: Sequence[float], most_work: int, random: Random) -> list[float]:
    n = len(values)
    if n * POOL > most_work:  # the mean of so many is normal
        middle = mean(values)
        spread = math.sqrt(variance(values, middle) / n) if n > 1 else 0.0
        return [random.gauss(middle, spread) for _ in range(POOL)]
    return [math.fsum(random.choices(values, k=n)) / n for _ in range(POOL)]


def estimate_over_seeds(seeds: Sequence[Sequence[float]]) -> Estimate:
    """Estimate the mean over seeds and questions, both random samples.

    `seeds` has at least two seeds, each with values in [-1, 1] on the same questions in the same
    order. A single question gives the whole interval. The variance of the mean is that of two
    crossed random effects (Searle, Casella and McCulloch, Variance Components, 1992, section
    4.7): the variance of seed means plus that of question means, less the part in both. Student's
    t with Satterthwaite's degrees of freedom.
    """
    count, n = len(seeds), len(seeds[0]) if seeds else 0
    if count < 2 or n < 1 or any(len(values) != n for values in seeds):
        raise ValueError("expected at least two seeds, all on the same questions")
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
    """Return the 97.5 % quantile of Student's t with `freedom` >= 1 degrees of freedom."""
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
    """Return the integral of cos ** power from 0 to `end`, by Simpson's rule."""
    step = end / parts
    heights = (math.pow(math.cos(i * step), power) for i in range(1, parts))
    inner = math.fsum((2 if i % 2 else 4) * height for i, height in enumerate(heights))
    return step / 3 * (1 + inner + math.pow(math.cos(end), power))


def _clip(low: float, high: float) -> Interval:
    return Interval(max(-1.0, low), min(1.0, high))
