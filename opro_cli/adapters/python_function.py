"""`answer: python:module:function`: the user's own scoring function, imported on request."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from opro_cli.errors import UsageError


def function_named(spec: str) -> Any:
    """The function that "python:module:function" names; the current folder is searched first.

    Runs the module's code: only a config that asks for it by name gets here.
    Raises UsageError for anything that cannot be imported or called.
    """
    parts = spec.split(":")
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise UsageError(f'answer "{spec}": expected python:MODULE:FUNCTION')
    _, module_name, function_name = parts
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise UsageError(
            f'answer "{spec}": importing {module_name} failed: {type(error).__name__}: {error}',
            f"opro looked in {here} and among the installed packages",
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise UsageError(f'answer "{spec}": {module_name} has no function {function_name}')
    return function
