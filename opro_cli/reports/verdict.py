"""Is the winner better than the start prompt? Only where chance hardly explains it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from opro_cli.core.answers import Score
from opro_cli.core.candidates import Candidate
from opro_cli.core.paired_tests import ALPHA, compare_scores
from opro_cli.core.selection import deciding_split
from opro_cli.core.state import RunState
from opro_cli.core.stats import Interval

Judgement = Literal["improved", "not_distinguishable", "worse"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two prompts on the questions that both answered.

    test: the name of the paired test. gained, lost: questions on which the second, or the first,
    scored higher. difference: of the means, second minus first. needed: questions that would tell
    such a difference from chance (power 80 %), None when there is none.
    """

    test: str
    n: int
    gained: int
    lost: int
    p_value: float
    difference: float
    interval: Interval
    needed: int | None


def compare(first: Candidate, second: Candidate) -> Comparison | None:
    """First against second on test; None when they share no question there.

    The test is that of `compare_scores`: McNemar's for right or wrong answers, Gaffke's for scores
    in between.
    """
    before, after = first.answers["test"].by_question, second.answers["test"].by_question
    pairs = [
        (before[q].score or 0.0, after[q].score or 0.0)
        for q in sorted(before)
        if q in after and not before[q].excluded and not after[q].excluded
    ]
    if not pairs:
        return None
    found = compare_scores(pairs)
    return Comparison(
        found.name,
        found.n,
        found.gained,
        found.lost,
        found.p_value,
        found.difference,
        found.interval,
        found.questions_needed,
    )


def judge(state: RunState, start: Candidate | None, best: Candidate | None) -> dict[str, Any]:
    """The verdict on the winner, in one word, one sentence and the numbers behind them."""
    if start is None or best is None:
        return no_verdict("nothing was scored")
    if not state.sizes["test"]:
        return no_verdict("no test split, so no gain is claimed")
    if best is start:
        sentence = f"no candidate did better than the start prompt on {deciding_split(state)}"
        return _verdict("not_distinguishable", sentence, None)
    found, was, now = compare(start, best), start.score("test"), best.score("test")
    if found is None or was is None or now is None:
        return no_verdict("the scorer refused every test question")
    outcome: Judgement = "not_distinguishable"
    if found.p_value < ALPHA:
        outcome = "improved" if found.difference > 0 else "worse"
    return _verdict(outcome, _sentence(found, was, now, outcome), found)


def meeting(start: Candidate | None, other: Candidate) -> dict[str, Any] | None:
    """Another instruction against the start prompt on test, as plain data."""
    found = None if start is None or start.id == other.id else compare(start, other)
    return None if found is None else _numbers(found)


def noise_of(state: RunState, start: Candidate) -> dict[str, Any] | None:
    """What asking the same questions twice changed; None when they were not asked twice."""
    if not state.search.noise_check:
        return None
    again = state.second_time(start)
    found, second = compare(start, again), again.score("test")
    if found is None or second is None:
        return None
    changed = found.gained + found.lost
    return {"n": found.n, "changed": changed, "difference": found.difference, "mean": second.mean}


def _sentence(found: Comparison, was: Score, now: Score, outcome: Judgement) -> str:
    low, high = 100 * found.interval.low, 100 * found.interval.high
    told = (
        f"on {found.n} unseen test questions {100 * was.mean:.1f} % → {100 * now.mean:.1f} %, "
        f"{100 * found.difference:+.1f} points (95 % interval {low:+.1f} to {high:+.1f}; "
        f"{found.gained} gained, {found.lost} lost, {found.test} = {found.p_value:.2g})"
    )
    if outcome != "not_distinguishable":
        return told
    if found.needed is None:
        return f"{told}; as many were lost as gained"
    more = max(found.needed - found.n, 1)
    return f"{told}; some {more:,} more test questions would tell such a difference"


def _verdict(outcome: Judgement, sentence: str, found: Comparison | None) -> dict[str, Any]:
    same = {"test": "none", "n": 0, "gained": 0, "lost": 0, "p_value": 1.0}
    numbers = {"paired_test": same, "difference": None, "questions_needed": None}
    return {
        "verdict": outcome,
        "verdict_sentence": sentence,
        **(numbers if found is None else _numbers(found)),
    }


def _numbers(found: Comparison) -> dict[str, Any]:
    return {
        "paired_test": {
            "test": found.test,
            "n": found.n,
            "gained": found.gained,
            "lost": found.lost,
            "p_value": found.p_value,
        },
        "difference": {
            "mean": found.difference,
            "interval": [found.interval.low, found.interval.high],
        },
        "questions_needed": found.needed,
    }


def no_verdict(why: str) -> dict[str, Any]:
    """What stands where nothing can be said."""
    return {
        "verdict": None,
        "verdict_sentence": why,
        "paired_test": None,
        "difference": None,
        "questions_needed": None,
    }
