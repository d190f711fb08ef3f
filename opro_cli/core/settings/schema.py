"""Reading plain data (what YAML gives) into frozen dataclasses, all problems collected.

A section is a dataclass whose fields are made with `key(reader, ...)`. A reader takes a
plain value and returns the typed one, or raises ValueError saying what it expected. A plain
dataclass, as a strategy declares for its options, is a section too: its types say how its keys are
read. `core/settings/json_schema.py` describes the sections to editors.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args, get_origin

# A secret in a URL, or one in the wrong place, must not reach a log by way of an error.
_SECRETS = re.compile(
    r"//.*@|\bsk-[\w*.-]{4,}|(?i:(?<=key=)|(?<=token=)|(?<=secret=)|(?<=password=)|(?<=sig=))"
    r"[^&\s']+"
)

Path = tuple[str | int, ...]
JsonSchema = Mapping[str, Any]
"""A JSON Schema, draft 7, as plain data."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the value of a key.

    Attributes:
        read: Takes a plain value and returns the typed one; ValueError says what it expected.
        accepts: The values that it takes, in words.
        schema: A schema that is met by all of these values, and by few others.
    """

    read: Callable[[Any], Any]
    accepts: str
    schema: JsonSchema

    def __call__(self, value: Any) -> Any:
        """Read a value."""
        return self.read(value)


def reads(accepts: str, **schema: Any) -> Callable[[Callable[[Any], Any]], Reader]:
    """Make a reader of a function; the arguments are those of `Reader`."""
    return lambda read: Reader(read, accepts, schema)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a config: at `path`, and what to do about it.

    found: the value as `message` quotes it at its end, so that a file's reader may quote it as the
    file spells it; "" where it quotes none.
    """

    path: Path
    message: str
    found: str = ""

    @property
    def dotted(self) -> str:
        """The key path as people write it, "task.data.split.train"."""
        return ".".join(str(part) for part in self.path) or "(top level)"


class Misread(ValueError):
    """A value that a reader did not take, with the part of it that is wrong.

    Attributes:
        found: The part that was found instead of what was expected.
        index: Of that part in a list; None where it is part of a text.
    """

    def __init__(self, expected: str, found: Any, index: int | None = None) -> None:
        super().__init__(expected)
        self.found = found
        self.index = index


def key(reader: Reader, default: Any = dataclasses.MISSING, *, doc: str) -> Any:
    """Declare a key of a section.

    Args:
        reader: Reads its value.
        default: Its value where it is not given; without one it must be given.
        doc: Its meaning in a sentence, with units.
    """
    return dataclasses.field(default=default, metadata={"reader": reader, "doc": doc})


def section(cls: type[Any], absent: Callable[[], Any] | None = None, *, doc: str) -> Any:
    """Declare a nested section that may be left out.

    Args:
        cls: The section.
        absent: Makes the value where it is left out; without it all keys have their defaults.
        doc: Its meaning in a sentence.
    """
    return dataclasses.field(default_factory=absent or cls, metadata={"section": cls, "doc": doc})


def optional_section(cls: type[Any], *, doc: str) -> Any:
    """Declare a nested section that is None unless it is given."""
    return dataclasses.field(default=None, metadata={"section": cls, "doc": doc})


def sections(cls: type[Any], *, doc: str) -> Any:
    """Declare a list of nested sections, at least one, that is None unless it is given."""
    return dataclasses.field(default=None, metadata={"sections": cls, "doc": doc})


def named_sections(cls: type[Any], *, doc: str) -> Any:
    """Declare nested sections under names of the user's own; none unless they are given."""
    return dataclasses.field(default_factory=dict, metadata={"named": cls, "doc": doc})


@reads("a section with keys", type="object")
def mapping(value: Any) -> dict[str, Any]:
    """Read keys and values as they stand."""
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise ValueError("a section with keys")
    return dict(value)


def plain_mapping(*, reader: Reader = mapping, doc: str) -> Any:
    """Declare keys and values that are read by the part that they are for; none by default."""
    return dataclasses.field(default_factory=dict, metadata={"reader": reader, "doc": doc})


def required_section(cls: type[Any], *, doc: str) -> Any:
    """Declare a nested section that must be given."""
    return dataclasses.field(metadata={"section": cls, "doc": doc})


