"""Grading replies: where the answer comes from, and how long it is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from opro_cli.calls.answers import TimedReply, said
from opro_cli.calls.budget import now
from opro_cli.calls.endpoints import is_congested
from opro_cli.calls.metered import Calls
from opro_cli.core.draws import seed_for
from opro_cli.core.run.events import Answered, FirstReply, Refused, Via
from opro_cli.core.run.state import AGAIN
from opro_cli.core.task.example import UNREADABLE, ChatReply, ChatRequest, Example, Grade, Split
from opro_cli.core.task.prompt import (
    PromptFormat,
    question_text,
    scorer_messages,
    second_round_messages,
)
from opro_cli.errors import ModelError, OproError, UsageError
from opro_cli.loop.planner import Question
from opro_cli.ports import Grader, Metric

PATIENCE_S = 1.0
"""Seconds that a grade may still take once a stop is asked for; then a resume grades the reply."""


@dataclass(frozen=True, slots=True)
class InlineGrader:
    """Grades in this very process, on the event loop: for metrics that take no time."""

    metric: Metric
    is_immediate = True

    async def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """Grade at once, as the metric does."""
        return self.metric.grade(reply, example, prompt)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to give back."""


async def grade_unless_stopped(grade: Awaitable[Grade], stop: asyncio.Event) -> Grade | None:
    """Wait for a grade, but not long once a stop is asked for; None where it did not come."""
    grading, stopping = asyncio.ensure_future(grade), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((grading, stopping), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait((grading,), timeout=PATIENCE_S)
        return grading.result() if grading.done() else None
    finally:
        grading.cancel()
        stopping.cancel()
        await asyncio.gather(grading, stopping, return_exceptions=True)


SECOND_ROUND_TOKENS = 50
"""At most so many for the final answer alone (google-deepmind/opro, eval_utils.py)."""

MOST_REFUSED = 20
"""So many refused questions in a session, before any that is answered, are no accident."""

GO_ON = "`--no-preflight` goes on all the same"


@dataclass(slots=True)
class Scoring:
    """Asks the scorer. answered, refused: questions in this session."""

    calls: Calls
    examples: Mapping[Split, Sequence[Example]]
    grader: Grader
    format: PromptFormat
    answered: int = 0
    refused: int = 0

    async def ask(self, question: Question) -> None:
        """Put one question, in one round or two, and record what came of it.

        A question that will never be answered is recorded as refused, and does not stop the run.
        Raises ModelError when the scorer answers nothing at all.
        """
        try:
            await self._put(question)
        except ModelError as error:
            if not await self._is_about_the_question(error):
                raise
            self._refuse(question, error)
            if self.refused >= MOST_REFUSED and not self.answered:
                raise UsageError(
                    f"{self._model} refused {self.refused} questions and answered none: "
                    f"{error.message}",
                    error.hint,
                ) from error

    async def ask_first(self, questions: Sequence[Question]) -> None:
        """Put the first questions of a run one at a time, until an answer can be read.

        These are questions of the run like all others: nothing is paid for twice. Raises
        UsageError when none can be read, or when all are refused.
        """
        refused: list[tuple[Question, ModelError]] = []
        for question in questions:
            try:
                await self._put(question)
            except ModelError as error:
                if not error.unanswerable:
                    raise
                refused.append((question, error))
                continue
            if self.calls.stop.is_set() or self._could_be_read(question):
                # Only now: until something is answered, the fault may be the config's.
                for each, refusal in refused:
                    self._refuse(each, refusal)
                return
        if len(refused) == len(questions):
            raise UsageError(
                f"{self._model} refused the first {len(refused)} questions: "
                f"{refused[0][1].message}",
                f"{refused[0][1].hint or 'is the config right?'}; {GO_ON}",
            )
        raise UsageError(
            f"{self._model}: none of its first {len(questions)} answers could be read as "
            f"{self.calls.settings.task.answer}",
            "look at them in events.jsonl: is task.answer right, scorer.max_tokens enough? "
            f"{GO_ON}",
        )

    @property
    def _model(self) -> str:
        return self.calls.models["scorer"][0].name

    async def _is_about_the_question(self, error: ModelError) -> bool:
        """Is it this question that gets no answer, while others do?

        A question that fails again and again may be at fault, or the server may be down: the
        tiny call tells.
        """
        if error.unanswerable or not error.transient or is_congested(error):
            return error.unanswerable
        return not self.calls.stop.is_set() and await self.calls.is_alive("scorer")

    def _could_be_read(self, question: Question) -> bool:
        candidate = self.calls.state.asked(question.candidate)
        return candidate.answers[question.split].by_question[question.index].score is not None

    def _refuse(self, question: Question, error: ModelError) -> None:
        self.refused += 1
        self.calls.record(Refused(at=now(), reason=error.message, **_place(question)))

    async def _put(self, question: Question) -> None:
        place, settings = _place(question), self.calls.settings
        task, scorer = settings.task, settings.scorer
        example = self.examples[question.split][question.index]
        candidate = self.calls.state.asked(question.candidate)
        prompt = question_text(example.input, candidate.instruction, self.format)
        messages = scorer_messages(example.input, candidate.instruction, self.format)
        seed = seed_for(settings.search.seed, "answer", question.split, question.index)
        request = ChatRequest(
            messages, scorer.temperature, scorer.max_tokens, seed, stop=scorer.stop or ()
        )
        answers = candidate.answers[question.split]
        known = answers.first_replies.get(question.index)
        ungraded = answers.second_replies.get(question.index) if task.second_round else known
        # Answers that are compared are all given now, by the scorer as it is now.
        to_compare = question.split == "test" and self.calls.state.compares_on_test
        fresh = to_compare or question.candidate.startswith(AGAIN)

        async def record_graded(answered: TimedReply) -> None:
            await self._record_graded(question, answered, prompt)

        if ungraded is not None:  # paid for in a session that ended before it was graded
            await record_graded(_recalled(ungraded))
            return
        if task.second_round:
            if known is None:
                async with self.calls.answer("scorer", request, fresh=fresh) as answered:
                    if answered.reply.filtered:
                        await record_graded(answered)
                        return
                    self.calls.record(FirstReply(**place, **said(answered)))
                known = answered.recorded.text  # as a resume knows it
                if self.calls.stop.is_set():
                    return  # the journal has this reply; a resume goes on from it
            second = second_round_messages(messages, known)
            limit = min(scorer.max_tokens, SECOND_ROUND_TOKENS)
            request = replace(request, messages=second, max_tokens=limit)
        last = 2 if task.second_round else 1
        async with self.calls.answer("scorer", request, fresh=fresh) as answered:
            self.answered += not answered.reply.filtered
            if answered.reply.filtered:
                await record_graded(answered)
                return
            if self.grader.is_immediate:
                try:
                    await record_graded(answered)
                except OproError:  # the reply is kept for when the metric is mended
                    self.calls.record(FirstReply(**place, **said(answered), round=last))
                    raise
                return
            self.calls.record(FirstReply(**place, **said(answered), round=last))
        # Not while a call counts as in flight: a metric of the user's may take long, or fail.
        recorded, via = answered.recorded.text, answered.via
        await record_graded(_recalled(answered.reply.text, recorded, via))

    async def _record_graded(self, question: Question, answered: TimedReply, prompt: str) -> None:
        """Grade a reply and record it; not where a stop is asked for meanwhile."""
        grade = await self._grade(question, answered.reply, prompt)
        if grade is None:
            return
        answer = None if grade.answer is None else self.calls.redact(grade.answer)
        graded = Answered(answer=answer, score=grade.score, **_place(question), **said(answered))
        self.calls.record(graded)

    async def _grade(self, question: Question, reply: ChatReply, prompt: str) -> Grade | None:
        """The grade; None where a stop is asked for and it takes long."""
        if reply.filtered:
            return UNREADABLE
        example = self.examples[question.split][question.index]
        grading = self.grader.grade(reply.text, example, prompt)
        if self.grader.is_immediate:
            return await grading
        return await grade_unless_stopped(grading, self.calls.stop)


def _place(question: Question) -> dict[str, Any]:
    """What every event of a question says about the question."""
    return {
        "candidate": question.candidate,
        "split": question.split,
        "question": question.index,
    }


def _recalled(text: str, recorded: str | None = None, via: Via = "call") -> TimedReply:
    """A reply that was paid for before and is now graded: it costs nothing.

    recorded: what the journal has of it, where that is something else. via: where it came from.
    """
    reply = ChatReply(text, "recalled", 0, 0, 0.0)
    return TimedReply(reply, 0.0, via, redacted=replace(reply, text=recorded or text))
