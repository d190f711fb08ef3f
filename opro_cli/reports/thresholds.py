"""Limits that a prompt has to keep, and the figures that they are held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.cheapest import measure_cost
from opro_cli.core.stats.intervals import Interval


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


@dataclass(frozen=True, slots=True)
class Usage:
    """The cost of 1,000 answers of a prompt; None for what is unknown, which is never 0."""

    tokens_per_1000: float | None = None
    usd_per_1000: float | None = None


def measure_usage(candidate: Candidate) -> Usage:
    """Return what the test answers of a prompt take, as any report of a run counts them.

    A question that is asked five times has five answers, and a judge's replies are none.
    """
    answers = candidate.answers["test"]
    return Usage(measure_cost(answers, "tokens_per_1000"), measure_cost(answers, "usd_per_1000"))


@dataclass(frozen=True, slots=True)
class Check:
    """A threshold, and what was measured.

    Attributes:
        name: The key of `Thresholds`.
        limit: As in `Thresholds`.
        value: The figure on the questions that were asked; None where it is unknown.
        interval: 95 %, Wilson, of a share, as in `Score`; None for others.
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