def nearest(word: str, allowed: list[str], cutoff: float = 0.6) -> str | None:
    """Return the allowed word that `word` is most likely a typo of, or None.

    `cutoff` is how alike they must be, from 0 to 1 (difflib).
    """
    match = difflib.get_close_matches(word.lower(), allowed, n=1, cutoff=cutoff)
    return match[0] if match else None


def show_as_written(text: str) -> str:
    """Quote a value that a file spells without quotes, for an error message."""
    text = _SECRETS.sub("***", text)
    return text if len(text) <= 60 else text[:57] + "..."


def show(value: Any) -> str:
    """Quote a value for an error message, short and on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    return show_as_written(repr(value))


def read_section(cls: type[T], raw: Any, path: Path, problems: list[Problem]) -> T | None:
    """Read `raw` into `cls`; None when anything in it is wrong, which is added to `problems`."""
    if not isinstance(raw, Mapping):
        problems.append(_build_problem("a section with keys", raw, path))
        return None
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    before = len(problems)
    for name in raw:
        if name not in fields:
            problems.append(_unknown_key(name, path, list(fields), getattr(cls, "UNKNOWN", {})))
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in raw:
            values[name] = _read_key(cls, field, raw[name], (*path, name), problems)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            problems.append(Problem((*path, name), "missing; this key must be given"))
    return cls(**values) if len(problems) == before else None


def _read_key(
    cls: type[Any], field: dataclasses.Field[Any], raw: Any, path: Path, problems: list[Problem]
) -> Any:
    if "sections" in field.metadata:
        return _read_sections(field.metadata["sections"], raw, path, problems)
    if "named" in field.metadata:
        return _read_named(field.metadata["named"], raw, path, problems)
    nested = field.metadata.get("section")
    if nested is not None:
        if raw is None and field.default is not dataclasses.MISSING:
            return field.default
        if raw is None and field.default_factory is not dataclasses.MISSING:
            return field.default_factory()
        return read_section(nested, raw, path, problems)
    try:
        return _get_reader(cls, field)(raw)
    except Misread as error:
        where = path if error.index is None else (*path, error.index)
        problems.append(_build_problem(str(error), error.found, where))
        return None
    except ValueError as error:
        problems.append(_build_problem(str(error), raw, path))
        return None


def _get_reader(cls: type[Any], field: dataclasses.Field[Any]) -> Reader:
    if "reader" in field.metadata:
        reader: Reader = field.metadata["reader"]
        return reader
    return read_by_type(typing.get_type_hints(cls)[field.name])


def _build_problem(expected: str, raw: Any, path: Path) -> Problem:
    found = show(raw)
    return Problem(path, f"expected {expected}, found {found}", found)


def _read_sections(
    cls: type[T], raw: Any, path: Path, problems: list[Problem]
) -> tuple[T | None, ...] | None:
    if raw is None:
        return None
    if not isinstance(raw, list) or not raw:
        problems.append(_build_problem("a list of sections with keys, at least one", raw, path))
        return None
    return tuple(
        read_section(cls, each, (*path, index), problems) for index, each in enumerate(raw)
    )


def _read_named(cls: type[T], raw: Any, path: Path, problems: list[Problem]) -> dict[str, T | None]:
    if raw is None:
        return {}
    if not isinstance(raw, Mapping) or not all(re.fullmatch(r"[a-z]\w*", str(n)) for n in raw):
        message = f"expected sections under names such as judge, found {show(raw)}"
        problems.append(Problem(path, message))
        return {}
    return {str(n): read_section(cls, value, (*path, n), problems) for n, value in raw.items()}


NO_SUCH_KEY = "no such key"


def _unknown_key(name: Any, path: Path, allowed: list[str], known: Mapping[str, str]) -> Problem:
    """Return the problem of a key that a section lacks; `known` says what to write instead."""
    guess = nearest(str(name), allowed)
    hint = f'did you mean "{guess}"?' if guess else f"allowed here: {', '.join(allowed) or 'none'}"
    other = known.get("", "")
    if str(name) in known:
        hint = known[str(name)]
    elif other and not (guess and nearest(str(name), allowed, cutoff=0.8)):
        hint = f"{other}; {hint}" if guess else other
    return Problem((*path, str(name)), f"{NO_SUCH_KEY}; {hint}")


def text(accepts: str = "some text", *, empty: bool = False) -> Reader:
    """Read a string; blank ones only where `empty`."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or (not empty and not value.strip()):
            raise ValueError(accepts)
        return value

    return Reader(read, accepts, {"type": "string"} | ({} if empty else {"pattern": r"\S"}))


