"""`search.preset`: settings that belong together, each value with its source in a YAML file here.

A file is a config with only some keys, which the user's own override. Its list `when` has further
keys for a task preset (`task: bbh/*`) or a strategy (`strategy: NAME`).
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from importlib import resources
from typing import Any

from opro_cli.core.settings.read import overlay
from opro_cli.core.settings.schema import nearest

SEARCH_PRESETS = ("default", "paper-gpt", "paper-palm")


def expand_search_preset(name: str, task: str | None, strategy: str | None) -> dict[str, Any]:
    """Return the keys that a preset gives for a task preset and a strategy, None if not named.

    Raises ValueError saying what was expected.
    """
    if name not in SEARCH_PRESETS:
        guess = nearest(name, list(SEARCH_PRESETS))
        meant = f' (did you mean "{guess}"?)' if guess else ""
        raise ValueError(f"expected one of {', '.join(SEARCH_PRESETS)}{meant}, found {name!r:.60}")
    if name == "default":
        return {}  # the defaults of `core.settings`
    import yaml

    text = (resources.files(__name__) / f"{name}.yaml").read_text("utf-8")
    preset: dict[str, Any] = yaml.safe_load(text)
    named = {"task": task or "", "strategy": strategy or ""}
    for case in preset.pop("when"):
        conditions = {kind: case[kind] for kind in named if kind in case}
        if all(fnmatchcase(named[kind], pattern) for kind, pattern in conditions.items()):
            preset = overlay(preset, case["then"])
    return preset
