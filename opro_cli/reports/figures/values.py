"""A value with its interval, and the runs that a figure takes: common to all figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from opro_cli.core.run.candidates import Candidate, Score
from opro_cli.core.run.selection import find_baseline, find_winner
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import Scale
from opro_cli.errors import UsageError
from opro_cli.reports.formats import are_shares
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.verdict import is_evaluation

Role = Literal["start", "best", "other"]


@dataclass(frozen=True, slots=True)
class Value:
    """A figure with its 95 % interval.

    Attributes:
        low: None for a figure without an interval, as is `high`.
        n: Questions behind it.
        estimated: The candidate was stopped early.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    estimated: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        interval = None if self.low is None else [self.low, self.high]
        early = {"estimated": True} if self.estimated else {}
        return {"mean": self.mean, "interval": interval, "n": self.n, **early}

    @property
    def ends(self) -> tuple[float, ...]:
        """The ends of the interval, or the figure itself."""
        return (self.mean,) if self.low is None or self.high is None else (self.low, self.high)


def read_value(score: Score, scale: Scale) -> Value:
    """Return a score as people read it; losses have no interval."""
    if not are_shares(scale):
        return Value(scale.orient(score.mean), None, None, score.n, score.estimated)
    low, high = score.interval.low, score.interval.high
    return Value(score.mean, low, high, score.n, score.estimated)


def find_roles(state: RunState) -> dict[str, Role]:
    """Return the roles of start prompt and winner, by id; the others have none."""
    named: tuple[tuple[Candidate | None, Role], ...] = (
        (find_baseline(state), "start"),
        (find_winner(state), "best"),
    )
    return {candidate.id: role for candidate, role in named if candidate is not None}


def require_search(run: RecordedRun, kind: str) -> None:
    """Raise UsageError for a run that only scored given prompts: there is nothing to draw."""
    if is_evaluation(run.state):
        raise UsageError(
            f"{run.name} is an evaluation of given prompts: without a search there is no {kind}",
            "name a run of `opro optimize`; two prompts are compared by "
            f"`opro diff {run.argument}@0.1 {run.argument}@0.2`",
        )


def find_scale(runs: Sequence[RecordedRun]) -> Scale:
    """Return how all scores are read."""
    first = runs[0]
    for other in runs[1:]:
        if other.state.scale != first.state.scale:
            raise UsageError(
                f"the scores of {other.name} are not on the scale of {first.name}: one axis "
                "cannot show both",
                "draw them apart",
            )
    return first.state.scale


def list_notes(runs: Sequence[RecordedRun]) -> tuple[str, ...]:
    """Return that runs are on other questions, where they are."""
    if len({run.identity.get("data_fingerprint") for run in runs}) < 2:
        return ()
    return ("these runs were scored on different questions: their scores do not compare",)


def is_alike(one: Value, other: Value) -> bool | None:
    """Return whether 0 is in the 95 % interval of the difference of two independent shares.

    The interval is put together from those of the two (R. G. Newcombe, Stat. Med. 17, 1998,
    method 10). None without intervals.
    """
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return None
    difference = other.mean - one.mean
    low = difference - math.hypot(other.mean - other.low, one.high - one.mean)
    high = difference + math.hypot(other.high - other.mean, one.mean - one.low)
    return low <= 0 <= high
