"""Candidates, and their answers and scores on a split."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from opro_cli.core.run.answer_costs import AnswerCosts
from opro_cli.core.stats.groups import compute_design_effect
from opro_cli.core.stats.intervals import Interval, wilson_interval
from opro_cli.core.task.example import SPLITS, Groups, Split
from opro_cli.core.task.prompt import Content, decode_content
from opro_cli.core.text import encode_text

CACHED = -1
"""The session of an answer from the answer cache, of which the time of asking is unknown."""
AGAIN = "again-"
"""The beginning of the id of a candidate whose questions are asked a second time."""


@dataclass(frozen=True, slots=True)
class Score:
    """The score of a candidate on a split so far.

    Attributes:
        mean: Sum of scores / n, where unreadable and refused answers count 0.
        n: Questions answered, without those left out.
        correct: Answers with full score.
        interval: 95 %, Wilson; where questions belong together, for as many independent ones as
            there are if all of a group are alike.
        refused: Questions that the scorer can never answer.
        estimated: The candidate was stopped early (core/racing/race), and mean and interval are
            those that all questions would have given.
        cut: Of the unreadable answers, those to a reply that ended at its limit of tokens.
        cut_empty: Of these, those without any text: thoughts took all of it.
    """

    mean: float
    n: int
    correct: int
    unreadable: int
    interval: Interval
    refused: int = 0
    estimated: bool = False
    cut: int = 0
    cut_empty: int = 0


class Estimate(NamedTuple):
    """The score on all questions of a candidate that was stopped early, with its 95 % interval.

    Attributes:
        questions: Their number; 0 in runs that began before journal format 9.
    """

    mean: float
    interval: Interval
    questions: int = 0


class Outcome(NamedTuple):  # made in half the time of a frozen dataclass: a replay makes many
    """The answer to one question (None: unreadable) and its score.

    Attributes:
        excluded: The scorer can never answer it and the score leaves it out.
        session: The session of the run in which the scorer was asked, counted from 1; CACHED
            where it was asked in another run.
        sent: When the call was sent that was answered, seconds since the epoch.
    """

    answer: str | None
    score: float | None
    excluded: bool = False
    session: int = 0
    sent: float = 0.0


@dataclass(slots=True)
class Answers:
    """One candidate's answers on one split, with their running sums."""

    by_question: MutableMapping[int, Outcome] = field(default_factory=dict)
    first_replies: dict[int, str] = field(default_factory=dict)
    """Replies of the first round that wait for the second, or of the only one for their grade."""
    second_replies: dict[int, str] = field(default_factory=dict)
    """Replies of the second round that wait for their grade."""
    keyed_replies: dict[int, dict[str, str]] = field(default_factory=dict)
    """Replies to an evaluator's calls, by the key of the call, until it has answered."""
    cut_replies: dict[int, list[str]] = field(default_factory=dict)
    """The keys ("1" and "2" for the rounds) of those of them that ended at their limit."""
    correct: int = 0
    unreadable: int = 0
    refused: int = 0
    excluded: int = 0
    estimate: Estimate | None = None
    """Set when the candidate was stopped early: nothing more is asked."""
    partial: bool = False
    """Some answer has a score that is neither 0 nor 1."""
    cut: int = 0
    """Of the unreadable answers, those to a reply that ended at its limit of tokens."""
    cut_empty: int = 0
    """Of these, those to a reply without any text."""
    costs: AnswerCosts = field(default_factory=AnswerCosts)
    shown: frozenset[int] = frozenset()
    """Questions that are never asked: the prompt shows them, with their answers."""

    def add(
        self, question: int, outcome: Outcome, *, cut: bool = False, empty: bool = False
    ) -> None:
        """Add one new answer.

        Args:
            question: Index into the split's examples.
            outcome: The answer with its score.
            cut: It is unreadable, and its reply ended at the limit of tokens.
            empty: That reply has no text.
        """
        self.by_question[question] = outcome
        if self.first_replies or self.keyed_replies:
            self._drop_replies(question)
        score = outcome.score
        self.cut += cut
        self.cut_empty += cut and empty
        if score is None:
            self.unreadable += 1
        elif score == 1.0:
            self.correct += 1
        elif score != 0.0:
            self.partial = True

    def refuse(self, question: int, *, exclude: bool, session: int = 0, sent: float = 0.0) -> None:
        """Add a question that can never be answered."""
        self.by_question[question] = Outcome(None, None, exclude, session, sent)
        self._drop_replies(question)
        self.costs.drop(question)
        self.refused += 1
        self.excluded += exclude

    def _drop_replies(self, question: int) -> None:
        self.first_replies.pop(question, None)
        self.second_replies.pop(question, None)
        self.keyed_replies.pop(question, None)
        self.cut_replies.pop(question, None)

    def score(self, groups: Sequence[int] = ()) -> Score | None:
        """Return the score so far; None before the first answer (nothing is not 0).

        groups: What each question of the split belongs to; empty where each is alone.
        """
        n = len(self.by_question) - self.excluded
        mean = self.mean()
        if mean is None:
            return None
        if self.estimate:
            interval = self.estimate.interval
        elif 0.0 <= mean <= 1.0:
            interval = wilson_interval(mean, self.count_independent(groups))
        else:  # no share: nothing is known of its spread
            interval = Interval(mean, mean)
        counts = (n, self.correct, self.unreadable)
        early = self.estimate is not None
        return Score(mean, *counts, interval, self.refused, early, self.cut, self.cut_empty)

    def count_independent(self, groups: Sequence[int] = ()) -> float:
        """Return how many independent questions tell as much as those that were answered."""
        n = len(self.by_question) - self.excluded
        if not groups:
            return n
        answered = self.by_question.items()
        own = [groups[question] for question, outcome in answered if not outcome.excluded]
        return max(1.0, n / compute_design_effect(own))

    def mean(self) -> float | None:
        """Return the mean of the score alone, which is needed far more often."""
        if self.estimate is not None:
            return self.estimate.mean
        n = len(self.by_question) - self.excluded
        if not n:
            return None
        try:
            return self.total() / n
        except OverflowError:  # losses of 1e306, say, whose sum is no number
            return math.fsum((outcome.score or 0.0) / n for outcome in self.by_question.values())

    def total(self) -> float:
        """Return the sum of the scores, None counting 0."""
        if not self.partial:
            return float(self.correct)
        # fsum is exact, so the order of arrival cannot show in the last digit.
        return math.fsum(outcome.score or 0.0 for outcome in self.by_question.values())


