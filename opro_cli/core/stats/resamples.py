"""How sure it is that one prompt does better than another: the paired bootstrap of their scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from opro_cli.core.draws import create_rng

RESAMPLES = 2_000
"""Resamples of scores between right and wrong: a share of .75 is then known to ± .02."""

MOST_PLACES = 12
"""Decimal places of differences; smaller ones are rounding errors."""


def measure_win_share(differences: Sequence[float], seed: int = 0) -> float:
    """Return the share of paired bootstrap resamples in which the differences sum to more than 0.

    Questions are drawn with replacement, as many as there are (B. Efron and R. Tibshirani, An
    Introduction to the Bootstrap, 1993, section 16.4). A resample in which both prompts do equally
    well is won by neither. The share of right/wrong scores is exact, that of others of so many
    random resamples. The order of the differences has no say in it.

    Args:
        differences: Score of the second prompt minus that of the first, for each question; where
            questions belong together, one sum for each group of them.
        seed: Of the run, for the random resamples.
    """
    rounded = sorted(round(difference, MOST_PLACES) for difference in differences)
    gained = sum(difference > 0 for difference in rounded)
    if not gained:
        return 0.0
    if all(difference in (-1.0, 0.0, 1.0) for difference in rounded):
        lost = sum(difference < 0 for difference in rounded)
        return _measure_exactly(gained, lost, len(rounded))
    return _resample(tuple(rounded), seed)


@lru_cache(maxsize=4096)
def _measure_exactly(gained: int, lost: int, n: int) -> float:
    """Return the chance that of n draws more are gained questions than lost ones.

    Of k discordant draws, more are gains with a chance that follows from that of k - 1 draws by
    the chance of a tie, or of one gain more than losses.
    """
    if not lost:
        return 1.0 - (1.0 - gained / n) ** n
    gain = math.log(gained / (gained + lost))
    loss = math.log(lost / (gained + lost))
    share = ahead = 0.0
    for discordant in range(n + 1):
        share += _weigh(discordant, gained + lost, n) * ahead
        half = (discordant + 1) // 2
        paths = math.lgamma(discordant + 1) - math.lgamma(half + 1)
        paths -= math.lgamma(discordant - half + 1)
        near = math.exp(paths + half * gain + (discordant - half) * loss)
        # From a tie the next draw may lead; from one gain more it may tie.
        ahead += -near * math.exp(loss) if discordant % 2 else near * math.exp(gain)
    return min(1.0, max(0.0, share))


def _weigh(discordant: int, of: int, n: int) -> float:
    """Return the binomial chance that `discordant` of n draws are discordant, as `of` of n are."""
    if of == n:
        return float(discordant == n)
    chance = of / n
    log = math.lgamma(n + 1) - math.lgamma(discordant + 1) - math.lgamma(n - discordant + 1)
    log += discordant * math.log(chance) + (n - discordant) * math.log1p(-chance)
    return math.exp(log)


@lru_cache(maxsize=256)
def _resample(differences: tuple[float, ...], seed: int) -> float:
    rng, n = create_rng(seed, "resamples"), len(differences)
    won = sum(math.fsum(rng.choices(differences, k=n)) > 0 for _ in range(RESAMPLES))
    return won / RESAMPLES
