"""One session of a run: its opening, the search until it ends or is stopped, and its result."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from opro_cli import wiring
from opro_cli.app.probed import list_drafts, list_probed, read_known
from opro_cli.app.run_settings import read_present_settings
from opro_cli.app.start_runs import restore_references
from opro_cli.config.overrides import parse_override
from opro_cli.core.run.events import Answered
from opro_cli.core.run.progress import RunHeader, count_calls, count_spared_calls
from opro_cli.core.run.replies import KeptReplies
from opro_cli.core.settings.differences import convert_to_plain, find_changes
from opro_cli.core.settings.settings import HUB, Settings
from opro_cli.embedded.config import hash_weights
from opro_cli.errors import (
    Interrupted,
    JournalError,
    OproError,
    ResultError,
    RunFolderError,
)
from opro_cli.grading.grader import describe_grading
from opro_cli.loop.first_answers import FIRST_ANSWERS
from opro_cli.loop.planner import plan_next
from opro_cli.loop.runner import Ending, Plan, Runner
from opro_cli.models import describe_loading
from opro_cli.models.gguf_files import describe_files, hash_files
from opro_cli.ports import Observer, SharedLimits, Strategy, TestLedger
from opro_cli.reports.layout import describe_layout
from opro_cli.reports.problem import read_problem
from opro_cli.reports.proposals import Remedy, suggest_change
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import build_result
from opro_cli.reports.used_rows import read_test_use
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
from opro_cli.store.use_ledger import (
    FileTestLedger,
    UseOrigin,
    describe_trouble,
    find_ledger_path,
)
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
    """Stops a session as Ctrl-C does; nothing before it begins and once it is over."""

    def __init__(self) -> None:
        self.stop: Callable[[], object] | None = None

    def __call__(self) -> None:
        """Stop cleanly; the second time at once."""
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
        cached: Look up and keep answers, where the settings have it so.
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
        parts = wiring.assemble(settings, run.examples, sources, cached=cached, supplied=supplied)
        remarks = read_needed_replies(parts.strategy, folder)
        parts.replies.update(remarks.texts)
        drafts = list_drafts(run.identity)
        strategy = ProbedStrategy(parts.strategy, drafts) if drafts else parts.strategy
        runner = Runner(
            settings=settings,
            examples=run.examples,
            state=run.state,
            models=parts.models,
            evaluator=parts.evaluator,
            strategy=strategy,
            journal=journal,
            observers=observers,
            prices=parts.prices,
            caches=parts.caches,
            shared=shared,
            redact=parts.redact,
            replies=parts.replies,
            remarks=remarks,
            ledger=open_test_ledger(run, ledger)
            if ledger is None or isinstance(ledger, Path)
            else ledger,
            preflight=preflight,
            keep_going=keep_going,
            first_answers=read_first_answers(folder) if run.state.sessions else (),
            plan=plan,
            probed=list_probed(run.identity),
            known=read_known(folder.parent, run.identity),
        )
        runner.activity.loading = partial(describe_loading, parts.models)
        trouble = parts.cache_trouble
        files = describe_files(model.model for model in settings.models.values())
        unread = _note_unread_ledger(run, runner.ledger)
        header = build_header(folder, settings, run, [*files, *filter(None, (trouble, unread))])
        outcome = _conduct(runner, parts, folder, run, header, stopper or Stopper())
        uncached = "" if trouble else parts.cache_trouble
        return replace(outcome, stopped_by=runner.stopped_by, uncached=uncached)


def _conduct(
    runner: Runner,
    parts: wiring.Parts,
    folder: Path,
    run: RecordedRun,
    header: RunHeader,
    stopper: Stopper,
) -> SessionOutcome:
    """Let a session run to its end, and write the result whatever happens."""
    runner.activity.started = time.monotonic()  # a first frame says how long it was at work: 0 s
    for observer in runner.observers:
        observer.begin(header, run.state, runner.activity)
    ending: Ending = "interrupted"
    failed = True
    try:
        ending = asyncio.run(_run_until_stopped(runner, parts, stopper))
        failed = False
    except JournalError as error:
        note_failure(folder / "events.jsonl", error.message)
        raise
    except asyncio.CancelledError:
        raise Interrupted("stopped at once; nothing answered is lost") from None
    finally:
        for observer in runner.observers:
            observer.end()
        # After a failure a full disk, say, has been met before, and is reported.
        with suppress(*((ResultError, RunFolderError) if failed else ())):
            outcome = _finish(folder, run, ending, runner.ledger)
    return outcome


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

    stopper.stop = partial(loop.call_soon_threadsafe, stop)
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


def close_use(run: RecordedRun, result: Mapping[str, Any], ledger: TestLedger) -> str:
    """Record what came of a run's use of its test rows; return why it could not be, or ""."""
    used, judged = run.state.test_use, read_test_use(run)
    if used is None or judged is None or not judged.answers:
        return ""
    outcome = result["verdict"] or "none"
    return ledger.close(used.use, outcome, judged.answers, repeats=judged.repeats)


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


