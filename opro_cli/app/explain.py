"""Where each value of a config comes from: `opro config`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opro_cli import wiring
from opro_cli.config.file import read_overridden
from opro_cli.config.overrides import parse_override
from opro_cli.config.yaml_file import line_of_key
from opro_cli.core.settings.differences import (
    KeyOrigin,
    convert_to_plain,
    find_origins,
    find_written,
)

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class ExplainedConfig:
    """Every key of a config with its origin.

    Attributes:
        file: The config file.
        plain: The whole config, as a new run would be given it.
        keys: All keys in order.
        lines: The lines of those that the file itself sets.
    """

    file: Path
    plain: Mapping[str, Any]
    keys: Sequence[KeyOrigin]
    lines: Mapping[tuple[str, ...], int]

    def to_json(self) -> dict[str, Any]:
        """Return what `opro config --json` prints."""
        keys = {
            ".".join(key.path): {
                "value": key.value,
                "origin": key.kind,
                "line": self.lines.get(key.path),
                "preset": key.preset or None,
            }
            for key in self.keys
        }
        return {"file": str(self.file), "keys": keys, "config": self.plain}


def explain_config(config: Path, overrides: Sequence[str] = ()) -> ExplainedConfig:
    """Return each key of a config, its value and its origin; nothing is read but the file.

    Args:
        config: The file, or STDIN.
        overrides: Keys in place of those of the file, each KEY=VALUE.
    """
    parsed = list(map(parse_override, overrides))
    settings = wiring.read_config(config, parsed)
    plain = convert_to_plain(wiring.fill_in_new(settings, (config.resolve().parent,)))
    file = read_overridden(config, parsed)
    keys = find_origins(plain, file.raw, wiring.NAMES)
    keys = [replace(key, kind="option") if file.find_option(key.path) else key for key in keys]
    lines = {
        key.path: line_of_key(find_written(key.path, file.raw), file.lines)
        for key in keys
        if key.kind == "file"
    }
    return ExplainedConfig(config, plain, keys, lines)
