"""Arguments of the Python API: those of a wrong type are refused before anything is read."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Collection, Mapping
from typing import Any

from opro_cli.core.settings.schema import show
from opro_cli.errors import UsageError


def _is_section(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_path(value: Any) -> bool:
    return isinstance(value, str | os.PathLike)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_model(value: Any) -> bool:
    return isinstance(value, str | Mapping) or callable(value) or _has(value, "reply", "aclose")


def _is_models(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_is_model, value.values()))


def _is_metric(value: Any) -> bool:
    return _has(value, "grade", "target") or (callable(value) and not isinstance(value, type))


def _is_changes(value: Any) -> bool:
    is_list = isinstance(value, Collection) and not isinstance(value, str | Mapping)
    return is_list and all(isinstance(each, str) for each in value)


def _is_count(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and operator.index(value) >= 1  # numpy's, too
    except TypeError:
        return False


def _has(value: Any, *methods: str) -> bool:
    """Return whether an object, and no class that is yet to be called, has these methods."""
    return not isinstance(value, type) and all(callable(getattr(value, m, None)) for m in methods)


_SECTION = "a section: a mapping of its keys", _is_section
_MODEL = "a model's name, its section, or a function of the chat", _is_model
_PATH = "a path", _is_path
_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "config": (
        "a config file, or its content as a mapping",
        lambda v: _is_path(v) or _is_section(v),
    ),
    "task": _SECTION,
    "search": _SECTION,
    "budget": _SECTION,
    "scorer": _MODEL,
    "optimizer": _MODEL,
    "roles": ("a mapping of roles to models", _is_models),
    "metric": ("a function of reply, target and question, or a metric", _is_metric),
    "strategy": (
        "a strategy: an object with propose and read",
        lambda v: _has(v, "propose", "read"),
    ),
    "evaluator": ("an evaluator: an object with evaluate", lambda v: _has(v, "evaluate")),
    "name": ("a text", _is_text),
    "runs_dir": _PATH,
    "ledger": _PATH,
    "run": ("the folder or the name of a run", _is_path),
    "limit": ("a number of questions", _is_count),
    "changes": ('a list of changes, such as ["calls=+100"]', _is_changes),
}
_OPTIONAL = frozenset(_KINDS) - {"run", "runs_dir", "changes"}


def check_arguments(given: Mapping[str, Any]) -> None:
    """Raise UsageError for an argument of a wrong type; None is none, where it may be.

    `changes` are those of ceilings, the argument `budget` of a resume. Arguments that may be
    anything, or are looked at elsewhere, have no kind here.
    """
    for name, value in given.items():
        expected, fits = _KINDS.get(name, ("", bool))
        if not expected or (value is None and name in _OPTIONAL) or fits(value):
            continue
        found = f"the class {value.__name__}" if isinstance(value, type) else show(value)
        argument = "budget" if name == "changes" else name
        raise UsageError(f"{argument}: expected {expected}, found {found}")
