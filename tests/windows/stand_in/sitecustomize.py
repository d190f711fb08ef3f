"""Takes away what Windows lacks, in any Python that has this folder on its path.

A stand-in on a POSIX system: modules, attributes and flags are gone, a file that is open can be
neither replaced nor removed, a folder cannot be opened, `os.kill` only ever kills, and the event
loop watches neither signals nor files. `msvcrt.locking` is there. What `sys.platform` and `os.name`
decide inside the standard library stays as it is.
"""

import errno
import fcntl
import os
import signal
import stat
import struct
import sys
import time
import types
import warnings
from collections.abc import Callable
from typing import Any

_BUSY = 32  # ERROR_SHARING_VIOLATION
_real_open, _real_kill = os.open, os.kill
_set_lock, _write_lock, _no_lock = fcntl.fcntl, fcntl.F_WRLCK, fcntl.F_UNLCK
_OFD_SETLK = 37


def _locking(fd: int, mode: int, size: int) -> None:
    kind = _no_lock if mode == 0 else _write_lock
    start = os.lseek(fd, 0, os.SEEK_CUR)
    try:
        _set_lock(fd, _OFD_SETLK, struct.pack("hhqqi4x", kind, os.SEEK_SET, start, size, 0))
    except BlockingIOError:
        raise PermissionError(errno.EACCES, "Permission denied") from None


def _open(path: Any, flags: int, mode: int = 0o777, **rest: Any) -> int:
    fd = _real_open(path, flags, mode, **rest)
    if stat.S_ISDIR(os.fstat(fd).st_mode):
        os.close(fd)
        raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))
    return fd


def _kill(pid: int, number: int) -> None:
    if number == 0 and sys._getframe(1).f_globals["__name__"].startswith("filelock"):
        _real_kill(pid, 0)  # on Windows it asks in another way
        return
    if pid == os.getpid():
        os._exit(number)  # TerminateProcess: no handler runs
    _real_kill(pid, 9)


def _refuse_open_files(path: Any) -> None:
    """Raise as Windows does for a file that this process has open, or a folder of such."""
    whole = os.path.realpath(os.fspath(path))
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - pathlib may not be loaded yet
        try:
            target = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115
        except OSError:
            continue
        if target == whole or target.startswith(whole + "/"):
            error = PermissionError(errno.EACCES, "The file is used by another process", path)
            error.winerror = _BUSY  # type: ignore[attr-defined, unused-ignore]
            raise error


def _guard(name: str, both: bool) -> None:
    real: Callable[..., Any] = getattr(os, name)

    def call(path: Any, *more: Any, **rest: Any) -> Any:
        if "dir_fd" not in rest:
            for each in (path, *(more[:1] if both else ())):
                _refuse_open_files(each)
        if name == "rename" and os.path.lexists(more[0]):
            raise FileExistsError(errno.EEXIST, "it exists already", more[0])
        return real(path, *more, **rest)

    setattr(os, name, call)


def _tick(clock: Callable[[], float]) -> Callable[[], float]:
    return lambda: int(clock() * 64) / 64


def _stop_watching() -> None:
    from asyncio import unix_events

    def refuse(*_: Any) -> None:
        raise NotImplementedError

    for name in ("add_signal_handler", "remove_signal_handler", "add_reader", "add_writer"):
        setattr(unix_events._UnixSelectorEventLoop, name, refuse)


def _take_away() -> None:
    import subprocess
    import sysconfig

    def kill(process: Any) -> None:
        process.send_signal(9)

    subprocess.Popen.kill = kill  # type: ignore[assignment, method-assign]
    warnings.filterwarnings("ignore", "only soft file lock")  # filelock's, without fcntl
    sysconfig.get_config_vars()  # it looks for a file by the name of the platform
    _stop_watching()
    msvcrt: Any = types.ModuleType("msvcrt")
    msvcrt.locking, msvcrt.LK_UNLCK, msvcrt.LK_LOCK, msvcrt.LK_NBLCK = _locking, 0, 1, 2
    sys.modules["msvcrt"] = msvcrt
    for module in ("fcntl", "termios", "tty", "pty", "resource", "pwd", "grp"):
        sys.modules[module] = None  # type: ignore[assignment]
    flags = [
        "DIRECTORY",
        "NOFOLLOW",
        "CLOEXEC",
        "NONBLOCK",
        "ASYNC",
        "SYNC",
        "DSYNC",
        "NOCTTY",
        "NOATIME",
        "PATH",
    ]
    names = [f"O_{flag}" for flag in flags]
    words = (
        "fork forkpty register_at_fork killpg setsid getpgrp getpgid tcgetpgrp ttyname pread pwrite"
        " preadv pwritev sysconf sched_getaffinity getuid geteuid getgid getegid getloadavg"
        " fchmod fchown chown mkfifo openpty posix_spawn statvfs fdatasync"
    )
    names += words.split()
    for name in names:
        if hasattr(os, name):
            delattr(os, name)
    kept = {"SIGINT", "SIGTERM", "SIGABRT", "SIGFPE", "SIGILL", "SIGSEGV", "SIG_DFL", "SIG_IGN"}
    for name in [each for each in dir(signal) if each.startswith("SIG") and each.isupper()]:
        if name not in kept:
            delattr(signal, name)
    del signal.pthread_kill
    sys.platform = "stand-in"  # at least not "linux"
    for name in ("monotonic", "time"):  # its clock ticks 64 times a second
        setattr(time, name, _tick(getattr(time, name)))
    os.supports_dir_fd, os.supports_fd = set(), set()
    os.open, os.kill = _open, _kill
    for name, both in (("rename", True), ("replace", True), ("unlink", False), ("remove", False)):
        _guard(name, both)


_take_away()
