"""A race of prompts that somebody has written already: no optimizer proposes anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from opro_cli.core.run.layout import lay_out
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
        search, state = view.search, view.state
        size = max(search.candidates_per_step, math.ceil(len(self.candidates) / search.steps))
        if state.looks:  # which race together as many as the budget buys a first look at
            size = lay_out(state).listed or len(self.candidates)
            if state.planned is not None or state.proposals.arrived:  # whatever it is by now
                size = state.planned_samples
        tried = self.candidates[(step - 1) * size : step * size]
        if state.looks and step > 1:
            tried = ()
        return [Draft(text) for text in tried] or End("all candidates were tried")

    def read(self, reply: str, ask: Ask) -> Sequence[Content | str]:  # noqa: ARG002
        """Return nothing: no model is asked."""
        return ()