def whole(at_least: int | None = None, at_most: int | None = None) -> Reader:
    """Read a whole number of at least `at_least`, or any; true and 3.0 are none."""
    bounds = {} if at_least is None else {"minimum": at_least}
    accepts = "a whole number" + (f" of at least {at_least}" if bounds else "")
    if at_most is not None:
        bounds["maximum"] = at_most
        accepts += f"{' and' if at_least is not None else ' of'} at most {at_most:,}"

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(accepts)
        if at_least is not None and value < at_least:
            raise ValueError(accepts)
        if at_most is not None and value > at_most:
            raise ValueError(accepts)
        return value

    return Reader(read, accepts, {"type": "integer", **bounds})


def number(low: float | None = None, high: float | None = None, *, above: bool = False) -> Reader:
    """Read a finite number in [low, high], or (low, high] when `above`; None is no bound."""
    accepts = "a number"
    schema: dict[str, Any] = {"type": "number"}
    if low is not None:
        accepts += f" above {low:g}" if above else f" of at least {low:g}"
        schema["exclusiveMinimum" if above else "minimum"] = low
    if high is not None:
        accepts += f" and at most {high:g}"
        schema["maximum"] = high

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(accepts)
        if low is not None and not (value > low if above else value >= low):
            raise ValueError(accepts)
        if high is not None and value > high:
            raise ValueError(accepts)
        # Infinity is larger, a whole number of 400 digits too; NaN is not smaller.
        if not abs(value) <= sys.float_info.max:
            raise ValueError(accepts)
        return float(value)

    return Reader(read, accepts, schema)


@reads("true or false", type="boolean")
def boolean(value: Any) -> bool:
    """Read `true` or `false`, nothing that merely looks like it."""
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def choice(*allowed: str) -> Reader:
    """Read one of a few words."""
    accepts = f"one of {', '.join(allowed)}"

    def read(value: Any) -> str:
        if value in allowed and isinstance(value, str):
            return value
        guess = nearest(value, list(allowed)) if isinstance(value, str) else None
        raise ValueError(accepts + (f' (did you mean "{guess}"?)' if guess else ""))

    return Reader(read, accepts, {"enum": list(allowed)})


def optional(reader: Reader) -> Reader:
    """Read `null`, or what `reader` reads."""

    def read(value: Any) -> Any:
        try:
            return None if value is None else reader(value)
        except Misread:
            raise
        except ValueError as error:
            raise ValueError(f"{error}, or null") from None

    return Reader(read, f"{reader.accepts}, or null", or_null(reader.schema))


def or_null(schema: JsonSchema) -> JsonSchema:
    """Return a schema that null meets too."""
    return {"anyOf": [schema, {"type": "null"}]}


def _list_of(reader: Reader) -> Reader:
    accepts = f"a list, each {reader.accepts}"

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError(accepts)
        try:
            return tuple(map(reader, value))
        except ValueError:
            raise ValueError(accepts) from None

    return Reader(read, accepts, {"type": "array", "items": reader.schema})


_BY_TYPE: dict[Any, Reader] = {
    bool: boolean,
    int: whole(),
    float: number(),
    str: text(empty=True),
}


def read_by_type(hint: Any) -> Reader:
    """Return the reader of a key that has a type and no reader of its own.

    Raises:
        TypeError: No value of a config is read into this type.
    """
    arguments = get_args(hint)
    if hint in _BY_TYPE:
        return _BY_TYPE[hint]
    if get_origin(hint) is typing.Literal and all(isinstance(word, str) for word in arguments):
        return choice(*arguments)
    if get_origin(hint) is tuple and arguments[1:] == (...,):
        return _list_of(read_by_type(arguments[0]))
    if types.NoneType in arguments and len(arguments) == 2:
        (other,) = (each for each in arguments if each is not types.NoneType)
        return optional(read_by_type(other))
    raise TypeError(f"no value of a config is a {getattr(hint, '__name__', hint)}")
