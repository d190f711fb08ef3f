"""The questions on which two candidates can be compared, before test is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.task.example import Split


class Pair(NamedTuple):
    """The scores of two candidates on one question, an unreadable answer's being 0.

    Attributes:
        group: What the question belongs to; its own name where it is alone.
    """

    before: float
    after: float
    group: tuple[Split, int]

    @property
    def difference(self) -> float:
        """The gain of the second candidate, as a share; negative for a loss."""
        return self.after - self.before

    @property
    def is_graded(self) -> bool:
        """Whether one of the scores is between right and wrong."""
        return self.before not in (0.0, 1.0) or self.after not in (0.0, 1.0)


def list_pairs(before: Candidate, after: Candidate, splits: Sequence[Split]) -> Iterator[Pair]:
    """Yield the questions that both have answered and that the score of both counts."""
    for split in splits:
        first, second = before.answers[split].by_question, after.answers[split].by_question
        belongs = before.groups.get(split)
        for question in sorted(first.keys() & second.keys()):
            one, other = first[question], second[question]
            if one.excluded or other.excluded:
                continue
            # A group stays in one split.
            group = split, belongs[question] if belongs else question
            yield Pair(one.score or 0.0, other.score or 0.0, group)
