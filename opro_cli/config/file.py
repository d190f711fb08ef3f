"""Config files: YAML read with line numbers, so that every problem names its line."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from opro_cli.config.overrides import Override, apply_overrides
from opro_cli.config.prompts import inline_prompts, locate
from opro_cli.core.settings.models import BUNDLED_GGUF, GGUF_HUB, is_gguf
from opro_cli.core.settings.read import (
    NameResolver,
    find_halves,
    find_misplaced_models,
    overlay,
    read_settings,
)
from opro_cli.core.settings.readers import RUN_NAME
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


STDIN = Path("-")
"""The name of a config that is read from stdin; its paths are relative to the current folder."""


def load_config(
    path: Path,
    names: NameResolver,
    overrides: Sequence[Override] = (),
    *,
    is_copy: bool = False,
) -> Settings:
    """Read a config file; data paths in it are relative to its own folder.

    Args:
        path: The file, or STDIN.
        names: The parts that names in it stand for.
        overrides: Keys in place of those of the file.
        is_copy: It is a run's own, which has the texts of prompts and not the names of files.

    Raises:
        ConfigError: All problems at once, each with file, line and key path.
        UsageError: It cannot be read, or is the file of a sweep.
    """
    read = read_config(path, names, overrides, is_copy=is_copy)
    if read.error is not None:
        raise read.error
    if read.settings is None:
        raise AssertionError("no settings and no problem")
    return read.settings


@dataclass(frozen=True, slots=True)
class ReadConfig:
    """A config as far as it can be read.

    Attributes:
        file: The file.
        settings: Without the keys that are wrong; None where it cannot do without them.
        error: Every problem; None where there is none.
        faulty: The keys that are wrong.
    """

    file: YamlFile
    settings: Settings | None
    error: ConfigError | None = None
    faulty: tuple[KeyPath, ...] = ()


def read_config(
    path: Path, names: NameResolver, overrides: Sequence[Override] = (), *, is_copy: bool = False
) -> ReadConfig:
    """Read a config as far as that goes; arguments as of `load_config`.

    Raises:
        ConfigError: It is not YAML.
        UsageError: It cannot be read, or is the file of a sweep.
    """
    file = read_overridden(path, overrides)
    if isinstance(file.raw, Mapping) and "base" in file.raw and "task" not in file.raw:
        raise UsageError(f"{path}: is a sweep, not the config of a run", f"`opro sweep {path}`")
    folder = path.resolve().parent
    make_paths_absolute(file.raw, folder)
    problems = [] if is_copy else inline_prompts(file.raw, folder)
    if isinstance(file.raw, dict) and path != STDIN and RUN_NAME.fullmatch(path.stem):
        file.raw.setdefault("name", path.stem)
    result = read_settings(file.raw, names)
    problems += result.problems
    if result.settings is not None:
        problems += find_misplaced_models(result.settings)
    error = file.build_error(problems)
    if error is None:
        return ReadConfig(file, result.settings)
    faulty = tuple(problem.path for problem in (*file.problems, *problems))
    rest = read_settings(_leave_out(file.raw, faulty), names).settings
    return ReadConfig(file, rest, error, faulty)


def _leave_out(raw: Any, paths: Iterable[KeyPath]) -> Any:
    """Return a config without these keys."""
    for path in paths:
        raw = _drop(raw, path)
    return raw


def _drop(raw: Any, path: KeyPath) -> Any:
    if not isinstance(raw, dict) or not path or path[0] not in raw:
        return raw
    first, *rest = path
    kept = {key: value for key, value in raw.items() if key != first}
    if isinstance(raw[first], dict) and rest:
        kept[first] = _drop(raw[first], tuple(rest))
    return kept


def read_overridden(path: Path, overrides: Sequence[Override]) -> YamlFile:
    """Read a YAML file, with keys in place of its own; errors as of `read_yaml`."""
    file = read_yaml(path)
    options = {override.path: override.option for override in overrides}
    return replace(file, raw=apply_overrides(file.raw, overrides), options=options)


def read_plain_config(path: Path) -> Any:
    """Read a config file as plain data, checked as YAML only.

    Data paths in it become absolute, and the texts of prompts in files stand in it.
    """
    file = read_yaml(path)
    folder = path.resolve().parent
    make_paths_absolute(file.raw, folder)
    file.refuse(inline_prompts(file.raw, folder))
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
        _restore_labels(raw, root)
        return YamlFile(path, raw, lines, (*repeated, *find_halves(raw)), spellings)
    except yaml.YAMLError as error:
        raise ConfigError(str(path), [_describe_syntax_error(path, error)]) from None
    except RecursionError:
        raise ConfigError(str(path), [f"{path}: nested too deeply"]) from None


def _read_text(path: Path, missing: str = "write a first one with `opro init`") -> str:
    try:
        if path == STDIN:
            data = _read_stdin()
        else:
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


@cache
def _read_stdin() -> bytes:
    """Return stdin, which can be read once, while a command may look at its config twice."""
    return sys.stdin.buffer.read(MOST_BYTES + 1)


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A YAML file as plain data, with the line of each key and its problems as YAML.

    Attributes:
        spellings: The text of each value that YAML reads as something other than text.
        options: The options of the command line that gave keys in place of the file's.
    """

    path: Path
    raw: Any
    lines: Mapping[KeyPath, int]
    problems: tuple[Problem, ...]
    spellings: Mapping[KeyPath, str] = field(default_factory=dict)
    options: Mapping[KeyPath, str] = field(default_factory=dict)

    def refuse(self, problems: Iterable[Problem]) -> None:
        """Raise ConfigError for these problems and its own, in the order of the file, if any."""
        error = self.build_error(problems)
        if error is not None:
            raise error

    def build_error(self, problems: Iterable[Problem]) -> ConfigError | None:
        """Return the error for these problems and its own; None where there are none."""
        ordered = sorted(
            (*self.problems, *problems), key=lambda problem: line_of_key(problem.path, self.lines)
        )
        if not ordered:
            return None
        return ConfigError(str(self.path), [self._format_problem(p) for p in ordered])

    def locate(self, message: str) -> str:
        """Return a message with the line before each of its lines that begins with a key."""
        return "\n".join(map(self._locate_line, message.split("\n")))

    def _locate_line(self, line: str) -> str:
        named = _KEY.match(line)
        path = tuple(named[0].split(".")) if named else ()
        if not path or path[:1] not in self.lines:
            return line
        if option := self.find_option(path):
            return f"{option}: {line}"
        return f"{self.path}:{line_of_key(path, self.lines)}: {line}"

    def find_option(self, path: KeyPath) -> str:
        """Return the option of the command line that gave a key; "" for none."""
        given = (
            self.options[path[:end]]
            for end in range(1, len(path) + 1)
            if path[:end] in self.options
        )
        return next(given, "")

    def _format_problem(self, problem: Problem) -> str:
        message = problem.message
        if option := self.find_option(problem.path):
            return f"{option}: {message}"
        spelling = self.spellings.get(problem.path)
        if spelling and problem.found and message.endswith(problem.found):
            message = message.removesuffix(problem.found) + show_as_written(spelling)
        return f"{self.path}:{line_of_key(problem.path, self.lines)}: {problem.dotted}: {message}"


