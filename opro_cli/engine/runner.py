"""The loop: ask the planner what is next, do it, write it down, believe it, show it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from opro_cli import __version__
from opro_cli.core.events import (
    Answered,
    Event,
    Proposed,
    Reasoned,
    Retried,
    SessionEnded,
    SessionStarted,
)
from opro_cli.core.model import ChatReply, ChatRequest, Example, Message, Split
from opro_cli.core.planner import Evaluate, Finish, Propose, Question, next_work
from opro_cli.core.prompts import (
    MetaPromptMaterial,
    PromptFormat,
    TrajectoryEntry,
    question_text,
    scorer_messages,
    second_round_messages,
)
from opro_cli.core.rng import seed_for
from opro_cli.core.session import Activity, Role
from opro_cli.core.settings import Settings
from opro_cli.core.state import RunState
from opro_cli.core.trajectory import mean
from opro_cli.engine.parallel import in_parallel
from opro_cli.engine.retries import RetryPolicy, with_retries
from opro_cli.errors import JournalError, ModelError, OproError
from opro_cli.ports import ChatModel, Journal, Metric, Observer, Strategy

SECOND_ROUND_TOKENS = 50
"""At most so many for the final answer alone (google-deepmind/opro, eval_utils.py)."""

Ending = Literal["finished", "interrupted"]

SYNC_EVERY = 0.1
"""Seconds between fsyncs of the journal: what power loss (not a kill) can cost."""


class _Halted(Exception):
    """A clean stop was asked for while a call waited for its next try."""


@dataclass(slots=True)
class Runner:
    """One session of work on a run."""

    settings: Settings
    examples: Mapping[Split, Sequence[Example]]
    state: RunState
    scorer: ChatModel
    optimizer: ChatModel
    metric: Metric
    strategy: Strategy
    journal: Journal
    observers: Sequence[Observer] = ()
    activity: Activity = field(default_factory=Activity)
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Ask for a clean stop: no new calls, those in flight are waited for."""
        self.activity.stopping = True
        self._stop.set()
        for observer in self.observers:
            observer.stopping()

    async def run(self) -> Ending:
        """Work until the run is finished or a stop is asked for.

        Raises ModelError when a model fails for good; everything answered is recorded.
        """
        self.activity.started = time.monotonic()
        self._record(SessionStarted(time.time(), os.getpid(), __version__))
        syncing = asyncio.create_task(self._sync_regularly())
        try:
            ending = await self._loop()
            self._record(SessionEnded(time.time(), ending))
            return ending
        except JournalError:
            raise  # the disk refuses: there is nowhere to write why
        except OproError as error:
            self._record(SessionEnded(time.time(), "failed", error.message))
            raise
        finally:
            syncing.cancel()
            self.journal.sync()

    async def _loop(self) -> Ending:
        while not self._stop.is_set():
            work = next_work(self.state)
            try:
                match work:
                    case Propose():
                        await self._propose(work)
                    case Evaluate():
                        await self._evaluate(work)
                    case Finish():
                        return "finished"
            except _Halted:
                break
        return "interrupted"

    async def _propose(self, work: Propose) -> None:
        messages = self.strategy.meta_prompt(self._material(work))
        settings = self.settings.optimizer
        temperature = settings.temperature_at(work.step, self.settings.search.steps)

        async def one(sample: int) -> None:
            seed = seed_for(self.settings.search.seed, "propose", work.step, sample)
            request = ChatRequest(messages, temperature, settings.max_tokens, seed)
            answered = await self._call("optimizer", request)
            reply = answered.reply
            self._record(
                Proposed(
                    at=time.time(),
                    step=work.step,
                    sample=sample,
                    text=reply.text,
                    instructions=self.strategy.read(reply.text),
                    finish_reason=reply.finish_reason,
                    prompt_tokens=reply.prompt_tokens,
                    completion_tokens=reply.completion_tokens,
                    usd=reply.usd,
                    seconds=answered.seconds,
                )
            )

        await in_parallel(work.samples, one, limit=settings.concurrency, halted=self._stop.is_set)

    def _material(self, work: Propose) -> MetaPromptMaterial:
        shown = [self.state.candidates[candidate] for candidate in work.shown]
        return MetaPromptMaterial(
            trajectory=tuple(TrajectoryEntry(c.instruction, mean(c, "train")) for c in shown),
            exemplars=tuple(self.examples["train"][index] for index in work.exemplars),
            format=self._format(),
            score_buckets=self.settings.search.score_buckets,
            description=self.settings.task.description or "",
        )

    def _format(self) -> PromptFormat:
        task = self.settings.task
        return PromptFormat(task.instruction_position, task.qa_markers)

    async def _evaluate(self, work: Evaluate) -> None:
        settings = self.settings.scorer
        form = self._format()

        async def one(question: Question) -> None:
            example = self.examples[question.split][question.index]
            instruction = self.state.candidates[question.candidate].instruction
            prompt = question_text(example.input, instruction, form)
            messages = scorer_messages(example.input, instruction, form)
            seed = seed_for(self.settings.search.seed, "answer", question.split, question.index)
            if self.settings.task.second_round:
                reasoning = await self._reasoning(question, messages, seed)
                if self._stop.is_set():
                    return  # the journal has this reply; a resume goes on from it
                messages = second_round_messages(messages, reasoning)
                limit = min(settings.max_tokens, SECOND_ROUND_TOKENS)
            else:
                limit = settings.max_tokens
            request = ChatRequest(messages, settings.temperature, limit, seed)
            answered = await self._call("scorer", request)
            reply = answered.reply
            grade = self.metric.grade(reply.text, example, prompt)
            self._record(
                Answered(
                    at=time.time(),
                    candidate=question.candidate,
                    split=question.split,
                    question=question.index,
                    text=reply.text,
                    answer=grade.answer,
                    score=grade.score,
                    finish_reason=reply.finish_reason,
                    prompt_tokens=reply.prompt_tokens,
                    completion_tokens=reply.completion_tokens,
                    usd=reply.usd,
                    seconds=answered.seconds,
                )
            )

        await in_parallel(work.questions, one, limit=settings.concurrency, halted=self._stop.is_set)

    async def _reasoning(self, question: Question, messages: tuple[Message, ...], seed: int) -> str:
        """The first of two replies: from the journal when it is there, else from the scorer."""
        answers = self.state.candidates[question.candidate].answers[question.split]
        known = answers.first_replies.get(question.index)
        if known is not None:
            return known
        settings = self.settings.scorer
        request = ChatRequest(messages, settings.temperature, settings.max_tokens, seed)
        answered = await self._call("scorer", request)
        reply = answered.reply
        self._record(
            Reasoned(
                at=time.time(),
                candidate=question.candidate,
                split=question.split,
                question=question.index,
                text=reply.text,
                finish_reason=reply.finish_reason,
                prompt_tokens=reply.prompt_tokens,
                completion_tokens=reply.completion_tokens,
                usd=reply.usd,
                seconds=answered.seconds,
            )
        )
        return reply.text

    async def _call(self, role: Role, request: ChatRequest) -> _TimedReply:
        model = self.scorer if role == "scorer" else self.optimizer
        seconds = 0.0

        async def ask() -> ChatReply:
            nonlocal seconds
            self.activity.in_flight[role] += 1
            began = time.monotonic()
            try:
                return await model.reply(request)
            finally:
                seconds = round(time.monotonic() - began, 4)
                self.activity.in_flight[role] -= 1

        def on_wait(attempt: int, wait: float, error: ModelError) -> None:
            self.activity.waiting = f"{error.message}; next try in {wait:.0f} s"
            self._record(Retried(time.time(), role, attempt, round(wait, 3), error.message))

        try:
            reply = await with_retries(
                ask, policy=self.retry_policy, sleep=self._sleep, on_wait=on_wait
            )
        except ModelError:
            self._stop.set()  # wakes the calls that wait for their next try: the run is over
            raise
        self.activity.waiting = ""
        self.activity.session_calls += 1
        return _TimedReply(reply, seconds)

    async def _sleep(self, seconds: float) -> None:
        """Wait, but not longer than until a stop is asked for."""
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return
        raise _Halted

    def _record(self, event: Event) -> None:
        """Disk, then memory, then screen."""
        self.journal.append(event)
        self.state.apply(event)
        for observer in self.observers:
            observer.after(event, self.state)

    async def _sync_regularly(self) -> None:
        while True:
            await asyncio.sleep(SYNC_EVERY)
            await asyncio.to_thread(self.journal.sync)


@dataclass(frozen=True, slots=True)
class _TimedReply:
    """A reply and the seconds that the successful call took."""

    reply: ChatReply
    seconds: float
