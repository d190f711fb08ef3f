"""Two prompts on the questions that both answered: flips, and a paired test on unseen ones."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import NamedTuple

from opro_cli.core.run.answers import CACHED, Outcome
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.stats.intervals import Interval
from opro_cli.core.stats.paired import compare_scores
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.reports.recorded import RecordedRun

Replies = Mapping[tuple[Split, int], tuple[str, ...]]
"""What the scorer said to questions (by split and index), a text for each round."""


class QuestionKey(NamedTuple):
    """What a question is in every run: indices mean nothing outside theirs.

    occurrence: 0 for the first of equal rows of a split, 1 for the second …
    """

    input: str
    target: str
    occurrence: int


class PairedAnswer(NamedTuple):
    """One prompt's answer to a question, which is `number` in its run, from 0.

    replies: all that was said; None before they were read from the journal.
    """

    number: int
    outcome: Outcome
    replies: tuple[str, ...] | None = None

    @property
    def score(self) -> float:
        """Unreadable and refused answers are wrong."""
        return self.outcome.score or 0.0


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """A question that one prompt answers better than the other."""

    question: str
    target: str
    before: PairedAnswer
    after: PairedAnswer


@dataclass(frozen=True, slots=True)
class Flips:
    """Questions of one split that both prompts answered.

    gained: wrong under the first, right under the second; lost: the other way round.
    left_out: further shared questions, that a score leaves out because they were refused.
    test, p_value, difference, interval: of `compare_scores` on the shared ones, as in the verdict.
    """

    split: Split
    shared: int
    left_out: int
    gained: tuple[AnswerPair, ...]
    lost: tuple[AnswerPair, ...]
    test: str
    p_value: float
    difference: float
    interval: Interval

    def list_numbers(self) -> tuple[Set[int], Set[int]]:
        """The questions that flipped, as the first run counts them and as the second does."""
        flips = (*self.gained, *self.lost)
        return {flip.before.number for flip in flips}, {flip.after.number for flip in flips}

    def with_replies(self, before: Replies, after: Replies) -> Flips:
        """The same, with what was said."""

        def said(answer: PairedAnswer, replies: Replies) -> PairedAnswer:
            return answer._replace(replies=replies.get((self.split, answer.number), ()))

        def filled(flips: Sequence[AnswerPair]) -> tuple[AnswerPair, ...]:
            return tuple(
                replace(f, before=said(f.before, before), after=said(f.after, after)) for f in flips
            )

        return replace(self, gained=filled(self.gained), lost=filled(self.lost))


def find_flips(
    before: RecordedRun, left: Candidate, after: RecordedRun, right: Candidate
) -> tuple[Flips, ...]:
    """One for each split on which both answered some of the same questions, in order."""
    found = (
        _find_split_flips(
            split, index_answers(before, left, split), index_answers(after, right, split)
        )
        for split in SPLITS
    )
    return tuple(flips for flips in found if flips is not None)


def _find_split_flips(
    split: Split, old: Mapping[QuestionKey, PairedAnswer], new: Mapping[QuestionKey, PairedAnswer]
) -> Flips | None:
    """Compare on one split; None where no question counts for both."""
    both = [
        AnswerPair(question.input, question.target, answer, new[question])
        for question, answer in old.items()
        if question in new
    ]
    shared = [f for f in both if not (f.before.outcome.excluded or f.after.outcome.excluded)]
    gained = tuple(f for f in shared if f.before.score < f.after.score)
    lost = tuple(f for f in shared if f.before.score > f.after.score)
    if not shared:
        return None
    test = compare_scores([(f.before.score, f.after.score) for f in shared])
    left_out = len(both) - len(shared)
    return Flips(
        split,
        len(shared),
        left_out,
        gained,
        lost,
        test.name,
        test.p_value,
        test.difference,
        test.interval,
    )


def index_answers(
    run: RecordedRun, candidate: Candidate, split: Split
) -> dict[QuestionKey, PairedAnswer]:
    """Its answers on a split, by what the questions are in every run."""
    outcomes = candidate.answers[split].by_question
    met: Counter[tuple[str, str]] = Counter()
    answers = {}
    for index, example in enumerate(run.examples[split]):
        row = (example.input, example.target)
        if index in outcomes:
            answers[QuestionKey(*row, met[row])] = PairedAnswer(index, outcomes[index])
        met[row] += 1
    return answers


MAX_LEAD = 3
"""Questions that one of two prompts asked side by side is ahead, now and then."""
SAME_TIME_S = 1.0
"""Seconds between two calls that count as simultaneous."""


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Two prompts on the questions that both answered.

    test: the name of the paired test. gained, lost: questions on which the second, or the first,
    scored higher. before, after: the means of the first and of the second. difference: second
    minus first. needed: questions that would tell such a difference from chance (power 80 %),
    None when there is none. only_first, only_second: further questions that only the one was
    graded on, since the scorer refused them under the other and scores leave them out.
    ahead: the most questions that one prompt was asked more than the other, at any time. guarded_p:
    the p-value with all of these counted against the difference.
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
    ahead: int = 0
    guarded_p: float = 1.0

    @property
    def together(self) -> bool:
        """Whether both prompts were asked at the same times."""
        return self.ahead <= MAX_LEAD


class _Pairs(NamedTuple):
    """Scores of both prompts: on what both were graded on, and of one where it alone was."""

    both: list[tuple[float, float]]
    only_first: list[float]
    only_second: list[float]


def compare_candidates(
    first: Candidate, second: Candidate, *, side_by_side: bool = True
) -> PairedComparison | None:
    """First against second on test; None when they share no question there.

    side_by_side: whether their run asks compared prompts question by question.

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
    ahead = _find_largest_lead(shared, side_by_side=side_by_side)
    return PairedComparison(
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
        ahead=ahead,
        guarded_p=_guard_p(pairs, tested.difference, tested.p_value, ahead),
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


def _guard_p(pairs: _Pairs, difference: float, p_value: float, ahead: int) -> float:
    """Compute the p-value with everything doubtful counted against the difference.

    Questions refused under the seemingly better prompt count as wrong for it. Its largest gains,
    as many as one prompt was ahead, do not count; nor do questions that only it could answer. (A
    tie in their place would change neither test.)
    """
    doubtful = ahead if ahead > MAX_LEAD else 0
    unanswered = pairs.only_first if difference > 0 else pairs.only_second
    gains_last = sorted(pairs.both, key=lambda pair: (pair[1] - pair[0]) * difference)
    kept = gains_last[: len(gains_last) - doubtful]
    against = [(score, 0.0) if difference > 0 else (0.0, score) for score in unanswered]
    counted = [*kept, *against]
    if math.fsum(new - old for old, new in counted) * difference <= 0:
        return 1.0
    return max(p_value, compare_scores(counted).p_value) if doubtful or against else p_value


def _find_largest_lead(shared: Sequence[tuple[Outcome, Outcome]], *, side_by_side: bool) -> int:
    """Count the questions that one prompt was ahead of the other at most.

    Side by side that is one or two, unless calls were sent again (a time-out, a kill) under one
    prompt more than under the other. A run that asks one prompt after the other is judged by its
    sessions alone. Nobody knows when an answer from the cache was asked for.
    """
    if not side_by_side:
        same = sum(old.session == new.session >= 0 for old, new in shared)
        return 0 if 2 * same >= len(shared) else len(shared)
    if any(outcome.session == CACHED for pair in shared for outcome in pair):
        return len(shared)
    one, other = (sorted(map(_order_time, side)) for side in zip(*shared, strict=True))
    return max(_measure_lead(one, other), _measure_lead(other, one))


def _order_time(outcome: Outcome) -> float:
    """When a question was asked, two sessions never at the same time."""
    return outcome.sent + 10 * SAME_TIME_S * outcome.session


def _measure_lead(one: Sequence[float], other: Sequence[float]) -> int:
    """How many questions more one prompt was asked, at most, at any time; times ascending."""
    return max(
        number - bisect_right(other, sent + SAME_TIME_S) for number, sent in enumerate(one, start=1)
    )
