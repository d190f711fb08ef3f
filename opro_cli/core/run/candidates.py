"""Candidates, and the proposals that they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from opro_cli.core.run.answers import Answers, Score
from opro_cli.core.run.events import Proposed
from opro_cli.core.settings.settings import SearchSettings
from opro_cli.core.task.candidate import Content, decode_content
from opro_cli.core.task.example import SPLITS, Split


@dataclass(slots=True)
class Candidate:
    """A prompt, or another solution, under test.

    Attributes:
        id: Its name in the journal.
        instruction: The text of its content.
        step: The step that proposed it, 0 for the initial ones.
        answers: By split.
        form: What its content is beside the text, see `core/task/candidate`.
        parents: Ids of the candidates that it was made from.
    """

    id: str
    instruction: str
    step: int
    answers: dict[Split, Answers] = field(default_factory=lambda: {s: Answers() for s in SPLITS})
    form: str = ""
    parents: tuple[str, ...] = ()

    @property
    def content(self) -> Content:
        """The prompt or other solution under test."""
        return decode_content(self.instruction, self.form)

    def score(self, split: Split) -> Score | None:
        """Its score on a split so far, None before the first answer."""
        return self.answers[split].score()


def make_candidate_id(text: str, form: str = "") -> str:
    """Return a candidate's name in the journal: 12 hex digits, the same in every run."""
    data = (f"{text}\n{form}" if form else text).encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()[:12]


REPEATED, LEAKS = "repeated", "leaks"


@dataclass(frozen=True, slots=True)
class ProposedText:
    """One text read from a reply. skipped: why it was not scored, "" when it was.

    step: counts from 1. form: what was read beside the text. parents: what it was made from.
    """

    step: int
    text: str
    skipped: str
    form: str = ""
    parents: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The id of the candidate that it is or would be."""
        return make_candidate_id(self.text, self.form)


def list_texts(reply: Proposed) -> list[tuple[ProposedText, str]]:
    """Return the texts of a reply, not judged yet, each with its strategy's reason to skip it."""
    none = ("",) * len(reply.instructions)
    return [
        (ProposedText(reply.step, text, "", form, reply.parents), rejected)
        for text, form, rejected in zip(
            reply.instructions, reply.forms or none, reply.rejected or none, strict=True
        )
    ]


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

    def judge(self, reason_to_skip: Callable[[ProposedText, str], str]) -> list[ProposedText]:
        """Return the texts of a step that are worth scoring, in the order of the samples.

        Each is seen from then on; no reply is left when all are judged.
        """
        worthy: list[ProposedText] = []
        for _, reply in sorted(self.arrived.items()):
            judged: list[ProposedText] = []
            for proposed, rejected in list_texts(reply):
                judged.append(replace(proposed, skipped=reason_to_skip(proposed, rejected)))
                self.seen.add(proposed.text if not proposed.form else proposed.id)
            self.texts += judged
            new = [proposed for proposed in judged if not proposed.skipped]
            self.empty += not new
            worthy += new
        self.gave_choices = any(reply.via == "choice" for reply in self.arrived.values())
        self.arrived = {}
        return worthy


def find_breach(text: str, search: SearchSettings) -> str:
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
