"""Folders of runs and sweeps: found by name, and locked while a process works there."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from opro_cli.errors import RunBusyError, RunFolderError
from opro_cli.files import explain_refusal, write_atomically
from opro_cli.shell import describe_stop
from opro_cli.store.atomic_folders import PARTIAL_PREFIX

SWEEP = "sweep.json"
"""The file that marks the folder of a sweep."""
LAST = "@last"
"""The name of the newest run, wherever a run is named."""
TAGS = "tags.txt"
"""The file with the tags of a run, one a line: names of the user's own."""

_MADE_BY_OPRO = re.compile(r"(?P<name>.+)-\d{8}-\d{6}-(?P<id>[0-9a-f]{4,8})")
"""The name of a run's folder: the name in its config, the time, and random digits."""

Note = Callable[[str], None]
"""Takes a sentence for the user."""

# Path.is_file and Path.is_dir raise for a name that is too long and a folder without permission.
_is_file, _is_dir = os.path.isfile, os.path.isdir


def find_run(runs_dir: Path, name: str, note: Note | None = None) -> Path:
    """Return the run that a name means.

    Args:
        runs_dir: The folder of all runs.
        name: A folder, LAST, the whole name of a run, a tag of it, the name in its config, or any
            unambiguous part of its name.
        note: Called with the choice where several runs have this tag, or this name in their
            config: the newest.

    Raises:
        RunFolderError: It names no run, or is a part of several names.
    """
    if name == LAST:
        return find_last_run(runs_dir)
    matches = find_matching_runs(runs_dir, name)
    if len(matches) > 1 and all(_is_called(run, name) for run in matches):
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
    if name == LAST:
        return list_runs(runs_dir)[-1:]
    for folder in (Path(name), runs_dir / name):  # the latter: a cell as SWEEP/CELL
        if _is_run(folder):
            return [folder]
    return _match_runs(list_runs(runs_dir), name)


def _match_runs(runs: Sequence[Path], name: str) -> list[Path]:
    """Return the runs that a name, a tag or a part of a name means."""
    exact = [run for run in runs if run.name == name]
    named = [run for run in runs if _is_called(run, name)]
    return exact or named or [run for run in runs if is_part(name, run.name)]


def find_run_within(runs_dir: Path, name: str) -> Path:
    """Return the run that a name means, as `find_run` does, but never one outside the folder.

    So a name may come from anybody: no path is followed, SWEEP/CELL excepted.

    Raises:
        RunFolderError: It names no run here, or is a part of several names.
    """
    if name == LAST:
        return find_last_run(runs_dir)
    parts = name.split("/")
    is_plain = all(part and part == Path(part).name and not part.startswith(".") for part in parts)
    if is_plain and len(parts) <= 2:
        if _is_run(runs_dir / name) and (len(parts) == 1 or is_sweep(runs_dir / parts[0])):
            return runs_dir / name
        matches = _match_runs(list_runs(runs_dir), name) if len(parts) == 1 else []
        if len(matches) > 1 and all(_is_called(run, name) for run in matches):
            return matches[-1]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise RunFolderError(f'"{name}" fits {len(matches)} runs', "name more of it")
    raise RunFolderError(f'no run called "{name}" here', "the list of runs has the names")


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


def _is_called(run: Path, name: str) -> bool:
    """Return True for a tag of a run, and for its name in its config."""
    return _get_config_name(run) == name or name in read_tags(run)


def read_tags(run: Path) -> tuple[str, ...]:
    """Return the tags of a run in the order in which they were given; () where none can be read."""
    try:
        return tuple((run / TAGS).read_text("utf-8", "replace").split())
    except OSError:
        return ()


def list_runs(runs_dir: Path) -> list[Path]:
    """Return the run folders, newest last; [] without the directory."""
    if not _is_dir(runs_dir):
        return []
    visible = (path for path in runs_dir.iterdir() if not path.name.startswith("."))
    return sorted(filter(_is_run, visible), key=_get_creation_key)


def find_folders(inside: Path, pattern: str) -> list[Path]:
    """Return the folders that match a pattern, by name; [] where there can be none.

    One whose name begins with a dot is not finished being made.
    """
    if not _is_dir(inside):
        return []
    return sorted(path for path in inside.glob(pattern) if not path.name.startswith("."))


def write_tags(run: Path, tags: Iterable[str]) -> None:
    """Write the tags of a run, in place of those that it has.

    Raises:
        RunFolderError: The disk refuses.
    """
    hint = "make room, or make the run's folder writable"
    with explain_refusal(RunFolderError, f"{run / TAGS}: cannot be written", hint):
        write_atomically(run / TAGS, "".join(f"{tag}\n" for tag in tags).encode())


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


def get_lock_path(journal: Path) -> Path:
    """Return the lock file beside a journal."""
    return journal.with_name(".lock")


def get_pid_path(journal: Path) -> Path:
    """Return the file with the process id of the lock's holder."""
    return journal.with_name(".pid")


def is_locked(journal: Path) -> bool:
    """Return True while a process works on this run."""
    return is_held(get_lock_path(journal))


def is_held(path: Path) -> bool:
    """Return True while a process holds the lock of this file.

    Writes nothing, so that read-only runs can be asked about, by many at the same time.
    """
    try:
        import fcntl
    except ImportError:  # Windows, where filelock removes the file in the end
        return path.exists() and not _try_lock(path)
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        # On a disk without such locks, filelock uses others.
        return error.errno == errno.ENOSYS and not _try_lock(path)
    return False


def _try_lock(path: Path) -> bool:
    from filelock import FileLock, Timeout

    try:
        with FileLock(path).acquire(blocking=False):
            return True
    except Timeout:
        return False
    except OSError:
        return True


def get_failure_path(journal: Path) -> Path:
    """Return the file in which a process that cannot write its journal says why it ended."""
    return journal.with_name(".failed")


def note_failure(journal: Path, why: str) -> None:
    """Note that the session failed, if the disk permits; the next session removes the note.

    The journal gets no `SessionEnded` then: it lacks answers, so the calls in flight must stay
    counted.
    """
    with suppress(OSError):
        get_failure_path(journal).write_text(why, "utf-8", "backslashreplace")


def build_busy_error(journal: Path) -> RunBusyError:
    """Return the refusal of a second process on one run."""
    message = f"{journal.parent}: another opro is working on this run"
    try:
        pid = int(get_pid_path(journal).read_text())
    except (OSError, ValueError):  # the other process just takes or releases the lock
        return RunBusyError(message, "wait for it to end, or stop it first")
    return RunBusyError(
        f"{message} (process {pid})",
        f"wait for it to end, or stop it first ({describe_stop(pid)})",
    )
