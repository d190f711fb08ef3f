"""Read what a run began with: its settings, parts and weights; and its own copy of the config."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opro_cli import wiring
from opro_cli.core.settings.settings import Settings
from opro_cli.embedded.config import hash_weights
from opro_cli.errors import ConfigError, RunFolderError
from opro_cli.models.gguf_files import hash_files
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


def list_part_folders(identity: Mapping[str, Any]) -> tuple[Path, ...]:
    """Return where parts from outside opro are looked for first: beside the config of the run.

    Args:
        identity: As in run.json: "config_source" is the config's path, and "part_folder" its
            folder where the run has no such file of its own.
    """
    source, folder = identity.get("config_source"), identity.get("part_folder")
    return (Path(source).parent,) if source else (Path(folder),) if folder else ()


def asks_anew(folder: Path) -> bool:
    """Return whether a run was begun without the answer cache, and so goes on without it."""
    return read_identity(folder).get("cached") is False


def hash_weights_of(settings: Settings) -> dict[str, str]:
    """Return the hashes of the weights that the models use, as far as they are computed here."""
    names = [model.model for model in settings.models.values()]
    return {**hash_weights((settings.scorer.model, settings.optimizer.model)), **hash_files(names)}
