"""What a person is told of a run before anything of it happens, by whoever shows it."""

from __future__ import annotations

from pathlib import Path

from opro_cli import wiring
from opro_cli.adapters.run_folder import CONFIG_COPY, read_identity
from opro_cli.core.changes import as_plain, changes_between
from opro_cli.core.session import Briefing, calls_done, calls_spared
from opro_cli.core.settings import Settings
from opro_cli.errors import OproError, RunFolderError
from opro_cli.reports.recorded import RecordedRun


def briefing_of(folder: Path, settings: Settings, run: RecordedRun) -> Briefing:
    """The opening of a session that begins with the run as it stands."""
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
        resumed=calls_done(run.state) + calls_spared(run.state),
    )


def recorded_settings(folder: Path) -> Settings:
    """What the run was asked when it began."""
    recorded = wiring.settings_of(read_identity(folder)["settings"])
    if recorded is None:
        raise RunFolderError(
            f"{folder / 'run.json'}: its settings cannot be read",
            "restore it from a backup, or copy the whole run folder again",
        )
    return recorded


def _edited_source(run: RecordedRun) -> tuple[str, ...]:
    """Tell when the config file that the run was started from says something else by now."""
    source = run.identity.get("config_source")
    if not calls_done(run.state) or not source or not Path(source).is_file():
        return ()
    try:
        now = as_plain(wiring.for_a_new_run(wiring.settings_from(Path(source))))
    except OproError:
        return ()
    recorded = wiring.settings_of(run.settings)  # with keys that came after the run began
    changes = changes_between(as_plain(wiring.for_a_new_run(recorded)), now) if recorded else ()
    if not changes:
        return ()
    names = ", ".join(change.path for change in changes)
    return (f"{source} was edited since ({names}); this run goes on with its own copy",)


def _missing_copy(folder: Path) -> tuple[str, ...]:
    if (folder / CONFIG_COPY).exists():
        return ()
    return (f"{CONFIG_COPY} is missing from the run folder: going on as the run began",)
