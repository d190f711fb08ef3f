"""The cells of a sweep and where each of them stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from opro_cli import running, wiring
from opro_cli.adapters.run_folder import read_result, read_run
from opro_cli.adapters.sweep_file import Sweep, SweepCell
from opro_cli.briefing import recorded_settings
from opro_cli.core.changes import as_plain, changes_between
from opro_cli.core.settings import BudgetSettings, ModelSettings, Settings
from opro_cli.engine.budget import Spent, spent_by
from opro_cli.errors import RunExistsError, RunFolderError, UsageError
from opro_cli.sweeping.limits import Limits, doors_for, has_ceiling, part_of, within

Standing = Literal["new", "begun", "finished"]


@dataclass(frozen=True, slots=True)
class Job:
    """A cell as a process is given it, here or on another machine.

    folder: of its run. settings: as plain data. server: the sweep's, as an `Address`. away: the
    run was made and checked where the sweep is, and its folder is a copy.
    """

    name: str
    folder: str
    settings: Mapping[str, Any]
    server: Sequence[Any]
    away: bool = False


def folder_of(sweep: Sweep, runs_dir: Path) -> Path:
    """Where the runs of a sweep are kept."""
    return runs_dir / sweep.name


def shard_of(sweep: Sweep, shard: str) -> tuple[Sweep, int]:
    """The sweep with the cells of part "2/5", the second, the seventh, and so on; and the 5.

    What it may spend is a fifth too, since the parts do not know of each other.
    """
    number, _, parts = shard.partition("/")
    if not (number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
        raise UsageError(f"--shard: expected I/N with I from 1 to N, such as 2/5, found {shard!r}")
    mine = sweep.cells[int(number) - 1 :: int(parts)]
    return replace(sweep, cells=mine, budget=part_of(sweep.budget, int(parts))), int(parts)


def ready(sweep: Sweep) -> tuple[SweepCell, ...]:
    """The cells as they are run: what was left open filled in, and within the sweep's budget.

    Raises UsageError when a ceiling in dollars is set over a model of unknown price.
    """
    cells = []
    priced: set[tuple[ModelSettings, ...]] = set()
    for cell in sweep.cells:
        settings = wiring.for_a_new_run(cell.settings)
        settings = replace(settings, budget=within(settings.budget, sweep.budget))
        models = settings.scorer, settings.optimizer
        if models not in priced:
            wiring.require_prices(settings)
            priced.add(models)
        cells.append(replace(cell, settings=settings))
    return tuple(cells)


def standing_of(cell: SweepCell, folder: Path) -> Standing:
    """How far the run of a cell is.

    Raises RunFolderError when it was begun with other settings than the sweep has now.
    """
    place = folder / cell.name
    if not place.exists():
        return "new"
    recorded = as_plain(recorded_settings(place))
    wanted = as_plain(cell.settings)
    changes = [c for c in changes_between(recorded, wanted) if not c.is_operational]
    if changes:
        told = "\n".join(f"  {c.path}: {c.before!r} → {c.after!r}" for c in changes)
        raise RunFolderError(
            f"{place}: begun with other settings than the sweep has now\n{told}",
            "undo the change, give the sweep another name, or move the folder away",
        )
    result = read_result(place)
    return "finished" if result and result.get("status") == "finished" else "begun"


def limits_over(
    cells: Sequence[SweepCell], folder: Path, budget: BudgetSettings, parts: int
) -> Limits:
    """What the cells share, this being one of so many parts; what they spent before counts.

    Raises RunFolderError or JournalError for a run that cannot be read.
    """
    models = [model for each in cells for model in (each.settings.scorer, each.settings.optimizer)]
    begun = [folder / cell.name for cell in cells if (folder / cell.name).exists()]
    spent = [spent_by(read_run(each).state) for each in begun] if has_ceiling(budget) else []
    return Limits(
        budget,
        doors_for(models, parts),
        Spent(
            sum(each.calls for each in spent),
            sum(each.tokens for each in spent),
            sum(each.pico_usd for each in spent),
        ),
    )


def prepared(job: Job) -> tuple[Path, Settings]:
    """The run of a job, made or found, and the settings that it goes on with: the sweep's.

    Raises what keeps it from going on.
    """
    folder, settings = Path(job.folder), _settings(job)
    if not folder.exists():
        with suppress(RunExistsError):  # another session has just made it
            new = running.start_with(settings, folder.parent, name=folder.name)
            return new.folder, new.settings
    running.check_resumable(folder)
    return folder, settings


def at_hand(job: Job) -> tuple[Path, Settings]:
    """The same for a copy of a run's folder on another machine: its data files are not here."""
    settings = _settings(job)
    wiring.require_keys(settings)
    wiring.require_servers(settings)
    return Path(job.folder), settings


def _settings(job: Job) -> Settings:
    settings = wiring.settings_of(job.settings)
    if settings is None:
        raise UsageError(f"{job.name}: its settings cannot be read", "use one version of opro")
    return settings
