"""Locks of open files. The system gives back those of a process that dies."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

try:
    fcntl: Any = import_module("fcntl")
except ImportError:  # Windows
    fcntl = None

_LOCKED_BYTE = 0x7FFF_FFFE
"""What is locked on Windows: others cannot read a byte while it is, so it is one behind the file's
end."""


def try_lock(fd: int) -> bool:
    """Take the lock of an open file; return False while another process has it.

    On Windows this moves the position in the file.

    Raises:
        OSError: The system refuses; ENOSYS on a disk without such locks.
    """
    if fcntl is None:
        return _try_lock_byte(fd)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(fd: int) -> None:
    """Give a lock back; closing the file does so as well."""
    if fcntl is not None:
        fcntl.flock(fd, fcntl.LOCK_UN)
        return
    os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
    msvcrt = _import_msvcrt()
    msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)


def _try_lock_byte(fd: int) -> bool:
    os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
    msvcrt = _import_msvcrt()
    try:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
    except PermissionError:
        return False
    return True


def _import_msvcrt() -> Any:
    return import_module("msvcrt")  # its types are known on Windows alone
