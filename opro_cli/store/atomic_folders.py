"""Folders that appear whole or not at all, and disappear whole.

A new folder is filled under a unique hidden name and renamed at the end. Its maker holds a lock on
it, which the system releases when it dies, so what a dead maker left can be removed. Where folders
cannot be locked (Windows), one that was begun a day ago has no maker any more.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from opro_cli.errors import RunFolderError
from opro_cli.files import OPENS_FOLDERS, explain_refusal, retry_while_in_use, sync_folder
from opro_cli.locks import try_lock
from opro_cli.shell import describe_removal

PARTIAL_PREFIX = ".making-"
"""The prefix of a folder that is still being made; such a folder is no run."""
_LONGEST_MAKING_S = 86_400.0


def remove_folder(folder: Path) -> None:
    """Remove the folder of a run or a sweep, so that no part of it is ever taken for one.

    Raises:
        RunFolderError: The disk refuses.
    """
    if folder.is_symlink():
        command = describe_removal(str(folder))
        raise RunFolderError(f"{folder}: is a link", f"remove it with `{command}`")
    hint = "make its parent folder writable"
    with explain_refusal(RunFolderError, f"{folder}: cannot be removed", hint):
        hidden = folder.resolve().with_name(f"{PARTIAL_PREFIX}{os.urandom(8).hex()}")
        retry_while_in_use(lambda: folder.rename(hidden))
        retry_while_in_use(lambda: shutil.rmtree(hidden))


def make_folder(folder: Path, fill: Callable[[Path], None]) -> bool:
    """Make a folder and its content in one step.

    Args:
        folder: Its final path; missing parents are made.
        fill: Writes the content into the folder that it is given.

    Returns:
        False if `folder` exists already; it is left as it is.

    Raises:
        OSError: The disk refuses, and nothing is left behind.
    """
    make_durable_folder(folder.parent)
    remove_partial_folders(folder.parent)
    with _make_hidden_folder(folder.parent) as hidden:
        fill(hidden)
        sync_folder(hidden)
        try:
            retry_while_in_use(lambda: hidden.rename(folder))
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


def explain_missing_folder(folder: Path, what: str) -> AbstractContextManager[None]:
    """Raise RunFolderError when the system refuses to make a folder of some kind."""
    hint = "make room, or name another place with --runs-dir or OPRO_RUNS_DIR"
    return explain_refusal(RunFolderError, f"{folder}: cannot make {what} here", hint)


def make_durable_folder(folder: Path) -> None:
    """Make a folder and its parents so that they survive power loss."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)


def remove_partial_folders(parent: Path) -> None:
    """Remove the half-made folders of dead processes."""
    for hidden in parent.glob(f"{PARTIAL_PREFIX}*"):
        with suppress(OSError):  # a disk without such locks, or no permission
            if not OPENS_FOLDERS:
                if time.time() - hidden.stat().st_mtime > _LONGEST_MAKING_S:
                    shutil.rmtree(hidden, ignore_errors=True)
                continue
            fd = os.open(hidden, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if try_lock(fd):
                    shutil.rmtree(hidden, ignore_errors=True)
            finally:
                os.close(fd)


@contextmanager
def _make_hidden_folder(parent: Path) -> Iterator[Path]:
    """Make a locked hidden folder; remove it at the end unless it was renamed."""
    if not OPENS_FOLDERS:
        hidden = parent / f"{PARTIAL_PREFIX}{os.urandom(8).hex()}"
        hidden.mkdir()
        try:
            yield hidden
        finally:
            shutil.rmtree(hidden, ignore_errors=True)
        return
    fd = None
    while fd is None:  # a process that cleaned up came between the two steps
        hidden = parent / f"{PARTIAL_PREFIX}{os.urandom(8).hex()}"
        hidden.mkdir()
        fd = _open_locked(hidden)
    try:
        yield hidden
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
        os.close(fd)


def _open_locked(hidden: Path) -> int | None:
    """Open and lock a folder that was just made; None if another process has removed it."""
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
    """Take the lock of an open folder; True also on a disk without such locks.

    There no other process can lock the folder to remove it either.
    """
    try:
        return try_lock(fd)
    except OSError:
        return True
