"""YAML files as plain data, with the line of every key and the spelling of every value."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from opro_cli.core.settings.read import find_halves
from opro_cli.core.settings.schema import Path as KeyPath
from opro_cli.core.settings.schema import Problem, show, show_as_written
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


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML file.

    Raises:
        ConfigError: It is not YAML, or too large when its aliases are written out.
        UsageError: It cannot be read.
    """
    text = read_text(path)
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


def read_text(path: Path, missing: str = "write a first one with `opro init`") -> str:
    """Return the text of a file, or of stdin, without a byte order mark.

    Args:
        path: The file, or STDIN.
        missing: The remedy where there is no such file.

    Raises:
        UsageError: It cannot be read, is too large or no UTF-8.
    """
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
            below = "" if problem.path in self.options else f"{problem.dotted}: "
            return f"{option}: {below}{message}"
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
    if "escape sequence" in what or "unknown escape character" in what:
        quoted = "within double quotes a backslash begins an escape"
        return f"{where}: not YAML: {quoted}; write a Windows path in single quotes or with /"
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
