"""Two prompts on the test questions that both answered, with a paired test.

Questions that the scorer refused under one prompt only are not part of the figures and cannot make
a difference significant: `guarded_p` counts them against the prompt that seems better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from opro_cli.core.answers import Outcome
from opro_cli.core.candidates import Candidate
from opro_cli.core.paired_tests import compare_scores
from opro_cli.core.stats import Interval


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two prompts on the questions that both answered.

    test: the name of the paired test. gained, lost: questions on which the second, or the first,
    scored higher. before, after: the means of the first and of the second. difference: second
    minus first. needed: questions that would tell such a difference from chance (power 80 %),
    None when there is none. only_first, only_second: further questions that only the one was
    graded on, since the scorer refused them under the other and scores leave them out.
    guarded_p: the p-value with these counted against the difference. together: were both asked
    at the same time, so that a scorer which changes by itself has changed for both?
    """

    test: str
    n: int
    gained: int
    lost: int
    p_value: float
    before: float
    after: float
    difference: float
    interval: Interval
    needed: int | None
    only_first: int = 0
    only_second: int = 0
    guarded_p: float = 1.0
    together: bool = True


class _Pairs(NamedTuple):
    """Scores of both prompts: on what both were graded on, and of one where it alone was."""

    both: list[tuple[float, float]]
    only_first: list[float]
    only_second: list[float]


def compare(first: Candidate, second: Candidate) -> Comparison | None:
    """First against second on test; None when they share no question there.

    The test is that of `compare_scores`: McNemar's for right or wrong answers, Gaffke's for scores
    in between.
    """
    before, after = first.answers["test"].by_question, second.answers["test"].by_question
    shared = [(before[q], after[q]) for q in sorted(before) if q in after]
    pairs = _pair_up(shared)
    n = len(pairs.both)
    if not n:
        return None
    tested = compare_scores(pairs.both)
    return Comparison(
        test=tested.name,
        n=n,
        gained=tested.gained,
        lost=tested.lost,
        p_value=tested.p_value,
        before=math.fsum(old for old, _ in pairs.both) / n,
        after=math.fsum(new for _, new in pairs.both) / n,
        difference=tested.difference,
        interval=tested.interval,
        needed=tested.questions_needed,
        only_first=len(pairs.only_first),
        only_second=len(pairs.only_second),
        guarded_p=_guard_p(pairs, tested.difference, tested.p_value),
        together=_were_asked_together(shared),
    )


def _pair_up(shared: Sequence[tuple[Outcome, Outcome]]) -> _Pairs:
    pairs = _Pairs([], [], [])
    for old, new in shared:
        scores = old.score or 0.0, new.score or 0.0
        match old.excluded, new.excluded:
            case False, False:
                pairs.both.append(scores)
            case False, True:
                pairs.only_first.append(scores[0])
            case True, False:
                pairs.only_second.append(scores[1])
    return pairs


def _guard_p(pairs: _Pairs, difference: float, p_value: float) -> float:
    """Compute the p-value with one-sided refusals counted against the difference.

    Questions refused under the seemingly better prompt count as wrong for it; questions that only
    it could answer count as ties.
    """
    unanswered = pairs.only_first if difference > 0 else pairs.only_second
    ties = len(pairs.only_first) + len(pairs.only_second) - len(unanswered)
    if not unanswered and not ties:
        return p_value
    if difference > 0:
        everything = [*pairs.both, *((score, 0.0) for score in unanswered)]
    else:
        everything = [*pairs.both, *((0.0, score) for score in unanswered)]
    everything += [(0.0, 0.0)] * ties
    what_is_left = math.fsum(new - old for old, new in everything)
    if what_is_left * difference <= 0:
        return 1.0
    return max(p_value, compare_scores(everything).p_value)


def _were_asked_together(shared: Sequence[tuple[Outcome, Outcome]]) -> bool:
    """Return True if both prompts were asked at the same time.

    Prompts that are asked side by side begin in the same session, and after a kill only a few
    questions straddle two. An answer from the cache belongs to no session.
    """
    began = [min(outcome.session for outcome in side) for side in zip(*shared, strict=True)]
    if began[0] == began[1] >= 0:
        return True
    same = sum(old.session == new.session >= 0 for old, new in shared)
    return 2 * same >= len(shared)
