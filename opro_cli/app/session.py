"""One session of a run: its opening, the search until it ends or is stopped, and its result."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from opro_cli import wiring
from opro_cli.app.ledger import close_use, note_unread_ledger, open_test_ledger
from opro_cli.app.probed import list_drafts, list_probed, read_known
from opro_cli.app.run_settings import asks_anew, list_part_folders, read_present_settings
from opro_cli.app.signals import stop_signals_to
from opro_cli.app.start_runs import restore_references
from opro_cli.config.overrides import parse_override
from opro_cli.core.run.events import Answered
from opro_cli.core.run.progress import RunHeader, count_calls, count_spared_calls
from opro_cli.core.run.replies import KeptReplies
from opro_cli.core.settings.differences import convert_to_plain, find_changes
from opro_cli.core.settings.settings import Settings
from opro_cli.errors import Interrupted, JournalError, OproError, ResultError, RunFolderError
from opro_cli.grading.grader import describe_grading
from opro_cli.loop.first_answers import FIRST_ANSWERS
from opro_cli.loop.planner import plan_next
from opro_cli.loop.runner import Ending, Plan, Runner
from opro_cli.models import describe_loading
from opro_cli.models.gguf_files import describe_files
from opro_cli.ports import Observer, SharedLimits, Strategy, TestLedger
from opro_cli.reports.layout import describe_layout
from opro_cli.reports.problem import read_problem
from opro_cli.reports.proposals import Remedy, suggest_change
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import build_result
from opro_cli.store.folders import note_failure
from opro_cli.store.journal import FileJournal, read_numbered_events
from opro_cli.store.reopened import adopt_settings, get_best_prompt
from opro_cli.store.replay import save_snapshot
from opro_cli.store.run_folder import (
    CONFIG_COPY,
    read_run,
    rewrite_config,
    settle_run,
    write_result,
)
from opro_cli.store.summary import save_summary
from opro_cli.strategies.headroom import ProbedStrategy


@dataclass(frozen=True, slots=True)
class SessionOutcome:
    """How a session ended, and the run's result as it stands.

    Attributes:
        ending: Finished, interrupted, stopped by a ceiling, or over without anything tried.
        result: As in `result.json`.
        run: As the session left it, whatever other processes have made of it since.
        stopped_by: The ceiling that ended it, "" for none.
        unwritten: Why there is no report.html, "" where there is one.
        unrecorded: Why the ledger of test sets does not have the verdict, "" where it has.
        uncached: Why answers were no longer kept for other runs.
        remedy: What may give a search that tried nothing a candidate.
    """

    ending: Ending
    result: dict[str, Any]
    run: RecordedRun
    stopped_by: str = ""
    unwritten: str = ""
    unrecorded: str = ""
    uncached: str = ""
    remedy: Remedy | None = None


class Stopper:
    """Stops a session as Ctrl-C does: as soon as it begins, where it has not begun.

    Attributes:
        asked: Whether anybody has asked for a stop.
        stop: Stops the session that is under way; None before it begins and once it is over.
    """

    def __init__(self) -> None:
        self.asked = False
        self.stop: Callable[[], object] | None = None

    def __call__(self) -> None:
        """Stop cleanly; the second time at once."""
        self.asked = True
        if self.stop is not None:
            self.stop()


def work_on(  # noqa: PLR0913 - all but three are keywords with a default
    folder: Path,
    settings: Settings,
    observers: Sequence[Observer],
    *,
    preflight: bool = True,
    keep_going: bool = False,
    cached: bool = True,
    shared: SharedLimits | None = None,
    journal: FileJournal | None = None,
    supplied: wiring.Supplied = wiring.NOTHING_SUPPLIED,
    stopper: Stopper | None = None,
    ledger: Path | TestLedger | None = None,
    plan: Plan = plan_next,
) -> SessionOutcome:
    """Work on a run until it ends or is stopped (Ctrl-C stops it cleanly); write the result.

    Args:
        folder: Of the run.
        settings: Those of this session.
        observers: Told of every event.
        preflight: Ask each model once before the search.
        keep_going: Go on whatever the first answers are.
        cached: Look up and keep answers, where the settings have it so; a run that was begun
            without goes on without.
        shared: Limits that other runs are under, too.
        journal: Of the run, where the caller has opened it; closed here.
        supplied: Parts in place of those that the settings name.
        stopper: Stops the session as Ctrl-C does, from another thread.
        ledger: Records the use of test rows, where that is not the file that the run began with.
        plan: What is next; that of a search unless given.

    Raises:
        Interrupted: A second Ctrl-C.
        DoubtfulAnswers: The first answers cannot be what was asked for.
        ModelError, RunFolderError: A model failed in the end; another process has the run.
    """
    journal = journal or FileJournal(folder / "events.jsonl")
    with closing(journal):
        adopt_settings(folder, settings)
        run = read_run(folder, own=True)
        if settings != read_present_settings(folder):
            rewrite_config(folder, settings)
        sources = list_part_folders(run.identity)
        cached = cached and not asks_anew(folder)
        parts = wiring.assemble(settings, run.examples, sources, cached=cached, supplied=supplied)
        opened = _OpenedSession(folder, settings, run, parts)
        runner = opened.build_runner(
            journal, observers, shared, ledger, plan, preflight=preflight, keep_going=keep_going
        )
        return opened.conduct(runner, stopper or Stopper())


@dataclass(frozen=True, slots=True)
class _OpenedSession:
    """A run that this process works on, and the parts that do the work.

    Attributes:
        folder: Of the run.
        settings: Those of this session.
        run: As the session found it; its state moves on with the work.
        parts: As the settings name them.
    """

    folder: Path
    settings: Settings
    run: RecordedRun
    parts: wiring.Parts

    def build_runner(
        self,
        journal: FileJournal,
        observers: Sequence[Observer],
        shared: SharedLimits | None,
        ledger: Path | TestLedger | None,
        plan: Plan,
        *,
        preflight: bool,
        keep_going: bool,
    ) -> Runner:
        """Build what does the work, with all that the run has from before; see `work_on`."""
        run, parts = self.run, self.parts
        remarks = read_needed_replies(parts.strategy, self.folder)
        parts.replies.update(remarks.texts)
        drafts = list_drafts(run.identity)
        if ledger is None or isinstance(ledger, Path):
            ledger = open_test_ledger(run, ledger)
        runner = Runner(
            settings=self.settings,
            examples=run.examples,
            state=run.state,
            models=parts.models,
            evaluator=parts.evaluator,
            strategy=ProbedStrategy(parts.strategy, drafts) if drafts else parts.strategy,
            journal=journal,
            observers=observers,
            prices=parts.prices,
            caches=parts.caches,
            shared=shared,
            redact=parts.redact,
            replies=parts.replies,
            remarks=remarks,
            ledger=ledger,
            preflight=preflight,
            keep_going=keep_going,
            first_answers=read_first_answers(self.folder) if run.state.sessions else (),
            plan=plan,
            probed=list_probed(run.identity),
            known=read_known(self.folder.parent, run.identity),
        )
        runner.activity.loading = partial(describe_loading, parts.models)
        return runner

    def conduct(self, runner: Runner, stopper: Stopper) -> SessionOutcome:
        """Let the session run to its end, and write the result whatever happens."""
        trouble = self.parts.cache_trouble
        header = self._build_header(runner.ledger, trouble)
        runner.activity.started = time.monotonic()  # for a first frame
        runner.activity.worked = self.run.state.working_seconds
        for observer in runner.observers:
            observer.begin(header, self.run.state, runner.activity)
        ending: Ending = "interrupted"
        failed = True
        try:
            ending = asyncio.run(_run_until_stopped(runner, self.parts, stopper))
            failed = False
        except JournalError as error:
            note_failure(self.folder / "events.jsonl", error.message)
            raise
        except asyncio.CancelledError:
            raise Interrupted("stopped at once; nothing answered is lost") from None
        finally:
            for observer in runner.observers:
                observer.end()
            # After a failure a full disk, say, has been met before, and is reported.
            with suppress(*((ResultError, RunFolderError) if failed else ())):
                outcome = _finish(self.folder, self.run, ending, runner.ledger)
        uncached = "" if trouble else self.parts.cache_trouble
        return replace(outcome, stopped_by=runner.stopped_by, uncached=uncached)

    def _build_header(self, ledger: TestLedger | None, trouble: str) -> RunHeader:
        files = describe_files(model.model for model in self.settings.models.values())
        unread = note_unread_ledger(self.run, ledger)
        notes = [*files, *filter(None, (trouble, unread))]
        return build_header(self.folder, self.settings, self.run, notes)


async def _run_until_stopped(runner: Runner, parts: wiring.Parts, stopper: Stopper) -> Ending:
    """Run the search; the first signal stops it cleanly, the second cancels it."""
    task = asyncio.current_task()
    if task is None:
        raise AssertionError("a coroutine runs inside a task")
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if runner.activity.stopping:
            task.cancel()
        else:
            runner.stop()

    is_scheduled = False

    def schedule() -> None:
        nonlocal is_scheduled
        is_scheduled = True
        loop.call_soon_threadsafe(stop)

    stopper.stop = schedule
    if stopper.asked and not is_scheduled:  # before it began
        schedule()
    try:
        with stop_signals_to(stopper):
            return await runner.run()
    finally:
        stopper.stop = None
        await parts.aclose()
        if runner.shared is not None:
            await runner.shared.aclose()


def _finish(
    folder: Path, run: RecordedRun, ending: Ending, ledger: TestLedger | None = None
) -> SessionOutcome:
    """Write result, snapshot, summary and, at the end of the search, the page.

    What came of the use of the test rows goes into their ledger.
    """
    finished = ending == "finished"
    result = build_result(run, finished=finished)
    unrecorded = close_use(run, result, ledger) if finished and ledger else ""
    write_result(folder, result, get_best_prompt(result))
    if run.state.ended is not None:
        size = (folder / "events.jsonl").stat().st_size
        save_snapshot(folder, run.identity, run.state, size)
        run = settle_run(run)
        save_summary(run, result)
    unwritten = _write_page(folder, run) if finished else ""
    remedy = suggest_change(run.state) if ending == "fruitless" else None
    return SessionOutcome(
        ending, result, run, unwritten=unwritten, unrecorded=unrecorded, remedy=remedy
    )


def _write_page(folder: Path, run: RecordedRun) -> str:
    """Write the page about a finished search; return why it could not be written, or "".

    It can be made at any time, so that a run does not fail for it.
    """
    from opro_cli.app.report import REPORT, write_report  # nothing that a start needs

    if run.state.sizes["train"]:
        try:
            write_report([replace(run, status="finished")], folder / REPORT)
        except RunFolderError as error:
            return error.message
    return ""


def read_needed_replies(strategy: Strategy, folder: Path) -> KeptReplies:
    """Return what a run's journal has of train replies, where a strategy needs them."""
    kept = KeptReplies()
    if strategy.needs:
        kept.add_all(event for _, event in read_numbered_events(folder / "events.jsonl"))
    return kept


