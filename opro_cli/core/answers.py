"""One candidate's answers on one split, and the score that they make."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from opro_cli.core.stats import Interval, wilson_interval


@dataclass(frozen=True, slots=True)
class Score:
    """How a candidate did on a split so far.

    mean: sum of scores / n, unreadable and refused answers counting 0 (and told apart).
    n: questions answered, without those left out. refused: questions that the scorer can never
    answer. correct: answers with full score. interval: 95 %, Wilson.
    """

    mean: float
    n: int
    correct: int
    unreadable: int
    interval: Interval
    refused: int = 0


class Outcome(NamedTuple):  # made in half the time of a frozen dataclass: a replay makes many
    """One question's outcome: the answer read (None: unreadable) and its score.

    excluded: the scorer can never answer it and the score leaves it out.
    """

    answer: str | None
    score: float | None
    excluded: bool = False


@dataclass(slots=True)
class Answers:
    """One candidate's answers on one split, with their running sums."""

    by_question: dict[int, Outcome] = field(default_factory=dict)
    first_replies: dict[int, str] = field(default_factory=dict)
    """Replies of the first round to questions whose second round is still open."""
    correct: int = 0
    unreadable: int = 0
    refused: int = 0
    excluded: int = 0
    partial: bool = False
    """Has any answer a score strictly between 0 and 1?"""

    def add(self, question: int, outcome: Outcome) -> None:
        """Take in one new answer."""
        self.by_question[question] = outcome
        if self.first_replies:
            self.first_replies.pop(question, None)
        score = outcome.score
        if score is None:
            self.unreadable += 1
        elif score == 1.0:
            self.correct += 1
        elif score != 0.0:
            self.partial = True

    def refuse(self, question: int, *, exclude: bool) -> None:
        """Take in that one question can never be answered."""
        self.by_question[question] = Outcome(None, None, exclude)
        self.first_replies.pop(question, None)
        self.refused += 1
        self.excluded += exclude

    def score(self) -> Score | None:
        """The score so far; None before the first answer (nothing is not 0)."""
        n = len(self.by_question) - self.excluded
        if n == 0:
            return None
        mean = self._total() / n
        interval = wilson_interval(mean, n)
        return Score(mean, n, self.correct, self.unreadable, interval, self.refused)

    def _total(self) -> float:
        if not self.partial:
            return float(self.correct)
        # fsum is exact, so the order of arrival cannot show in the last digit.
        return math.fsum(outcome.score or 0.0 for outcome in self.by_question.values())
