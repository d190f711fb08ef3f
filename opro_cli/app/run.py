"""What a person is told of a run before anything of it happens, by whoever shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from opro_cli import wiring
from opro_cli.app import ready
from opro_cli.app.stop_signals import stop_signals_to
from opro_cli.core.run.candidates import SHARE
from opro_cli.core.run.events import Answered
from opro_cli.core.run.progress import RunHeader, count_calls, count_spared_calls
from opro_cli.core.settings.differences import apply_changes, convert_to_plain, find_changes
from opro_cli.core.settings.read import find_misplaced_models
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import Split, fingerprint_examples
from opro_cli.datasets.loading import LoadedData
from opro_cli.embedded.config import check_weights, hash_weights
from opro_cli.errors import (
    ConfigError,
    Interrupted,
    JournalError,
    OproError,
    ResultError,
    RunFolderError,
)
from opro_cli.loop.runner import Ending, Runner
from opro_cli.ports import Evaluator, Observer, SharedLimits, Strategy
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import build_result
from opro_cli.store.folders import note_failure
from opro_cli.store.journal import FileJournal, read_numbered_events
from opro_cli.store.replay import save_snapshot
from opro_cli.store.run_files import check_unchanged, digest_files
from opro_cli.store.run_folder import (
    CONFIG_COPY,
    create_run,
    prepare_runs_dir,
    read_examples,
    read_identity,
    read_run,
    rewrite_config,
    settle_run,
    write_result,
)
from opro_cli.store.summary import save_summary


def build_header(folder: Path, settings: Settings, run: RecordedRun) -> RunHeader:
    """The opening of a session that begins with the run as it stands."""
    return RunHeader(
        run=run.name,
        folder=str(folder),
        scorer=settings.scorer.model,
        optimizer=settings.optimizer.model,
        answer=settings.task.answer,
        sizes=dict(run.state.sizes),
        notes=(
            *wiring.describe_grading(settings),
            *run.identity.get("data_notes", ()),
            *_note_edited_source(run),
            *_note_missing_copy(folder),
        ),
        resumed=count_calls(run.state) + count_spared_calls(run.state),
    )


def read_recorded_settings(folder: Path) -> Settings:
    """Return the settings that the run began with."""
    recorded = wiring.parse_settings(read_identity(folder)["settings"])
    if recorded is None:
        raise RunFolderError(
            f"{folder / 'run.json'}: its settings cannot be read",
            "restore it from a backup, or copy the whole run folder again",
        )
    return recorded


def _note_edited_source(run: RecordedRun) -> tuple[str, ...]:
    """Tell when the config file that the run was started from says something else by now."""
    source = run.identity.get("config_source")
    if not count_calls(run.state) or not source or not Path(source).is_file():
        return ()
    try:
        now = convert_to_plain(wiring.fill_in_new(wiring.read_config(Path(source))))
    except OproError:
        return ()
    recorded = wiring.parse_settings(run.settings)  # with keys that came after the run began
    changes = find_changes(convert_to_plain(wiring.fill_in_new(recorded)), now) if recorded else ()
    if not changes:
        return ()
    names = ", ".join(change.path for change in changes)
    return (f"{source} was edited since ({names}); this run goes on with its own copy",)


def _note_missing_copy(folder: Path) -> tuple[str, ...]:
    if (folder / CONFIG_COPY).exists():
        return ()
    return (f"{CONFIG_COPY} is missing from the run folder: going on as the run began",)


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that is made and not begun."""

    folder: Path
    settings: Settings


def start(config: Path, runs_dir: Path, *, cached: bool = True) -> NewRun:
    """Check everything that can be checked for free, then make the run's folder.

    Raises ConfigError, DataError or UsageError before anything exists.
    """
    settings = wiring.read_config(config)
    return start_with(settings, runs_dir, source=str(config.resolve()), cached=cached)


