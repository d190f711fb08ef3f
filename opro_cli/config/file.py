"""Config files: YAML read with line numbers, so that every problem names its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from opro_cli.core.settings.models import BUNDLED_GGUF, GGUF_HUB, is_gguf
from opro_cli.core.settings.read import (
    NameResolver,
    find_halves,
    find_misplaced_models,
    overlay,
    read_settings,
)
from opro_cli.core.settings.schema import Path as KeyPath
from opro_cli.core.settings.schema import Problem, nearest, show, show_as_written
from opro_cli.core.settings.settings import HUB, Settings
from opro_cli.core.text import HALF, join_halves
from opro_cli.errors import ConfigError, UsageError
from opro_cli.files import open_to_read

_TEXT = "tag:yaml.org,2002:str"


def spellings_of(node: yaml.Node, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path and the spelling of each such value below a node.

    `yes`, `010` and `2024-01-01` are read as true, 8 and a date, and an error about them has to
    quote what stands in the file.
    """
    if isinstance(node, yaml.ScalarNode):
        if node.style is None and node.tag != _TEXT:
            yield path, node.value
    elif isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield from spellings_of(value, (*path, str(name.value)))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from spellings_of(value, (*path, index))


MOST_VALUES = 100_000
"""Values of a config with its aliases written out: ten lines can mean a billion values."""
MOST_BYTES = 10_000_000
"""Of a config file; YAML of that size takes ten seconds to read."""
MOST_DIGITS = 1_000
"""Of a number: YAML's base 60 takes quadratic time."""

_TOO_MANY = f"more than {MOST_VALUES:,} values"
_NUMBERS = frozenset({"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"})


def load_config(path: Path, names: NameResolver) -> Settings:
    """Read a config file; data paths in it are relative to its own folder.

    Raises:
        ConfigError: All problems at once, each with file, line and key path.
        UsageError: It cannot be read, or is the file of a sweep.
    """
    file = read_yaml(path)
    if isinstance(file.raw, Mapping) and "base" in file.raw and "task" not in file.raw:
        raise UsageError(f"{path}: is a sweep, not the config of a run", f"`opro sweep {path}`")
    make_paths_absolute(file.raw, path.resolve().parent)
    result = read_settings(file.raw, names)
    problems = list(result.problems)
    if result.settings is not None:
        problems += find_misplaced_models(result.settings)
    file.refuse(problems)
    if result.settings is None:
        raise AssertionError("no settings and no problem")
    return result.settings


def read_plain_config(path: Path) -> Any:
    """Read a config file as plain data, checked as YAML only; data paths in it become absolute."""
    file = read_yaml(path)
    file.refuse(())
    make_paths_absolute(file.raw, path.resolve().parent)
    return file.raw


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML file.

    Raises:
        ConfigError: It is not YAML, or too large when its aliases are written out.
        UsageError: It cannot be read.
    """
    text = _read_text(path)
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return YamlFile(path, None, {}, ())
        if _count_values(root, {}) > MOST_VALUES:
            problem = f"{path}: {_TOO_MANY}, with its aliases written out"
            raise ConfigError(str(path), [problem])
        _join_halves(root)
        lines = dict(_find_lines(root, ()))  # before merging keys, which changes the nodes
        spellings = dict(spellings_of(root, ()))
        repeated = tuple(_find_repeated_keys(root, ()))
        raw = loader.construct_document(root)
        return YamlFile(path, raw, lines, (*repeated, *find_halves(raw)), spellings)
    except yaml.YAMLError as error:
        raise ConfigError(str(path), [_describe_syntax_error(path, error)]) from None
    except RecursionError:
        raise ConfigError(str(path), [f"{path}: nested too deeply"]) from None


def _read_text(path: Path, missing: str = "write a first one with `opro init`") -> str:
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
        raise UsageError(f"{path}: cannot be read: {error.strerror}", missing) from None
    except OSError as error:
        hint = "write the config to a file and name it"
        raise UsageError(f"{path}: cannot be read: {error.strerror}", hint) from None
    except ValueError:
        raise UsageError(f"{path}: cannot be read: a file name cannot contain NUL") from None


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A YAML file as plain data, with the line of each key and its problems as YAML.

    Attributes:
        spellings: The text of each value that YAML reads as something other than text.
    """

    path: Path
    raw: Any
    lines: Mapping[KeyPath, int]
    problems: tuple[Problem, ...]
    spellings: Mapping[KeyPath, str] = field(default_factory=dict)

    def refuse(self, problems: Iterable[Problem]) -> None:
        """Raise ConfigError for these problems and its own, in the order of the file, if any."""
        ordered = sorted(
            (*self.problems, *problems), key=lambda problem: line_of_key(problem.path, self.lines)
        )
        if ordered:
            raise ConfigError(str(self.path), [self._format_problem(p) for p in ordered])

    def _format_problem(self, problem: Problem) -> str:
        message = problem.message
        spelling = self.spellings.get(problem.path)
        if spelling and problem.found and message.endswith(problem.found):
            message = message.removesuffix(problem.found) + show_as_written(spelling)
        return f"{self.path}:{line_of_key(problem.path, self.lines)}: {problem.dotted}: {message}"


