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
        if view.state.looks:
            tried = self.candidates[: self._count_at_once(view)] if step == 1 else ()
        else:
            steps = max(1, view.search.steps)  # `check` asks for a step where none is wanted, too
            size = max(view.search.candidates_per_step, math.ceil(len(self.candidates) / steps))
            tried = self.candidates[(step - 1) * size : step * size]
        return [Draft(text) for text in tried] or End("all candidates were tried")

    def _count_at_once(self, view: SearchView) -> int:
        """Return how many are raced together: those that the budget buys a first look at."""
        state = view.state
        if state.planned is not None or state.proposals.arrived:
            return state.planned_samples  # the step has begun; the budget may have changed since
        return lay_out(state).listed or len(self.candidates)

    def read(self, reply: str, ask: Ask) -> Sequence[Content | str]:  # noqa: ARG002
        """Return nothing: no model is asked."""
        return ()
