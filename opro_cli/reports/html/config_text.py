"""Settings as YAML text, without a YAML library: strings as JSON writes them are YAML too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_NOT_TEXT = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def config_text(settings: Mapping[str, Any]) -> str:
    """Plain data as YAML that reads back to the same."""
    return "\n".join(_mapping(settings, ""))


def _mapping(settings: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in settings.items():
        key = f"{indent}{_scalar(name)}:"
        if isinstance(value, Mapping) and value:
            yield key
            yield from _mapping(value, f"{indent}  ")
        elif isinstance(value, list | tuple) and value:
            yield key
            yield from (f"{indent}- {_flow(item)}" for item in value)
        else:
            yield f"{key} {_flow(value)}"


def _flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_scalar(k)}: {_flow(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flow, value))}]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT:
        return value
    written = json.dumps(value, ensure_ascii=False)
    # YAML 1.1 reads 1e-05 as text; with a point it is a number.
    return re.sub(r"^(-?\d+)e", r"\1.0e", written) if isinstance(value, float) else written
