"""Who works on a run: one process at a time holds the lock beside its journal."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path

from opro_cli.errors import RunBusyError


def get_lock_path(journal: Path) -> Path:
    """The lock file beside a journal."""
    return journal.with_name(".lock")


def is_locked(journal: Path) -> bool:
    """Is a process working on this run right now?"""
    return is_held(get_lock_path(journal))


def is_held(path: Path) -> bool:
    """Does a process hold the lock of this file right now?

    Writes nothing, so that it can be asked of a run that one may only read; and those who ask
    at the same time do not get in each other's way.
    """
    import fcntl

    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        # Without such locks on this disk, filelock has others.
        return error.errno == errno.ENOSYS and not _try_lock(path)
    return False


def _try_lock(path: Path) -> bool:
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    except OSError:
        return True
    lock.release()
    return True


def get_pid_path(journal: Path) -> Path:
    """Where the process that holds the lock says which one it is."""
    return journal.with_name(".pid")


def failure_path(journal: Path) -> Path:
    """Return where a process says why it ended when it could not write its journal."""
    return journal.with_name(".failed")


def note_failure(journal: Path, why: str) -> None:
    """Note that the session failed, where the disk takes it; the next session removes the note.

    The journal gets no `SessionEnded` then: with answers missing from it, the calls in flight have
    to stay counted.
    """
    with suppress(OSError):
        failure_path(journal).write_text(why, "utf-8", "backslashreplace")


def build_busy_error(path: Path) -> RunBusyError:
    """The refusal of a second process on one run."""
    message = f"{path.parent}: another opro is working on this run"
    try:
        pid = int(get_pid_path(path).read_text())
    except (OSError, ValueError):  # in this moment the other one takes it, or gives it free
        return RunBusyError(message, "wait for it to end, or stop it first")
    return RunBusyError(
        f"{message} (process {pid})",
        f"wait for it to end, or stop it first (`kill {pid}` lets it finish the calls under way)",
    )
