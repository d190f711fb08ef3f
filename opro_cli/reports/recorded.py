"""A run as read from its folder, its answers, and the history in its journal."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple, TypeGuard

from opro_cli.core.run.events import (
    Answered,
    Checked,
    Event,
    FirstReply,
    Probed,
    Proposed,
    SessionStarted,
    Uncounted,
)
from opro_cli.core.run.spend import RoleSpend
from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import Example, Split, is_filtered
from opro_cli.errors import name_in_shell

Status = Literal["finished", "running", "stopped", "failed", "killed"]


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One run on disk.

    Attributes:
        name: The folder's name.
        settings: The resolved config as plain data.
        identity: The content of run.json.
        status: "killed" if the process ended without a last event. All but finished and running
            runs can be resumed.
    """

    name: str
    folder: str
    settings: Mapping[str, Any]
    identity: Mapping[str, Any]
    examples: Mapping[Split, Sequence[Example]]
    state: RunState
    status: Status

    @property
    def argument(self) -> str:
        """The run as a command from the present folder takes it."""
        return name_in_shell(self.folder)


MAX_POINTS = 240
"""More are less than three pixels apart."""
MAX_REPLIES = 200


class SpendPoint(NamedTuple):
    """The metered spend of both models after some seconds at work.

    Figures are None from the first answer on that is neither metered nor bounded.
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
    """The spend from the first call to the last, thinned evenly, and unreadable replies.

    Attributes:
        seconds: What a reply took on average, by candidate; those from a cache do not count.
    """

    spend: tuple[SpendPoint, ...] = ()
    unreadable: tuple[UnreadableReply, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)


def build_history(run: RecordedRun, events: Iterable[Event]) -> History:
    """Return the history of a run from the events that led to its state."""
    builder = HistoryBuilder(run)
    for event in events:
        builder.add(event)
    return builder.build()


class HistoryBuilder:
    """The history of a run, event by event; its state has each event before this gets it."""

    def __init__(self, run: RecordedRun) -> None:
        self._state = run.state
        self._meter = _Meter(run.state.rounds)
        # Seconds with a process at work, as `RunState.working_seconds` counts them.
        self._working, self._last = 0.0, math.inf
        self._points = [SpendPoint(0.0, 0, 0, 0.0)]
        self._unreadable: list[UnreadableReply] = []
        self._number, self._stride = 0, 1
        self._seconds: dict[str, float] = {}
        self._timed: Counter[str] = Counter()

    def add(self, event: Event) -> None:
        """Add one event."""
        self._number += 1
        if not isinstance(event, SessionStarted):
            self._working += max(0.0, event.at - self._last)
        if isinstance(event, Probed):
            self._working += event.seconds
        self._last = event.at
        self._meter.count(event)
        if isinstance(event, Answered) and event.via == "call":
            known = self._seconds.get(event.candidate, 0.0)
            self._seconds[event.candidate] = known + event.seconds
            self._timed[event.candidate] += 1
        if _is_unreadable(event) and len(self._unreadable) < MAX_REPLIES:
            instruction = self._state.get_candidate(event.candidate).instruction
            reply = UnreadableReply(instruction, event.split, event.question, event.text)
            self._unreadable.append(reply)
        if self._number % self._stride == 0:
            self._points.append(self._meter.point(self._working))
        if len(self._points) > 2 * MAX_POINTS:
            self._points, self._stride = self._points[::2], 2 * self._stride

    def build(self) -> History:
        """Return the history so far."""
        last = self._meter.point(self._working)
        means = {id: total / self._timed[id] for id, total in self._seconds.items()}
        return History((*self._points, last), tuple(self._unreadable), means)


class _Meter:
    """The spend of both models, as `RunState.spend` counts it."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._first_replies: Counter[tuple[str, Split, int]] = Counter()
        self._spend = RoleSpend()

    def count(self, event: Event) -> None:
        """Add what an event cost."""
        if isinstance(event, FirstReply):
            self._first_replies[event.candidate, event.split, event.question] += 1
        # A reply journaled ungraded is paid for once, not again with its grade.
        graded_later = (
            isinstance(event, Answered)
            and self._first_replies[event.candidate, event.split, event.question] == self._rounds
        )
        if isinstance(event, Uncounted):
            self._spend.add_uncounted(event)
        if isinstance(event, Probed):
            self._spend.add_probe(event)
        if isinstance(event, Checked | Proposed | FirstReply | Answered) and not graded_later:
            self._spend.add(event)

    def point(self, seconds: float) -> SpendPoint:
        """Return the spend so far, as of `seconds` since the run began."""
        spend = self._spend
        tokens_in, tokens_out = spend.known_tokens
        tokens = None if tokens_in is None or tokens_out is None else tokens_in + tokens_out
        return SpendPoint(seconds, spend.calls, tokens, spend.known_usd)


def _is_unreadable(event: Event) -> TypeGuard[Answered]:
    if not isinstance(event, Answered):
        return False
    return event.answer is None and not is_filtered(event.text, event.finish_reason)


@dataclass(frozen=True, slots=True)
class Answer:
    """One question under one candidate, as the scorer answered it.

    Attributes:
        candidate: The candidate's id.
        instruction: Its text.
        step: The step that proposed it, 0 for the start.
        split: "train", "dev" or "test".
        question: The index of the question in its split.
        input: The question.
        target: The gold answer.
        reply: What the scorer said.
        answer: What was read from it; None when it was unreadable.
        score: As graded: 0 to 1, or a value on the evaluator's own scale; None when the reply was
            unreadable.
    """

    candidate: str
    instruction: str
    step: int
    split: Split
    question: int
    input: str
    target: str
    reply: str
    answer: str | None
    score: float | None


class Answers(list[Answer]):
    """Answers as a list, and as a table."""

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with a row an answer."""
        import pandas

        return pandas.DataFrame([asdict(answer) for answer in self])
