"""Reading a config file: YAML with line numbers, so that every problem can name its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from opro_cli.config.yaml_spellings import spellings_of
from opro_cli.core.settings.read import NameResolver, misplaced_models, read_settings
from opro_cli.core.settings.schema import Path as KeyPath
from opro_cli.core.settings.schema import Problem, show, show_as_written
from opro_cli.core.settings.settings import HUB, Settings
from opro_cli.errors import ConfigError, UsageError
from opro_cli.files import open_to_read

MOST_VALUES = 100_000
"""Values of a config with its aliases written out: ten lines can stand for a billion."""
MOST_BYTES = 10_000_000
"""Size of a config file; YAML of that size takes ten seconds to read."""
MOST_DIGITS = 1_000
"""Characters of a number: base 60, which YAML has, takes quadratic time."""

_TOO_MANY = f"more than {MOST_VALUES:,} values"
_NUMBERS = frozenset({"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"})
_HALVES = re.compile("[\ud800-\udfff]")
# A path with bytes that are no UTF-8 holds halves in Python, and only there they mean something.
_PATHS = frozenset({("task", "data", split) for split in ("train", "dev", "test")})


def load_config(path: Path, names: NameResolver) -> Settings:
    """Read a config file; data paths in it count from the file's own folder.

    Raises ConfigError with all problems at once, each with file, line and key path.
    """
    file = read_yaml(path)
    if isinstance(file.raw, Mapping) and "base" in file.raw and "task" not in file.raw:
        raise UsageError(f"{path}: is a sweep, not the config of a run", f"`opro sweep {path}`")
    _make_paths_absolute(file.raw, path.resolve().parent)
    result = read_settings(file.raw, names)
    problems = list(result.problems)
    if result.settings is not None:
        problems += misplaced_models(result.settings)
    file.refuse(problems)
    if result.settings is None:
        raise AssertionError("no settings and no problem")
    return result.settings


def read_plain_config(path: Path) -> Any:
    """A config file as plain data, not checked but as YAML; data paths in it are absolute."""
    file = read_yaml(path)
    file.refuse(())
    _make_paths_absolute(file.raw, path.resolve().parent)
    return file.raw


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML file. Raises ConfigError for what is none, UsageError for what is no file."""
    return _parse(path, _read_text(path))


