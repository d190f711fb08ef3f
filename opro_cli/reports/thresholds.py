"""Limits that a prompt has to keep, and the figures that they are held against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from opro_cli.core.run.events import Answered, Event, FirstReply
from opro_cli.core.stats.intervals import Interval

THOUSAND = 1000


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Limits that the new prompt has to keep; None for none.

    Attributes:
        min_score: As a share.
        max_unreadable: As a share of its answers.
        max_tokens: Of prompts and replies, per 1,000 answers.
        max_usd: Per 1,000 answers.
    """

    min_score: float | None = None
    max_unreadable: float | None = None
    max_tokens: float | None = None
    max_usd: float | None = None


@dataclass(slots=True)
class Usage:
    """The tokens and dollars of one prompt's answers; None from the first that nobody counted."""

    answers: int = 0
    tokens: int | None = 0
    usd: float | None = 0.0

    def add(self, event: Answered | FirstReply) -> None:
        """Add one call."""
        prompt, completion = event.prompt_tokens, event.completion_tokens
        if prompt is None or completion is None or self.tokens is None:
            self.tokens = None
        else:
            self.tokens += prompt + completion
        self.usd = None if event.usd is None or self.usd is None else self.usd + event.usd

    @property
    def tokens_per_1000(self) -> float | None:
        """Tokens of 1,000 answers; None where they are unknown."""
        known = self.answers and self.tokens is not None
        return THOUSAND * (self.tokens or 0) / self.answers if known else None

    @property
    def usd_per_1000(self) -> float | None:
        """Dollars of 1,000 answers; None where they are unknown, which is never 0."""
        known = self.answers and self.usd is not None
        return THOUSAND * (self.usd or 0.0) / self.answers if known else None


def measure_usage(events: Iterable[Event]) -> dict[str, Usage]:
    """Return what the answers of each candidate took, by its id; retries are no answers."""
    usage: dict[str, Usage] = {}
    ungraded: set[tuple[str, int]] = set()
    for event in events:
        if not isinstance(event, Answered | FirstReply):
            continue
        one = usage.setdefault(event.candidate, Usage())
        asked = event.candidate, event.question
        if isinstance(event, FirstReply):
            if not event.key:
                ungraded.add(asked)
        else:
            one.answers += 1
        # A reply that was kept ungraded is not paid for again with its grade.
        recalled = isinstance(event, Answered) and asked in ungraded and not event.usd
        if event.via == "call" and not recalled:
            one.add(event)
    return usage


@dataclass(frozen=True, slots=True)
class Check:
    """A threshold, and what was measured.

    Attributes:
        name: The key of `Thresholds`.
        limit: As in `Thresholds`.
        value: The figure on the questions that were asked; None where it is unknown.
        interval: 95 %, Wilson, of a share; None for others.
    """

    name: str
    limit: float
    value: float | None
    interval: Interval | None = None

    @property
    def passed(self) -> bool | None:
        """Whether the figure keeps the limit; None where it is unknown."""
        if self.value is None:
            return None
        return self.value >= self.limit if self.is_least else self.value <= self.limit

    @property
    def proven(self) -> bool | None:
        """Whether the whole interval is on the same side of the limit; None without one."""
        if self.interval is None:
            return None
        return not self.interval.low <= self.limit <= self.interval.high

    @property
    def is_least(self) -> bool:
        """The limit is the least value that is allowed, not the most."""
        return self.name.startswith("min_")

    def to_json(self) -> dict[str, Any]:
        """Return the check as plain data."""
        interval = [self.interval.low, self.interval.high] if self.interval else None
        return {
            "name": self.name,
            "limit": self.limit,
            "value": self.value,
            "interval": interval,
            "passed": self.passed,
            "proven": self.proven,
        }
