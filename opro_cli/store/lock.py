"""The lock beside a journal: one process at a time works on a run."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path

from opro_cli.errors import RunBusyError


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
    import fcntl

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
        f"wait for it to end, or stop it first (`kill {pid}` lets it finish the calls under way)",
    )
