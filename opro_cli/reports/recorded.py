"""A run as read from its folder: what reports are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from opro_cli.core.model import Example, Split
from opro_cli.core.state import RunState

Status = Literal["finished", "running", "stopped", "failed", "killed"]


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One run on disk.

    name: the folder's name. settings: the resolved config as plain data. identity: run.json.
    status: killed means that the process ended without a word; all but finished and running
    can be resumed.
    """

    name: str
    folder: str
    settings: Mapping[str, Any]
    identity: Mapping[str, Any]
    examples: Mapping[Split, Sequence[Example]]
    state: RunState
    status: Status
