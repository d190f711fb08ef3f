"""Two prompts on the same questions: flips, the paired test, and what casts doubt on it."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass, fields, replace
from statistics import fmean
from typing import Any, NamedTuple

from opro_cli.core.run.candidates import CACHED, Candidate, Outcome
from opro_cli.core.scale import SHARE, Scale
from opro_cli.core.stats.intervals import Interval
from opro_cli.core.stats.paired import PairedTest, compare_scores
from opro_cli.core.task.example import SPLITS, Example, Split
from opro_cli.reports.recorded import RecordedRun

Replies = Mapping[tuple[Split, int], tuple[str, ...]]
"""The scorer's replies by split and index of the question, one text a round."""


class QuestionKey(NamedTuple):
    """A question across runs, whose indices differ. occurrence: 0 for the first of equal rows."""

    input: str
    target: str
    occurrence: int


class PairedAnswer(NamedTuple):
    """One prompt's answer to a question.

    Attributes:
        number: The index of the question in the run, from 0.
        replies: One text a round; None before they are read from the journal.
    """

    number: int
    outcome: Outcome
    replies: tuple[str, ...] | None = None

    @property
    def score(self) -> float:
        """The score; 0 for unreadable and refused answers."""
        return self.outcome.score or 0.0


class AnswerPair(NamedTuple):
    """The answers of two prompts to one question."""

    key: QuestionKey
    before: PairedAnswer
    after: PairedAnswer

    @property
    def question(self) -> str:
        """The text of the question."""
        return self.key.input

    @property
    def target(self) -> str:
        """The gold answer."""
        return self.key.target

    @property
    def is_scored(self) -> bool:
        """Whether scores count both answers: neither was refused and left out."""
        return not (self.before.outcome.excluded or self.after.outcome.excluded)


@dataclass(frozen=True, slots=True)
class Flips:
    """The questions of one split that both prompts answered.

    Attributes:
        shared: Questions scored under both.
        left_out: Further shared questions, which scores leave out because they were refused.
        gained: Questions on which the second prompt scored higher.
        lost: Questions on which the first prompt scored higher.
        test: The name of the paired test, as in the verdict.
        difference: The mean of the second prompt less that of the first, on the shared questions.
        interval: The 95 % interval of the difference.
        groups: Groups that the test compared; None where each question is alone.
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
    groups: int | None = None

    def list_numbers(self) -> tuple[Set[int], Set[int]]:
        """Return the indices of the flipped questions in the first run and in the second."""
        flips = (*self.gained, *self.lost)
        return {flip.before.number for flip in flips}, {flip.after.number for flip in flips}

    def with_replies(self, before: Replies, after: Replies) -> Flips:
        """Return the flips with the replies of both runs."""

        def add_reply(answer: PairedAnswer, replies: Replies) -> PairedAnswer:
            return answer._replace(replies=replies.get((self.split, answer.number), ()))

        gained, lost = (
            tuple(
                AnswerPair(p.key, add_reply(p.before, before), add_reply(p.after, after))
                for p in pairs
            )
            for pairs in (self.gained, self.lost)
        )
        return replace(self, gained=gained, lost=lost)

    def to_json(self, p_adjusted: float) -> dict[str, Any]:
        """Return the flips as `opro diff --json` prints them."""
        return {
            "split": self.split,
            "shared": self.shared,
            "left_out": self.left_out,
            "wrong_to_right": [_serialize_flip(flip) for flip in self.gained],
            "right_to_wrong": [_serialize_flip(flip) for flip in self.lost],
            "test": self.test,
            "p_value": self.p_value,
            "p_adjusted": p_adjusted,
            "difference": {
                "mean": self.difference,
                "interval": [self.interval.low, self.interval.high],
            },
            **({"groups": self.groups} if self.groups is not None else {}),
        }


def _serialize_flip(flip: AnswerPair) -> dict[str, Any]:
    row: dict[str, Any] = {
        "question": flip.question,
        "target": flip.target,
        "before": flip.before.outcome.answer,
        "after": flip.after.outcome.answer,
    }
    if flip.before.replies is not None and flip.after.replies is not None:
        row["before_replies"] = list(flip.before.replies)
        row["after_replies"] = list(flip.after.replies)
    return row


def find_flips(
    before: RecordedRun, left: Candidate, after: RecordedRun, right: Candidate
) -> tuple[Flips, ...]:
    """Return the flips of each split on which both prompts were scored on shared questions."""
    by_split: list[Flips] = []
    if not before.state.scale == after.state.scale == SHARE:  # the tests know shares only
        return ()
    for split in SPLITS:
        pairs = pair_answers(before, left, after, right, split)
        shared = [pair for pair in pairs if pair.is_scored]
        if not shared:
            continue
        gained = tuple(pair for pair in shared if pair.before.score < pair.after.score)
        lost = tuple(pair for pair in shared if pair.before.score > pair.after.score)
        test = compare_scores(
            [(pair.before.score, pair.after.score) for pair in shared],
            [_find_group(pair, before.examples[split], after.examples[split]) for pair in shared],
        )
        flips = Flips(
            split,
            shared=len(shared),
            left_out=len(pairs) - len(shared),
            gained=gained,
            lost=lost,
            test=test.name,
            p_value=test.p_value,
            difference=test.difference,
            interval=test.interval,
            groups=test.groups,
        )
        by_split.append(flips)
    return tuple(by_split)


def _find_group(pair: AnswerPair, before: Sequence[Example], after: Sequence[Example]) -> Hashable:
    """Return the group of a question as one of two runs knows it, else the question itself."""
    number = pair.before.number
    return before[number].group or after[pair.after.number].group or number


def pair_answers(
    before: RecordedRun, left: Candidate, after: RecordedRun, right: Candidate, split: Split
) -> list[AnswerPair]:
    """Return the answers to the questions that both prompts answered, in the first run's order."""
    old, new = _index_answers(before, left, split), _index_answers(after, right, split)
    return [AnswerPair(key, answer, new[key]) for key, answer in old.items() if key in new]


