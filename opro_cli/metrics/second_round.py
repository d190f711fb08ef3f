"""Replies of the second round: they go on from "So the final answer is"."""

from __future__ import annotations

from dataclasses import dataclass

from opro_cli.core.model import UNREADABLE, Example, Grade
from opro_cli.core.prompts import FINAL_ANSWER_CUE
from opro_cli.ports import Metric


@dataclass(frozen=True, slots=True)
class SecondRound:
    """A metric that reads the cue and the reply together, as the one sentence they are."""

    metric: Metric

    def target(self, raw: str) -> str:
        """As the metric reads it."""
        return self.metric.target(raw)

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """As the metric grades the whole sentence; the cue alone answers nothing."""
        if not reply.strip():
            return UNREADABLE
        return self.metric.grade(f"{FINAL_ANSWER_CUE} {reply}", example, prompt)