def read_first_answers(folder: Path) -> list[Answered]:
    """Return the first answers in a run's journal, as many as are looked at."""
    events = (event for _, event in read_numbered_events(folder / "events.jsonl"))
    answers = (event for event in events if isinstance(event, Answered))
    return list(islice(answers, FIRST_ANSWERS))


def build_header(
    folder: Path, settings: Settings, run: RecordedRun, notes: Sequence[str] = ()
) -> RunHeader:
    """Build the opening of a session that begins with the run as it stands; `notes` come last."""
    asked, sizes = run.identity.get("split", "test"), dict(run.state.sizes)
    if asked != "test":  # an evaluation, whose other splits are empty
        sizes = {**sizes, asked: sizes["test"], "test": 0}
    return RunHeader(
        run=run.name,
        folder=str(folder),
        scorer=settings.scorer.model,
        optimizer=settings.optimizer.model
        if settings.asks_optimizer and "optimizer" in settings.models
        else "",
        answer=settings.task.answer,
        sizes=sizes,
        asked=asked,
        notes=(
            *describe_grading(settings, list_part_folders(run.identity)),
            *run.identity.get("data_notes", ()),
            *(
                []
                if run.state.has_answers()
                else describe_layout(settings, run.examples, run.state.drafts)
            ),
            *_note_edited_source(run),
            *_note_missing_copy(folder),
            *notes,
        ),
        resumed=count_calls(run.state) + count_spared_calls(run.state),
        problem=read_problem(run.settings, run.examples),
        limits={role: model.max_tokens for role, model in settings.models.items()},
        examples=run.examples,
        budget=settings.budget,
    )


