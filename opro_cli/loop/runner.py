"""The loop: ask the planner what is next, do it, record it, apply it to the state, show it."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from opro_cli import __version__
from opro_cli.calls.attempts import RetryPolicy
from opro_cli.calls.budget import read_clock
from opro_cli.calls.checks import check_endpoints, check_first
from opro_cli.calls.endpoints import WorkerPool
from opro_cli.calls.metered import Calls
from opro_cli.core.racing.race import BLOCK
from opro_cli.core.run.events import (
    Answered,
    Event,
    Looked,
    Probed,
    Pruned,
    SessionEnded,
    SessionStarted,
    StepPlanned,
)
from opro_cli.core.run.progress import Progress, Role
from opro_cli.core.run.replies import KeptReplies
from opro_cli.core.run.selection import find_stop, is_untried
from opro_cli.core.run.state import RunState
from opro_cli.core.run.view import End, SearchView
from opro_cli.core.settings.models import PriceSettings
from opro_cli.core.settings.read import read_options
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import Example, Split
from opro_cli.errors import BudgetReached, DoubtfulAnswers, Halted, JournalError, OproError
from opro_cli.loop.doubts import Doubts
from opro_cli.loop.first_answers import FirstAnswers
from opro_cli.loop.levels import draw_level
from opro_cli.loop.looks import Look
from opro_cli.loop.planner import (
    Evaluate,
    Finish,
    PlannerCache,
    Propose,
    Question,
    Stop,
    Work,
    plan_next,
)
from opro_cli.loop.propose import OptimizerCall, Proposing
from opro_cli.loop.score import FIRST_QUESTIONS, Scoring
from opro_cli.ports import (
    AnswerCache,
    ChatModel,
    Evaluator,
    Journal,
    Observer,
    SharedLimits,
    Strategy,
    TestLedger,
)
from opro_cli.reports.proposals import describe_untried

Ending = Literal["finished", "interrupted", "budget", "fruitless"]
"""fruitless: the search, or its first replies, gave no candidate to try."""

Plan = Callable[[RunState, PlannerCache], Work]
"""Returns what a run does next."""

SYNC_EVERY = 0.1
"""Seconds between fsyncs of the journal: what power loss (not a kill) can cost."""


@dataclass(slots=True)
class Runner:
    """One session of work on a run."""

    settings: Settings
    examples: Mapping[Split, Sequence[Example]]
    state: RunState
    models: Mapping[Role, Sequence[ChatModel]]
    """Each at all of its endpoints; none for a role that nothing is asked of."""
    evaluator: Evaluator
    strategy: Strategy
    journal: Journal
    observers: Sequence[Observer] = ()
    activity: Progress = field(default_factory=Progress)
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    prices: Mapping[Role, PriceSettings | None] = field(default_factory=dict)
    caches: Mapping[Role, AnswerCache] = field(default_factory=dict)
    shared: SharedLimits | None = None
    replies: dict[tuple[str, Split, int], str] = field(default_factory=dict)
    """Train replies by candidate, split and question, where the strategy needs any."""
    remarks: KeptReplies = field(default_factory=KeptReplies)
    """What is known of them beside their grade."""
    redact: Callable[[str], str] = str
    """Takes the keys that are sent out of a model's words."""
    ledger: TestLedger | None = None
    """Without one the verdict has the significance level of a first use of its test rows."""
    preflight: bool = False
    keep_going: bool = False
    """Whatever the first answers are."""
    first_answers: Sequence[Answered] = ()
    """Those of earlier sessions, as many as are looked at; unless they are given, the answers of a
    run that has some are not looked at."""
    plan: Plan = plan_next
    """What is next: that of a search, or of the probe before one (loop/probe)."""
    probed: Sequence[Probed] = ()
    """What the probe before this run spent, under the ceilings of this run."""
    known: Mapping[tuple[str, Split, int], Answered] = field(default_factory=dict)
    """The answers of that probe, by candidate, split and question; none is asked again."""
    stopped_by: str = ""
    """The ceiling that ended the session, "budget.usd 5 reached: …"."""
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _calls: Calls = field(init=False)
    _scoring: Scoring = field(init=False)
    _proposing: Proposing = field(init=False)
    _planned: PlannerCache = field(default_factory=PlannerCache)
    _turn: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there may be something new to do."""
    _open: Counter[tuple[str, Split]] = field(default_factory=Counter)
    """Questions handed out and not over, by candidate and split."""
    _doubts: Doubts = field(init=False)
    _awaited: set[int] = field(default_factory=set)
    """Samples of the present step that the optimizer has been asked for."""

    def __post_init__(self) -> None:
        self._calls = Calls(
            settings=self.settings,
            state=self.state,
            models=self.models,
            prices=self.prices,
            policy=self.retry_policy,
            activity=self.activity,
            stop=self._stop,
            record=self._record,
            caches=self.caches,
            shared=self.shared,
            redact=self.redact,
        )
        self._scoring = Scoring(self._calls, self.examples, self.evaluator, self.known)
        task = self.settings.task
        limit = self.settings.scorer.max_tokens
        first = FirstAnswers(task, self.examples, list(self.first_answers), limit)
        self._doubts = Doubts(
            self.settings,
            self.state,
            first,
            checks=self.preflight,
            keeps_going=self.keep_going or "demos" in self.strategy.needs,
        )
        self.state.most_calls = self.settings.budget.calls
        view = SearchView(
            self.state,
            self.examples["train"],
            task.format,
            task.description or "",
            read_options(self.strategy, self.settings.search.options),
            lambda *key: self.replies.get(key),
            self._planned.exemplars,
            self.state.labels.get("train", ()),
            kept=self.remarks,
            halves=self.strategy.halves,
        )
        self._proposing = Proposing(self._calls, self.strategy, view)

    def stop(self) -> None:
        """Ask for a clean stop: no new calls, those in flight are waited for."""
        self.activity.stopping = True
        self._halt()
        for observer in self.observers:
            observer.stopping()

    async def run(self) -> Ending:
        """Work until the run is finished or a stop is asked for.

        Raises ModelError when a model fails permanently; everything answered is recorded.
        """
        self.activity.started = time.monotonic()
        self.activity.worked = self.state.working_seconds
        # Without its checks a run goes on, too, and no later session stops it for what came then.
        kept = self.keep_going or not self.preflight
        self._record(SessionStarted(read_clock(), os.getpid(), __version__, keep_going=kept))
        if probed := [each for each in self.probed if each.role not in self.state.probed]:
            self._record(*probed)
        syncing = asyncio.create_task(self._sync_regularly())
        try:
            ending = await self._loop()
            detail = self.stopped_by
            if ending == "fruitless":
                detail = self.redact(
                    describe_untried(self.state, self.settings.optimizer.max_tokens)
                )
            self._record(SessionEnded(read_clock(), ending, detail))
            return ending
        except JournalError:
            raise  # the disk refuses: there is nowhere to write why
        except OproError as error:
            message = error.message
            if isinstance(error, DoubtfulAnswers):  # the replies are in the journal already
                message = message.partition("\n")[0]
            message, hint = self.redact(message), self.redact(error.hint or "")
            self._record(SessionEnded(read_clock(), "failed", message, hint))
            raise
        finally:
            syncing.cancel()
            self.journal.sync()

    async def _loop(self) -> Ending:
        ending: Ending = "interrupted"
        try:
            if self._doubts.first.is_complete:
                self._judge_first_answers()
            if self.preflight and self._doubts.error is None:
                await self._check_models()
            if self._doubts.error is None and await self._work():
                ending = (
                    "fruitless" if self._doubts.gave_up or is_untried(self.state) else "finished"
                )
        except Halted:
            pass
        except BudgetReached as error:
            self.stopped_by = f"budget.{error}"
            ending = "budget"
        if self._doubts.error is not None:
            raise self._doubts.error
        return ending

    def _judge_first_answers(self) -> None:
        """Stop the run where its first answers cannot be what was asked for."""
        note = self._doubts.judge_first_answers(self._scoring.model)
        self.activity.note = note or self.activity.note
        if self._doubts.error is not None:
            self._halt()

    async def _check_models(self) -> None:
        """Check before the first paid question that each model answers, readably."""
        if self._stop.is_set() or self.state.has_readable_answer():
            return
        checks: list[Awaitable[None]] = []
        asks_optimizer = self.settings.asks_optimizer and self.models.get("optimizer")
        if asks_optimizer and "optimizer" not in self.state.checked:
            checks.append(check_first(self._calls, "optimizer"))
        work = self.plan(self.state, self._planned)
        if isinstance(work, Look):
            self._record(Looked(read_clock(), **asdict(work)))
            work = self.plan(self.state, self._planned)
        if isinstance(work, Evaluate):
            checks.append(self._check_scorer(work.questions[:FIRST_QUESTIONS]))
        # Both are waited for, whatever becomes of the other: an answer that is paid for is kept.
        for failure in await asyncio.gather(*checks, return_exceptions=True):
            if failure is not None:
                raise failure

    async def _check_scorer(self, questions: Sequence[Question]) -> None:
        for role in self.evaluator.roles:
            await check_endpoints(self._calls, role)  # one that is not there gets no question
        if not self._doubts.goes_on and not self._stop.is_set():
            await self._scoring.ask_first(questions, self._doubts.first)

    async def _work(self) -> bool:
        """Hand out whatever can be asked, until nothing is left (True) or a stop is asked for.

        One queue for each model: proposals are scored as they arrive, and the questions of all
        candidates share what concurrency there is.
        """
        scorer, optimizer = self.settings.scorer, self.settings.optimizer
        failures: list[BaseException] = []
        finished = False
        async with asyncio.TaskGroup() as group:
            asking = WorkerPool(group, self._ask, scorer.at_once, self._stop.is_set)
            proposing = WorkerPool(group, self._propose, optimizer.at_once, self._stop.is_set)
            try:
                finished = await self._dispatch(asking, proposing)
            except OproError as error:  # of a user's strategy, or of the disk
                failures.append(error)
                self._halt()  # what is in flight is waited for
        failures += [pool.failure for pool in (asking, proposing) if pool.failure is not None]
        failures.sort(key=lambda failure: isinstance(failure, Halted))  # it only follows another
        if failures:
            raise failures[0]
        return finished

    async def _dispatch(
        self, asking: WorkerPool[Question], proposing: WorkerPool[OptimizerCall]
    ) -> bool:
        """Queue whatever can be asked as long as there is something; True if nothing is left."""
        while not self._stop.is_set():
            self._turn.clear()
            work = self.plan(self.state, self._planned)
            match work:
                case Stop(candidate, (mean, interval, _)):
                    at = read_clock()
                    self._record(Pruned(at, candidate, mean, interval.low, interval.high))
                    continue
                case Look():
                    self._record(Looked(read_clock(), **asdict(work)))
                    continue
                case Propose():
                    if self._doubts.gave_up:
                        return True
                    if self._record_plan(work):
                        continue
                    self._hand_out(work.meanwhile, asking)
                    proposing.hand(self._new_calls(work))
                case Evaluate():
                    await self._draw_level(work.questions)
                    self._hand_out(work.questions, asking)
                case Finish():
                    return True
            await self._turn.wait()
        return False

    async def _draw_level(self, questions: Sequence[Question]) -> None:
        """Record the significance level of the verdict before the first test question is asked."""
        if self.ledger is None or not any(question.split == "test" for question in questions):
            return
        rows, template = self.examples["test"], self.settings.task.data.input
        event = await draw_level(self.ledger, self.state, rows, template)
        if event is not None:
            self.activity.note = event.note or self.activity.note
            self._record(event)

    def _hand_out(self, questions: Sequence[Question], asking: WorkerPool[Question]) -> None:
        """Queue the questions of each candidate that has none under way.

        In a race a candidate that was begun goes on first where one block fills the concurrency:
        providers keep the beginning of a prompt warm. Elsewhere all go on side by side, so that a
        step does not end with one that is waited for.
        """
        begun: list[Question] = []
        others: list[Question] = []
        for question in questions:
            candidate, split = question.candidate, question.split
            if not self._open[candidate, split]:
                answered = self.state.get_candidate(candidate).answers[split].by_question
                (begun if answered and split == "train" else others).append(question)
        self._open.update((q.candidate, q.split) for q in (*begun, *others))
        asking.hand(begun, first=self.settings.scorer.at_once <= BLOCK)
        asking.hand(others)

    def _record_plan(self, work: Propose) -> bool:
        """Record what a step's plan decides without a model; True if there was anything."""
        state = self.state
        begins = state.planned is None and not state.proposals.arrived
        if begins and (reason := find_stop(state)):
            self._record(StepPlanned(read_clock(), work.step, 0, reason))
            return True
        planned = self._proposing.plan(work.step)
        if isinstance(planned, End):
            self._record(StepPlanned(read_clock(), work.step, 0, self.redact(planned.reason)))
            return True
        if len(planned) != state.planned_samples:
            self._record(StepPlanned(read_clock(), work.step, len(planned)))
            return True
        drafts = self._proposing.drafts(work.step, work.samples)
        if drafts:
            self._record(*drafts)
        return bool(drafts)

    def _new_calls(self, work: Propose) -> list[OptimizerCall]:
        """Return calls for the samples that are not awaited."""
        new = [sample for sample in work.samples if sample not in self._awaited]
        self._awaited.update(new)
        return self._proposing.calls_for(work.step, new, together=work.together)

    async def _ask(self, question: Question) -> None:
        asked = question.candidate, question.split
        try:
            await self._scoring.ask(question)
        except Exception:
            self._halt()  # a failure wakes the calls that only wait
            raise
        finally:
            self._open[asked] -= 1
            if over := not self._open[asked]:
                del self._open[asked]
                self._turn.set()
        if over:
            await asyncio.sleep(0)  # work that goes first is queued before the next is begun

    async def _propose(self, call: OptimizerCall) -> None:
        try:
            await self._proposing.ask(call)
        except Exception:
            self._halt()
            raise
        finally:
            self._awaited.difference_update(call.samples)
            self._turn.set()

    def _halt(self) -> None:
        self._stop.set()
        self._turn.set()

    def _record(self, *events: Event) -> None:
        """Record events: disk, then memory, then screen."""
        self.journal.append(*events)
        for event in events:
            self.state.apply(event)
            if self._doubts.add(event):
                self._judge_first_answers()
            if self.strategy.needs:
                self.remarks.add(event)
                if isinstance(event, Answered) and event.split == "train":
                    self.replies[event.candidate, event.split, event.question] = event.text
            for observer in self.observers:
                observer.after(event, self.state)

    async def _sync_regularly(self) -> None:
        while True:
            await asyncio.sleep(SYNC_EVERY)
            try:
                await asyncio.to_thread(self.journal.sync)
            except JournalError:
                self._halt()  # the sync at the end says it again
                return