class _Loader(yaml.SafeLoader):
    """A loader of plain data that stops at MOST_VALUES values.

    A value that cannot be what it looks like is a YAML error with its line.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._values = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node; refuse the one that is too many."""
        self._values += 1
        if self._values > MOST_VALUES:
            raise ConstructorError(None, None, _TOO_MANY, self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Return the value of a node; refuse one that is not what it looks like."""
        try:
            if node.tag in _NUMBERS and len(node.value) > MOST_DIGITS:
                raise ValueError
            return super().construct_object(node, deep=deep)
        except (AttributeError, KeyError, OverflowError, ValueError):  # 2024-13-45, !!bool maybe
            kind = str(node.tag).rpartition(":")[2]
            problem = f"found {show(node.value)}, which is no {kind}; is it meant as text? quote it"
            raise ConstructorError(None, None, problem, node.start_mark) from None


def _describe_syntax_error(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    context = getattr(error, "context", None)
    return f"{where}: not YAML: {what}" + (f" ({context})" if context else "")


def line_of_key(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    """Return the line of a key, or of the nearest section around a missing one."""
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
        for index, value in enumerate(node.value):
            yield (*path, index), value.start_mark.line + 1
            yield from _find_lines(value, (*path, index))


def _find_repeated_keys(node: yaml.Node, path: KeyPath) -> Iterator[Problem]:
    """Find keys that stand twice: in YAML the later one silently replaces the earlier one."""
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for name, value in node.value:
            inner = (*path, str(name.value))
            line = first.setdefault(str(name.value), name.start_mark.line + 1)
            if line != name.start_mark.line + 1:
                yield Problem(inner, f"given twice, first on line {line}; keep one")
            yield from _find_repeated_keys(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _find_repeated_keys(value, (*path, index))


def _count_values(node: yaml.Node, sizes: dict[int, int | None]) -> int:
    """Count a node's values with its aliases written out; RecursionError if it holds itself."""
    if id(node) not in sizes:
        sizes[id(node)] = None
        sizes[id(node)] = 1 + sum(
            _count_values(inner, sizes) for _, inner in _walk_children(node, ())
        )
    size = sizes[id(node)]
    if size is None:
        raise RecursionError
    return size


def _walk_children(node: yaml.Node, path: KeyPath) -> Iterator[tuple[KeyPath, yaml.Node]]:
    """Yield the keys and values, or elements, of a node, each with the path of its key."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield path, name
            yield (*path, str(name.value)), value
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield path, value


def _join_halves(node: yaml.Node) -> None:
    """Join an emoji that JSON escapes as two halves, which YAML reads as two characters."""
    if isinstance(node, yaml.ScalarNode) and HALF.search(node.value):
        node.value = join_halves(node.value)
    for _, inner in _walk_children(node, ()):
        _join_halves(inner)


_MARK = re.compile(r"^---[ \t]*$", re.MULTILINE)
"""What separates prompts of several lines in a file of candidates."""


def read_candidates(path: Path) -> list[str]:
    """Return the prompts in a file: one a line, or those between lines of ---.

    Raises:
        UsageError: It cannot be read, or has none.
    """
    missing = "search.candidates: file:PATH is looked for beside the config first"
    text = _read_text(path, missing).replace("\r\n", "\n")
    several = _MARK.search(text) is not None
    parts = _MARK.split(text) if several else text.splitlines()
    found = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if not found:
        raise UsageError(f"search.candidates: {path} has no prompt", "write one a line")
    return found


_WORKBOOK = re.compile(r"(.+\.xls[xm])(#.*)", re.DOTALL | re.IGNORECASE)
"""A workbook with the name of a sheet."""


def make_paths_absolute(raw: Any, folder: Path) -> None:
    """Find the files of a config beside it, then in the current folder, and make them absolute.

    So the run depends on neither folder afterwards. A file of candidates is read, so that the run
    does not depend on it either.
    """
    search = raw.get("search") if isinstance(raw, dict) else None
    listed = search.get("candidates") if isinstance(search, dict) else None
    if isinstance(search, dict) and isinstance(listed, str) and listed.startswith("file:"):
        search["candidates"] = read_candidates(_locate(Path(listed[5:]), folder))
    locate_models(raw, folder)
    task = raw.get("task") if isinstance(raw, dict) else None
    if not isinstance(task, dict):
        return
    coordinates = task.get("coordinates")
    if isinstance(coordinates, str) and coordinates.strip():
        task["coordinates"] = str(_locate(Path(coordinates), folder))
    data = task.get("data")
    if not isinstance(data, dict):
        return
    for split in ("train", "dev", "test"):
        value = data.get(split)
        if not isinstance(value, str) or not value.strip() or "://" in value:
            continue
        if not value.startswith(HUB):
            workbook = _WORKBOOK.fullmatch(value)
            file, sheet = workbook.groups() if workbook else (value, "")
            data[split] = f"{_locate(Path(file), folder)}{sheet}"


def locate_models(raw: Any, folder: Path) -> None:
    """Make the paths of gguf/ models absolute."""
    config: dict[str, Any] = raw if isinstance(raw, dict) else {}
    roles = config.get("roles")
    others = roles.values() if isinstance(roles, dict) else ()
    for section in (config.get("scorer"), config.get("optimizer"), *others):
        if isinstance(section, dict) and isinstance(section.get("model"), str):
            section["model"] = locate_model(section["model"], folder)


def locate_model(model: str, folder: Path) -> str:
    """Return the name of a model; that of a gguf/ file with its path made absolute."""
    if not is_gguf(model) or model.startswith(GGUF_HUB) or model == BUNDLED_GGUF:
        return model
    path = model.removeprefix("gguf/")
    return f"gguf/{_locate(Path(path), folder)}" if path.strip() else model


def _locate(path: Path, folder: Path) -> Path:
    """Return where a data file is; beside the config when it is nowhere, for the error to name."""
    try:
        beside = (folder / path.expanduser()).resolve()
        return path.resolve() if not beside.exists() and path.exists() else beside
    except (OSError, RuntimeError, ValueError):  # no such user, a NUL, a name too long
        return folder / path


SEARCH_PRESETS = ("default", "paper-gpt", "paper-palm", "paper-regression", "paper-tour")
"""The values of `search.preset`: settings that belong together, each with its source.

All but "default" are YAML files in `search_presets/`: configs with only some keys, which the user's
own override. Their list `when` has further keys for a task preset (`task: bbh/*`) or a strategy.
"""


def expand_search_preset(name: str, task: str | None, strategy: str | None) -> dict[str, Any]:
    """Return the keys that a preset gives for a task preset and a strategy, None if not named.

    Raises:
        ValueError: There is no such preset; the message says what was expected.
    """
    if name not in SEARCH_PRESETS:
        guess = nearest(name, list(SEARCH_PRESETS))
        meant = f' (did you mean "{guess}"?)' if guess else ""
        raise ValueError(f"expected one of {', '.join(SEARCH_PRESETS)}{meant}, found {name!r:.60}")
    if name == "default":
        return {}  # the defaults of `core.settings`
    folder = resources.files("opro_cli") / "config" / "search_presets"
    text = (folder / f"{name}.yaml").read_text("utf-8")
    preset: dict[str, Any] = yaml.safe_load(text)
    named = {"task": task or "", "strategy": strategy or ""}
    for case in preset.pop("when", ()):
        conditions = {kind: case[kind] for kind in named if kind in case}
        if all(fnmatchcase(named[kind], pattern) for kind, pattern in conditions.items()):
            preset = overlay(preset, case["then"])
    return preset
