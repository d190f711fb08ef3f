"""The settings of a run: those that it began with, and those of its copy of the config."""

from __future__ import annotations

from pathlib import Path

from opro_cli import wiring
from opro_cli.core.settings.settings import Settings
from opro_cli.errors import ConfigError, RunFolderError
from opro_cli.store.run_folder import CONFIG_COPY, read_identity


def read_recorded_settings(folder: Path) -> Settings:
    """Return the settings that the run began with."""
    recorded = wiring.parse_settings(read_identity(folder)["settings"])
    if recorded is None:
        raise RunFolderError(
            f"{folder / 'run.json'}: its settings cannot be read",
            "restore it from a backup, or copy the whole run folder again",
        )
    return recorded


def read_present_settings(folder: Path) -> Settings:
    """Return the settings of its copy of the config; without that copy, those it began with."""
    path = folder / CONFIG_COPY
    if not path.exists():
        return read_recorded_settings(folder)
    try:
        return wiring.read_config(path, is_copy=True)
    except ConfigError as error:
        raise RunFolderError(
            error.message, f"put it right, or delete {path} to go on as the run began"
        ) from None
