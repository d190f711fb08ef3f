"""A whole config as YAML, each value with a comment that says where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opro_cli.render.safe import measure_width, printable
from opro_cli.render.tables import Page

if TYPE_CHECKING:
    from opro_cli.core.settings.origins import KeyOrigin

_COLUMN = 44
"""Terminal cells before a comment, unless the line is longer."""


def print_config(
    keys: Sequence[KeyOrigin], lines: Mapping[tuple[str, ...], int], page: Page
) -> None:
    """Print every key in its section, with its origin as a comment.

    Args:
        keys: In the order of the config.
        lines: The line in the file of each key that the file gives.
        page: Gets unbroken lines, because they may be redirected into a file.
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
        text = f"{'  ' * len(sections)}{name}: {_format_yaml(key.value)}"
        blanks = " " * max(2, _COLUMN - measure_width(text))
        page.write(f"{text}{blanks}# {_name_origin(key, lines.get(key.path))}")


def _name_origin(key: KeyOrigin, line: int | None) -> str:
    if key.kind == "preset":
        return f"preset {printable(key.preset)}"
    return f"line {line}" if line is not None else key.kind


def _format_yaml(value: Any) -> str:
    """Return a value as one line of YAML, escaping characters that a terminal would obey."""
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