def _index_answers(
    run: RecordedRun, candidate: Candidate, split: Split
) -> dict[QuestionKey, PairedAnswer]:
    outcomes = candidate.answers[split].by_question
    seen: Counter[tuple[str, str]] = Counter()
    answers = {}
    for index, example in enumerate(run.examples[split]):
        row = (example.input, example.target)
        if index in outcomes:
            answers[QuestionKey(*row, seen[row])] = PairedAnswer(index, outcomes[index])
        seen[row] += 1
    return answers


MAX_LEAD = 3
"""Questions by which one of two prompts asked side by side is sometimes ahead."""
SAME_TIME_S = 1.0
"""Seconds between two calls that count as simultaneous."""


@dataclass(frozen=True, slots=True)
class PairedComparison(PairedTest):
    """The paired test of two prompts of one run, and what casts doubt on it.

    Attributes:
        before: The mean of the first prompt.
        after: The mean of the second.
        only_first: Further questions that only the first prompt was scored on, since the scorer
            refused them under the second and scores leave them out.
        only_second: The reverse.
        ahead: The largest number of questions by which one prompt was ahead, at any time.
        guarded_p: The p-value with all of these counted against the difference.
    """

    before: float
    after: float
    only_first: int
    only_second: int
    ahead: int
    guarded_p: float

    @property
    def together(self) -> bool:
        """Whether both prompts were asked at the same times."""
        return self.ahead <= MAX_LEAD

    def to_json(self) -> dict[str, Any]:
        """Return the numbers of a verdict in `result.json`."""
        keys = ("n", "gained", "lost", "p_value")
        interval = [self.interval.low, self.interval.high]
        groups = {} if self.groups is None else {"groups": self.groups}
        numbers = {key: getattr(self, key) for key in keys}
        return {
            "paired_test": {"test": self.name, **numbers, **groups},
            "difference": {"mean": self.difference, "interval": interval},
            "questions_needed": self.questions_needed,
        }


def compare_candidates(
    first: Candidate, second: Candidate, *, side_by_side: bool = True, scale: Scale = SHARE
) -> PairedComparison | None:
    """Compare two prompts of one run on test.

    Args:
        first: Whose scores are subtracted.
        second: The other prompt.
        side_by_side: Whether the run asks compared prompts question by question.
        scale: That of the run's scores.

    Returns:
        None without shared questions, and for scores that are no shares of right answers.
    """
    before, after = first.answers["test"].by_question, second.answers["test"].by_question
    asked = [question for question in sorted(before) if question in after]
    groups = first.groups.get("test") or second.groups.get("test") or ()
    both, only_first, only_second = list[_Pair](), list[_Pair](), list[_Pair]()
    for question in asked:
        old, new = before[question], after[question]
        pair = _Pair(_count(old), _count(new), groups[question] if groups else question)
        if not old.excluded:
            (only_first if new.excluded else both).append(pair)
        elif not new.excluded:
            only_second.append(pair)
    if not both or scale != SHARE:  # the tests know shares only
        return None
    test = _compare(both)
    unanswered = only_first if test.difference > 0 else only_second
    shared = [(before[question], after[question]) for question in asked]
    ahead = _find_largest_lead(shared, side_by_side=side_by_side)
    return PairedComparison(
        **{field.name: getattr(test, field.name) for field in fields(test)},
        before=fmean(pair.old for pair in both),
        after=fmean(pair.new for pair in both),
        only_first=len(only_first),
        only_second=len(only_second),
        ahead=ahead,
        guarded_p=_guard_p(both, unanswered, test, ahead),
    )