def _note_unread_ledger(run: RecordedRun, ledger: TestLedger | None) -> str:
    """Return why the uses of the test rows cannot be known, before they cost anything; "" if so."""
    compares = run.state.search.steps and run.state.sizes["test"] and run.state.test_use is None
    return describe_trouble(ledger.path) if compares and isinstance(ledger, FileTestLedger) else ""


def open_test_ledger(run: RecordedRun, given: Path | None = None) -> FileTestLedger:
    """Return the ledger of test sets for a run; `given` wins over the one that it began with."""
    about = run.identity.get("test_use", {})
    data = run.settings["task"].get("data") or {}  # a problem has none
    origin = UseOrigin(
        about.get("id") or f"{run.name} {run.identity.get('created')}",
        run.name,
        _name_source(str(data.get("test") or data.get("train") or "")),
        about.get("group", ""),
        about.get("sharers", 1),
    )
    return FileTestLedger(find_ledger_path(given, about.get("ledger")), origin)


def _name_source(source: str) -> str:
    """Return a source of rows without its folders, which may be named after people."""
    return source if source.startswith(HUB) or "://" in source else Path(source).name


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
    return RunHeader(
        run=run.name,
        folder=str(folder),
        scorer=settings.scorer.model,
        optimizer=settings.optimizer.model
        if settings.asks_optimizer and "optimizer" in settings.models
        else "",
        answer=settings.task.answer,
        sizes=dict(run.state.sizes),
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


def list_part_folders(identity: Mapping[str, Any]) -> tuple[Path, ...]:
    """Return where parts from outside opro are looked for first: beside the config of the run.

    Args:
        identity: As in run.json: "config_source" is the config's path, and "part_folder" its
            folder where the run has no such file of its own.
    """
    source, folder = identity.get("config_source"), identity.get("part_folder")
    return (Path(source).parent,) if source else (Path(folder),) if folder else ()


def hash_weights_of(settings: Settings) -> dict[str, str]:
    """Return the hashes of the weights that the models use, as far as they are computed here."""
    names = [model.model for model in settings.models.values()]
    return {**hash_weights((settings.scorer.model, settings.optimizer.model)), **hash_files(names)}


_HANGUP: int | None = getattr(signal, "SIGHUP", None)  # not on Windows


@contextmanager
def stop_signals_to(stop: Callable[[], object], *, ctrl_c: bool = True) -> Iterator[None]:
    """Call `stop` for each of these signals, instead of raising wherever the program happens to be.

    Once the terminal is gone, what is written to it goes nowhere, and its shell may send the signal
    a second time: that one is ignored. A process that `nohup` has started ignores both.

    Args:
        stop: Called in a signal handler, in the main thread.
        ctrl_c: Whether SIGINT is among them.
    """
    if threading.current_thread() is not threading.main_thread():  # may not watch for any
        yield
        return
    numbers = [signal.SIGTERM, *([signal.SIGINT] if ctrl_c else [])]
    handlers = {number: signal.getsignal(number) for number in numbers}
    if _HANGUP is not None and signal.getsignal(_HANGUP) != signal.SIG_IGN:
        handlers[signal.Signals(_HANGUP)] = signal.getsignal(_HANGUP)
    terminals = [fd for fd in (1, 2) if os.isatty(fd)]

    def on_signal(number: int, _: object) -> None:
        if number == _HANGUP:
            signal.signal(number, signal.SIG_IGN)
            _discard_output_of(terminals)
        stop()

    for number in handlers:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            if signal.getsignal(number) is on_signal:
                signal.signal(number, handler)


def _discard_output_of(terminals: Sequence[int]) -> None:
    """Send what is written to these file descriptors nowhere: writing there would fail."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for fd in terminals:
            os.dup2(nowhere, fd)
        os.close(nowhere)
