"""Commands whose texts and paths are taken as they were typed.

Typer hands every value to pydantic, whose import is half the start-up of a short command and
which returns a text unchanged. A value that needs a check (a number, a choice, a path that the
system would refuse) still goes there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

from typer.core import TyperCommand, TyperGroup

_KINDS: dict[Any, type[str | Path]] = {str: str, list[str]: str, Path: Path, list[Path]: Path}
_KINDS |= {hint | None: kind for hint, kind in _KINDS.items()}


class _TakesAsTyped:
    callback: Any

    def get_params(self, ctx: Any) -> Any:
        """Return the parameters of a command, `--help` and the like included."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]  # a mixin's
        hints = get_type_hints(self.callback) if self.callback else {}
        for param in params:
            kind = _KINDS.get(hints.get(param.name))
            param.process_value = partial(_process, type(param).process_value, param, kind)
        return params


class Command(_TakesAsTyped, TyperCommand):
    """A command of typer's that takes texts as they were typed."""


class Group(_TakesAsTyped, TyperGroup):
    """A group of commands whose own options are taken as they were typed."""


def _process(
    process: Callable[..., Any], param: Any, kind: type[str | Path] | None, ctx: Any, value: Any
) -> Any:
    """Return the value of a parameter; `process`, its own method, asks pydantic for it."""
    several = param.multiple or param.nargs == -1
    if value in (None, ()):
        missing = () if several else None
        if param.required:
            return process(param, ctx, value)  # it names what is missing
        return param.callback(ctx, param, missing) if param.callback else missing
    values = value if several else [value]
    if kind is None or (kind is Path and not all(map(_is_path, values))):
        return process(param, ctx, value)
    typed = [kind(each) for each in values]
    return typed if several else typed[0]


def _is_path(value: str | Path) -> bool:
    """Whether the system can be asked for it: no NUL and no half a character in it."""
    try:
        return b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False
