"""Runs that are asked for more than they began with: `opro eval` with another prompt."""

from __future__ import annotations

import os
import time
from pathlib import Path

from opro_cli import __version__
from opro_cli.adapters.atomic import write_atomically
from opro_cli.adapters.journal import FileJournal
from opro_cli.adapters.run_files import json_bytes, settings_fingerprint
from opro_cli.adapters.run_folder import read_identity, rewrite_config
from opro_cli.core.changes import as_plain
from opro_cli.core.events import SessionStarted
from opro_cli.core.settings import Settings
from opro_cli.errors import RunFolderError


def add_instructions(folder: Path, settings: Settings) -> None:
    """Let a run that searches nothing go on with further instructions behind those it has.

    settings: those of the run with the longer list. Killed in the middle, it is as it was or as
    it shall be, and not finished in between. Raises RunFolderError when another process has the
    run or the disk refuses.
    """
    journal = FileJournal(folder / "events.jsonl")
    try:
        # First, so that a finished run is at work again before its result is out of date.
        journal.append(SessionStarted(time.time(), os.getpid(), __version__))
        journal.sync()
        (folder / "result.json").unlink(missing_ok=True)
        plain = as_plain(settings)
        about = {
            **read_identity(folder),
            "settings": plain,
            "config_fingerprint": settings_fingerprint(plain),
        }
        write_atomically(folder / "run.json", json_bytes(about))
    except OSError as error:
        raise RunFolderError(
            f"{folder}: cannot be added to: {error.strerror}",
            "make room or fix the permissions, then give the same command again",
        ) from error
    finally:
        journal.close()
    rewrite_config(folder, settings)
