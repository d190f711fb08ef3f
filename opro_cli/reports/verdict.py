"""The verdict: whether the winner is better than the start prompt beyond chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.deciding import LEAST_CHANCE, LEAST_SHARE, name_basis
from opro_cli.core.run.layout import count_for_verdict, count_test
from opro_cli.core.run.selection import decide, has_tried
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import SHARE, Scale
from opro_cli.core.stats.intervals import rescale_questions
from opro_cli.core.stats.paired import ALPHA
from opro_cli.core.task.example import SPLITS
from opro_cli.reports.formats import (
    describe_disagreement,
    format_ends,
    format_p,
    format_percent,
    format_share,
    to_percent,
)
from opro_cli.reports.paired import PairedComparison, compare_candidates
from opro_cli.reports.used_rows import JudgedUse, describe_wear

Judgement = Literal["improved", "not_distinguishable", "worse"]


NO_SEARCH = "no search was asked for (search.steps: 0)"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The winner compared with the start prompt on unseen questions.

    Attributes:
        outcome: None where nothing is claimed.
        sentence: The claim and its figures, or the reason why there is none.
        comparison: None where the start prompt is the winner, and where nothing was compared.
        headline: The first words of the sentence where they stand in place of the outcome's.
    """

    outcome: Judgement | None
    sentence: str
    comparison: PairedComparison | None = None
    headline: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the verdict's part of `result.json`."""
        numbers = dict.fromkeys(("paired_test", "difference", "questions_needed"))
        if self.comparison is not None:
            numbers = self.comparison.to_json()
        elif self.outcome is not None:  # the start prompt against itself
            same = {"test": "none", "n": 0, "gained": 0, "lost": 0, "p_value": 1.0}
            numbers = {**numbers, "paired_test": same}
        words = {"verdict_sentence": self.sentence, "headline": self.headline or None}
        return {"verdict": self.outcome, **words, **numbers}


def judge(
    state: RunState,
    start: Candidate | None,
    best: Candidate | None,
    use: JudgedUse | None = None,
) -> Verdict:
    """Return the verdict on the winner of a finished run.

    Args:
        state: Of the run.
        start: The start prompt.
        best: The winner.
        use: Of the test rows; its threshold holds for a gain, in place of that of a first use.
    """
    if start is None or best is None:
        return Verdict(None, describe_scored(state))
    if not state.sizes["test"]:
        return Verdict(None, "no test split, so no gain is claimed")
    if state.scale != SHARE:
        what = "are a loss" if state.scale.bounded else "have no bounds"
        return Verdict(None, f"the evaluator's values {what}, so no gain is claimed")
    if best is start and not state.search.steps and state.sizes["train"]:
        return Verdict("not_distinguishable", NO_SEARCH, headline=NO_SEARCH)
    if best is start:
        unasked = state.looks and not is_any_rival_asked(state)
        reason = describe_unasked(state) if unasked else _explain_start(state)
        return Verdict(None if unasked else "not_distinguishable", reason)
    comparison = compare_candidates(start, best, side_by_side=state.interleaves)
    if comparison is None:
        asked = any(each.answers["test"].by_question for each in (start, best))
        refused = "the scorer refused every test question"
        return Verdict(None, refused if asked or not state.looks else describe_untested(state))
    return _judge_comparison(state, start, comparison, use)


def _judge_comparison(
    state: RunState, start: Candidate, comparison: PairedComparison, use: JudgedUse | None
) -> Verdict:
    """Return the verdict on two prompts that answered test questions in common."""
    outcome: Judgement = "not_distinguishable"
    if comparison.p_value < ALPHA:
        outcome = "improved" if comparison.difference > 0 else "worse"
        if doubt := _find_doubt(state, start, comparison):
            return Verdict(None, f"{_format_figures(comparison)}; but {doubt}", comparison)
        # The level is spent on improvements: "worse" is a warning, which no wear may hide.
        limit = use.threshold if use is not None and outcome == "improved" else ALPHA
        if comparison.guarded_p >= limit:
            outcome = "not_distinguishable"
    return Verdict(outcome, _write_sentence(comparison, outcome, use), comparison)


def is_evaluation(state: RunState) -> bool:
    """Return whether given prompts were scored, without a search: there is no train question."""
    return not state.sizes["train"]


def describe_scored(state: RunState) -> str:
    """Say what was scored where there is no winner to judge."""
    asked = sum(each.is_asked for each in state.candidates.values())
    if not asked or not is_evaluation(state):
        return "nothing was scored"
    splits = [split for split in SPLITS if state.sizes[split]]
    prompts = "prompt was" if asked == 1 else "prompts were"
    return (
        f"{asked:,} {prompts} scored on {' and '.join(splits)}, without a search, so there is no "
        "winner to judge"
    )


def is_any_rival_asked(state: RunState) -> bool:
    """Return whether a prompt other than the initial ones has an answer."""
    return any(each.step and each.is_asked for each in state.candidates.values())


def describe_unasked(state: RunState) -> str:
    """Say that nothing was compared: the budget bought no question, or no proposal was new."""
    if not has_tried(state):
        return "no proposal gave another prompt to try, so nothing was compared"
    return (
        "the budget of calls, cached ones among them, ended before any other prompt was asked, "
        "so nothing was compared"
    )


def describe_untested(state: RunState) -> str:
    """Say that the budget left no calls for test.

    Nothing in it depends on the budget itself: a later session may have another one.
    """
    return (
        f"the budget did not leave the {count_test(state, everything=False):,} calls that the test "
        "questions take under two prompts, so no gain is claimed; a new run with budget.calls "
        f"{count_for_verdict(state):,} buys a verdict"
    )