def start_with(
    settings: Settings,
    runs_dir: Path,
    *,
    name: str | None = None,
    source: str | None = None,
    cached: bool = True,
    data: LoadedData | None = None,
    evaluator: Evaluator | None = None,
) -> NewRun:
    """Make the folder of a run from settings that were read.

    Args:
        settings: As the config has them.
        runs_dir: Where runs are kept.
        name: Of the folder; None for one from the run's name, the time and chance.
        source: The file that the settings are from.
        cached: Whether answers will be looked up and kept for other runs.
        data: The examples, where they are loaded already.
        evaluator: In place of the one that the settings name.
    """
    settings = wiring.fill_in_new(settings)
    ready.require_keys(settings)
    ready.require_servers(settings)
    ready.require_prices(settings)
    if cached:
        ready.require_cache_limit(settings)
    data = data or wiring.load_data(settings)
    identity = {
        "config_source": source,
        "data_fingerprint": data.fingerprint,
        "data_files": digest_files(settings.task.data),
        "data_notes": list(data.notes),
        "weights": _hash_weights(settings),
        "parts": wiring.find_origins_of_parts(settings, _list_part_folders(source)),
    }
    if evaluator is None and settings.task.evaluator != "model":
        evaluator = wiring.build_evaluator(settings, (), _list_part_folders(source))
    if evaluator is not None and evaluator.scale != SHARE:
        identity["scale"] = asdict(evaluator.scale)
    prepare_runs_dir(runs_dir)
    return NewRun(create_run(runs_dir, settings, data.examples, identity, name), settings)


def check_resumable(folder: Path, budget: Sequence[str] = (), *, cached: bool = True) -> Settings:
    """The settings a run goes on with.

    budget: changes of its ceilings, "usd=5" sets one, "usd=+2" raises it; they are written into
    the run's config once the run is at work.

    Raises RunFolderError naming what changed since it began: its config, models or data;
    UsageError for what is no change of a budget.
    """
    identity = read_identity(folder)
    recorded = read_recorded_settings(folder)
    for problem in find_misplaced_models(recorded):
        raise RunFolderError(
            f"{folder.name} was begun when one embedded model played both roles, and cannot go on: "
            f"{problem.dotted}: {problem.message}",
            f"set {problem.dotted} in its config and start a new run with `opro optimize`",
        )
    settings = _read_present_settings(folder)
    settings = replace(settings, budget=apply_changes(settings.budget, budget))
    changes = [
        change
        for change in find_changes(convert_to_plain(recorded), convert_to_plain(settings))
        if not change.is_operational
    ]
    if changes:
        told = "\n".join(f"  {c.path}: {c.before!r} → {c.after!r}" for c in changes)
        raise RunFolderError(
            f"{folder / 'config.yaml'}: changed since the run began\n{told}",
            "undo the change to resume, or start a new run with `opro optimize`",
        )
    if fingerprint_examples(read_examples(folder)) != identity.get("data_fingerprint"):
        raise RunFolderError(
            f"{folder / 'examples.jsonl'}: not the questions that the run began with",
            "restore the file, or start a new run with `opro optimize`",
        )
    check_unchanged(identity.get("data_files", {}))
    _check_parts(identity, settings)
    check_weights(folder.name, identity.get("weights", {}), _hash_weights(settings))
    ready.require_keys(settings)
    ready.require_servers(settings)
    ready.require_prices(settings)
    if cached:
        ready.require_cache_limit(settings)
    wiring.describe_grading(settings)
    return settings


def _check_parts(identity: Mapping[str, Any], settings: Settings) -> None:
    """Refuse a resume under other parts from outside opro than the run began with."""
    recorded = identity.get("parts", {})
    present = wiring.find_origins_of_parts(
        settings, _list_part_folders(identity.get("config_source"))
    )
    for key, part in recorded.items():
        now = present.get(key, {})
        if now != part:
            changed = [name for name in part if part[name] != now.get(name)]
            told = ", ".join(f"{name} was {part[name]}, is {now.get(name)}" for name in changed)
            raise RunFolderError(
                f"{key} {part['name']}: not the part that the run began with ({told})",
                "restore it to resume, or start a new run with `opro optimize`",
            )


def _hash_weights(settings: Settings) -> dict[str, str]:
    return hash_weights((settings.scorer.model, settings.optimizer.model))


def _read_present_settings(folder: Path) -> Settings:
    """Return the settings of its copy of the config; without that copy, those it began with."""
    path = folder / CONFIG_COPY
    if not path.exists():
        return read_recorded_settings(folder)
    try:
        return wiring.read_config(path)
    except ConfigError as error:
        raise RunFolderError(
            error.message, f"put it right, or delete {path} to go on as the run began"
        ) from None


@dataclass(frozen=True, slots=True)
class SessionOutcome:
    """How a session ended, and the run's result as it stands.

    stopped_by: the ceiling that ended it, "" for none. unwritten: why there is no report.html.
    uncached: why answers were no longer kept for other runs. run: as the session left it, whatever
    other processes have made of it since.
    """

    ending: Ending
    result: dict[str, Any]
    run: RecordedRun
    stopped_by: str = ""
    unwritten: str = ""
    uncached: str = ""