@dataclass(frozen=True, slots=True)
class SharedMeans:
    """The means of two prompts on the questions that both answered.

    Attributes:
        n: Their number.
        start: The mean of the first prompt.
        best: The mean of the second.
    """

    n: int
    start: float
    best: float


def measure_shared(start: Candidate, best: Candidate, split: Split) -> SharedMeans | None:
    """Return the means of two prompts of one run on the questions of a split that both answered.

    A prompt is not asked the rows that it shows as worked examples, so that its mean and that of
    another are of different questions.

    Returns:
        None where both answered the same, or a score is an estimate.
    """
    before, after = start.answers[split], best.answers[split]
    if before.estimate is not None or after.estimate is not None:
        return None
    old, new = (
        {question: _count(outcome) for question, outcome in each.items() if not outcome.excluded}
        for each in (before.by_question, after.by_question)
    )
    both = sorted(old.keys() & new.keys())
    if not both or old.keys() == new.keys():
        return None
    return SharedMeans(
        len(both), fmean(old[each] for each in both), fmean(new[each] for each in both)
    )


class _Pair(NamedTuple):
    """Two scores of one question, and what it belongs to."""

    old: float
    new: float
    group: int


def _compare(pairs: Sequence[_Pair]) -> PairedTest:
    return compare_scores([(pair.old, pair.new) for pair in pairs], [pair.group for pair in pairs])


def _count(outcome: Outcome) -> float:
    return outcome.score or 0.0


def _guard_p(
    both: Sequence[_Pair], unanswered: Sequence[_Pair], test: PairedTest, ahead: int
) -> float:
    """Compute the p-value with everything doubtful counted against the difference.

    Questions refused under the seemingly better prompt count as wrong for it. Its largest gains,
    as many as one prompt was ahead, do not count; nor do questions that only it could answer. (A
    tie in their place would change neither test.)
    """
    difference = test.difference
    doubtful = ahead if ahead > MAX_LEAD else 0
    gains_last = sorted(both, key=lambda pair: (pair.new - pair.old) * difference)
    kept = gains_last[: len(gains_last) - doubtful]
    counted = [*kept, *unanswered]  # a refused question scores 0
    if math.fsum(pair.new - pair.old for pair in counted) * difference <= 0:
        return 1.0
    has_doubt = doubtful or unanswered
    return max(test.p_value, _compare(counted).p_value) if has_doubt else test.p_value


def _find_largest_lead(shared: Sequence[tuple[Outcome, Outcome]], *, side_by_side: bool) -> int:
    """Return the largest number of questions by which one prompt was ahead of the other.

    Side by side that is one or two, unless calls were sent again (a time-out, a kill) under one
    prompt more often than under the other. A run that asks one prompt after the other is judged by
    its sessions alone. The time of an answer from the cache is unknown.
    """
    if not side_by_side:
        same = sum(old.session == new.session >= 0 for old, new in shared)
        return 0 if 2 * same >= len(shared) else len(shared)
    if any(outcome.session == CACHED for pair in shared for outcome in pair):
        return len(shared)
    one, other = (sorted(map(_order_time, side)) for side in zip(*shared, strict=True))
    return max(_measure_lead(one, other), _measure_lead(other, one))


def _order_time(outcome: Outcome) -> float:
    """Return the time of the call in seconds, never equal for two sessions."""
    return outcome.sent + 10 * SAME_TIME_S * outcome.session


def _measure_lead(one: Sequence[float], other: Sequence[float]) -> int:
    """Return the most questions by which `one` is ahead at any time; times ascending."""
    return max(
        number - bisect_right(other, sent + SAME_TIME_S) for number, sent in enumerate(one, start=1)
    )
