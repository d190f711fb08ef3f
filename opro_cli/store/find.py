"""Runs and sweeps by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from opro_cli.errors import RunFolderError

PARTIAL_PREFIX = ".making-"
"""The prefix of a folder that is still being made; such a folder is no run."""
SWEEP = "sweep.json"
"""The file that marks the folder of a sweep."""


_MADE_BY_OPRO = re.compile(r"(?P<name>.+)-\d{8}-\d{6}-(?P<id>[0-9a-f]{4,8})")
"""The name of a run's folder: the name in its config, the time, and random digits."""

Note = Callable[[str], None]
"""Takes a sentence for the user."""


def find_run(runs_dir: Path, name: str, note: Note | None = None) -> Path:
    """Return the run that a name means.

    Args:
        runs_dir: The folder of all runs.
        name: A folder, the whole name of a run, the name in its config, or any unambiguous part
            of its name.
        note: Called with the choice where several runs have this name in their config: the newest.

    Raises:
        RunFolderError: It names no run, or is a part of several names.
    """
    matches = find_matching_runs(runs_dir, name)
    if len(matches) > 1 and all(_get_config_name(run) == name for run in matches):
        newest = matches.pop()
        if note is not None:
            note(f'"{name}" fits {len(matches) + 1} runs; taking the newest, {newest.name}')
        return newest
    if len(matches) == 1:
        return matches[0]
    if matches:
        names = ", ".join(run.name for run in matches[:6]) + (" …" if len(matches) > 6 else "")
        raise RunFolderError(f'"{name}" fits {len(matches)} runs: {names}', "name more of it")
    if name and _is_dir(Path(name)):
        raise RunFolderError(
            f"{name}: not a run folder (it has no run.json)", "`opro runs` lists the runs"
        )
    raise RunFolderError(
        f'no run called "{name}" in {runs_dir}', "`opro runs` lists the runs; see --runs-dir"
    )


def find_matching_runs(runs_dir: Path, name: str) -> list[Path]:
    """Return all runs that a name may mean, newest last."""
    if not name:
        return []
    for folder in (Path(name), runs_dir / name):  # the latter: a cell as SWEEP/CELL
        if _is_run(folder):
            return [folder]
    runs = list_runs(runs_dir)
    exact = [run for run in runs if run.name == name]
    named = [run for run in runs if _get_config_name(run) == name]
    return exact or named or [run for run in runs if is_part(name, run.name)]


def is_part(part: str, name: str) -> bool:
    """Return True for a part of a run's name by which the run can be found.

    A part may end inside the random digits only if it has them from the first one on.
    """
    made = _MADE_BY_OPRO.fullmatch(name)
    start = made.start("id") if made else len(name)
    return name.find(part, 0, start + len(part)) >= 0


def _get_config_name(run: Path) -> str | None:
    """Return the name that a run has in its config; None for a folder with a name of its own."""
    made = _MADE_BY_OPRO.fullmatch(run.name)
    return made["name"] if made else None


def list_runs(runs_dir: Path) -> list[Path]:
    """Return the run folders, newest last; [] without the directory."""
    if not _is_dir(runs_dir):
        return []
    visible = (path for path in runs_dir.iterdir() if not path.name.startswith("."))
    return sorted(filter(_is_run, visible), key=_get_creation_key)


def find_last_run(runs_dir: Path) -> Path:
    """Return the newest run."""
    runs = list_runs(runs_dir)
    if not runs:
        raise RunFolderError(f"no runs in {runs_dir}", "start one with `opro optimize CONFIG`")
    return runs[-1]


def _get_creation_key(folder: Path) -> tuple[str, float]:
    # The name has the second of creation; within one second the file's own time decides.
    stamp = "-".join(folder.name.rsplit("-", 3)[1:3])
    identity = folder / "run.json"
    return stamp, (identity if identity.is_file() else folder).stat().st_mtime


def find_sweep(runs_dir: Path, name: str) -> Path | None:
    """Return the sweep with this folder or name, or with this part of one sweep's name.

    None where there is no such sweep, and where the part also fits a run.
    """
    if not name:
        return None
    for folder in (Path(name), runs_dir / name):
        if is_sweep(folder):
            return folder
    matches = [folder for folder in list_sweeps(runs_dir) if name in folder.name]
    return matches[0] if len(matches) == 1 and not find_matching_runs(runs_dir, name) else None


def list_sweeps(runs_dir: Path) -> list[Path]:
    """Return the sweep folders by name; [] without the directory."""
    try:
        visible = (folder for folder in runs_dir.iterdir() if not folder.name.startswith("."))
        return sorted(filter(is_sweep, visible))
    except OSError:
        return []


def is_sweep(folder: Path) -> bool:
    """Return True for the folder of a sweep."""
    return _is_file(folder / SWEEP)


def _is_run(folder: Path) -> bool:
    """Return True for a run, even a damaged one, that is not still being made."""
    if folder.name.startswith(PARTIAL_PREFIX):
        return False
    return any(_is_file(folder / name) for name in ("run.json", "events.jsonl"))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder without permission
        return False


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False
