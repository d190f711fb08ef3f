"""The pace of a run's calls lately, for an estimate of the time that is left."""

from __future__ import annotations

from dataclasses import dataclass, field

from opro_cli.core.run.events import Answered, Checked, Event, FirstReply, InFlight, Proposed

QUESTIONS_HALF_LIFE = 100
SEARCH_HALF_LIFE = 400
"""Calls after which older ones count half: models are loaded first, and servers change. A step
of a search takes some hundred, and only a whole one has the mean pace."""


@dataclass(slots=True)
class Pace:
    """Calls and the time that they took, older ones counting less.

    Attributes:
        half_life: In calls.
        seconds: With a process at work.
        calls: That were answered in this time.
    """

    half_life: int
    seconds: float = 0.0
    calls: float = 0.0

    @property
    def rate(self) -> float:
        """Calls a second; 0 before any."""
        return self.calls / self.seconds if self.seconds > 0 else 0.0

    def count_call(self) -> None:
        """Count an answered call; what was before loses a little of its weight."""
        kept = 0.5 ** (1 / self.half_life)
        self.seconds *= kept
        self.calls = self.calls * kept + 1


@dataclass(slots=True)
class Paces:
    """The pace of questions alone, and that of the steps of a search.

    In a step the scorer also waits for the optimizer, which may take most of the time. Questions
    alone are those of the initial instructions, of dev and of test.

    Attributes:
        only_questions: No proposal was asked for when the last event came.
    """

    questions: Pace = field(default_factory=lambda: Pace(QUESTIONS_HALF_LIFE))
    search: Pace = field(default_factory=lambda: Pace(SEARCH_HALF_LIFE))
    only_questions: bool = True

    def pass_time(self, event: Event, seconds: float, *, before_steps: bool) -> None:
        """Add the time that passed until an event.

        Args:
            event: What ended it.
            seconds: Since the event before.
            before_steps: No proposal had arrived yet.
        """
        match event:
            case Answered() | FirstReply():
                self.only_questions = event.split != "train" or before_steps
            case Proposed() | Checked():
                self.only_questions = False
            case InFlight():
                self.only_questions = self.only_questions and event.role != "optimizer"
        pace = self.questions if self.only_questions else self.search
        pace.seconds += seconds
        if isinstance(event, Answered | FirstReply | Proposed) and event.via == "call":
            pace.count_call()
