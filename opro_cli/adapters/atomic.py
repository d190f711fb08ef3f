"""Whole-file writes that are there completely or not at all, also after power loss."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path

from opro_cli.adapters.named_files import refuse_what_is_no_file


def write_atomically(path: Path, data: bytes, *, lasting: bool = True) -> None:
    """Replace `path` by `data`: write beside it, fsync, rename, fsync the folder.

    lasting: False for a file that is checked when it is read and can be made anew: nobody waits
    for the disk, and power loss may leave an older one, or damage.

    Raises OSError when the disk refuses, and when `path` is there and is no file.
    """
    with suppress(FileNotFoundError):
        # Renaming would silently replace it, as root even /dev/null.
        refuse_what_is_no_file(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:  # with the permissions that the umask leaves
            file.write(data)
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
    """Make renames inside a folder last; a no-op where folders cannot be opened (Windows)."""
    if os.name == "nt":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        # What some network file systems say to a folder; there is nothing more to be done there.
        if error.errno not in (errno.EINVAL, errno.EBADF):
            raise
    finally:
        os.close(fd)
