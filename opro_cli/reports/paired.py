"""Two prompts on the questions that both answered: what flipped, and how likely by chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import NamedTuple

from opro_cli.core.answers import Outcome
from opro_cli.core.candidates import Candidate
from opro_cli.core.model import SPLITS, Split
from opro_cli.core.paired_tests import compare_scores
from opro_cli.reports.recorded import RecordedRun

Replies = Mapping[tuple[Split, int], tuple[str, ...]]
"""What the scorer said to questions (by split and index), a text for each round."""


class Question(NamedTuple):
    """What a question is in every run: indices mean nothing outside theirs.

    occurrence: 0 for the first of equal rows of a split, 1 for the second …
    """

    input: str
    target: str
    occurrence: int


class Answer(NamedTuple):
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
class Flip:
    """A question that one prompt answers better than the other."""

    question: str
    target: str
    before: Answer
    after: Answer


@dataclass(frozen=True, slots=True)
class Flips:
    """Questions of one split that both prompts answered.

    gained: wrong under the first, right under the second; lost: the other way round.
    left_out: further shared questions, that a score leaves out because they were refused.
    test, p_value: of `compare_scores` on the shared ones, as in the verdict.
    """

    split: Split
    shared: int
    left_out: int
    gained: tuple[Flip, ...]
    lost: tuple[Flip, ...]
    test: str
    p_value: float

    def numbers(self) -> tuple[Set[int], Set[int]]:
        """The questions that flipped, as the first run counts them and as the second does."""
        flips = (*self.gained, *self.lost)
        return {flip.before.number for flip in flips}, {flip.after.number for flip in flips}

    def with_replies(self, before: Replies, after: Replies) -> Flips:
        """The same, with what was said."""

        def said(answer: Answer, replies: Replies) -> Answer:
            return answer._replace(replies=replies.get((self.split, answer.number), ()))

        def filled(flips: Sequence[Flip]) -> tuple[Flip, ...]:
            return tuple(
                replace(f, before=said(f.before, before), after=said(f.after, after)) for f in flips
            )

        return replace(self, gained=filled(self.gained), lost=filled(self.lost))


def paired(
    before: RecordedRun, left: Candidate, after: RecordedRun, right: Candidate
) -> tuple[Flips, ...]:
    """One for each split on which both answered some of the same questions, in order."""
    found = (
        _on_split(split, answers_of(before, left, split), answers_of(after, right, split))
        for split in SPLITS
    )
    return tuple(flips for flips in found if flips is not None)


def _on_split(
    split: Split, old: Mapping[Question, Answer], new: Mapping[Question, Answer]
) -> Flips | None:
    """Compare on one split; None where no question counts for both."""
    both = [
        Flip(question.input, question.target, answer, new[question])
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
    return Flips(split, len(shared), left_out, gained, lost, test.name, test.p_value)


def answers_of(run: RecordedRun, candidate: Candidate, split: Split) -> dict[Question, Answer]:
    """Its answers on a split, by what the questions are in every run."""
    outcomes = candidate.answers[split].by_question
    met: Counter[tuple[str, str]] = Counter()
    answers = {}
    for index, example in enumerate(run.examples[split]):
        row = (example.input, example.target)
        if index in outcomes:
            answers[Question(*row, met[row])] = Answer(index, outcomes[index])
        met[row] += 1
    return answers
