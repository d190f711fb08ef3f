"""An instruction under test, and its name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from opro_cli.core.answers import Answers, Score
from opro_cli.core.model import SPLITS, Split


@dataclass(slots=True)
class Candidate:
    """An instruction under test. step: 0 for the initial ones, else the step that proposed it."""

    id: str
    instruction: str
    step: int
    answers: dict[Split, Answers] = field(default_factory=lambda: {s: Answers() for s in SPLITS})

    def score(self, split: Split) -> Score | None:
        """Its score on a split so far, None before the first answer."""
        return self.answers[split].score()


def candidate_id(instruction: str) -> str:
    """A candidate's name in the journal: the same text has the same one in every run."""
    data = instruction.encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()[:12]
