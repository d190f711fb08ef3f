"""The cells of a sweep and where each of them stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from opro_cli import wiring
from opro_cli.app import startable
from opro_cli.app.ledger import open_test_ledger
from opro_cli.app.optimize import Origin, UsedTogether, start_with
from opro_cli.app.resume import check_resumable
from opro_cli.app.run_settings import read_recorded_settings
from opro_cli.app.start_runs import require_resolved
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.uses import DrawnUse
from opro_cli.core.settings.differences import convert_to_plain, find_changes
from opro_cli.core.settings.models import ModelSettings
from opro_cli.core.settings.settings import Settings
from opro_cli.core.sweep import SweepTable
from opro_cli.core.task.content import digest_rows
from opro_cli.core.task.example import Example, Split
from opro_cli.errors import OproError, RunExistsError, RunFolderError, UsageError
from opro_cli.models.prices import list_prices
from opro_cli.problems import value_start
from opro_cli.reports.costs import ASSUMPTIONS, KINDS, add_costs, estimate_costs
from opro_cli.reports.result import build_result
from opro_cli.reports.used_rows import read_test_use
from opro_cli.store.run_folder import read_result, read_run
from opro_cli.store.use_ledger import forget_uses
from opro_cli.sweep.budget_session import RunJournals, Terms, open_budget
from opro_cli.sweep.claims import sum_claims
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
        uses: How it uses its test rows, as in run.json.
        lent: The use that the sweep has drawn for a cell that is away; {} for none.
    """

    name: str
    folder: str
    settings: Mapping[str, Any]
    away: bool = False
    part_folder: str = ""
    servers: Mapping[str, Any] = field(default_factory=dict)
    uses: Mapping[str, Any] = field(default_factory=dict)
    lent: Mapping[str, Any] = field(default_factory=dict)


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
        require_resolved(cell.settings)
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
    recorded, wanted = read_recorded_settings(run), cell.settings
    if wanted.task.labels is None:  # those of the run were read off the gold answers
        wanted = replace(wanted, task=replace(wanted.task, labels=recorded.task.labels))
    found = find_changes(convert_to_plain(recorded), convert_to_plain(wanted))
    changes = [change for change in found if not change.is_operational]
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
            uses = UsedTogether(**job.uses)
            new = start_with(settings, folder.parent, origin, name=folder.name, uses=uses)
            return new.folder, new.settings
    check_resumable(folder)
    return folder, settings


def plan_uses(
    cells: Sequence[SweepCell], id: str, ledger: Path | None = None
) -> dict[str, dict[str, Any]]:
    """Return how each cell uses its test rows, by name: those on the same data share one use.

    Args:
        cells: All of the sweep.
        id: Of the sweep's folder.
        ledger: The file that records the uses; None for the user's own.
    """
    sources = {cell.name: _list_sources(cell.settings) for cell in cells}
    counts = Counter(sources.values())
    groups = {each: f"{id}-{number}" for number, each in enumerate(counts)}
    file = {"ledger": str(ledger.absolute())} if ledger else {}
    return {
        # A sweep with more cells than before is another use: the share of the others is spent.
        name: {"group": f"{groups[each]}-{counts[each]}", "sharers": counts[each], **file}
        for name, each in sources.items()
    }


def _list_sources(settings: Settings) -> tuple[str | None, ...]:
    data = settings.task.data
    return data.train, data.dev, data.test


def lend_use(folder: Path) -> dict[str, Any]:
    """Draw the use of its test rows for a cell that will be away; {} where it has one.

    `settle_use` takes it back where the cell comes to no comparison.
    """
    run = read_run(folder, own=True)
    if run.state.test_use is not None or not run.examples["test"]:
        return {}
    rows = digest_rows(run.examples["test"], run.settings["task"]["data"]["input"])
    nobody = Candidate("", "", 0)  # the winner is not known yet
    drawn = open_test_ledger(run).draw(nobody, nobody, rows)
    return {**asdict(drawn), "known": {}}


def settle_use(folder: Path, lent: Mapping[str, Any]) -> None:
    """Record what came of a use that was lent, once the cell is back."""
    if not lent:
        return
    run = read_run(folder, own=True)
    if run.state.test_use is None and run.status != "finished":
        return  # it may go on, and then has the same use again
    ledger = open_test_ledger(run)
    judged = read_test_use(run)
    if run.state.test_use is None:
        with suppress(OproError):
            forget_uses(ledger.path, lambda _: [lent["use"]])
    elif judged is not None and judged.answers:
        outcome = build_result(run, finished=True)["verdict"] or "none"
        ledger.close(lent["use"], outcome, judged.answers, repeats=judged.repeats)


class LentUse:
    """The `TestLedger` of a cell that is away: the sweep has drawn its use, and will close it."""

    def __init__(self, lent: Mapping[str, Any]) -> None:
        self._lent = lent

    def draw(self, start: Candidate, winner: Candidate, rows: Sequence[str]) -> DrawnUse:  # noqa: ARG002
        """Return the use that was drawn."""
        return DrawnUse(**self._lent)

    def close(self, use: str, outcome: str, answers: str, *, repeats: bool) -> str:  # noqa: ARG002
        """Leave it to the sweep."""
        return ""


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


def estimate(cells: Sequence[SweepCell], table: SweepTable, folder: Path) -> dict[str, Any]:
    """Estimate calls, tokens and dollars, by cell and in total, as `estimate_costs` does for a run.

    A finished cell costs nothing; a begun one counts as a whole, since most of it may be left.
    Asks no model.

    Args:
        cells: All of the sweep.
        table: Where they stand.
        folder: The sweep's, where there is one already.
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
    total = {kind: add_costs([row[kind] for row in open_rows]) for kind in KINDS}
    return {
        "name": table.name,
        "cells": rows,
        "total": total,
        "assumptions": ASSUMPTIONS,
        "note": _describe_shortage(total["expected"]["calls"], table, folder),
    }


def count_lost_calls(table: SweepTable, folder: Path) -> int:
    """Count the calls under a sweep's budget that none of its cells has.

    They were made by cells that were deleted or are no longer in the matrix, or had no answer.
    """
    return max(0, sum_claims(folder).calls - table.sum_spend().calls)


def describe_lost(lost: int) -> str:
    """Return where calls went that no cell has, to follow a number; "" for none."""
    return f" ({lost:,} went to cells that are gone or to calls without an answer)" if lost else ""


def _describe_shortage(expected: int, table: SweepTable, folder: Path) -> str:
    """Return that a sweep's budget does not buy all of its cells; "" where it may."""
    most, lost = table.budget.calls, count_lost_calls(table, folder)
    begun = [row for row in table.rows.values() if (row.status_before or row.status) != "finished"]
    expected = max(0, expected - sum(row.calls for row in begun))
    if most is None or (left := max(0, most - table.sum_spend().calls - lost)) >= expected:
        return ""
    return (
        f"budget.calls {most:,} is for all cells together, and those that are open may take "
        f"{expected:,} more calls where {left:,} are left{describe_lost(lost)}. They are begun in "
        "turn, and the last ones may get nothing. budget.calls in the base config or in the matrix "
        "is each cell's own, and its search is laid out by it"
    )
