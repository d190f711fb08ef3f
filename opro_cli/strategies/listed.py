"""A race of prompts that somebody has written already: no optimizer proposes anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from opro_cli.core.run.view import Ask, Draft, End, SearchView
from opro_cli.core.task.prompt import Content
from opro_cli.ports import Strategy


@dataclass(frozen=True)
class ListStrategy(Strategy):
    """Tries the instructions of `search.candidates`, some in each step.

    Those of earlier steps are what a race compares with. Where looks race all of them from the
    first question on, all are tried in one step.

    Attributes:
        candidates: The instructions.
    """

    name = "list"
    candidates: tuple[str, ...] = ()

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft] | End:
        """Return the next of them; end the search behind the last ones."""
        search, everyone = view.search, len(self.candidates)
        size = max(search.candidates_per_step, math.ceil(everyone / search.steps))
        if view.state.looks:
            size = everyone
        tried = self.candidates[(step - 1) * size : step * size]
        return [Draft(text) for text in tried] or End("all candidates were tried")

    def read(self, reply: str, ask: Ask) -> Sequence[Content | str]:  # noqa: ARG002
        """Return nothing: no model is asked."""
        return ()
