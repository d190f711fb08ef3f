"""Which runs there are, and which one a name means."""

from __future__ import annotations

from pathlib import Path

from opro_cli.errors import RunFolderError

HALF_MADE = ".making-"
"""How the name of a folder begins that is only being made; no such folder is a run."""


def find_run(runs_dir: Path, wanted: str) -> Path:
    """The run that `wanted` names: a folder, or any unambiguous part of a run's name."""
    matches = runs_called(runs_dir, wanted)
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


def runs_called(runs_dir: Path, wanted: str) -> list[Path]:
    """All runs that `wanted` may mean."""
    for folder in (Path(wanted), runs_dir / wanted):  # the latter: a cell as SWEEP/CELL
        if wanted and _is_run(folder):
            return [folder]
    runs = list_runs(runs_dir)
    exact = [run for run in runs if run.name == wanted]
    return exact or [run for run in runs if wanted and wanted in run.name]


def list_runs(runs_dir: Path) -> list[Path]:
    """Folders of runs, newest last; [] when there is no such directory."""
    if not _is_folder(runs_dir):
        return []
    found = (path for path in runs_dir.iterdir() if not path.name.startswith("."))
    return sorted(filter(_is_run, found), key=_created)


def _is_run(folder: Path) -> bool:
    """Return True for a run, a damaged one included; one that is only being made is none."""
    if folder.name.startswith(HALF_MADE):
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


def last_run(runs_dir: Path) -> Path:
    """The newest run."""
    runs = list_runs(runs_dir)
    if not runs:
        raise RunFolderError(f"no runs in {runs_dir}", "start one with `opro optimize CONFIG`")
    return runs[-1]


def _created(folder: Path) -> tuple[str, float]:
    # The name carries the second of creation; within one second the folder's own time tells.
    stamp = "-".join(folder.name.rsplit("-", 3)[1:3])
    identity = folder / "run.json"
    return stamp, (identity if identity.is_file() else folder).stat().st_mtime
