"""Doubts about a run: what would be spent for nothing unless a person says to go on."""

from __future__ import annotations

from dataclasses import dataclass, field

from opro_cli.core.run.events import Answered, Event, Proposed
from opro_cli.core.run.selection import has_tried
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import SHARE
from opro_cli.core.settings.settings import Settings
from opro_cli.errors import DoubtfulAnswers
from opro_cli.loop.first_answers import FIRST_ANSWERS, FirstAnswers

FIRST_REPLIES = 20
"""So many replies of the optimizer without a proposal, before any candidate, are no accident."""


@dataclass(slots=True)
class Doubts:
    """Reasons not to go on with a run in this session.

    Attributes:
        settings: Of the run.
        state: Of the run.
        first: The first answers of its scorer.
        checks: The session checks before it spends.
        keeps_going: Somebody has said to go on in this session, or prompts will show what an
            answer is: a model that continues texts says nothing readable before it has seen a
            worked example.
        error: Why a person has to say whether the run goes on; None while nothing speaks against
            it.
        unread: Replies of the optimizer in this session, none with a proposal; -1 once one came.
    """

    settings: Settings
    state: RunState
    first: FirstAnswers
    checks: bool
    keeps_going: bool
    error: DoubtfulAnswers | None = None
    unread: int = 0
    _knows_first: bool = field(init=False)

    def __post_init__(self) -> None:
        self._knows_first = bool(self.first.answers) or not self.state.has_answers()

    @property
    def goes_on(self) -> bool:
        """Whether the run goes on whatever its first answers are."""
        return self.keeps_going or self.state.keeps_going

    @property
    def may_stop(self) -> bool:
        """Whether a search is stopped where its first answers cannot be what was asked for."""
        searches = self.settings.search.steps > 0 and self.state.scale == SHARE
        looks = self.checks and self._knows_first and self.state.began_with(6)
        return looks and searches and not self.goes_on

    @property
    def gave_up(self) -> bool:
        """Whether the search has tried nothing and stops before its next step.

        The next session asks as many times again.
        """
        state = self.state
        if self.goes_on or state.search.rules == "paper" or not state.rounds:
            return False
        begins_step = state.is_searching and not state.proposals.arrived
        return begins_step and self.unread >= FIRST_REPLIES and not has_tried(state)

    def add(self, event: Event) -> bool:
        """Note an event; True if it brought the last of the first answers."""
        if isinstance(event, Proposed) and self.unread >= 0:
            self.unread = -1 if event.instructions else self.unread + 1
        return isinstance(event, Answered) and self.first.add(event)

    def judge_first_answers(self, model: str) -> str:
        """Judge the first answers, and set `error` where they cannot be what was asked for.

        Args:
            model: The scorer's name.

        Returns:
            A note for people, "" for none.
        """
        finding = self.first.judge() if self.may_stop else ""
        if finding == "all wrong":
            return (
                f"none of the first {FIRST_ANSWERS} answers is right, though they are of the right "
                "kind: is the scorer up to the task?"
            )
        if finding:
            self.error = self.first.make_error(model, finding)
        return ""
