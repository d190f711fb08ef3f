"""The answers behind a score: question, gold answer, what was read, and the reply in full."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from opro_cli.core.run.candidates import Candidate, Outcome
from opro_cli.core.run.events import Answered, Event, FirstReply, Refused
from opro_cli.core.scale import Scale
from opro_cli.core.task.example import CUT, SPLITS, Split, is_filtered
from opro_cli.reports.recorded import RecordedRun

Judgement = Literal["right", "partly right", "wrong", "unreadable", "refused", "valued"]
"""What became of an answer; "valued" where a value is no share of right answers."""
MARKS: Mapping[Judgement, str] = {
    "right": "r",
    "partly right": "p",
    "wrong": "w",
    "unreadable": "u",
    "refused": "x",
    "valued": "v",
}
"""A letter for each, for grids; a capital one where the reply was cut at its limit."""
NOT_ASKED = "."
"""The sign in a grid for a question that a prompt was not asked, or has not answered yet."""


@dataclass(frozen=True, slots=True)
class GradedAnswer:
    """One question under one prompt, with all its replies.

    Attributes:
        question: Its index in the split.
        input: Its text.
        target: The gold answer.
        answer: What was read; None for an unreadable reply and a refused question.
        score: As graded; None where there is no answer.
        replies: The texts of the scorer, one a round; none for a refused question.
        cut: The last reply ended at its limit.
        read_from: Where in the last reply the answer was read: start and end, in characters. None
            where nothing was read, and where that is not known.
        read_each: What was read from each reply of a question that was asked several times, where
            that is known.
    """

    split: Split
    question: int
    judgement: Judgement
    input: str
    target: str
    answer: str | None
    score: float | None
    replies: tuple[str, ...]
    cut: bool = False
    read_from: tuple[int, int] | None = None
    read_each: tuple[str | None, ...] = ()


@dataclass(slots=True)
class _Said:
    """The record of one question in the journal."""

    replies: list[str] = field(default_factory=list)
    kept: bool = False
    """The last reply was kept ungraded, and comes again with its grade."""
    refused: bool = False
    cut: bool = False


def list_answers(
    run: RecordedRun, candidate: Candidate, events: Iterable[Event]
) -> list[GradedAnswer]:
    """Return all answers of a run under one of its prompts, by split and question."""
    replies = _collect_replies(candidate, events)
    return [
        _build_answer(run, candidate, split, question, replies.get((split, question), _Said()))
        for split in SPLITS
        for question in sorted(candidate.answers[split].by_question)
    ]


def build_answer(
    run: RecordedRun, candidate: Candidate, split: Split, question: int, events: Iterable[Event]
) -> GradedAnswer:
    """Return the answer to one question under a prompt, from the events about it.

    Raises:
        KeyError: The question has no answer yet.
    """
    known = _collect_replies(candidate, events).get((split, question), _Said())
    return _build_answer(run, candidate, split, question, known)


def _build_answer(
    run: RecordedRun, candidate: Candidate, split: Split, question: int, known: _Said
) -> GradedAnswer:
    outcome, scale = candidate.answers[split].by_question[question], run.state.scale
    example = run.examples[split][question]
    return GradedAnswer(
        split=split,
        question=question,
        judgement="refused" if known.refused else _judge(outcome, scale),
        input=example.input,
        target=example.target,
        answer=outcome.answer,
        score=None if outcome.score is None else scale.orient(outcome.score),
        replies=tuple(known.replies),
        cut=known.cut,
    )


def _judge(outcome: Outcome, scale: Scale) -> Judgement:
    if outcome.score is None:
        return "unreadable"
    if not scale.bounded or scale.minimise:
        return "valued"
    return "right" if outcome.score == 1.0 else "partly right" if outcome.score > 0 else "wrong"


def _collect_replies(
    candidate: Candidate, events: Iterable[Event]
) -> Mapping[tuple[Split, int], _Said]:
    replies: dict[tuple[Split, int], _Said] = {}
    for event in events:
        if not isinstance(event, FirstReply | Answered | Refused):
            continue
        if event.candidate != candidate.id:
            continue
        known = replies.setdefault((event.split, event.question), _Said())
        if isinstance(event, Refused) or is_filtered(event.text, event.finish_reason):
            known.refused = True
        elif not (
            known.kept and isinstance(event, Answered) and known.replies[-1:] == [event.text]
        ):
            known.replies.append(event.text)
            known.cut = event.finish_reason in CUT
        known.kept = isinstance(event, FirstReply)
    return replies


@dataclass(frozen=True, slots=True)
class ShownAnswers:
    """The answers under one prompt that somebody wants to see.

    Attributes:
        prompt: Its name, "RUN@2.1".
        instruction: Its text.
        answered: All answers under it, on the splits in question.
        answers: Those to be shown.
        form: Worked examples and layout of the prompt, as in `result.json`.
        only: What they have in common, "wrong" or "unreadable"; "" for all answers.
    """

    prompt: str
    run: str
    instruction: str
    step: int
    answered: int
    answers: Sequence[GradedAnswer]
    form: Mapping[str, Any] = field(default_factory=dict)
    only: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return them as `opro show --answers --json` prints them."""
        return {
            "run": self.run,
            "prompt": self.prompt,
            "instruction": self.instruction,
            **self.form,
            "step": self.step,
            "answered": self.answered,
            "answers": [
                {**asdict(a), "replies": list(a.replies), "read_each": list(a.read_each)}
                for a in self.answers
            ],
        }
