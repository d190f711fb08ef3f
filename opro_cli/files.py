"""Files that a user names, and whole-file writes that are complete or absent after power loss."""

from __future__ import annotations

import errno
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from opro_cli.errors import OproError

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
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
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
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if lasting:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder durable; a no-op where folders cannot be opened (Windows)."""
    if os.name == "nt":
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