def _read_text(path: Path) -> str:
    try:
        with open_to_read(path, stream=True) as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise UsageError(
                f"{path}: larger than {MOST_BYTES // 1_000_000} MB, so no config is expected in it",
                "name a config; questions belong in data files that it names under task.data",
            )
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}: not UTF-8 text (byte {error.start})", "save the file as UTF-8"
        ) from None
    except FileNotFoundError as error:
        raise UsageError(
            f"{path}: cannot be read: {error.strerror}", "write a first one with `opro init`"
        ) from None
    except OSError as error:
        hint = "write the config to a file and name it"
        raise UsageError(f"{path}: cannot be read: {error.strerror}", hint) from None
    except ValueError:
        raise UsageError(f"{path}: cannot be read: no name of a file has a NUL in it") from None


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A YAML file as plain data, the line of each key, and what is wrong with it as YAML.

    spellings: of the values that YAML reads as something else than the text that stands there.
    """

    path: Path
    raw: Any
    lines: Mapping[KeyPath, int]
    problems: tuple[Problem, ...]
    spellings: Mapping[KeyPath, str] = field(default_factory=dict)

    def refuse(self, problems: Iterable[Problem]) -> None:
        """ConfigError for these problems and its own, in the order of the file, if any."""
        told = sorted(
            (*self.problems, *problems), key=lambda each: line_of_key(each.path, self.lines)
        )
        if told:
            finished = [self._format_problem(problem) for problem in told]
            raise ConfigError(str(self.path), finished)

    def _format_problem(self, problem: Problem) -> str:
        message = problem.message
        spelling = self.spellings.get(problem.path)
        if spelling and problem.found and message.endswith(problem.found):
            message = message.removesuffix(problem.found) + show_as_written(spelling)
        return f"{self.path}:{line_of_key(problem.path, self.lines)}: {problem.dotted}: {message}"


class _Loader(yaml.SafeLoader):
    """Plain data only; a value that cannot be what it looks like is a YAML error with its line.

    Reading stops at MOST_VALUES values.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._values = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._values += 1
        if self._values > MOST_VALUES:
            raise ConstructorError(None, None, _TOO_MANY, self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            if node.tag in _NUMBERS and len(node.value) > MOST_DIGITS:
                raise ValueError
            return super().construct_object(node, deep=deep)
        except (AttributeError, KeyError, OverflowError, ValueError):  # 2024-13-45, !!bool maybe
            kind = str(node.tag).rpartition(":")[2]
            told = f"found {show(node.value)}, which is no {kind}; is it meant as text? quote it"
            raise ConstructorError(None, None, told, node.start_mark) from None


def _parse(path: Path, text: str) -> YamlFile:
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return YamlFile(path, None, {}, ())
        if _count_values(root, {}) > MOST_VALUES:
            told = f"{_TOO_MANY}, with its aliases written out"
            raise ConfigError(str(path), [f"{path}: {told}"])
        _join_halves(root)
        problems = (*_find_repeated_keys(root, ()), *_find_lone_halves(root, ()))
        lines = dict(_find_lines(root, ()))  # before the next line: merging keys changes the nodes
        spellings = dict(spellings_of(root, ()))
        return YamlFile(path, loader.construct_document(root), lines, problems, spellings)
    except yaml.YAMLError as error:
        raise ConfigError(str(path), [_describe_syntax_error(path, error)]) from None
    except RecursionError:
        raise ConfigError(str(path), [f"{path}: nested too deeply"]) from None


def _describe_syntax_error(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    context = getattr(error, "context", None)
    return f"{where}: not YAML: {what}" + (f" ({context})" if context else "")


def line_of_key(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    """The line of a key, or of the nearest section around a missing one."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _find_lines(node: yaml.Node, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            inner = (*path, str(name.value))
            yield inner, name.start_mark.line + 1
            yield from _find_lines(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            yield (*path, place), value.start_mark.line + 1
            yield from _find_lines(value, (*path, place))


def _find_repeated_keys(node: yaml.Node, path: KeyPath) -> Iterator[Problem]:
    """YAML lets a later key silently replace an earlier one; nobody means that."""
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for name, value in node.value:
            inner = (*path, str(name.value))
            line = first.setdefault(str(name.value), name.start_mark.line + 1)
            if line != name.start_mark.line + 1:
                yield Problem(inner, f"given twice, first on line {line}; keep one")
            yield from _find_repeated_keys(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            yield from _find_repeated_keys(value, (*path, place))


def _count_values(node: yaml.Node, known: dict[int, int | None]) -> int:
    """How many values a node is with its aliases written out. RecursionError: it holds itself."""
    if id(node) not in known:
        known[id(node)] = None
        known[id(node)] = 1 + sum(
            _count_values(inner, known) for _, inner in _walk_children(node, ())
        )
    size = known[id(node)]
    if size is None:
        raise RecursionError
    return size


def _walk_children(node: yaml.Node, path: KeyPath) -> Iterator[tuple[KeyPath, yaml.Node]]:
    """Keys and values, or elements, each with the path of the key that it stands under."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield path, name
            yield (*path, str(name.value)), value
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield path, value


def _join_halves(node: yaml.Node) -> None:
    """An emoji as JSON escapes it is one character; YAML reads two halves, which no file keeps."""
    if isinstance(node, yaml.ScalarNode) and _HALVES.search(node.value):
        halves = node.value.encode("utf-16", "surrogatepass")
        node.value = halves.decode("utf-16", "surrogatepass")
    for _, inner in _walk_children(node, ()):
        _join_halves(inner)


def _find_lone_halves(node: yaml.Node, path: KeyPath) -> Iterator[Problem]:
    """Half a character is none: no model can be sent it."""
    if isinstance(node, yaml.ScalarNode) and path not in _PATHS and _HALVES.search(node.value):
        yield Problem(path, f"expected text, found half a character in {show(node.value)}")
    for below, inner in _walk_children(node, path):
        yield from _find_lone_halves(inner, below)


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
            data[split] = str(_locate(Path(value), folder))


def _locate(path: Path, folder: Path) -> Path:
    """Where a data file is; beside the config when it is nowhere, so that errors name that."""
    try:
        beside = (folder / path.expanduser()).resolve()
        return path.resolve() if not beside.exists() and path.exists() else beside
    except (OSError, RuntimeError, ValueError):  # no such user, a NUL, a name too long
        return folder / path
