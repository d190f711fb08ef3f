"""New folders that are there whole or not at all, whatever dies while they are being made.

A folder is filled under a hidden name that nobody else uses, and renamed at the end. Its maker
holds a lock on it, which the system releases when the maker dies: a hidden folder whose lock is
free was left by a dead process, and the next one that makes a folder beside it removes it.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from opro_cli.files import sync_folder
from opro_cli.store.find import PARTIAL_PREFIX


def make_folder(folder: Path, fill: Callable[[Path], None]) -> bool:
    """Make a folder and everything in it in one step.

    Args:
        folder: its final path; the folders above it are made where they are missing.
        fill: writes the content into the folder that it is given.

    Returns:
        False when `folder` exists already, made by somebody else; it is left as it is.

    Raises:
        OSError: the disk refuses, and nothing is left behind.
    """
    make_durable_folder(folder.parent)
    remove_partial_folders(folder.parent)
    with _make_hidden_folder(folder.parent) as hidden:
        fill(hidden)
        sync_folder(hidden)
        try:
            hidden.rename(folder)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                return False
            raise
    sync_folder(folder.parent)
    return True


def make_runs_dir(runs_dir: Path) -> None:
    """Make the folder that runs are kept in, for git to ignore; one that is there stays as it is.

    Raises:
        OSError: The disk refuses.
    """
    if runs_dir.exists():
        return
    make_durable_folder(runs_dir)
    # Another process may have just written it; what the disk refuses, a run will meet as well.
    with suppress(OSError), (runs_dir / ".gitignore").open("x") as file:
        file.write("*\n")


def make_durable_folder(folder: Path) -> None:
    """Make a folder and those above it, all of them to last through power loss."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        sync_folder(each.parent)


def remove_partial_folders(parent: Path) -> None:
    """Remove the half-made folders of dead processes; one whose maker may live is left alone."""
    for hidden in parent.glob(f"{PARTIAL_PREFIX}*"):
        with suppress(OSError):  # no such locks on this disk, or not ours to remove
            fd = os.open(hidden, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if _lock(fd):
                    shutil.rmtree(hidden, ignore_errors=True)
            finally:
                os.close(fd)


@contextmanager
def _make_hidden_folder(parent: Path) -> Iterator[Path]:
    """A new folder, locked; removed at the end unless it was renamed."""
    while True:
        hidden = parent / f"{PARTIAL_PREFIX}{secrets.token_hex(8)}"
        hidden.mkdir()
        fd = _open_locked(hidden)
        # None: a process that tidied up came between the two steps.
        if fd is not None:
            break
    try:
        yield hidden
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
        os.close(fd)


def _open_locked(hidden: Path) -> int | None:
    """Open a folder that was just made and lock it; None when somebody else has removed it."""
    fd = -1
    try:
        fd = os.open(hidden, os.O_RDONLY | os.O_DIRECTORY)
        if _lock_where_possible(fd) and os.path.samestat(os.fstat(fd), hidden.stat()):
            return fd
    except FileNotFoundError:
        pass
    if fd >= 0:
        os.close(fd)
    return None


def _lock_where_possible(fd: int) -> bool:
    """Take the lock of an open folder; also True on a disk that has no such locks.

    There nobody can lock a folder to remove it either.
    """
    try:
        return _lock(fd)
    except OSError:
        return True


def _lock(fd: int) -> bool:
    """Take the lock of an open folder; False when another process has it."""
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
