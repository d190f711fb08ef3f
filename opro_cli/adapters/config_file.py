"""Reading a config file: YAML with line numbers, so that every problem can name its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from opro_cli.core.schema import Path as KeyPath
from opro_cli.core.schema import Problem
from opro_cli.core.settings import Names, Settings, read_settings
from opro_cli.errors import ConfigError, UsageError

HUB = "hub:"


def load_config(path: Path, names: Names) -> Settings:
    """Read a config file; data paths in it count from the file's own folder.

    Raises ConfigError with all problems at once, each with file, line and key path.
    """
    text = _read_text(path)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        raw = yaml.safe_load(text)
        lines = {} if root is None else dict(_lines_of(root, ()))
        repeated = [] if root is None else list(_repeated_keys(root, ()))
    except yaml.YAMLError as error:
        raise ConfigError(str(path), [_syntax_problem(path, error)]) from None
    except RecursionError:
        raise ConfigError(str(path), [f"{path}: nested too deeply"]) from None
    _make_paths_absolute(raw, path.resolve().parent)
    result = read_settings(raw, names)
    problems = [*repeated, *result.problems]
    if problems or result.settings is None:
        problems.sort(key=lambda problem: _line_for(problem.path, lines))
        raise ConfigError(str(path), [_finished(path, problem, lines) for problem in problems])
    return result.settings


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}: not UTF-8 text (byte {error.start})", "save the file as UTF-8"
        ) from None
    except OSError as error:
        hint = "write a first one with `opro init`" if not path.exists() else None
        raise UsageError(f"{path}: cannot be read: {error.strerror}", hint) from None


def _syntax_problem(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    context = getattr(error, "context", None)
    return f"{where}: not YAML: {what}" + (f" ({context})" if context else "")


def _finished(path: Path, problem: Problem, lines: Mapping[KeyPath, int]) -> str:
    return f"{path}:{_line_for(problem.path, lines)}: {problem.dotted}: {problem.message}"


def _line_for(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    """The line of a key, or of the nearest section around a missing one."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _lines_of(node: yaml.Node, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            inner = (*path, str(name.value))
            yield inner, name.start_mark.line + 1
            yield from _lines_of(value, inner)


def _repeated_keys(node: yaml.Node, path: KeyPath) -> Iterator[Problem]:
    """YAML lets a later key silently replace an earlier one; nobody means that."""
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for name, value in node.value:
            inner = (*path, str(name.value))
            line = first.setdefault(str(name.value), name.start_mark.line + 1)
            if line != name.start_mark.line + 1:
                yield Problem(inner, f"given twice, first on line {line}; keep one")
            yield from _repeated_keys(value, inner)


def _make_paths_absolute(raw: Any, folder: Path) -> None:
    """Data files are looked for beside the config, then from where the command runs.

    The paths become absolute, so that the run does not depend on either afterwards.
    """
    task = raw.get("task") if isinstance(raw, dict) else None
    data = task.get("data") if isinstance(task, dict) else None
    if not isinstance(data, dict):
        return
    for split in ("train", "dev", "test"):
        value = data.get(split)
        if not isinstance(value, str) or not value.strip() or "://" in value:
            continue
        if not value.startswith(HUB):
            data[split] = str(_found(Path(value), folder))


def _found(path: Path, folder: Path) -> Path:
    """Where a data file is; beside the config when it is nowhere, so that errors name that."""
    try:
        beside = (folder / path.expanduser()).resolve()
        return path.resolve() if not beside.exists() and path.exists() else beside
    except (OSError, RuntimeError, ValueError):  # no such user, a NUL, a name too long
        return folder / path
