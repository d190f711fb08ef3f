"""Where the value of each key of a config comes from: the file, a preset, or a default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from opro_cli.core.settings.read import NameResolver

Kind = Literal["file", "preset", "default"]


@dataclass(frozen=True, slots=True)
class KeyOrigin:
    """One key of a config that was read.

    Attributes:
        path: The key with its sections, ("search", "steps").
        value: As plain data.
        kind: What gave the value.
        preset: The preset that gave it, "gsm8k"; "" where none did.
    """

    path: tuple[str, ...]
    value: Any
    kind: Kind
    preset: str = ""


def find_origins(plain: Mapping[str, Any], raw: Any, names: NameResolver) -> list[KeyOrigin]:
    """List every key of a config with the origin of its value.

    Args:
        plain: The whole config, every default written out.
        raw: The file as it stands, already found to be a config.
        names: What presets stand for.
    """
    presets = _presets_in(raw, names)
    return [_origin_of(path, value, raw, presets) for path, value in _leaves(plain, ())]


def _origin_of(
    path: tuple[str, ...], value: Any, raw: Any, presets: Mapping[str, Mapping[str, Any]]
) -> KeyOrigin:
    if _has(raw, path):
        return KeyOrigin(path, value, "file")
    for name, given in presets.items():
        if _has(given, path):
            return KeyOrigin(path, value, "preset", name)
    return KeyOrigin(path, value, "default")


def _presets_in(raw: Any, names: NameResolver) -> dict[str, Mapping[str, Any]]:
    """Return what the presets of a config give, as configs of some keys, by their names."""
    task = raw.get("task") if isinstance(raw, Mapping) else None
    search = raw.get("search") if isinstance(raw, Mapping) else None
    named = task.get("preset") if isinstance(task, Mapping) else None
    task_preset = None if named is None else str(named)
    given: dict[str, Mapping[str, Any]] = {}
    if isinstance(search, Mapping) and "preset" in search:  # it goes before that of the task
        preset = str(search["preset"])
        given[preset] = names.search_preset(preset, task_preset, search.get("strategy"))
    if task_preset is not None:
        given[task_preset] = {"task": names.task_preset(task_preset)}
    return given


def _leaves(plain: Mapping[str, Any], path: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
    leaves = []
    for name, value in plain.items():
        if isinstance(value, Mapping):
            leaves += _leaves(value, (*path, name))
        else:
            leaves.append(((*path, name), value))
    return leaves


def _has(config: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(config, Mapping) or name not in config:
            return False
        config = config[name]
    return True