def _restore_labels(raw: Any, root: yaml.Node) -> None:
    """Put labels such as `yes`, which YAML reads as true, back as the file spells them."""
    section = raw.get("task") if isinstance(raw, Mapping) else None
    task: dict[str, Any] = section if isinstance(section, dict) else {}
    labels = task.get("labels")
    node = _find_node(_find_node(root, "task"), "labels")
    if isinstance(labels, list) and isinstance(node, yaml.SequenceNode):
        pairs = zip(labels, node.value, strict=True)
        task["labels"] = [_as_spelled(value, each) for value, each in pairs]
    elif isinstance(labels, dict) and isinstance(node, yaml.MappingNode):
        pairs = zip(labels.items(), node.value, strict=False)
        task["labels"] = {
            _as_spelled(gold, name): _as_spelled(label, each)
            for (gold, label), (name, each) in pairs
        }


def _find_node(node: yaml.Node | None, key: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)


def _as_spelled(value: Any, node: yaml.Node) -> Any:
    is_word = isinstance(value, bool) and isinstance(node, yaml.ScalarNode)
    return node.value if is_word else value


_KEY = re.compile(r"(?:task|scorer|optimizer|roles|search|budget)(?:\.\w+)+(?=[: ])")
"""A key with its sections at the beginning of a message."""


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
    if "'\\t'" in what:
        return f"{where}: not YAML: a tab; YAML is indented with blanks"
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
        search["candidates"] = read_candidates(locate(Path(listed[5:]), folder))
    locate_models(raw, folder)
    task = raw.get("task") if isinstance(raw, dict) else None
    if not isinstance(task, dict):
        return
    coordinates = task.get("coordinates")
    if isinstance(coordinates, str) and coordinates.strip():
        task["coordinates"] = str(locate(Path(coordinates), folder))
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
            data[split] = f"{locate(Path(file), folder)}{sheet}"


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
    return f"gguf/{locate(Path(path), folder)}" if path.strip() else model


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
