"""The scorer's words about train questions, kept where a strategy looks at them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from opro_cli.core.run.events import Answered, Event, Feedback
from opro_cli.core.task.example import CUT, Split

Asked = tuple[str, Split, int]
"""A candidate, a split and a question."""


@dataclass(slots=True)
class KeptReplies:
    """Replies to train questions, and what is known of them beside their grade.

    Attributes:
        texts: The replies.
        feedback: An evaluator's remarks.
        cut: The questions whose reply ended at its limit of tokens.
    """

    texts: dict[Asked, str] = field(default_factory=dict)
    feedback: dict[Asked, str] = field(default_factory=dict)
    cut: set[Asked] = field(default_factory=set)

    def add(self, event: Event) -> None:
        """Keep what an event says of a reply to a train question."""
        if not isinstance(event, Answered | Feedback) or event.split != "train":
            return
        asked = event.candidate, event.split, event.question
        if isinstance(event, Feedback):
            self.feedback[asked] = event.text
            return
        self.texts[asked] = event.text
        if event.finish_reason in CUT:
            self.cut.add(asked)

    def add_all(self, events: Iterable[Event]) -> None:
        """Keep what events say, in order."""
        for event in events:
            self.add(event)
