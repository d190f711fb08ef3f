"""`answer: python:module:function`: the user's own scoring function, imported on request.

A run imports it in a process of its own, see `worker_grader`.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from opro_cli.adapters.models.provider_keys import redact
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
    try:
        with _searched_first(here):
            module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise UsageError(
            f'answer "{spec}": importing {module_name} failed: '
            f"{type(error).__name__}: {redact(str(error))}",
            f"opro looked in {here} and among the installed packages",
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise UsageError(f'answer "{spec}": {module_name} has no function {function_name}')
    return function


def imported_when_called(spec: str) -> Callable[[str, str, str], Any]:
    """The function that "python:module:function" names, which is not looked for before its use."""

    def call(reply: str, target: str, question: str) -> Any:
        return function_named(spec)(reply, target, question)

    return call


def describe_code(spec: str, function: Any) -> str:
    """Say in a sentence that code of the user grades, and from which file it came."""
    try:
        where = inspect.getsourcefile(inspect.unwrap(function))
    except TypeError:  # built in, or an object that can be called
        where = getattr(sys.modules.get(spec.split(":")[1]), "__file__", None)
    return f"answers are graded by {spec}, code from {where or 'no file'}"


@contextmanager
def _searched_first(folder: str) -> Iterator[None]:
    """Imports look into `folder` first, and from then on last.

    Left in front it would answer for every module that opro itself has yet to import: a
    litellm.py that lies about would run though no config names it.
    """
    there_already = folder in sys.path
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
        if not there_already:
            sys.path.append(folder)