@dataclass(slots=True)
class Candidate:
    """A prompt, or another solution, under test.

    Attributes:
        id: Its name in the journal.
        instruction: The text of its content.
        step: The step that proposed it, 0 for the initial ones.
        answers: By split.
        form: The parts of its content beside the text (`core/task/prompt.encode_form`).
        parents: Ids of the candidates that it was made from.
        note: What it was made for, in a few words; "" where its strategy does not say.
        groups: By split, what each question belongs to; without a split where each is alone.
        peers: All candidates of the run that have joined, by id.
    """

    id: str
    instruction: str
    step: int
    answers: dict[Split, Answers] = field(default_factory=lambda: {s: Answers() for s in SPLITS})
    form: str = ""
    parents: tuple[str, ...] = ()
    note: str = ""
    groups: Groups = field(default_factory=dict, repr=False, compare=False)
    peers: Mapping[str, Candidate] = field(default_factory=dict, repr=False, compare=False)

    @property
    def excluded_rows(self) -> frozenset[int]:
        """The train questions that it is not asked, since it shows them as worked examples."""
        return self.answers["train"].shown

    @property
    def content(self) -> Content:
        """The prompt or other solution under test."""
        return decode_content(self.instruction, self.form)

    def score(self, split: Split) -> Score | None:
        """Return the score on a split so far, None before the first answer.

        What is estimated of a prompt that was asked nothing at all is no score either.
        """
        if not self.is_asked:
            return None
        return self.answers[split].score(self.groups.get(split, ()))

    @property
    def is_asked(self) -> bool:
        """There is an answer to some question."""
        return any(answers.by_question for answers in self.answers.values())

    def count_independent(self, split: Split) -> float:
        """Return how many independent questions tell as much as those answered on a split."""
        return self.answers[split].count_independent(self.groups.get(split, ()))


def make_candidate_id(text: str, form: str = "") -> str:
    """Return a candidate's name in the journal: 12 hex digits, the same in every run."""
    data = encode_text(f"{text}\n{form}" if form else text)
    return hashlib.sha256(data).hexdigest()[:12]


def is_again(candidate: Candidate) -> bool:
    """Return True for a candidate whose questions are asked a second time."""
    return candidate.id.startswith(AGAIN)
