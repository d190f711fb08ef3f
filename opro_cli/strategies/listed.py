"""A race of prompts that somebody has written already: no optimizer proposes anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opro_cli.core.run.view import Ask, Draft, End, SearchView
from opro_cli.core.task.prompt import Content
from opro_cli.ports import Strategy


@dataclass(frozen=True)
class ListStrategy(Strategy):
    """Tries the instructions of `search.candidates`, all in one step.

    Attributes:
        candidates: The instructions.
    """

    name = "list"
    candidates: tuple[str, ...] = ()

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft] | End:  # noqa: ARG002
        """Return all of them in the first step, and end the search in the second."""
        if step > 1:
            return End("all candidates were tried")
        return [Draft(text) for text in self.candidates]

    def read(self, reply: str, ask: Ask) -> Sequence[Content | str]:  # noqa: ARG002
        """Return nothing: no model is asked."""
        return ()
