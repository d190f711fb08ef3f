"""Which sweeps there are, and which one a name means."""

from __future__ import annotations

from pathlib import Path

from opro_cli.adapters.find_runs import runs_called

SWEEP = "sweep.json"
"""What the folder of a sweep has, and no other. Here, since looking for it takes no more."""


def find_sweep(runs_dir: Path, wanted: str) -> Path | None:
    """The sweep that `wanted` names; None where it names none, and may be a run.

    A folder, or the name of a sweep; or a part of one sweep's name that is part of no run's.
    """
    if not wanted:
        return None
    for folder in (Path(wanted), runs_dir / wanted):
        if _is_sweep(folder):
            return folder
    named = [folder for folder in list_sweeps(runs_dir) if wanted in folder.name]
    return named[0] if len(named) == 1 and not runs_called(runs_dir, wanted) else None


def list_sweeps(runs_dir: Path) -> list[Path]:
    """Folders of sweeps by name; [] when there is no such directory."""
    try:
        shown = (folder for folder in runs_dir.iterdir() if not folder.name.startswith("."))
        return sorted(folder for folder in shown if _is_sweep(folder))
    except OSError:
        return []


def _is_sweep(folder: Path) -> bool:
    try:
        return (folder / SWEEP).is_file()
    except OSError:  # a name that is too long
        return False
