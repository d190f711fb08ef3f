"""Tests of whether a mean paired difference is 0, each for many samples at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from statistics import NormalDist

import numpy as np

from opro_cli.core.stats.paired import CAUTION
from tests.bench.graded_scores import Array

RESAMPLES = 999
Z = 1.959964
Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]
Vector = np.ndarray[tuple[int], np.dtype[np.float64]]
Calls = tuple[Flags, Flags]
"""For each sample: called improved, called worse."""


def moments(x: Array) -> tuple[int, Vector, Vector, Vector]:
    n, mean = x.shape[1], x.mean(axis=1)
    spread = np.maximum(x.std(axis=1), 1e-15)
    return n, mean, spread, ((x - mean[:, None]) ** 3).mean(axis=1) / spread**3


def t_test(x: Array) -> Calls:
    """Student's t; Fisher's series for its quantile."""
    n, mean, spread, _ = moments(x)
    t, most = mean / spread * math.sqrt(n - 1), Z + (Z**3 + Z) / (4 * (n - 1))
    return t > most, t < -most


def johnson(x: Array) -> Calls:
    """t corrected for skewness (N. J. Johnson, JASA 73, 1978)."""
    n, mean, spread, skew = moments(x)
    corrected = mean + skew * spread / (6 * n) + skew * mean**2 / (3 * spread)
    t = corrected / spread * math.sqrt(n - 1)
    return t > Z, t < -Z


def hall(x: Array) -> Calls:
    """The monotone cubic transformation of t (P. Hall, JRSS B 54, 1992)."""
    n, mean, spread, skew = moments(x)
    t = mean / spread
    t = math.sqrt(n) * (t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / (6 * n))
    return t > Z, t < -Z


def sign_flips(x: Array) -> Calls:
    flips = random_signs(x.shape[1])
    total = x.sum(axis=1)
    as_large = (np.abs(flips @ x.T) >= np.abs(total) - 1e-9).sum(axis=0)
    told = (1 + as_large) / (RESAMPLES + 1) < 0.05
    return told & (total > 0), told & (total < 0)


@cache
def random_signs(n: int) -> Array:
    signs: Array = np.random.default_rng(n).choice([-1.0, 1.0], size=(RESAMPLES, n))
    return signs


@cache
def resampling(n: int) -> Array:
    """How often each question is drawn, for each resample."""
    drawn = np.random.default_rng(n + 7).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    return drawn.astype(float)


def bootstrap_t(x: Array) -> Calls:
    """Bootstrap-t (B. Efron, Canadian Journal of Statistics 9, 1981)."""
    n, mean, spread, _ = moments(x)
    drawn = resampling(n)
    means = drawn @ x.T / n
    spreads = np.sqrt(np.maximum(drawn @ (x * x).T / n - means**2, 1e-20))
    t = np.sort((means - mean) / spreads, axis=0)
    observed = mean / np.maximum(spread, 1e-10)
    return observed > t[RESAMPLES * 975 // 1000], observed < t[RESAMPLES * 25 // 1000]


def bca(x: Array) -> Calls:
    """Bias-corrected accelerated percentiles (B. Efron, JASA 82, 1987)."""
    n, mean, _, skew = moments(x)
    means = np.sort(resampling(n) @ x.T / n, axis=0)
    below = ((means < mean - 1e-12).mean(axis=0) + (means < mean + 1e-12).mean(axis=0)) / 2
    bias = quantiles(np.clip(below, 0.001, 0.999))
    ends = []
    for z in (-Z, Z):
        moved = bias + (bias + z) / (1 - skew / (6 * math.sqrt(n)) * (bias + z))
        rank = np.clip(normal(moved) * RESAMPLES, 0, RESAMPLES - 1).astype(int)
        ends.append(means[rank, np.arange(len(rank))])
    return ends[0] > 0, ends[1] < 0


def both(x: Array) -> Calls:
    """Sign flips and bootstrap-t, where they agree."""
    (a, b), (c, d) = sign_flips(x), bootstrap_t(x)
    return a & c, b & d


def with_worst_t(x: Array) -> Calls:
    """t with one question more, at its worst."""
    one = np.ones((len(x), 1))
    return t_test(np.hstack([x, -one]))[0], t_test(np.hstack([x, one]))[1]


def empirical_bernstein(x: Array) -> Calls:
    """A. Maurer and M. Pontil, COLT 2009."""
    n, log = x.shape[1], math.log(2 / 0.025)
    bound = np.sqrt(2 * x.var(axis=1, ddof=1) * log / n) + 14 * log / (3 * (n - 1))
    return x.mean(axis=1) > bound, x.mean(axis=1) < -bound


def betting(x: Array) -> Calls:
    """Predictable plug-in bets (I. Waudby-Smith and A. Ramdas, JRSS B 86, 2024)."""
    return wins(x), wins(-x)


def wins(x: Array) -> Flags:
    n, log = x.shape[1], math.log(1 / 0.025)
    total, squares, wealth, most = (np.zeros(len(x)) for _ in range(4))
    squares += 0.25
    for question in range(n):
        bet = np.minimum(np.sqrt(2 * log / (squares / (question + 1) * n)), 0.5)
        wealth += np.log1p(bet * x[:, question])
        most = np.maximum(most, wealth)
        total += x[:, question]
        squares += (x[:, question] - total / (question + 2)) ** 2
    return most > log


def anderson(x: Array) -> Calls:
    """A bound by the band of Dvoretzky, Kiefer, Wolfowitz (T. W. Anderson, Stanford TR 1, 1969)."""
    n = x.shape[1]
    moved = math.sqrt(math.log(1 / 0.025) / (2 * n))
    weights = np.clip(np.arange(1, n + 1) / n - moved, 0, 1 / n)  # the best share goes to -1
    ends = [np.sort(each, axis=1)[:, ::-1] @ weights - min(moved, 1) for each in (x, -x)]
    return ends[0] > 0, ends[1] > 0


def gaffke(caution: float) -> Callable[[Array], Calls]:
    def calls(x: Array) -> Calls:
        no_gain, no_loss = one_sided(x, caution)
        return no_gain < 0.025, no_loss < 0.025

    return calls


def one_sided(x: Array, caution: float) -> tuple[Vector, Vector]:
    """`graded_difference` for many samples at once."""
    one = np.ones((len(x), 1))
    worst, best = (chance_below_zero(np.hstack([x, end])) for end in (-one, one))
    return (
        caution * worst + (1 - caution) * best,
        caution * (1 - best) + (1 - caution) * (1 - worst),
    )


def chance_below_zero(values: Array) -> Vector:
    least, most = values.min(axis=1), values.max(axis=1)
    chance = np.where(most <= 0, 1.0, 0.0)
    mixed = (least < 0) & (most > 0)
    if not mixed.any():
        return chance
    y = values[mixed]
    low, high, at = 1 / y.min(axis=1), 1 / y.max(axis=1), np.zeros(len(y))
    for _ in range(100):
        tilted = y / (1 - at[:, None] * y)
        slope, curvature = tilted.sum(axis=1), (tilted**2).sum(axis=1)
        left = np.abs(slope) > 1e-9 * np.sqrt(curvature)
        if not left.any():
            break
        low, high = np.where(slope < 0, at, low), np.where(slope > 0, at, high)
        step = at - slope / curvature
        step = np.where((low < step) & (step < high), step, (low + high) / 2)
        at = np.where(left, step, at)
    tilted = y / (1 - at[:, None] * y)
    variance = (tilted**2).sum(axis=1)
    root = np.sqrt(np.maximum(0, 2 * np.log1p(-at[:, None] * y).sum(axis=1))) * np.sign(at)
    with np.errstate(divide="ignore", invalid="ignore"):
        corrected = root + np.log(at * np.sqrt(variance) / root) / root
    limit = (tilted**3).sum(axis=1) / (3 * variance**1.5)
    chance[mixed] = normal(np.where(np.abs(root) > 1e-3, corrected, limit))
    return chance


def normal(z: Vector) -> Vector:
    return np.array([math.erfc(-each / math.sqrt(2)) / 2 for each in z])


def quantiles(shares: Vector) -> Vector:
    return np.array([NormalDist().inv_cdf(each) for each in shares])


TESTS: dict[str, Callable[[Array], Calls]] = {
    "flips": sign_flips,
    "boot-t": bootstrap_t,
    "Hall": hall,
    "mid-p": gaffke(0.5),
    "ours": gaffke(CAUTION),
    "Gaffke": gaffke(1.0),
}
OTHERS: dict[str, Callable[[Array], Calls]] = {
    "t": t_test,
    "Johnson": johnson,
    "BCa": bca,
    "flips&b-t": both,
    "worst t": with_worst_t,
    "Bernstein": empirical_bernstein,
    "betting": betting,
    "Anderson": anderson,
}
