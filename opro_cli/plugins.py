"""Parts from outside opro: `python:MODULE:NAME` wherever a part is named, and entry points.

A module is looked for beside the config first, then on the path. Its code runs only for a config
that names it.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opro_cli.errors import UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

PREFIX = "python:"
SUPPLIED = "python:supplied:"
"""How a part is named that a program handed over as an object."""
GROUPS = ("strategies", "evaluators", "metrics", "models", "datasets", "commands")
"""Kinds of parts; each has an entry-point group, opro.strategies and so on."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part from outside opro, and where it is from.

    Attributes:
        spec: Its name in the config.
        value: The object: a class, a function, an instance.
        origin: The distribution and version that it came with, or the hash of its file.
    """

    spec: str
    value: Any
    origin: Mapping[str, str] = field(default_factory=dict)


def is_outside(spec: str) -> bool:
    """Return True for a name of the form python:MODULE:NAME."""
    return spec.startswith(PREFIX)


def load_part(key: str, spec: str, folders: Sequence[Path]) -> Part:
    """Import what python:MODULE:NAME names.

    Args:
        key: The key of the config that names it, for messages.
        spec: The name.
        folders: Searched for the module before the path, the folder of the config first.

    Raises:
        UsageError: The module cannot be imported, or has no such name.
    """
    parts = spec.split(":")
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise UsageError(f"{key}: expected python:MODULE:NAME, found {spec}")
    _, module_name, name = parts
    looked = ", ".join(map(str, folders))
    try:
        with _search_first(folders):
            module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"{key}: importing {module_name} failed: {type(error).__name__}: {error}",
            f"opro looked in {looked} and among the installed packages",
        ) from error
    value = getattr(module, name, None)
    if value is None:
        raise UsageError(f"{key}: {module_name} ({_file_of(module)}) has no {name}")
    return Part(spec, value, _origin_of(module))


def find_entry_point(group: str, name: str) -> Part | None:
    """Return the part that an installed distribution offers under a name, None for none.

    Raises:
        UsageError: It cannot be imported, or two distributions offer the name.
    """
    from importlib.metadata import entry_points  # 20 ms, for names that are not built in

    offered = list(entry_points(group=f"opro.{group}", name=name))
    if not offered:
        return None
    if len(offered) > 1:
        names = " and ".join(_distribution(point) for point in offered)
        raise UsageError(f"{name}: offered by {names}", "uninstall one of them")
    try:
        value = offered[0].load()
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"{name} of {_distribution(offered[0])}: {type(error).__name__}: {error}",
            "upgrade or uninstall that distribution",
        ) from error
    distribution = offered[0].dist
    version = distribution.version if distribution else "unknown"
    return Part(name, value, {"distribution": _distribution(offered[0]), "version": version})


def find_part(key: str, group: str, name: str, folders: Sequence[Path]) -> Part | None:
    """Return the part from outside opro with this name, of either kind; None for none.

    Args:
        key: The key of the config that names it, for messages.
        group: Of GROUPS.
        name: As in the config.
        folders: Searched for a module before the path.

    Raises:
        UsageError: It cannot be imported.
    """
    return load_part(key, name, folders) if is_outside(name) else find_entry_point(group, name)


def find_outside_part(key: str, group: str, name: str, folders: Sequence[Path]) -> Part:
    """Return the part from outside opro that a key of the config names.

    Raises:
        UsageError: There is none, or it is an object of the program that began the run.
    """
    if name.startswith(SUPPLIED):
        keyword = key.rpartition(".")[2]
        raise UsageError(
            f"the {keyword} of this run is an object of the program that began it",
            f"resume it from Python: opro_cli.load_run(RUN).resume({keyword}=…)",
        )
    part = find_part(key, group, name, [*folders, Path.cwd()])
    if part is None:
        raise UsageError(
            f"{key}: no installed distribution offers {name}",
            f"install the one that did, or name another {key}",
        )
    return part


def is_offered(group: str, name: str) -> bool:
    """Return True if a part of this name may be had, without running its code."""
    if is_outside(name):
        return True
    from importlib.metadata import entry_points

    return bool(entry_points(group=f"opro.{group}", name=name))


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value


def _origin_of(module: Any) -> dict[str, str]:
    """Return what tells one content of a module from another: the hash of its file."""
    path = Path(_file_of(module))
    if not path.is_file():
        return {"file": str(path)}
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _file_of(module: Any) -> str:
    return inspect.getsourcefile(module) or getattr(module, "__file__", None) or "no file"


@contextmanager
def _search_first(folders: Sequence[Path]) -> Iterator[None]:
    """Search folders first for imports within this context, and last from then on.

    Left in front they would shadow every module that opro itself has yet to import: a stray
    litellm.py would run though no config names it.
    """
    names = [str(folder) for folder in folders]
    new = [name for name in names if name not in sys.path]
    sys.path[:0] = names
    try:
        yield
    finally:
        for name in names:
            sys.path.remove(name)
        sys.path += new
