"""The cells of a sweep and where each of them stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from opro_cli import wiring
from opro_cli.app import startable
from opro_cli.app.optimize import Origin, start_with
from opro_cli.app.resume import check_resumable
from opro_cli.app.session import read_recorded_settings
from opro_cli.core.settings.differences import convert_to_plain, find_changes
from opro_cli.core.settings.settings import ModelSettings, Settings
from opro_cli.core.sweep import SweepTable
from opro_cli.core.task.example import Example, Split
from opro_cli.errors import RunExistsError, RunFolderError, UsageError
from opro_cli.models.accounts import list_prices
from opro_cli.problems import value_start
from opro_cli.reports.costs import ASSUMPTIONS, KINDS, add_costs, estimate_costs
from opro_cli.store.run_folder import read_result
from opro_cli.sweep.budget_session import RunJournals, Terms, open_budget
from opro_cli.sweep.file import Sweep, SweepCell
from opro_cli.sweep.limits import Limits, build_permits, has_ceiling, limit_budget, share_settings
from opro_cli.sweep.shared_budget import Ceiling, SharedBudget

Standing = Literal["new", "begun", "finished"]

_LONG = 10
"""Digits of a number of shards that nobody has."""


@dataclass(frozen=True, slots=True)
class Job:
    """A cell as a process gets it, here or on another machine.

    Attributes:
        name: The cell's.
        folder: The folder of its run.
        settings: As plain data.
        away: Whether the folder is a copy of a run that was made and checked where the sweep is.
        part_folder: Where parts from outside opro are looked for first.
        servers: Those of its gguf/ models, by role; the sweep has started them.
    """

    name: str
    folder: str
    settings: Mapping[str, Any]
    away: bool = False
    part_folder: str = ""
    servers: Mapping[str, Any] = field(default_factory=dict)


class Shard(NamedTuple):
    """One of `parts` parts of a sweep: its cells and its share of the budget.

    Attributes:
        label: "2/5" for the second of five.
    """

    sweep: Sweep
    parts: int
    label: str


def select_shard(sweep: Sweep, shard: str) -> Shard:
    """Return the part "2/5" of a sweep: its second cell, its seventh, and so on.

    Its share of the budget is a fifth, too: parts on other machines may not see its folder.

    Raises:
        UsageError: `shard` is not of this form.
    """
    number, _, parts = shard.partition("/")
    short = len(number) < _LONG and len(parts) < _LONG
    if not (short and number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
        raise UsageError(f"--shard: expected I/N with I from 1 to N, such as 2/5, found {shard!r}")
    mine = sweep.cells[int(number) - 1 :: int(parts)]
    part = replace(sweep, cells=mine, budget=share_settings(sweep.budget, int(parts)))
    return Shard(part, int(parts), f"{int(number)}/{int(parts)}")


def require_ready(sweep: Sweep) -> tuple[SweepCell, ...]:
    """Return the cells with all settings filled in and limited to the sweep's budget.

    Raises:
        UsageError: A ceiling in dollars is set over a model of unknown price.
    """
    cells = []
    priced: set[tuple[ModelSettings, ...]] = set()
    for cell in sweep.cells:
        settings = wiring.fill_in_new(cell.settings, [Path(cell.part_folder)])
        settings = replace(settings, budget=limit_budget(settings.budget, sweep.budget))
        # A run without a test score would drop out of the means, the ones without a gain first.
        search = replace(settings.search, test_unbeaten_start=True)
        settings = replace(settings, search=search)
        models = settings.scorer, settings.optimizer
        if models not in priced:
            startable.require_prices(settings, learns=False)
            priced.add(models)
        cells.append(replace(cell, settings=settings))
    return tuple(cells)


def read_standing(cell: SweepCell, folder: Path) -> Standing:
    """Return how far the run of a cell is.

    Raises:
        RunFolderError: It was begun with other settings than the sweep has now.
    """
    run = folder / cell.name
    if not run.exists():
        return "new"
    recorded = convert_to_plain(read_recorded_settings(run))
    wanted = convert_to_plain(cell.settings)
    changes = [c for c in find_changes(recorded, wanted) if not c.is_operational]
    if changes:
        listed = "\n".join(f"  {c.path}: {c.before!r} → {c.after!r}" for c in changes)
        raise RunFolderError(
            f"{run}: begun with other settings than the sweep has now\n{listed}",
            "undo the change, give the sweep another name, or move the folder away",
        )
    result = read_result(run)
    return "finished" if result and result.get("status") == "finished" else "begun"


@contextmanager
def build_limits(
    shard: Shard, whole: Sweep, cells: Sequence[SweepCell], folder: Path, notes: list[str]
) -> Iterator[Limits]:
    """Open the limits of one session over its shard, whose lock the caller holds.

    Args:
        shard: The part that the session works on.
        whole: The sweep that it is a part of.
        cells: The shard's, from `require_ready`.
        folder: The sweep's.
        notes: Collects sentences for people about anything that is not as it should be.

    Raises:
        RunFolderError, JournalError: A run cannot be read, so its spending is unknown.
        OproError: The budget cannot be kept.
    """
    models = [model for each in cells for model in (each.settings.scorer, each.settings.optimizer)]
    doors = build_permits(models, shard.parts)
    if not has_ceiling(whole.budget):
        yield Limits(SharedBudget(Ceiling(whole.budget)), doors)
        return
    share = shard.sweep.budget if shard.parts > 1 else None
    terms = Terms(folder, shard.label, whole.budget, share)
    journals = RunJournals(folder, [each.name for each in whole.cells], [c.name for c in cells])
    with open_budget(terms, journals, notes) as budget:
        yield Limits(budget, doors)


def prepare_run(job: Job) -> tuple[Path, Settings]:
    """Make or find the run of a job; return its folder and the sweep's settings for it.

    Raises:
        OproError: The run cannot be made or resumed.
    """
    folder, settings = Path(job.folder), _settings(job)
    if not folder.exists():
        with suppress(RunExistsError):  # another session has just made it
            origin = Origin(part_folder=job.part_folder or None)
            new = start_with(settings, folder.parent, origin, name=folder.name)
            return new.folder, new.settings
    check_resumable(folder)
    return folder, settings


def find_run_at_hand(job: Job) -> tuple[Path, Settings]:
    """Return the same as `prepare_run` for a copy of a run on a machine without its data files."""
    settings = _settings(job)
    startable.require_keys(settings)
    startable.require_servers(settings)
    return Path(job.folder), settings


def _settings(job: Job) -> Settings:
    settings = wiring.parse_settings(job.settings)
    if settings is None:
        raise UsageError(f"{job.name}: its settings cannot be read", "use one version of opro")
    return settings


def estimate(cells: Sequence[SweepCell], table: SweepTable) -> dict[str, Any]:
    """Estimate calls, tokens and dollars, by cell and in total, as `estimate_costs` does for a run.

    A finished cell costs nothing; a begun one counts as a whole, since most of it may be left.
    Asks no model.
    """
    data: dict[str, Mapping[Split, Sequence[Example]]] = {}
    rows: list[dict[str, Any]] = []
    for cell in cells:
        row = table.rows[cell.name]
        status = row.status_before or row.status
        if status == "finished":
            rows.append({"cell": cell.name, "status": status, "total": None})
            continue
        settings, folders = cell.settings, [Path(cell.part_folder)]
        task = repr(settings.task)
        if task not in data:  # read once for all cells of a task
            data[task] = wiring.load_data(settings, folders=folders).examples
        costs = estimate_costs(
            settings,
            data[task],
            wiring.build_strategy(settings, folders),
            list_prices(settings),
            value_start(settings, data[task], folders),
        )
        rows.append({"cell": cell.name, "status": status, "total": costs["total"]})
    open_rows = [row["total"] for row in rows if row["total"] is not None]
    return {
        "name": table.name,
        "cells": rows,
        "total": {kind: add_costs([row[kind] for row in open_rows]) for kind in KINDS},
        "assumptions": ASSUMPTIONS,
    }
