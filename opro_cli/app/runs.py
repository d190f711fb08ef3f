"""Runs and sweeps by name, and the facts that `opro runs` and `opro show` print."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from opro_cli import shell
from opro_cli.errors import OproError, RunFolderError, UsageError
from opro_cli.store import folders
from opro_cli.store.atomic_folders import remove_folder

if TYPE_CHECKING:
    from opro_cli.store.summary import RunDetails

Note = Callable[[str], None]
"""Takes a sentence for the user."""
_SAFE = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
"""A name that a shell may evaluate: it is how completions reach the command line."""


EVALS = "evals"
"""Where evaluations are kept in the folder of the runs, out of the way of their names."""


class SweepProgress(NamedTuple):
    """How far a sweep has come."""

    name: str
    finished: int
    cells: int


def find_run(name: str, runs_dir: Path, note: Note | None = None) -> Path:
    """Return the run of a name; `note` gets which one is meant where several have it.

    Raises:
        RunFolderError: There is no such run, or the name is a part of several.
    """
    try:
        return folders.find_run(runs_dir, name, note)
    except RunFolderError:
        if folders.find_sweep(runs_dir, name) is None:
            raise
        raise RunFolderError(
            f'"{name}" is a sweep, and not a run',
            f"name the run of a cell as {name}/CELL; `opro diff {name}` shows the whole sweep, and "
            "`opro sweep FILE` continues it",
        ) from None


def choose_run(verb: str, name: str | None, runs_dir: Path, *, last: bool, note: Note) -> Path:
    """Return the run that was named, or the newest.

    Raises:
        UsageError: None was named, or one beside `last`.
        RunFolderError: There is no such run.
    """
    if (name is None) == (not last):
        raise UsageError(f"name one run to {verb}, or say --last", "`opro runs` lists the runs")
    return folders.find_last_run(runs_dir) if name is None else find_run(name, runs_dir, note)


def find_sweep(name: str, runs_dir: Path) -> Path:
    """Return the folder of a sweep.

    Raises:
        RunFolderError: There is no such sweep.
    """
    folder = folders.find_sweep(runs_dir, name)
    if folder is None:
        raise RunFolderError(
            f'no sweep called "{name}" in {runs_dir}', "name its folder; see --runs-dir"
        )
    return folder


def find_sweeps(names: Sequence[str], runs_dir: Path) -> list[Path]:
    """Return the folders of the sweeps that are named; [] where all names are those of runs.

    Raises:
        UsageError: Sweeps and runs were named together.
    """
    found = [folders.find_sweep(runs_dir, name) for name in names]
    sweeps = [folder for folder in found if folder is not None]
    if sweeps and len(sweeps) < len(names):
        other = next(name for name, folder in zip(names, found, strict=True) if folder is None)
        raise UsageError(
            f'"{other}" is not a sweep: sweeps and runs are not shown together',
            "name runs alone, the run of a cell as SWEEP/CELL, or sweeps alone",
        )
    return sweeps


def is_cell(folder: Path) -> bool:
    """Return True for the run of a sweep's cell."""
    return folders.is_sweep(folder.resolve().parent)


def summarize_runs(runs_dir: Path, note: Note) -> list[dict[str, Any]]:
    """Return a row for each run, newest last; `note` gets which could not be read."""
    from opro_cli.store.summary import read_run_summary

    rows = []
    for folder in folders.list_runs(runs_dir):
        try:
            rows.append({**read_run_summary(folder), "tags": list(folders.read_tags(folder))})
        except OproError as error:  # one damaged run must not hide the others
            note(f"left out: {error.message}")
    return rows


def select_rows(
    rows: Sequence[dict[str, Any]],
    *,
    sort: str = "date",
    status: str | None = None,
    tag: str | None = None,
    most: int | None = None,
) -> list[dict[str, Any]]:
    """Return rows of runs in an order that has the newest, or the largest, last.

    Args:
        rows: Newest last.
        sort: "date", or one of ORDERS.
        status: Only runs with this status, or this verdict.
        tag: Only runs with this tag.
        most: Only so many, the last ones.

    Raises:
        UsageError: There is no such status.
    """
    if status is not None and status not in STATUSES:
        raise UsageError(f"--status: expected one of {', '.join(STATUSES)}, found {status!r:.60}")
    chosen = [
        row
        for row in rows
        if (status is None or status in (row["status"], row["verdict"]))
        and (tag is None or tag in row["tags"])
    ]
    if sort != "date":  # in which they are already
        chosen.sort(key=ORDERS[sort])
    return chosen if most is None else chosen[max(0, len(chosen) - most) :]


STATUSES = (
    *("running", "finished", "stopped", "failed", "killed"),
    *("improved", "worse", "not_distinguishable"),
)
"""The statuses of runs, and their verdicts."""


