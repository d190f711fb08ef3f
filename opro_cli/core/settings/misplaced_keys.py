"""API keys in a config, where other programs have them: opro reads them from the environment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from opro_cli.core.settings.schema import NO_SUCH_KEY, Path, Problem

# "api_key", "OPENAI_API_KEY", "authorization"
_SECRET = re.compile(
    r"(?!(?:max|min|num|stop|eos|pad|bos)_)(\w+_)?(api_?key|(api|auth|access|bearer|secret)_?(key|token)?|key|token|authorization"
    r"|password|secret|credentials?)"
)
_MODELS = ("scorer", "optimizer")


def explain_key(
    problem: Problem,
    config: Mapping[str, Any],
    find_key_variable: Callable[[str, str | None], str],
) -> Problem:
    """Return the problem of a model's key in a config with what to do about it; others as they are.

    The value of the key is shown nowhere.

    Args:
        problem: Any of the config's.
        config: Plain data.
        find_key_variable: Returns the environment variable with the key for a model at an address,
            "" for a model that needs none.
    """
    *above, name = problem.path or ("",)
    is_secret = _SECRET.fullmatch(str(name).lower().replace("-", "_")) is not None
    if not (is_secret and problem.message.startswith(NO_SUCH_KEY)):
        return problem
    if above and above[0] not in (*_MODELS, "roles"):
        return problem
    found: dict[str, Any] = {}
    for section in _list_sections(config, tuple(above)):
        found = {**section, **found}
    model, api_base = found.get("model"), found.get("api_base")
    if not isinstance(model, str):
        return problem
    variable = find_key_variable(model, api_base if isinstance(api_base, str) else None)
    remedy = f"set {variable} there, and delete this line" if variable else "delete this line"
    return Problem(problem.path, f"keys come from the environment: {remedy}")


def _list_sections(config: Mapping[str, Any], path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the section of a key, then those around it; for a key outside of all the models'."""
    if not path:
        found = (config.get(role) for role in _MODELS)
        yield from (each for each in found if isinstance(each, Mapping))
        return
    for depth in range(len(path), 0, -1):
        section: Any = config
        for step in path[:depth]:
            section = section[step]
        if isinstance(section, Mapping):
            yield section
