"""A run as read from its folder, and what its journal tells beyond its state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from opro_cli.core.run.events import (
    Answered,
    Checked,
    Event,
    FirstReply,
    Proposed,
    SessionStarted,
    Uncounted,
)
from opro_cli.core.run.spend import RoleSpend
from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import Example, Split, is_filtered

Status = Literal["finished", "running", "stopped", "failed", "killed"]


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One run on disk.

    name: the folder's name. settings: the resolved config as plain data. identity: run.json.
    status: killed means that the process ended without a word; all but finished and running
    can be resumed.
    """

    name: str
    folder: str
    settings: Mapping[str, Any]
    identity: Mapping[str, Any]
    examples: Mapping[Split, Sequence[Example]]
    state: RunState
    status: Status


MAX_POINTS = 240
"""More would be less than three pixels apart."""
MAX_REPLIES = 200


class SpendPoint(NamedTuple):
    """The metered spend of both models after some seconds at work.

    None from the first answer on that was neither metered nor bounded.
    """

    seconds: float
    calls: int
    tokens: int | None
    usd: float | None


@dataclass(frozen=True, slots=True)
class UnreadableReply:
    """A reply of the scorer in which its metric found no answer."""

    instruction: str
    split: Split
    question: int
    text: str


@dataclass(frozen=True, slots=True)
class History:
    """spend: from the first call to the last, thinned evenly. unreadable: the first of them."""

    spend: tuple[SpendPoint, ...] = ()
    unreadable: tuple[UnreadableReply, ...] = ()


def build_history(run: RecordedRun, events: Iterable[Event]) -> History:
    """Go through the events of a run once more, which are those that led to its state."""
    clock, meter = _Clock(), _Meter(run.state.rounds)
    points = [SpendPoint(0.0, 0, 0, 0.0)]
    unreadable: list[UnreadableReply] = []
    stride = 1
    for number, event in enumerate(events, start=1):
        clock.tick(event)
        meter.count(event)
        if isinstance(event, Answered) and _is_unreadable(event) and len(unreadable) < MAX_REPLIES:
            instruction = run.state.asked(event.candidate).instruction
            unreadable.append(UnreadableReply(instruction, event.split, event.question, event.text))
        if number % stride == 0:
            points.append(meter.point(clock.working))
        if len(points) > 2 * MAX_POINTS:
            points, stride = points[::2], 2 * stride
    return History((*points, meter.point(clock.working)), tuple(unreadable))


class _Clock:
    """Seconds with a process at work, as `RunState.working_seconds` counts them."""

    def __init__(self) -> None:
        self.working = 0.0
        self._last: float | None = None

    def tick(self, event: Event) -> None:
        if self._last is not None and not isinstance(event, SessionStarted):
            self.working += max(0.0, event.at - self._last)
        self._last = event.at


class _Meter:
    """Both models' spend, as `RunState.spend` counts it."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._kept: Counter[tuple[str, Split, int]] = Counter()
        self._spend = RoleSpend()

    def count(self, event: Event) -> None:
        if isinstance(event, FirstReply):
            self._kept[event.candidate, event.split, event.question] += 1
        # A reply that was kept ungraded is paid for once, not again with its grade.
        graded_later = (
            isinstance(event, Answered)
            and self._kept[event.candidate, event.split, event.question] == self._rounds
        )
        if isinstance(event, Uncounted):
            self._spend.add_uncounted(event)
        if isinstance(event, Checked | Proposed | FirstReply | Answered) and not graded_later:
            self._spend.add(event)

    def point(self, seconds: float) -> SpendPoint:
        spend = self._spend
        tokens_in, tokens_out = spend.known_tokens
        tokens = None if tokens_in is None or tokens_out is None else tokens_in + tokens_out
        return SpendPoint(seconds, spend.calls, tokens, spend.known_usd)


def _is_unreadable(event: Answered) -> bool:
    return event.answer is None and not is_filtered(event.text, event.finish_reason)
