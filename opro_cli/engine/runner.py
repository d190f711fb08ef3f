"""The loop: ask the planner what is next, do it, write it down, believe it, show it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from opro_cli import __version__
from opro_cli.core.events import Event, Proposed, SessionEnded, SessionStarted
from opro_cli.core.model import ChatRequest, Example, Split
from opro_cli.core.planner import Evaluate, Finish, Propose, next_work
from opro_cli.core.prompts import MetaPromptMaterial, PromptFormat, TrajectoryEntry
from opro_cli.core.rng import seed_for
from opro_cli.core.session import Activity, Role
from opro_cli.core.settings import PriceSettings, Settings
from opro_cli.core.state import RunState
from opro_cli.core.trajectory import mean
from opro_cli.engine.budget import BudgetReached
from opro_cli.engine.calls import Calls, Halted, said
from opro_cli.engine.parallel import in_parallel
from opro_cli.engine.retries import RetryPolicy
from opro_cli.engine.scoring import Scoring
from opro_cli.errors import JournalError, OproError
from opro_cli.ports import ChatModel, Journal, Metric, Observer, Strategy

FIRST_QUESTIONS = 3
"""So many unreadable answers in a row, before any readable one, are no accident."""

Item = TypeVar("Item")

Ending = Literal["finished", "interrupted", "budget"]

SYNC_EVERY = 0.1
"""Seconds between fsyncs of the journal: what power loss (not a kill) can cost."""


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
    prices: Mapping[Role, PriceSettings | None] = field(default_factory=dict)
    preflight: bool = False
    stopped_by: str = ""
    """The ceiling that ended the session, "budget.usd 5 reached: …"."""
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _format: PromptFormat = field(init=False)
    _calls: Calls = field(init=False)
    _scoring: Scoring = field(init=False)

    def __post_init__(self) -> None:
        task = self.settings.task
        self._format = PromptFormat(task.instruction_position, task.qa_markers)
        self._calls = Calls(
            settings=self.settings,
            state=self.state,
            models={"scorer": self.scorer, "optimizer": self.optimizer},
            prices=self.prices,
            policy=self.retry_policy,
            activity=self.activity,
            stop=self._stop,
            record=self._record,
        )
        self._scoring = Scoring(self._calls, self.examples, self.metric, self._format)

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
            self._record(SessionEnded(time.time(), ending, self.stopped_by))
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
        try:
            if self.preflight:
                await self._check_models()
            while not self._stop.is_set():
                work = next_work(self.state)
                match work:
                    case Propose():
                        await self._propose(work)
                    case Evaluate():
                        await self._evaluate(work)
                    case Finish():
                        return "finished"
        except Halted:
            pass
        except BudgetReached as error:
            self.stopped_by = f"budget.{error}"
            return "budget"
        return "interrupted"

    async def _check_models(self) -> None:
        """Before the first paid question: does each model answer, and can its answers be read?"""
        if self.state.has_readable_answer():
            return
        if self.settings.search.steps and "optimizer" not in self.state.checked:
            await self._calls.check("optimizer")
        work = next_work(self.state)
        if isinstance(work, Evaluate):
            await self._scoring.ask_first(work.questions[:FIRST_QUESTIONS])

    async def _propose(self, work: Propose) -> None:
        messages = self.strategy.meta_prompt(self._material(work))
        settings = self.settings.optimizer
        temperature = settings.temperature_at(work.step, self.settings.search.steps)

        async def one(sample: int) -> None:
            seed = seed_for(self.settings.search.seed, "propose", work.step, sample)
            request = ChatRequest(messages, temperature, settings.max_tokens, seed)
            async with self._calls.answer("optimizer", request) as answered:
                read = self.strategy.read(answered.reply.text)
                self._record(
                    Proposed(step=work.step, sample=sample, instructions=read, **said(answered))
                )

        await self._in_parallel(work.samples, one, settings.concurrency)

    def _material(self, work: Propose) -> MetaPromptMaterial:
        shown = [self.state.candidates[candidate] for candidate in work.shown]
        return MetaPromptMaterial(
            trajectory=tuple(TrajectoryEntry(c.instruction, mean(c, "train")) for c in shown),
            exemplars=tuple(self.examples["train"][index] for index in work.exemplars),
            format=self._format,
            score_buckets=self.settings.search.score_buckets,
            description=self.settings.task.description or "",
        )

    async def _evaluate(self, work: Evaluate) -> None:
        await self._in_parallel(work.questions, self._scoring.ask, self.settings.scorer.concurrency)

    async def _in_parallel(
        self, items: Sequence[Item], do: Callable[[Item], Awaitable[None]], limit: int
    ) -> None:
        """All items at once, as far as allowed; a failure wakes the calls that only wait."""

        async def watched(item: Item) -> None:
            try:
                await do(item)
            except (OproError, BudgetReached):
                self._stop.set()
                raise

        await in_parallel(items, watched, limit=limit, halted=self._stop.is_set)

    def _record(self, event: Event) -> None:
        """Disk, then memory, then screen."""
        self.journal.append(event)
        self.state.apply(event)
        for observer in self.observers:
            observer.after(event, self.state)

    async def _sync_regularly(self) -> None:
        while True:
            await asyncio.sleep(SYNC_EVERY)
            try:
                await asyncio.to_thread(self.journal.sync)
            except JournalError:
                self._stop.set()  # the sync at the end says it again
                return
