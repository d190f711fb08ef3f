"""Counts for the choice of exemplars, worked out from the state once and never saved.

A step would otherwise look at every answer of the run so far, and cost more the later it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from opro_cli.core.draws import LegacyStream

Someone = TypeVar("Someone")


@dataclass(slots=True)
class Memo:
    """Counts over the candidates that have all their answers, which stay as they are.

    wrong: how often each question was answered wrongly by the first `counted` of them.
    stream, drawn: the generator of the paper's `most_wrong_now`, and what it drew, by step.
    """

    wrong: Counter[int] = field(default_factory=Counter)
    counted: int = 0
    stream: LegacyStream | None = None
    drawn: list[list[int]] = field(default_factory=list)

    def wrong_under(
        self,
        candidates: Sequence[Someone],
        is_scored: Callable[[Someone], bool],
        wrong: Callable[[Someone], Iterable[int]],
    ) -> Counter[int]:
        """How many of all candidates so far got each question wrong, in order of the first.

        candidates: those of the last time, and behind them any that joined since.
        """
        while self.counted < len(candidates) and is_scored(candidates[self.counted]):
            self.wrong.update(wrong(candidates[self.counted]))
            self.counted += 1
        counts = self.wrong.copy()
        for candidate in candidates[self.counted :]:
            counts.update(wrong(candidate))
        return counts
