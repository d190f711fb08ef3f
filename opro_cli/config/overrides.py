"""Keys of a config given on the command line: `--set search.steps=2` and its short forms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from opro_cli.core.settings.prompts import drop_replaced
from opro_cli.core.settings.schema import Path as KeyPath
from opro_cli.core.settings.schema import show
from opro_cli.errors import UsageError


@dataclass(frozen=True, slots=True)
class Override:
    """One key and its value.

    Attributes:
        path: The key with its sections; a number is the index of an element of a list.
        value: As plain data.
        option: How it was given, "--set search.steps", for messages.
    """

    path: KeyPath
    value: Any
    option: str


def parse_override(typed: str, option: str | None = None) -> Override:
    """Parse KEY=VALUE, where VALUE is read as YAML reads it.

    Args:
        typed: The key with its sections, "search.steps=2".
        option: The name of a short form, for messages; None for --set.

    Raises:
        UsageError: It has no key or no "=", or its value is not YAML.
    """
    dotted, equals, value = typed.partition("=")
    names = dotted.strip().split(".")
    if not equals or not all(names):
        raise UsageError(
            f"--set: expected KEY=VALUE, found {show(typed)}",
            "name the key with its sections, such as --set search.steps=2",
        )
    option = option or f"--set {dotted.strip()}"
    try:
        plain = yaml.safe_load(value)
    except (yaml.YAMLError, RecursionError, ValueError, KeyError, AttributeError):
        raise UsageError(
            f"{option}: expected a value as YAML has it, found {show(value)}",
            f"quote it twice where it has signs of YAML's: --set '{dotted}=\"…\"'",
        ) from None
    path = tuple(int(name) if name.isascii() and name.isdecimal() else name for name in names)
    return Override(path, plain, option)


def apply_overrides(raw: Any, overrides: Iterable[Override]) -> Any:
    """Return a config with keys replaced or added, in order; sections are made where none are.

    Args:
        raw: The file as plain data; it is left as it is.
        overrides: The keys.

    Raises:
        UsageError: A key is within a value that is no section, or beyond the end of a list.
    """
    for override in overrides:
        raw = _replace(raw, override.path, override)
    return raw


def _replace(under: Any, path: KeyPath, override: Override) -> Any:
    if not path:
        return override.value
    name, *rest = path
    if isinstance(under, list) and isinstance(name, int) and name < len(under):
        return [*under[:name], _replace(under[name], tuple(rest), override), *under[name + 1 :]]
    if isinstance(under, dict) or under is None:
        section = drop_replaced(under or {}, (str(name),))
        key = name if name in section else str(name)
        return {**section, key: _replace(section.get(key), tuple(rest), override)}
    depth = len(override.path) - len(path)
    where = ".".join(map(str, override.path[:depth])) or "the config"
    raise UsageError(
        f"{override.option}: {where} is {show(under)}, which has no {name}",
        f"set the whole of it: --set {where}=…" if depth else "name a config with sections",
    )
