"""Is the winner better than the start prompt? Only where chance hardly explains it."""

from __future__ import annotations

from typing import Any, Literal

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.selection import deciding_split
from opro_cli.core.run.state import RunState
from opro_cli.core.stats.intervals import Interval
from opro_cli.core.stats.paired import ALPHA
from opro_cli.reports.edge import describe_disagreement
from opro_cli.reports.paired import PairedComparison, compare_candidates

Judgement = Literal["improved", "not_distinguishable", "worse"]


def judge(state: RunState, start: Candidate | None, best: Candidate | None) -> dict[str, Any]:
    """The verdict on the winner, in one word, one sentence and the numbers behind them."""
    if start is None or best is None:
        return withhold_verdict("nothing was scored")
    if not state.sizes["test"]:
        return withhold_verdict("no test split, so no gain is claimed")
    if best is start:
        sentence = f"no candidate did better than the start prompt on {deciding_split(state)}"
        return _verdict("not_distinguishable", sentence, None)
    found = compare_candidates(start, best, side_by_side=state.interleaves)
    if found is None:
        return withhold_verdict("the scorer refused every test question")
    outcome: Judgement = "not_distinguishable"
    if found.p_value < ALPHA:
        outcome = "improved" if found.difference > 0 else "worse"
        if doubt := _find_doubt(state, start, found):
            return _verdict(None, f"{_format_figures(found)}; but {doubt}", found)
        if found.guarded_p >= ALPHA:
            outcome = "not_distinguishable"
    return _verdict(outcome, _write_sentence(found, outcome), found)


def _find_doubt(state: RunState, start: Candidate, found: PairedComparison) -> str:
    """Why a difference may be the scorer's own doing and not the prompt's, "" where it is not."""
    if not found.together and found.guarded_p >= ALPHA:
        return (
            f"one of the two prompts was asked {found.ahead} questions later than the other, so "
            "the scorer itself may have changed in between; `opro eval --fresh` asks both again"
        )
    drift = _measure_drift(state, start)
    if drift is None or drift.p_value >= ALPHA or drift.difference * found.difference <= 0:
        return ""
    if abs(drift.difference) < abs(found.difference) and state.interleaves:
        return ""
    if not state.interleaves and _farthest(drift.interval) < abs(found.difference):
        return ""
    return (
        "the scorer itself changed meanwhile: asked the same questions again, the start prompt "
        f"went from {100 * drift.before:.1f} % to {100 * drift.after:.1f} % "
        f"({drift.test} = {drift.p_value:.2g}), which could explain it"
    )


def _farthest(interval: Interval) -> float:
    return max(abs(interval.low), abs(interval.high))


def compare_with_start(start: Candidate | None, other: Candidate) -> dict[str, Any] | None:
    """Another instruction against the start prompt on test, as plain data."""
    found = None if start is None or start.id == other.id else compare_candidates(start, other)
    return None if found is None else _numbers(found)


def measure_noise(state: RunState, start: Candidate) -> dict[str, Any] | None:
    """What asking the same questions twice changed; None when they were not asked twice."""
    found = _measure_drift(state, start)
    if found is None:
        return None
    return {
        "n": found.n,
        "changed": found.gained + found.lost,
        "difference": found.difference,
        "mean": found.after,
        "p_value": found.p_value,
    }


def _measure_drift(state: RunState, start: Candidate) -> PairedComparison | None:
    """The start prompt against itself, asked again later; None when it was not."""
    return compare_candidates(start, state.second_time(start)) if state.search.noise_check else None


def _write_sentence(found: PairedComparison, outcome: Judgement) -> str:
    figures = _format_figures(found)
    if outcome != "not_distinguishable":
        return figures
    if found.p_value < ALPHA:
        return (
            f"{figures}; but counted against it, the questions that were left out take the "
            f"difference away ({found.test} = {found.guarded_p:.2g})"
        )
    if found.needed is None:
        return f"{figures}; as many were lost as gained"
    more = max(found.needed - found.n, 1)
    return f"{figures}; some {more:,} more test questions would tell such a difference"


def _format_figures(found: PairedComparison) -> str:
    low, high = 100 * found.interval.low, 100 * found.interval.high
    edge = describe_disagreement(found.p_value, found.interval.low, found.interval.high)
    return (
        f"on {found.n} unseen test questions {100 * found.before:.1f} % → "
        f"{100 * found.after:.1f} %, {100 * found.difference:+.1f} points (95 % interval "
        f"{low:+.1f} to {high:+.1f}; {found.gained} gained, {found.lost} lost, "
        f"{found.test} = {found.p_value:.2g}){_format_left_out(found)}"
        + (f"; {edge}" if edge else "")
    )


def _format_left_out(found: PairedComparison) -> str:
    """Which questions the scorer refused under one of the two prompts alone."""
    refused = [
        f"{count} under {whom} alone"
        for count, whom in (
            (found.only_second, "the start prompt"),
            (found.only_first, "the new prompt"),
        )
        if count
    ]
    return (
        f"; left out: questions refused by the scorer, {' and '.join(refused)}" if refused else ""
    )


def _verdict(
    outcome: Judgement | None, sentence: str, found: PairedComparison | None
) -> dict[str, Any]:
    same = {"test": "none", "n": 0, "gained": 0, "lost": 0, "p_value": 1.0}
    numbers = {"paired_test": same, "difference": None, "questions_needed": None}
    return {
        "verdict": outcome,
        "verdict_sentence": sentence,
        **(numbers if found is None else _numbers(found)),
    }


def _numbers(found: PairedComparison) -> dict[str, Any]:
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


def withhold_verdict(why: str) -> dict[str, Any]:
    """What stands where nothing can be said."""
    return {
        "verdict": None,
        "verdict_sentence": why,
        "paired_test": None,
        "difference": None,
        "questions_needed": None,
    }
