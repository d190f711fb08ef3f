"""Candidates, and the proposals that they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from opro_cli.core.run.answers import Answers, Score
from opro_cli.core.run.events import Proposed
from opro_cli.core.settings.settings import SearchSettings
from opro_cli.core.task.example import SPLITS, Split


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


REPEATED, LEAKS = "repeated", "leaks"


@dataclass(frozen=True, slots=True)
class ProposedText:
    """One text read from a reply. skipped: why it was not scored, "" when it was.

    step: counts from 1.
    """

    step: int
    text: str
    skipped: str


@dataclass(slots=True)
class Proposals:
    """All proposals of a run so far.

    arrived: replies to the present step, by sample, until all are there. texts: those of the
    steps before. seen: what is no new instruction any more. replies: of the optimizer to
    meta-prompts; empty: those from which no new instruction could be taken. gave_choices: did one
    call of the last whole step bring several proposals?
    """

    arrived: dict[int, Proposed] = field(default_factory=dict)
    texts: list[ProposedText] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    replies: int = 0
    empty: int = 0
    gave_choices: bool = False

    def add(self, reply: Proposed) -> None:
        """Take in one reply to the present step."""
        self.arrived[reply.sample] = reply
        self.replies += 1

    def judged(self, step: int, reason_to_skip: Callable[[str], str]) -> list[str]:
        """The texts of a step that are worth scoring, in the order of the samples.

        Each is seen from then on; no reply is left when all are judged.
        """
        worthy = []
        for _, reply in sorted(self.arrived.items()):
            judged = []
            for text in reply.instructions:
                judged.append(ProposedText(step, text, reason_to_skip(text)))
                self.seen.add(text)
            self.texts += judged
            new = [each.text for each in judged if not each.skipped]
            self.empty += not new
            worthy += new
        self.gave_choices = any(reply.via == "choice" for reply in self.arrived.values())
        self.arrived = {}
        return worthy


def breach(text: str, search: SearchSettings) -> str:
    """Which rule for instructions a text breaks, "" for none.

    The reference's three, in its order (google-deepmind/opro, run_evolution).
    """
    if len(text) > search.max_instruction_chars:
        return "too long"
    if search.drop_digits and any(char.isdigit() for char in text):
        return "digits"
    if search.rules == "paper" and "INS" in text:
        return "tag"
    return ""