def work_on(
    folder: Path,
    settings: Settings,
    observers: Sequence[Observer],
    *,
    preflight: bool = True,
    cached: bool = True,
    shared: SharedLimits | None = None,
    journal: FileJournal | None = None,
    supplied: wiring.Supplied = wiring.NOTHING_SUPPLIED,
) -> SessionOutcome:
    """Work on a run until it is finished or stopped; Ctrl-C once stops it cleanly.

    cached: look up and keep answers, where the settings have it so. shared: limits that other
    runs are under, too. journal: of the run, where the caller has opened it; it is closed here.

    Whatever happens, the result so far is written. Raises Interrupted on a second Ctrl-C,
    ModelError when a model fails for good, RunFolderError when another process has the run.
    """
    journal = journal or FileJournal(folder / "events.jsonl")
    try:
        run = read_run(folder, own=True)
        if settings != _read_present_settings(folder):
            rewrite_config(folder, settings)
        parts = wiring.assemble(
            settings,
            run.examples,
            _list_part_folders(run.identity.get("config_source")),
            cached=cached,
            supplied=supplied,
        )
        parts.replies.update(read_needed_replies(parts.strategy, folder))
        runner = Runner(
            settings=settings,
            examples=run.examples,
            state=run.state,
            models=parts.models,
            evaluator=parts.evaluator,
            strategy=parts.strategy,
            journal=journal,
            observers=observers,
            prices=parts.prices,
            caches=parts.caches,
            shared=shared,
            redact=parts.redact,
            replies=parts.replies,
            options=settings.search.options,
            preflight=preflight,
        )
        briefing = build_header(folder, settings, run)
        uncached = parts.cache_trouble
        if uncached:
            briefing = replace(briefing, notes=(*briefing.notes, uncached))
        for observer in observers:
            observer.begin(briefing, run.state, runner.activity)
        ending: Ending = "interrupted"
        failed = True
        try:
            ending = asyncio.run(_run_session(runner, parts))
            failed = False
        except JournalError as error:
            note_failure(journal.path, error.message)
            raise
        except asyncio.CancelledError:
            raise Interrupted("stopped at once; nothing answered is lost") from None
        finally:
            for observer in observers:
                observer.end()
            try:
                outcome = _finish(folder, run, ending)
            except (ResultError, RunFolderError):
                if not failed:  # else a full disk, say, has been met before, and is told
                    raise
        since = "" if uncached else parts.cache_trouble
        return replace(outcome, stopped_by=runner.stopped_by, uncached=since)
    finally:
        journal.close()


def _list_part_folders(source: str | None) -> tuple[Path, ...]:
    """Return where parts from outside opro are looked for first: beside the config `source`."""
    return (Path(source).parent,) if source else ()


def read_needed_replies(strategy: Strategy, folder: Path) -> dict[tuple[str, Split, int], str]:
    """Return the train replies in a run's journal, where a strategy needs them."""
    if not strategy.needs:
        return {}
    return {
        (event.candidate, event.split, event.question): event.text
        for _, event in read_numbered_events(folder / "events.jsonl")
        if isinstance(event, Answered) and event.split == "train"
    }


async def _run_session(runner: Runner, parts: wiring.Parts) -> Ending:
    task = asyncio.current_task()
    if task is None:
        raise AssertionError("a coroutine runs inside a task")
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if runner.activity.stopping:
            task.cancel()
        else:
            runner.stop()

    def tell() -> None:
        loop.call_soon_threadsafe(on_signal)

    try:
        with stop_signals_to(tell):
            return await runner.run()
    finally:
        await parts.aclose()
        if runner.shared is not None:
            await runner.shared.aclose()


def _finish(folder: Path, run: RecordedRun, ending: Ending) -> SessionOutcome:
    finished = ending == "finished"
    result = build_result(run, finished=finished)
    best = result["best"]
    write_result(folder, result, best["instruction"] if best else None)
    if run.state.ended is not None:
        size = (folder / "events.jsonl").stat().st_size
        save_snapshot(folder, run.identity, run.state, size)
        run = settle_run(run)
        save_summary(run, result)
    unwritten = _write_page(folder, run) if finished else ""
    return SessionOutcome(ending, result, run, unwritten=unwritten)


def _write_page(folder: Path, run: RecordedRun) -> str:
    """Why the page about a finished search could not be written, "" when it was.

    It can be made at any time, so that a run does not fail for it.
    """
    from opro_cli.app.report import REPORT, write_report  # nothing that a start needs

    if run.state.sizes["train"]:
        try:
            write_report([replace(run, status="finished")], folder / REPORT)
        except RunFolderError as error:
            return error.message
    return ""
