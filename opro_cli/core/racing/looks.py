"""Who is asked next, and how many questions: short looks for many, long looks for few.

Candidates are ranked by the chance that they are abler than the leader. One whose chance is below
`RULED_OUT` is asked no more. A look goes to the best of the others: to half at first, and to fewer
the more of the allowance is spent, down to two (the halving of Z. Karnin, T. Koren and O. Somekh,
ICML 2013, made gradual). Ranked by that chance, and not by the mean, one that was asked little may
come before one that was asked much and found wanting, as in top-two sampling (D. Russo, 2020).
"""

from __future__ import annotations

from collections.abc import Mapping

from opro_cli.core.racing.abilities import Ability
from opro_cli.core.racing.standings import measure_lead

BLOCK = 10
"""Questions of a look at most, for one candidate."""
RULED_OUT = 0.01
"""A candidate with a lower chance to be abler than the leader is asked no more."""
LOOKS = 8
"""Looks among which an allowance is divided."""
LEAST_CALLS = 8
"""Questions that a look should have at least, so that calls can be made side by side."""


def choose_look(
    abilities: Mapping[str, Ability],
    open_questions: Mapping[str, int],
    left: float,
    allowance: float,
) -> tuple[list[str], int]:
    """Return who is asked next, best first, and how many questions each; nobody if it is over.

    Args:
        abilities: Of all candidates, those that are asked no more among them.
        open_questions: How many each has not been asked yet.
        left: Questions that may still be asked in all.
        allowance: Questions that might be asked when `left` was whole.
    """
    if not abilities or left < 1:
        return [], 0
    leader = max(abilities, key=lambda each: abilities[each].ability)
    lead = {each: measure_lead(own, abilities[leader]) for each, own in abilities.items()}
    running = [each for each, z in lead.items() if z > _OUT and open_questions[each]]
    if running in ([], [leader]):
        return [], 0
    running.sort(key=lambda each: (each != leader, -lead[each]))
    share = left / allowance
    width = max(2, round(len(running) / 2 * share * share))
    block = max(allowance / LOOKS, LEAST_CALLS) / min(width, len(running))
    block = int(min(BLOCK, max(1.0, block)))
    chosen = running[: min(width, int(left // block) or 1)]
    return chosen, int(min(block, left))


_OUT = -2.326
"""The normal quantile of RULED_OUT."""
