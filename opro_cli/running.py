"""From a config to a run folder, and from a run folder to its result."""

from __future__ import annotations

import asyncio
import hashlib
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from opro_cli import wiring
from opro_cli.adapters.config_file import HUB
from opro_cli.adapters.journal import FileJournal
from opro_cli.adapters.run_folder import (
    CONFIG_COPY,
    create_run,
    read_examples,
    read_identity,
    read_run,
    rewrite_config,
    write_result,
)
from opro_cli.core.changes import OPERATIONAL, as_plain, changes_between
from opro_cli.core.fingerprint import examples_fingerprint
from opro_cli.core.session import Briefing, calls_done
from opro_cli.core.settings import BudgetSettings, Settings
from opro_cli.engine.runner import Ending, Runner
from opro_cli.errors import ConfigError, Interrupted, OproError, RunFolderError, UsageError
from opro_cli.ports import Observer
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import result_of


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that is made and not begun."""

    folder: Path
    settings: Settings


def start(config: Path, runs_dir: Path) -> NewRun:
    """Check everything that can be checked for free, then make the run's folder.

    Raises ConfigError, DataError or UsageError before anything exists.
    """
    settings = wiring.settings_from(config)
    wiring.require_keys(settings)
    wiring.require_prices(settings)
    data = wiring.data_for(settings)
    identity = {
        "config_source": str(config.resolve()),
        "data_fingerprint": data.fingerprint,
        "data_files": _file_digests(settings),
        "data_notes": list(data.notes),
    }
    return NewRun(create_run(runs_dir, settings, data.examples, identity), settings)


def check_resumable(folder: Path, budget: Sequence[str] = ()) -> Settings:
    """The settings a run goes on with.

    budget: changes of its ceilings, "usd=5" sets one, "usd=+2" raises it; they are written into
    the run's config once the run is at work.

    Raises RunFolderError naming what changed since it began: its config, models or data;
    UsageError for what is no change of a budget.
    """
    identity = read_identity(folder)
    recorded = _recorded_settings(folder)
    settings = _present_settings(folder)
    settings = replace(settings, budget=with_changes(settings.budget, budget))
    changes = [
        change
        for change in changes_between(as_plain(recorded), as_plain(settings))
        if change.path not in OPERATIONAL
    ]
    if changes:
        told = "\n".join(f"  {c.path}: {c.before!r} → {c.after!r}" for c in changes)
        raise RunFolderError(
            f"{folder / 'config.yaml'}: changed since the run began\n{told}",
            "undo the change to resume, or start a new run with `opro optimize`",
        )
    if examples_fingerprint(read_examples(folder)) != identity.get("data_fingerprint"):
        raise RunFolderError(
            f"{folder / 'examples.jsonl'}: not the questions that the run began with",
            "restore the file, or start a new run with `opro optimize`",
        )
    _check_data_files(identity.get("data_files", {}))
    wiring.require_keys(settings)
    wiring.require_prices(settings)
    return settings


def _recorded_settings(folder: Path) -> Settings:
    """What the run was asked when it began."""
    recorded = wiring.settings_of(read_identity(folder)["settings"])
    if recorded is None:
        raise RunFolderError(
            f"{folder / 'run.json'}: its settings cannot be read",
            "restore it from a backup, or copy the whole run folder again",
        )
    return recorded


def _present_settings(folder: Path) -> Settings:
    """What its copy of the config says by now; without that copy, what it began with."""
    path = folder / CONFIG_COPY
    if not path.exists():
        return _recorded_settings(folder)
    try:
        return wiring.settings_from(path)
    except ConfigError as error:
        raise RunFolderError(
            error.message, f"put it right, or delete {path} to go on as the run began"
        ) from None


def with_changes(budget: BudgetSettings, changes: Sequence[str]) -> BudgetSettings:
    """A budget with "usd=5", "calls=+100", "minutes=none" applied in order."""
    for change in changes:
        name, _, amount = change.partition("=")
        names = [field.name for field in fields(BudgetSettings)]
        expected = f"expected {'|'.join(names)}=AMOUNT, =+MORE or =none, found {change!r}"
        if name not in names:
            raise UsageError(f"--budget: {expected}")
        try:
            number = None if amount == "none" else float(amount)
        except ValueError:
            raise UsageError(f"--budget: {expected}") from None
        if number is not None and amount.startswith("+"):
            number += getattr(budget, name) or 0.0
        whole = number is not None and name in ("calls", "tokens")
        if number is not None and not (0 < number < float("inf")):
            raise UsageError(f"--budget: {expected}")
        value: Any = int(number or 0) if whole else number
        budget = replace(budget, **{name: value})
    return budget


@dataclass(frozen=True, slots=True)
class SessionOutcome:
    """How a session ended, and the run's result as it stands.

    stopped_by: the ceiling that ended it, "" for none.
    """

    ending: Ending
    result: dict[str, Any]
    stopped_by: str = ""


def work_on(
    folder: Path, settings: Settings, observers: Sequence[Observer], *, preflight: bool = True
) -> SessionOutcome:
    """Work on a run until it is finished or stopped; Ctrl-C once stops it cleanly.

    Whatever happens, the result so far is written. Raises Interrupted on a second Ctrl-C,
    ModelError when a model fails for good, RunFolderError when another process has the run.
    """
    journal = FileJournal(folder / "events.jsonl")
    try:
        run = read_run(folder, own=True)
        if settings != _present_settings(folder):
            rewrite_config(folder, settings)
        runner = _runner(settings, run, journal, observers)
        runner.preflight = preflight
        briefing = _briefing(folder, settings, run)
        for observer in observers:
            observer.begin(briefing, run.state, runner.activity)
        ending: Ending = "interrupted"
        try:
            ending = asyncio.run(_session(runner))
        except asyncio.CancelledError:
            raise Interrupted("stopped at once; nothing answered is lost") from None
        finally:
            for observer in observers:
                observer.end()
            outcome = _finish(folder, run, ending)
        return replace(outcome, stopped_by=runner.stopped_by)
    finally:
        journal.close()


def _runner(
    settings: Settings, run: RecordedRun, journal: FileJournal, observers: Sequence[Observer]
) -> Runner:
    scorer, optimizer = wiring.models_for(settings)
    return Runner(
        settings=settings,
        examples=run.examples,
        state=run.state,
        scorer=scorer,
        optimizer=optimizer,
        metric=wiring.metric_for(settings),
        strategy=wiring.strategy_for(settings),
        journal=journal,
        observers=observers,
        prices=wiring.prices_for(settings),
    )


async def _session(runner: Runner) -> Ending:
    task = asyncio.current_task()
    if task is None:
        raise AssertionError("a coroutine runs inside a task")
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if runner.activity.stopping:
            task.cancel()
        else:
            runner.stop()

    try:
        with _signals_to(lambda: loop.call_soon_threadsafe(on_signal)):
            return await runner.run()
    finally:
        await runner.scorer.aclose()
        await runner.optimizer.aclose()


@contextmanager
def _signals_to(callback: Any) -> Iterator[None]:
    """Ctrl-C and SIGTERM call back instead of raising wherever the program happens to be."""
    watched = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in watched}
    for number in watched:
        signal.signal(number, lambda *_: callback())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _briefing(folder: Path, settings: Settings, run: RecordedRun) -> Briefing:
    return Briefing(
        run=run.name,
        folder=str(folder),
        scorer=settings.scorer.model,
        optimizer=settings.optimizer.model,
        answer=settings.task.answer,
        sizes=dict(run.state.sizes),
        notes=(
            *wiring.grading_notes(settings),
            *run.identity.get("data_notes", ()),
            *_edited_source(run),
            *_missing_copy(folder),
        ),
        resumed=calls_done(run.state),
    )


def _finish(folder: Path, run: RecordedRun, ending: Ending) -> SessionOutcome:
    finished = ending == "finished"
    result = result_of(run, finished=finished)
    best = result["best"]
    write_result(folder, result, best["instruction"] if best else None)
    return SessionOutcome(ending, result)


def _edited_source(run: RecordedRun) -> tuple[str, ...]:
    """Tell when the config file that the run was started from says something else by now."""
    source = run.identity.get("config_source")
    if not calls_done(run.state) or not source or not Path(source).is_file():
        return ()
    try:
        now = as_plain(wiring.settings_from(Path(source)))
    except OproError:
        return ()
    recorded = wiring.settings_of(run.settings)  # with keys that came after the run began
    changes = changes_between(as_plain(recorded), now) if recorded else ()
    if not changes:
        return ()
    names = ", ".join(change.path for change in changes)
    return (f"{source} was edited since ({names}); this run goes on with its own copy",)


def _missing_copy(folder: Path) -> tuple[str, ...]:
    if (folder / CONFIG_COPY).exists():
        return ()
    return (f"{CONFIG_COPY} is missing from the run folder: going on as the run began",)


def _data_files(settings: Settings) -> list[Path]:
    data = settings.task.data
    places = (data.train, data.dev, data.test)
    return [Path(place) for place in places if place and not place.startswith(HUB)]


def _file_digests(settings: Settings) -> dict[str, str]:
    return {str(path): _digest(path) for path in _data_files(settings)}


def _check_data_files(digests: dict[str, str]) -> None:
    """A file that is gone does no harm, the run has its own copy; a changed one is refused."""
    for name, digest in digests.items():
        path = Path(name)
        if path.is_file() and _digest(path) != digest:
            raise RunFolderError(
                f"{path}: changed since the run began",
                "restore the file to resume, or start a new run with `opro optimize`",
            )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
