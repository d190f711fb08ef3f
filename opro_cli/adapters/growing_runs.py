"""Runs that are asked for more than they began with: `opro eval` with another prompt."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from opro_cli import __version__
from opro_cli.adapters.atomic import write_atomically
from opro_cli.adapters.journal import FileJournal
from opro_cli.adapters.run_files import json_bytes, settings_fingerprint
from opro_cli.adapters.run_folder import CONFIG_COPY, read_identity, rewrite_config
from opro_cli.core.changes import as_plain
from opro_cli.core.events import SessionStarted
from opro_cli.core.settings import Settings
from opro_cli.errors import RunFolderError


def add_instructions(journal: FileJournal, settings: Settings) -> Settings:
    """Add instructions to a run that searches nothing, behind those that it has.

    Args:
        journal: of the run, open, so that no other process adds to the same list meanwhile.
        settings: of the present command; its instructions are added.

    Returns:
        The settings with all instructions of the run, those of other commands first.

    Raises:
        RunFolderError: the disk refuses.

    Killed at any moment, the run is as it was or has the longer list, can be resumed, and does not
    count as finished in between.
    """
    folder = journal.path.parent
    identity = read_identity(folder)
    known = tuple(identity["settings"]["search"]["initial_instructions"])
    instructions = tuple(dict.fromkeys((*known, *settings.search.initial_instructions)))
    settings = replace(settings, search=replace(settings.search, initial_instructions=instructions))
    if instructions == known:
        return settings
    plain = as_plain(settings)
    about = {**identity, "settings": plain, "config_fingerprint": settings_fingerprint(plain)}
    try:
        # First, so that a finished run is at work again before its result is out of date.
        journal.append(SessionStarted(time.time(), os.getpid(), __version__))
        journal.sync()
        (folder / "result.json").unlink(missing_ok=True)
        # A run without its copy of the config can be resumed; one whose copy has other
        # instructions than run.json cannot.
        (folder / CONFIG_COPY).unlink(missing_ok=True)
        write_atomically(folder / "run.json", json_bytes(about))
    except OSError as error:
        raise RunFolderError(
            f"{folder}: cannot be added to: {error.strerror}",
            "make room or fix the permissions, then give the same command again",
        ) from error
    rewrite_config(folder, settings)
    return settings
