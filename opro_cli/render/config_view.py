"""A whole config as YAML, each value with a comment that says where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opro_cli.render.page import Page
from opro_cli.render.safe import measure_width, printable

if TYPE_CHECKING:
    from opro_cli.core.settings.origins import KeyOrigin

_COLUMN = 44
"""Where the comments begin, but for longer lines."""


def print_config(
    keys: Sequence[KeyOrigin], lines: Mapping[tuple[str, ...], int], page: Page
) -> None:
    """Print every key in its section.

    Args:
        keys: In the order of the config.
        lines: The line of the file, of the keys that it gives.
        page: Takes the lines as they are: they may be redirected into a file.
    """
    above: tuple[str, ...] = ()
    for key in keys:
        *sections, name = key.path
        shared = 0
        while shared < min(len(above), len(sections)) and above[shared] == sections[shared]:
            shared += 1
        for depth in range(shared, len(sections)):
            page.write(f"{'  ' * depth}{sections[depth]}:")
        above = tuple(sections)
        text = f"{'  ' * len(sections)}{name}: {_spell(key.value)}"
        blanks = " " * max(2, _COLUMN - measure_width(text))
        page.write(f"{text}{blanks}# {_origin(key, lines.get(key.path))}")


def _origin(key: KeyOrigin, line: int | None) -> str:
    if key.kind == "preset":
        return f"preset {printable(key.preset)}"
    return f"line {line}" if line is not None else key.kind


def _spell(value: Any) -> str:
    """A value as YAML in one line; with escapes where a terminal would obey a character."""
    import yaml

    def dump(*, unicode: bool) -> str:
        text = yaml.safe_dump(
            value,
            allow_unicode=unicode,
            default_flow_style=True,
            default_style='"' if isinstance(value, str) and "\n" in value else None,
            width=float("inf"),
            sort_keys=False,
        )
        return str(text).removesuffix("\n...\n").strip()

    text = dump(unicode=True)
    return text if printable(text) == text else dump(unicode=False)
