"""The files that a run's questions came from: are they still what they were when it began?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from opro_cli.adapters.config_file import HUB
from opro_cli.core.settings import DataSettings
from opro_cli.errors import RunFolderError


def file_digests(data: DataSettings) -> dict[str, str]:
    """sha256 (64 hex digits) of each local file, by its path as configured."""
    places = (data.train, data.dev, data.test)
    local = [place for place in places if place and not place.startswith(HUB)]
    return {str(path): _digest(path) for path in map(Path, local)}


def check_unchanged(digests: Mapping[str, str]) -> None:
    """A file that is gone does no harm, the run has its own copy; a changed one is refused.

    Raises RunFolderError naming it.
    """
    for name, digest in digests.items():
        path = Path(name)
        if path.is_file() and _digest(path) != digest:
            raise RunFolderError(
                f"{path}: changed since the run began",
                "restore the file to resume, or start a new run with `opro optimize`",
            )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