def _note_edited_source(run: RecordedRun) -> tuple[str, ...]:
    """Return a note where the config file that the run was started from was edited since."""
    source = run.identity.get("config_source")
    if not count_calls(run.state) or not source or not Path(source).is_file():
        return ()
    try:
        folders = list_part_folders(run.identity)
        overrides = list(map(parse_override, run.identity.get("overrides", ())))
        edited = wiring.read_config(Path(source), overrides)
        recorded = wiring.parse_settings(run.settings)  # with keys that came after the run began
        if recorded and edited.search.max_instruction_chars is None:  # it was once filled in as 500
            limit = recorded.search.max_instruction_chars
            search = replace(edited.search, max_instruction_chars=limit)
            edited = replace(edited, search=search)
        if recorded and not edited.task.labels:  # they were read off the gold answers
            edited = replace(edited, task=replace(edited.task, labels=recorded.task.labels))
        if recorded and (origins := run.identity.get("start_runs")):
            search = restore_references(edited.search, origins, recorded.search)
            edited = replace(edited, search=search)
        now = convert_to_plain(wiring.fill_in_new(edited, folders))
    except OproError:
        return ()
    changes = find_changes(convert_to_plain(wiring.fill_in_new(recorded)), now) if recorded else ()
    if not changes:
        return ()
    names = ", ".join(change.path for change in changes)
    return (f"{source} was edited since ({names}); this run keeps its own copy",)


def _note_missing_copy(folder: Path) -> tuple[str, ...]:
    if (folder / CONFIG_COPY).exists():
        return ()
    return (f"{CONFIG_COPY} is missing from the run folder: going on as the run began",)
