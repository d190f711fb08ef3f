"""The answers of a run that is open, each read from its journal when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from opro_cli.app.answers import locate_answer
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.events import Answered, FirstReply
from opro_cli.core.task.example import Example, Message, Split
from opro_cli.core.task.prompt import build_second_round
from opro_cli.errors import RunError, UsageError
from opro_cli.evaluators import ModelEvaluator
from opro_cli.reports import viewed
from opro_cli.reports.answers import build_answer
from opro_cli.reports.recorded import RecordedRun
from opro_cli.store.opened_run import OpenedRun


def get_candidate(run: RecordedRun, prompt: str) -> Candidate:
    """Return the prompt of this id, a candidate or a baseline.

    Raises:
        UsageError: The run has none.
    """
    known = {**run.state.baselines, **run.state.candidates}
    if prompt not in known:
        raise UsageError(f"{run.name} has no prompt {prompt!r:.40}", "name the id of a prompt")
    return known[prompt]


def read_answer(
    opened: OpenedRun,
    name: str,
    candidate: Candidate,
    split: Split,
    question: int,
    evaluator: ModelEvaluator | None,
) -> dict[str, Any]:
    """Return an answer as the page has it.

    Args:
        opened: The run.
        name: By which it is asked for.
        candidate: The prompt.
        split: Of the question.
        question: Its number in the split.
        evaluator: Tells what was sent, and where the answer was read; None for neither.

    Raises:
        UsageError: There is no such answer, or not yet.
        JournalError: It cannot be read.
    """
    if question not in candidate.answers[split].by_question:
        raise UsageError(
            f"question {question} of {split} has no answer under {candidate.id}",
            "it was not asked, or not answered yet",
        )
    events = opened.index.read_events(candidate.id, split, question)
    answer = build_answer(opened.run, candidate, split, question, events)
    chats: list[Sequence[Message]] = []
    if evaluator is not None:
        example = opened.run.examples[split][question]
        answer = locate_answer(answer, candidate.content, evaluator, example)
        with suppress(RunError):  # shows a reply, which is not at hand
            chats.append(evaluator.write_messages(candidate.content, example))
        if chats and evaluator.second_round and answer.replies:
            chats.append(build_second_round(tuple(chats[0]), answer.replies[0]))
    return viewed.serialize_answer(answer, events, chats, run=name, prompt=candidate.id)


def list_texts(
    opened: OpenedRun, prompts: Sequence[str], split: Split, question: int, example: Example
) -> Iterator[str]:
    """Yield the texts that a search goes through: of a question, and of its replies."""
    yield example.input
    yield example.target
    for prompt in prompts:
        for event in opened.index.read_events(prompt, split, question):
            if isinstance(event, FirstReply | Answered):
                yield event.text


class JournalReplies(Mapping[tuple[str, Split, int], str]):
    """The replies in a journal by candidate, split and question, read when they are asked for."""

    def __init__(self, opened: OpenedRun) -> None:
        self._opened = opened

    def __getitem__(self, key: tuple[str, Split, int]) -> str:
        for event in self._opened.index.read_events(*key):
            if isinstance(event, Answered):
                return event.text
        raise KeyError(key)

    def __iter__(self) -> Iterator[tuple[str, Split, int]]:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError
