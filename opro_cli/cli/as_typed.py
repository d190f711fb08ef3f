"""Texts and paths are taken as they were typed.

Typer hands every value to pydantic, whose import is half the start-up of a short command, and
which gives a text back as it was. What does need a check (a number, a choice, a path that cannot
be one) still goes there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from typer.core import TyperCommand, TyperGroup

_KINDS: dict[Any, type[str | Path]] = {str: str, list[str]: str, Path: Path, list[Path]: Path}


class _AsTyped:
    """What typer asks for the value of a parameter."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value, or all values of a list; None and () for what was not given."""
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        kind = _KINDS.get(param.type_descriptor.annotation)
        values = value if several else [value]
        if kind is None or (kind is Path and not all(map(_is_path, values))):
            return type(param).get_runtime_param(param).coerce(value, param=param, ctx=ctx)
        return [kind(each) for each in values] if several else kind(value)


def _is_path(value: str | Path) -> bool:
    """Can the system be asked for it? Not with a NUL or half a character in it."""
    try:
        return b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


_AS_TYPED = _AsTyped()


class _TakesAsTyped:
    def get_params(self, ctx: Any) -> Any:
        """The parameters of a command, `--help` and the like included."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]  # a mixin's
        for param in params:
            param.get_runtime_param = lambda: _AS_TYPED
        return params


class Command(_TakesAsTyped, TyperCommand):
    """A command of typer's that takes texts as they were typed."""


class Group(_TakesAsTyped, TyperGroup):
    """A group of commands, its own options taken the same way."""
