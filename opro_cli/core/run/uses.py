"""The uses of sets of test rows by verdicts: which of them count for the next one.

Earlier uses count where they share more than `SHARED` of the rows of the smaller set. Of several
that share rows pair by pair, each has a number above the ones before it, so that their levels stay
below the family's (core/stats/spending). The level of an improvement passes on only to the next use
of exactly the same rows, with no other use between them that shares any: two sets that both share
rows with a third cannot both be given its level.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from opro_cli.core.stats.spending import compute_level

SHARED = 0.1
"""The share of the rows of the smaller of two sets up to which they count as different."""


@dataclass(frozen=True, slots=True)
class Use:
    """One verdict's use of a set of test rows, as the ledger has it.

    Attributes:
        id: Unique.
        group: Common to the cells of a sweep, which are one use together; else the id.
        rows: What the rows are known by.
        number: 1 for the first use of these rows.
        level: The one-sided significance level.
        start: The id of the start prompt.
        winner: That of the winner.
        outcome: "improved", "worse", "not_distinguishable", or "none" where nothing was claimed;
            "" while nothing is known.
        answers: A digest of both prompts' answers; "" while they are not known.
        repeats: An earlier use had the same answers to the same questions under the same prompts,
            so that this is no other use.
    """

    id: str
    group: str
    rows: frozenset[str]
    number: int
    level: float
    start: str
    winner: str
    outcome: str = ""
    answers: str = ""
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class PlannedUse:
    """The place of a new use among the earlier ones.

    Attributes:
        number: 1 for the first use of these rows.
        level: The one-sided significance level.
        known: The level of each earlier use of the same prompts on the same rows, by its answers.
    """

    number: int
    level: float
    known: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DrawnUse(PlannedUse):
    """A use as the ledger has recorded it.

    Attributes:
        use: Its id.
        sharers: How many verdicts share it.
        note: Why the ledger could not be read or written, "" where it could.
    """

    use: str = ""
    sharers: int = 1
    note: str = ""


def share_rows(one: frozenset[str], other: frozenset[str]) -> bool:
    """Return True where a use of the one set counts as a use of the other."""
    return len(one & other) > SHARED * min(len(one), len(other))


def select_earlier(uses: Iterable[Use], rows: frozenset[str]) -> list[Use]:
    """Return the uses that count for the next verdict on these rows, in their order."""
    return [use for use in uses if not use.repeats and share_rows(use.rows, rows)]


def plan_use(
    uses: Sequence[Use],
    rows: frozenset[str],
    *,
    group: str,
    sharers: int = 1,
    start: str = "",
    winner: str = "",
) -> PlannedUse:
    """Return the number and the level of the next use of a set of rows.

    Args:
        uses: The earlier ones, in their order.
        rows: Those of the verdict.
        group: That of the new use; where it has begun, the new use belongs to it.
        sharers: How many verdicts share the group's level.
        start: The id of the start prompt.
        winner: That of the winner.
    """
    begun = next((at for at, use in enumerate(uses) if use.group == group), len(uses))
    before = select_earlier(uses[:begun], rows)
    groups = dict.fromkeys(use.group for use in before)
    numbers = [use.number for use in uses[begun:] if use.group == group]
    number = max([1 + len(groups), *numbers])
    known: dict[str, float] = {}
    for use in uses:
        same = (use.start, use.winner, use.rows) == (start, winner, rows)
        if same and use.answers and not use.repeats:
            known.setdefault(use.answers, use.level)
    passed_on = _find_passed_on(before, rows)
    return PlannedUse(number, compute_level(number, passed_on, sharers), known)


def _find_passed_on(before: Sequence[Use], rows: frozenset[str]) -> float:
    """Return the level that the last use passes on: that of its improvements."""
    last = [use for use in before if use.group == before[-1].group]
    if any(use.rows != rows for use in last):
        return 0.0
    return math.fsum(use.level for use in last if use.outcome == "improved")
