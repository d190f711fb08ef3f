"""Files that a user names, and whole-file writes that are complete or absent after power loss."""

from __future__ import annotations

import errno
import os
import stat
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

from opro_cli.errors import OproError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

T = TypeVar("T")

BINARY: int = getattr(os, "O_BINARY", 0)
"""A flag for `os.open`: without it Windows turns each line end that is written into two bytes."""
NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)
"""A flag for `os.open`: a pipe that stands for a file is not waited for. Not on Windows."""
OPENS_FOLDERS = hasattr(os, "O_DIRECTORY")
"""Whether a folder can be opened, to be synced or locked; not on Windows."""
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_OWN_STREAMS = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")


class NotAFileError(OSError):
    """A path that names something else than a file; `kind`: "a named pipe"."""

    def __init__(self, path: Path, kind: str) -> None:
        super().__init__(errno.EINVAL, f"it is {kind}, not a file", str(path))
        self.kind = kind


@contextmanager
def explain_refusal(error: type[OproError], what: str, hint: str) -> Iterator[None]:
    """Raise "WHAT: No space left on device", with a hint, when the system refuses something."""
    try:
        yield
    except OSError as refusal:
        raise error(f"{what}: {refusal.strerror}", hint) from refusal


def open_to_read(path: Path, *, stream: bool = False) -> BinaryIO:
    """Open a file to read bytes; `stream` also accepts the shell's /dev/stdin and `<(command)`.

    Raises:
        NotAFileError: It is a pipe, a socket or a device.
        OSError: It cannot be opened.
        ValueError: No file can have such a name.
    """
    require_file(path, stream=stream)
    if stream and _is_own_stream(path):
        return path.open("rb")
    # O_NONBLOCK: should a pipe have taken its place since, opening it must not wait for a writer.
    fd = os.open(path, os.O_RDONLY | NONBLOCK | BINARY)
    return os.fdopen(fd, "rb")


def require_file(path: Path, *, stream: bool = False) -> None:
    """Raise unless `path` is a file.

    Raises:
        NotAFileError: It is a pipe, a socket or a device.
        IsADirectoryError: It is a folder.
        OSError: There is nothing.
    """
    kind = stat.S_IFMT(path.stat().st_mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if kind in _KINDS and not (stream and kind == stat.S_IFIFO and _is_own_stream(path)):
        raise NotAFileError(path, _KINDS[kind])


def read_file(path: Path) -> bytes:
    """Read a whole file; raises as `open_to_read`."""
    with open_to_read(path) as file:
        return file.read()


def _is_own_stream(path: Path) -> bool:
    return str(path).startswith(_OWN_STREAMS)


def write_atomically(
    path: Path, data: bytes, *, lasting: bool = True, mode: int | None = None
) -> None:
    """Replace `path` by `data`: write beside it, fsync, rename, fsync the folder.

    Args:
        path: The file, which need not exist.
        data: Its new content.
        lasting: False for a file that is checked when it is read and can be made anew: without
            fsync, power loss may leave an older one, or a damaged one.
        mode: Its permissions; None for those that the umask leaves.

    Raises:
        OSError: The disk refuses, or `path` is something else than a file.
    """
    with suppress(FileNotFoundError):
        # Renaming would silently replace a pipe or a device, as root even /dev/null.
        require_file(path)
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            if mode is not None:
                temporary.chmod(mode)
            if lasting:
                file.flush()
                sync_file(file.fileno())
        retry_while_in_use(lambda: temporary.replace(path))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if lasting:
        sync_folder(path.parent)


_IN_USE = frozenset({5, 32, 33})
"""Windows' numbers: access denied, sharing violation, lock violation."""
_PATIENCE_S, _PAUSE_S = 2.0, 0.02


def retry_while_in_use(change: Callable[[], T]) -> T:
    """Replace, rename or remove something that another process may just be reading.

    Windows refuses that while a file is open anywhere: in `opro view`, say, or in a virus scanner.
    They have it open for a moment, so it is tried again for two seconds.
    """
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return change()
        except OSError as error:
            if getattr(error, "winerror", None) not in _IN_USE or time.monotonic() > until:
                raise
        time.sleep(_PAUSE_S)


def sync_file(fd: int) -> None:
    """Force an open file to the disk, and out of the disk's own memory, where fsync does not.

    Raises:
        OSError: The disk refuses.
    """
    if fcntl is not None and hasattr(fcntl, "F_FULLFSYNC"):  # macOS
        try:
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        except OSError as error:
            # Network file systems and some disks do not know it.
            if error.errno not in (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY):
                raise
        else:
            return
    os.fsync(fd)


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder durable; a no-op where folders cannot be opened (Windows)."""
    if not OPENS_FOLDERS:
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        # Some network file systems cannot sync a folder; nothing more can be done there.
        if error.errno not in (errno.EINVAL, errno.EBADF):
            raise
    finally:
        os.close(fd)


def read_at(fd: int, size: int, start: int) -> bytes:
    """Read from a place in an open file; this moves the position in it. Windows has no `pread`."""
    os.lseek(fd, start, os.SEEK_SET)
    return os.read(fd, size)


_BLOCK = 1 << 20


def compute_crc32(path: Path, size: int = -1) -> int:
    """Return the CRC-32 of the first `size` bytes of a file, or of all."""
    crc = 0
    with path.open("rb") as file:
        for block in read_blocks(file, size):
            crc = zlib.crc32(block, crc)
    return crc


def read_blocks(file: BinaryIO, size: int = -1) -> Iterator[bytes]:
    """Yield the first `size` bytes of a file, or all, in blocks."""
    while block := file.read(_BLOCK if size < 0 else min(size, _BLOCK)):
        size -= len(block)
        yield block
