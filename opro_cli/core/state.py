"""The state of a run: a fold over its events, and nothing else.

`RunState.apply` is the only place where state changes. An event that cannot follow
raises IllegalEvent and changes nothing. Illegal is: an answer for an unknown candidate or
question, a second answer to one question, a proposal for a step that is not the present one.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from opro_cli.core.events import Answered, Event, Proposed, Retried, SessionEnded, SessionStarted
from opro_cli.core.model import SPLITS, Split
from opro_cli.core.settings import SearchSettings
from opro_cli.core.stats import Interval, wilson_interval


class IllegalEvent(ValueError):
    """An event that cannot follow the state it is applied to."""


@dataclass(frozen=True, slots=True)
class Score:
    """How a candidate did on a split so far.

    mean: sum of scores / n, unreadable answers counting 0 (and told apart in `unreadable`).
    n: questions answered. correct: answers with full score. interval: 95 %, Wilson.
    """

    mean: float
    n: int
    correct: int
    unreadable: int
    interval: Interval


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question's outcome: the answer read (None: unreadable) and its score."""

    answer: str | None
    score: float | None


@dataclass(slots=True)
class Answers:
    """One candidate's answers on one split, with their running sums."""

    by_question: dict[int, Outcome] = field(default_factory=dict)
    correct: int = 0
    unreadable: int = 0
    partial: bool = False
    """Has any answer a score strictly between 0 and 1?"""

    def add(self, question: int, outcome: Outcome) -> None:
        """Take in one new answer."""
        self.by_question[question] = outcome
        if outcome.score is None:
            self.unreadable += 1
        else:
            self.correct += outcome.score == 1.0
            self.partial |= 0.0 < outcome.score < 1.0

    def score(self) -> Score | None:
        """The score so far; None before the first answer (nothing is not 0)."""
        n = len(self.by_question)
        if n == 0:
            return None
        mean = self._total() / n
        return Score(mean, n, self.correct, self.unreadable, wilson_interval(mean, n))

    def _total(self) -> float:
        if not self.partial:
            return float(self.correct)
        # fsum is exact, so the order of arrival cannot show in the last digit.
        return math.fsum(outcome.score or 0.0 for outcome in self.by_question.values())


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


@dataclass(slots=True)
class RoleSpend:
    """What one model has cost. A call of unknown tokens or price makes the sum unknown.

    pico_usd: whole 1e-12 dollars, so that the order of arrival cannot show in the sum.
    """

    calls: int = 0
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    pico_usd: int | None = 0

    @property
    def usd(self) -> float | None:
        """Dollars, None when unknown."""
        return None if self.pico_usd is None else self.pico_usd / 1e12

    def add(self, event: Proposed | Answered) -> None:
        """Count one answered call."""
        self.calls += 1
        self.prompt_tokens = _plus(self.prompt_tokens, event.prompt_tokens)
        self.completion_tokens = _plus(self.completion_tokens, event.completion_tokens)
        cost = None if event.usd is None else round(event.usd * 1e12)
        self.pico_usd = _plus(self.pico_usd, cost)


def _plus(total: int | None, more: int | None) -> int | None:
    return None if total is None or more is None else total + more


def candidate_id(instruction: str) -> str:
    """A candidate's name in the journal: the same text has the same one in every run."""
    data = instruction.encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()[:12]


class RunState:
    """Everything known about a run.

    sizes: questions a split. candidates: by id, in the order they joined (initial ones as
    configured, then by step and sample), which does not depend on the order of arrival.
    """

    def __init__(self, search: SearchSettings, sizes: Mapping[Split, int]) -> None:
        self.search = search
        self.sizes = dict(sizes)
        self.candidates: dict[str, Candidate] = {}
        self.spend: dict[str, RoleSpend] = {"optimizer": RoleSpend(), "scorer": RoleSpend()}
        self.sessions: list[SessionStarted] = []
        self.ended: SessionEnded | None = None
        self.last_at: float | None = None
        self.working_seconds = 0.0
        """Time with a process at work: the gaps between sessions do not count."""
        self.proposals: dict[int, Proposed] = {}
        """Replies to the present step, by sample, until all are there."""
        self.step = 0
        """The last step whose candidates have joined."""
        self.empty_proposals = 0
        """Replies from which no new instruction could be taken."""
        for instruction in search.initial_instructions:
            self._join(instruction, 0)

    def apply(self, event: Event) -> None:
        """Take in one event; IllegalEvent, and nothing changed, if it cannot follow."""
        match event:
            case Answered():
                self._apply_answered(event)
            case Proposed():
                self._apply_proposed(event)
            case SessionStarted():
                self.sessions.append(event)
                self.ended = None
            case SessionEnded():
                self.ended = event
            case Retried():
                pass  # in the journal for people; it decides nothing
        if self.last_at is not None and not isinstance(event, SessionStarted):
            self.working_seconds += max(0.0, event.at - self.last_at)
        self.last_at = event.at

    def _apply_answered(self, event: Answered) -> None:
        candidate = self.candidates.get(event.candidate)
        if candidate is None:
            raise IllegalEvent(f"an answer for the unknown candidate {event.candidate}")
        if not 0 <= event.question < self.sizes[event.split]:
            raise IllegalEvent(f"an answer to question {event.question} of {event.split}")
        answers = candidate.answers[event.split]
        if event.question in answers.by_question:
            raise IllegalEvent(f"a second answer to question {event.question} of {event.split}")
        if (event.answer is None) != (event.score is None):
            raise IllegalEvent("an unreadable answer with a score, or a readable one without")
        answers.add(event.question, Outcome(event.answer, event.score))
        self.spend["scorer"].add(event)

    def _apply_proposed(self, event: Proposed) -> None:
        if event.step != self.step + 1 or event.step > self.search.steps:
            raise IllegalEvent(f"a proposal for step {event.step} after step {self.step}")
        if not 0 <= event.sample < self.search.candidates_per_step:
            raise IllegalEvent(f"a proposal with sample number {event.sample}")
        if event.sample in self.proposals:
            raise IllegalEvent(f"a second proposal {event.sample} in step {event.step}")
        self.proposals[event.sample] = event
        self.spend["optimizer"].add(event)
        if len(self.proposals) == self.search.candidates_per_step:
            self._close_proposals()

    def _close_proposals(self) -> None:
        self.step += 1
        for sample in sorted(self.proposals):
            joined = [self._join(text, self.step) for text in self.proposals[sample].instructions]
            self.empty_proposals += not any(joined)
        self.proposals = {}

    def _join(self, instruction: str, step: int) -> bool:
        new_id = candidate_id(instruction)
        if new_id in self.candidates:
            return False
        self.candidates[new_id] = Candidate(new_id, instruction, step)
        return True

    def missing(self, candidate: Candidate, split: Split) -> list[int]:
        """The questions of a split that a candidate has not been asked, ascending."""
        done = candidate.answers[split].by_question
        if len(done) == self.sizes[split]:
            return []
        return [question for question in range(self.sizes[split]) if question not in done]

    def is_scored(self, candidate: Candidate, split: Split) -> bool:
        """Has it answered all questions of a split that has any?"""
        return 0 < self.sizes[split] == len(candidate.answers[split].by_question)

    def of_step(self, step: int) -> list[Candidate]:
        """The candidates that joined in a step (0: the initial ones)."""
        return [c for c in self.candidates.values() if c.step == step]


def replay(state: RunState, events: Iterable[Event]) -> RunState:
    """Apply events in order; the state of a run is nothing but this."""
    for event in events:
        state.apply(event)
    return state