def _explain_start(state: RunState) -> str:
    """Return why the start prompt is the winner."""
    decision = decide(state)
    if decision is None:
        return "no candidate was scored"
    where = name_basis(decision.basis)
    if decision.share is not None and decision.estimated:
        return (
            "no candidate beats the start prompt reliably: the chance that the best one does is "
            f"{format_share(decision.share)} by what was asked of {where}; "
            f"{format_share(LEAST_CHANCE)} are needed"
        )
    if decision.share is None:
        return f"no candidate did better than the start prompt on {where}"
    return (
        "no candidate beats the start prompt reliably: the best one does so in "
        f"{format_share(decision.share)} of resamples of {where}; {format_share(LEAST_SHARE)} are "
        "needed"
    )


def _find_doubt(state: RunState, start: Candidate, comparison: PairedComparison) -> str:
    """Return why the scorer rather than the prompt may explain a difference; "" if it does not."""
    if not comparison.together and comparison.guarded_p >= ALPHA:
        return (
            f"one of the two prompts was asked {comparison.ahead} questions later than the other, "
            "so the scorer itself may have changed in between; `opro eval --fresh` asks both again"
        )
    drift = _measure_drift(state, start)
    if drift is None or drift.p_value >= ALPHA or drift.difference * comparison.difference <= 0:
        return ""
    largest = max(abs(drift.interval.low), abs(drift.interval.high))
    if abs(drift.difference if state.interleaves else largest) < abs(comparison.difference):
        return ""
    return (
        "the scorer itself changed meanwhile: asked the same questions again, the start prompt "
        f"went from {format_percent(drift.before)} to {format_percent(drift.after)} "
        f"({drift.name} = {format_p(drift.p_value)}), which could explain it"
    )


def find_rivals(state: RunState, best: Candidate) -> list[str]:
    """Return what to say of each baseline that beats the winner on test, beyond chance."""
    rivals: list[str] = []
    if state.scale != SHARE:
        return rivals
    for baseline in map(state.get_candidate, state.baselines):
        compared = compare_candidates(best, baseline, side_by_side=state.interleaves)
        if compared is None or compared.difference <= 0 or compared.p_value >= ALPHA:
            continue
        shown = baseline.instruction if len(baseline.instruction) < 60 else "a longer one"
        rivals.append(
            f"the baseline {shown!r} does better than the "
            f"{'winner' if best.step else 'start prompt'}: {format_percent(compared.before)} → "
            f"{format_percent(compared.after)} on test ({compared.name} = "
            f"{format_p(compared.p_value)})"
        )
    return rivals


def compare_with_start(
    start: Candidate | None, other: Candidate, scale: Scale = SHARE
) -> dict[str, Any] | None:
    """Return the comparison of an instruction with the start prompt on test as plain data."""
    if start is None or start.id == other.id:
        return None
    comparison = compare_candidates(start, other, scale=scale)
    return None if comparison is None else comparison.to_json()


def measure_noise(state: RunState, start: Candidate) -> dict[str, float] | None:
    """Return what asking the same questions twice changed; None when they were asked once."""
    drift = _measure_drift(state, start)
    if drift is None:
        return None
    return {
        "n": drift.n,
        "changed": drift.gained + drift.lost,
        "difference": drift.difference,
        "mean": drift.after,
        "p_value": drift.p_value,
    }


def _measure_drift(state: RunState, start: Candidate) -> PairedComparison | None:
    """Compare the start prompt with itself, asked again later; None when it was not."""
    if not state.search.noise_check:
        return None
    return compare_candidates(start, state.second_time(start), scale=state.scale)


def _write_sentence(
    comparison: PairedComparison, outcome: Judgement, use: JudgedUse | None = None
) -> str:
    figures = _format_figures(comparison)
    if outcome != "not_distinguishable":
        return figures
    needed = comparison.questions_needed
    if use is not None and comparison.guarded_p < ALPHA:
        worn = "this test set is worn out, and " if use.earlier and not use.repeats else ""
        if needed:  # those who share these rows would share fresh ones, and the level with them
            needed = rescale_questions(needed, ALPHA / use.sharers)
        fresh = f"; {worn}some {needed:,} fresh test rows would tell such a difference"
        return f"{figures}; but {describe_wear(use)}{fresh if needed else ''}"
    if comparison.p_value < ALPHA:
        return (
            f"{figures}; but counted against it, the questions that were left out take the "
            f"difference away ({comparison.name} = {format_p(comparison.guarded_p)})"
        )
    if needed is None:
        return f"{figures}; as many were lost as gained"
    if use is not None and use.is_worn:  # more rows beside these would be tested at its level
        return f"{figures}; some {needed:,} fresh test rows would tell such a difference"
    more = max(needed - comparison.n, 1)
    return f"{figures}; some {more:,} more test questions would tell such a difference"


def _format_figures(comparison: PairedComparison) -> str:
    interval = comparison.interval
    edge = describe_disagreement(comparison.p_value, interval.low, interval.high)
    refused = [
        f"{count} under {whom} alone"
        for count, whom in (
            (comparison.only_second, "the start prompt"),
            (comparison.only_first, "the new prompt"),
        )
        if count
    ]
    of_groups = "" if comparison.groups is None else f" of {comparison.groups} groups"
    left_out = f"; left out: questions refused by the scorer, {' and '.join(refused)}"
    return (
        f"on {comparison.n} unseen test questions{of_groups} {format_percent(comparison.before)} → "
        f"{format_percent(comparison.after)}, {to_percent(comparison.difference):+.1f} points "
        f"(95 % interval {format_ends(interval.low, interval.high)}; {comparison.gained} gained, "
        f"{comparison.lost} lost, "
        f"{comparison.name} = {format_p(comparison.p_value)}){left_out if refused else ''}"
        + (f"; {edge}" if edge else "")
    )