def _get_score(row: dict[str, Any]) -> float:
    scores = row["best"]["scores"] if row["best"] else {}
    seen = (scores.get(split) for split in ("test", "dev", "train"))
    return next((float(score["mean"]) for score in seen if score), float("-inf"))


ORDERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "name": lambda row: row["run"],
    "best": _get_score,
    "gain": lambda row: row["difference"]["mean"] if row["difference"] else float("-inf"),
    "cost": lambda row: row["spend"]["usd"] or 0.0,
    "status": lambda row: (row["status"], row["verdict"] or ""),
}
"""The orders of `opro runs` by name, but that of the date."""

_TAG = re.compile(r"\w[\w.-]*")


def tag_run(folder: Path, tags: Sequence[str], removed: Sequence[str] = ()) -> tuple[str, ...]:
    """Add tags to a run and remove others; return those that it has.

    Raises:
        UsageError: One is no tag, or the run has no such tag to remove.
    """
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise UsageError(
                f"not a tag: {tag!r:.60}",
                "use letters, digits, dots, _ and -, such as v2 or before-launch",
            )
    present = dict.fromkeys((*folders.read_tags(folder), *tags))
    for tag in removed:
        if tag not in present:
            raise UsageError(f"{folder.name} has no tag {tag!r:.60}", "it has " + _list(present))
        del present[tag]
    if tags or removed:
        folders.write_tags(folder, present)
    return tuple(present)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def describe_size(folder: Path) -> str:
    """Say how large all files of a folder are together: "0.4 MB"."""
    from opro_cli.reports.formats import format_megabytes

    return format_megabytes(sum(f.lstat().st_size for f in folder.rglob("*") if not f.is_dir()))


def remove(folder: Path) -> None:
    """Remove the folder of a run or a sweep; RunFolderError where the disk refuses."""
    remove_folder(folder)


def find_removable(name: str, runs_dir: Path, note: Note) -> Path:
    """Return the folder of a run or a sweep that may be removed.

    Raises:
        RunFolderError: There is none of this name, or a process works on it.
    """
    folder = folders.find_sweep(runs_dir, name) or folders.find_run(runs_dir, name, note)
    runs = [folder]
    if folders.is_sweep(folder):
        from opro_cli.store.sweep_folder import require_rest

        require_rest(folder)  # a sweep that begins its next cell holds no run's lock
        runs = folders.list_runs(folder)
    for run in runs:
        if folders.is_locked(run / "events.jsonl"):
            raise folders.build_busy_error(run / "events.jsonl")
    return folder


def summarize_sweeps(runs_dir: Path, note: Note) -> list[SweepProgress]:
    """Return how far each sweep has come; `note` gets which could not be read."""
    found = []
    for folder in folders.list_sweeps(runs_dir):
        from opro_cli.store.run_folder import read_result
        from opro_cli.store.sweep_folder import read_sweep

        try:
            cells = read_sweep(folder).cells
        except OproError as error:
            note(f"left out: {error.message}")
            continue
        results = (read_result(folder / cell.name) or {} for cell in cells)
        finished = sum(result.get("status") == "finished" for result in results)
        found.append(SweepProgress(folder.name, finished, len(cells)))
    return found


def describe_evals(runs_dir: Path) -> str:
    """Say how many evaluations there are, and how they are listed; "" for none."""
    inside = runs_dir / EVALS
    number = len(folders.list_runs(inside))
    if not number:
        return ""
    return f"{number:,} eval{'s' * (number != 1)}: opro runs --runs-dir {shell.quote(str(inside))}"


def read_details(folder: Path) -> RunDetails:
    """Return status, result and candidates of a run.

    Raises:
        RunFolderError, JournalError: A file of it is damaged.
    """
    from opro_cli.store.summary import read_run_details

    return read_run_details(folder)


def complete(
    incomplete: str, runs_dir: Path, *, runs: bool = True, sweeps: bool = False
) -> list[str]:
    """Return the names that an unfinished word may become: runs, newest first, sweeps, cells.

    Cells, as SWEEP/CELL, only once a word is begun: a sweep may have hundreds.
    """
    names: list[str] = []
    if runs:
        names += [run.name for run in reversed(folders.list_runs(runs_dir))]
    there = folders.list_sweeps(runs_dir)
    if sweeps:
        names += [sweep.name for sweep in there]
    if runs and incomplete:
        cells = (f"{sweep.name}/{run.name}" for sweep in there for run in folders.list_runs(sweep))
        names += [cell for cell in cells if cell.startswith(incomplete)]
    return select_fitting(names, incomplete)


def select_fitting(names: Iterable[str], incomplete: str) -> list[str]:
    """Return the names that a word may become, without those that opro could not have given."""
    safe = (name for name in names if _SAFE.fullmatch(name))
    return [name for name in safe if not incomplete or folders.is_part(incomplete, name)]
