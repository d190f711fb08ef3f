"""The output of `--json`; `opro_cli/docs/json.md` documents every shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

FORMAT_VERSION = 1
"""Version of every object that has none of its own; `result.json` has."""


def print_json(data: Mapping[str, Any] | list[dict[str, Any]]) -> None:
    """Print an object, or a list of objects, on stdout; each says its `format_version`."""
    if isinstance(data, list):
        print(json.dumps([_add_version(each) for each in data], indent=2, default=str))
    else:
        print(json.dumps(_add_version(data), indent=2, default=str))


def _add_version(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"format_version": FORMAT_VERSION, **data}
