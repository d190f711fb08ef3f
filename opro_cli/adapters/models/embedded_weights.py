"""Which weights the embedded models have: another version of opro may bring others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from opro_cli.embedded.config import CHECKPOINTS
from opro_cli.errors import RunFolderError


def weights_of(models: Iterable[str]) -> dict[str, str]:
    """sha256 (64 hex digits) of the weights of each embedded model among `models`, by its name."""
    digests = {}
    for name in sorted(CHECKPOINTS.keys() & set(models)):
        with (CHECKPOINTS[name] / "model.safetensors").open("rb") as file:
            digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def check_weights(name: str, recorded: Mapping[str, str], present: Mapping[str, str]) -> None:
    """RunFolderError when the run of this name was begun with other weights, or did not say."""
    if recorded != present:
        raise RunFolderError(
            f"{name} was begun with other weights of the embedded models than this version of opro "
            "has: its scores would be those of two models",
            "go on with the version that began it, or start a new run with `opro optimize`",
        )
