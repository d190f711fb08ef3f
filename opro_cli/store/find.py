"""Runs and sweeps by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from opro_cli.errors import RunFolderError

PARTIAL_PREFIX = ".making-"
"""How the name of a folder begins that is only being made; no such folder is a run."""


_MADE_BY_OPRO = re.compile(r"(?P<name>.+)-\d{8}-\d{6}-(?P<id>[0-9a-f]{4,8})")
"""The name of a run's folder: that of the config, the time, and chance."""

Note = Callable[[str], None]
"""Takes a sentence for the user."""


def find_run(runs_dir: Path, wanted: str, note: Note | None = None) -> Path:
    """Find the run that `wanted` names.

    Args:
        runs_dir: Where runs are kept.
        wanted: A folder, the whole name of a run, the name that its config gave it, or any
            unambiguous part of its name.
        note: Told which run is meant where several have the name that a config gave them: the
            newest.

    Raises:
        RunFolderError: It names no run, or a part of several.
    """
    matches = find_matching_runs(runs_dir, wanted)
    if len(matches) > 1 and all(_name_of(run) == wanted for run in matches):
        newest = matches.pop()
        if note is not None:
            note(f'"{wanted}" fits {len(matches) + 1} runs; taking the newest, {newest.name}')
        return newest
    if len(matches) == 1:
        return matches[0]
    if matches:
        names = ", ".join(run.name for run in matches[:6]) + (" …" if len(matches) > 6 else "")
        raise RunFolderError(f'"{wanted}" fits {len(matches)} runs: {names}', "name more of it")
    if wanted and _is_folder(Path(wanted)):
        raise RunFolderError(
            f"{wanted}: not a run folder (it has no run.json)", "`opro runs` lists the runs"
        )
    raise RunFolderError(
        f'no run called "{wanted}" in {runs_dir}', "`opro runs` lists the runs; see --runs-dir"
    )


def find_matching_runs(runs_dir: Path, wanted: str) -> list[Path]:
    """All runs that `wanted` may mean, newest last."""
    for folder in (Path(wanted), runs_dir / wanted):  # the latter: a cell as SWEEP/CELL
        if wanted and _is_run(folder):
            return [folder]
    runs = list_runs(runs_dir)
    exact = [run for run in runs if run.name == wanted]
    named = [run for run in runs if _name_of(run) == wanted]
    return exact or named or [run for run in runs if wanted and is_part(wanted, run.name)]


def is_part(wanted: str, name: str) -> bool:
    """Return True for a part of a run's name by which a person may know it.

    Of the random digits at its end that is the beginning, alone or behind what comes before.
    """
    made = _MADE_BY_OPRO.fullmatch(name)
    start = made.start("id") if made else len(name)
    return name.find(wanted, 0, start + len(wanted)) >= 0


def _name_of(run: Path) -> str | None:
    """Return the name that its config gave a run; None where the folder has one of its own."""
    made = _MADE_BY_OPRO.fullmatch(run.name)
    return made["name"] if made else None


def list_runs(runs_dir: Path) -> list[Path]:
    """Folders of runs, newest last; [] when there is no such directory."""
    if not _is_folder(runs_dir):
        return []
    found = (path for path in runs_dir.iterdir() if not path.name.startswith("."))
    return sorted(filter(_is_run, found), key=_get_creation_key)


def _is_run(folder: Path) -> bool:
    """Return True for a run, a damaged one included; one that is only being made is none."""
    if folder.name.startswith(PARTIAL_PREFIX):
        return False
    try:
        return any((folder / name).is_file() for name in ("run.json", "events.jsonl"))
    except OSError:  # a name that is too long, a folder that is not ours to look into
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def find_last_run(runs_dir: Path) -> Path:
    """The newest run."""
    runs = list_runs(runs_dir)
    if not runs:
        raise RunFolderError(f"no runs in {runs_dir}", "start one with `opro optimize CONFIG`")
    return runs[-1]


def _get_creation_key(folder: Path) -> tuple[str, float]:
    # The name carries the second of creation; within one second the folder's own time tells.
    stamp = "-".join(folder.name.rsplit("-", 3)[1:3])
    identity = folder / "run.json"
    return stamp, (identity if identity.is_file() else folder).stat().st_mtime


SWEEP = "sweep.json"
"""What the folder of a sweep has, and no other. Here, since looking for it takes no more."""


def find_sweep(runs_dir: Path, wanted: str) -> Path | None:
    """The sweep that `wanted` names; None where it names none, and may be a run.

    A folder, or the name of a sweep; or a part of one sweep's name that is part of no run's.
    """
    if not wanted:
        return None
    for folder in (Path(wanted), runs_dir / wanted):
        if is_sweep(folder):
            return folder
    named = [folder for folder in list_sweeps(runs_dir) if wanted in folder.name]
    return named[0] if len(named) == 1 and not find_matching_runs(runs_dir, wanted) else None


def list_sweeps(runs_dir: Path) -> list[Path]:
    """Folders of sweeps by name; [] when there is no such directory."""
    try:
        shown = (folder for folder in runs_dir.iterdir() if not folder.name.startswith("."))
        return sorted(folder for folder in shown if is_sweep(folder))
    except OSError:
        return []


def is_sweep(folder: Path) -> bool:
    """Return True for the folder of a sweep."""
    try:
        return (folder / SWEEP).is_file()
    except OSError:  # a name that is too long
        return False
