"""Reading plain data (what YAML gives) into frozen dataclasses, all problems collected.

A section is a dataclass whose fields are made with `key(reader, ...)`. A reader takes a
plain value and returns the typed one, or raises ValueError saying what it expected.
`core/settings/json_schema.py` describes the sections to editors.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from opro_cli.core.task.prompt import UnpairedBrace, parse_template

SECRET_PARAMETER = re.compile(r"[?&][\w.-]*(key|token|secret|password|sig)=", re.IGNORECASE)
"""A parameter of a URL that holds a secret."""
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
        found: The part of a text that was found instead of what was expected.
    """

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected)
        self.found = found


def key(reader: Reader, default: Any = dataclasses.MISSING, *, doc: str) -> Any:
    """Declare a key of a section.

    Args:
        reader: Reads its value.
        default: Its value where it is not given; without one it must be given.
        doc: Its meaning in a sentence, with units.
    """
    return dataclasses.field(default=default, metadata={"reader": reader, "doc": doc})


def section(cls: type[Any], *, doc: str) -> Any:
    """Declare a nested section that may be left out: all of its keys have defaults."""
    return dataclasses.field(default_factory=cls, metadata={"section": cls, "doc": doc})


def optional_section(cls: type[Any], *, doc: str) -> Any:
    """Declare a nested section that is None unless it is given."""
    return dataclasses.field(default=None, metadata={"section": cls, "doc": doc})


def sections(cls: type[Any], *, doc: str) -> Any:
    """Declare a list of nested sections, at least one, that is None unless it is given."""
    return dataclasses.field(default=None, metadata={"sections": cls, "doc": doc})


def named_sections(cls: type[Any], *, doc: str) -> Any:
    """Declare nested sections under names of the user's own; none unless they are given."""
    return dataclasses.field(default_factory=dict, metadata={"named": cls, "doc": doc})


def section_if_needed(cls: type[Any], absent: Callable[[], Any], *, doc: str) -> Any:
    """Declare a nested section that only some parts need; `absent` makes what stands for it."""
    return dataclasses.field(default_factory=absent, metadata={"section": cls, "doc": doc})


def plain_mapping(*, doc: str) -> Any:
    """Declare keys and values that are read by the part that they are for."""
    return dataclasses.field(default_factory=dict, metadata={"reader": _mapping, "doc": doc})


@reads("a section with keys", type="object")
def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise ValueError("a section with keys")
    return dict(value)


def required_section(cls: type[Any], *, doc: str) -> Any:
    """Declare a nested section that must be given."""
    return dataclasses.field(metadata={"section": cls, "doc": doc})


def nearest(word: str, allowed: list[str]) -> str | None:
    """The allowed word that `word` is most likely a typo of, or None."""
    match = difflib.get_close_matches(word.lower(), allowed, n=1, cutoff=0.6)
    return match[0] if match else None


def show_as_written(text: str) -> str:
    """A value that a file spells without quotes, as an error message quotes it."""
    text = _SECRETS.sub("***", text)
    return text if len(text) <= 60 else text[:57] + "..."


def show(value: Any) -> str:
    """A value as an error message quotes it: short, on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = _SECRETS.sub("***", repr(value))
    return text if len(text) <= 60 else text[:57] + "..."


def read_section(cls: type[T], raw: Any, path: Path, problems: list[Problem]) -> T | None:
    """Read `raw` into `cls`; None when anything in it was wrong (told in `problems`)."""
    if not isinstance(raw, Mapping):
        problems.append(_expected("a section with keys", raw, path))
        return None
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    before = len(problems)
    for name in raw:
        if name not in fields:
            problems.append(_unknown_key(name, path, list(fields)))
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in raw:
            values[name] = _read_key(field, raw[name], (*path, name), problems)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            problems.append(Problem((*path, name), "missing; this key must be given"))
    return cls(**values) if len(problems) == before else None


def _read_key(field: dataclasses.Field[Any], raw: Any, path: Path, problems: list[Problem]) -> Any:
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
        return field.metadata["reader"](raw)
    except Misread as error:
        problems.append(Problem(path, f"expected {error}, found {show(error.found)}"))
        return None
    except ValueError as error:
        problems.append(_expected(str(error), raw, path))
        return None


def _expected(what: str, raw: Any, path: Path) -> Problem:
    found = show(raw)
    return Problem(path, f"expected {what}, found {found}", found)


def _read_sections(
    cls: type[T], raw: Any, path: Path, problems: list[Problem]
) -> tuple[T | None, ...] | None:
    if raw is None:
        return None
    if not isinstance(raw, list) or not raw:
        problems.append(_expected("a list of sections with keys, at least one", raw, path))
        return None
    return tuple(
        read_section(cls, each, (*path, index), problems) for index, each in enumerate(raw)
    )


def _read_named(cls: type[T], raw: Any, path: Path, problems: list[Problem]) -> dict[str, T | None]:
    if raw is None:
        return {}
    if not isinstance(raw, Mapping) or not all(re.fullmatch(r"[a-z]\w*", str(n)) for n in raw):
        told = f"expected sections under names such as judge, found {show(raw)}"
        problems.append(Problem(path, told))
        return {}
    return {str(n): read_section(cls, value, (*path, n), problems) for n, value in raw.items()}


def _unknown_key(name: Any, path: Path, allowed: list[str]) -> Problem:
    guess = nearest(str(name), allowed)
    hint = f'did you mean "{guess}"?' if guess else f"allowed here: {', '.join(allowed)}"
    return Problem((*path, str(name)), f"no such key; {hint}")


def text(accepts: str = "some text", *, empty: bool = False) -> Reader:
    """Read a string; blank ones only where `empty`."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or (not empty and not value.strip()):
            raise ValueError(accepts)
        return value

    return Reader(read, accepts, {"type": "string"} | ({} if empty else {"pattern": r"\S"}))


def whole(at_least: int) -> Reader:
    """Read a whole number of at least `at_least`; true and 3.0 are none."""
    accepts = f"a whole number of at least {at_least}"

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
            raise ValueError(accepts)
        return value

    return Reader(read, accepts, {"type": "integer", "minimum": at_least})


def number(low: float, high: float | None = None, *, above: bool = False) -> Reader:
    """Read a number in [low, high], or (low, high] when `above`."""
    bound = f"above {low:g}" if above else f"of at least {low:g}"
    accepts = f"a number {bound}" + (f" and at most {high:g}" if high is not None else "")

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(accepts)
        # `not (x >= low)` also refuses NaN.
        if not (value > low if above else value >= low) or (high is not None and value > high):
            raise ValueError(accepts)
        if value in (float("inf"), float("-inf")):
            raise ValueError(accepts)
        return float(value)

    schema: dict[str, Any] = {"type": "number", "exclusiveMinimum" if above else "minimum": low}
    return Reader(read, accepts, schema | ({} if high is None else {"maximum": high}))


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


SHARE = "a count such as 50, or a fraction between 0 and 1 such as 0.2"
INSTRUCTIONS = "a list of different instructions, at least one"
NAME = "a name of letters, digits, '.', '_' and '-', at most 64 of them"
STOP = 'a text such as "\\nQ:", or a list of one to four such, none empty'
FIELD = 'a field name such as question, or a template such as "{title}\\n{body}"'
URL = "a URL such as http://localhost:8000/v1"

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_URL = r"https?://[^/\s]"
_TEXT = {"type": "string", "minLength": 1}


@reads(
    SHARE,
    anyOf=[{"type": "integer", "minimum": 0}, {"type": "number", "minimum": 0, "maximum": 1}],
)
def share(value: Any) -> int | float:
    """Read a count (whole number) or a fraction of the rows (0 < x < 1 with a point)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError(SHARE)
    if isinstance(value, float) and value > 1:
        raise ValueError(SHARE)
    return value


@reads(INSTRUCTIONS, type="array", items={"type": "string"}, uniqueItems=True, minItems=1)
def instructions(value: Any) -> tuple[str, ...]:
    """Read different instructions, at least one."""
    if not isinstance(value, list) or not value:
        raise ValueError(INSTRUCTIONS)
    if not all(isinstance(item, str) for item in value) or len(set(value)) != len(value):
        raise ValueError(INSTRUCTIONS)
    return tuple(value)


@reads(
    "a list of different instructions; [] for none",
    type="array",
    items={"type": "string"},
    uniqueItems=True,
)
def baselines(value: Any) -> Any:
    """Read different instructions, or none."""
    return () if value == [] else instructions(value)


@reads(NAME, type="string", pattern=f"^{_NAME}$")
def run_name(value: Any) -> str:
    """Read the name of a run."""
    # The name becomes part of a folder name, so it is kept to what every file system takes.
    if not isinstance(value, str) or not re.fullmatch(_NAME, value):
        raise ValueError(NAME)
    return value


@reads(STOP, anyOf=[_TEXT, {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 4}])
def stop_texts(value: Any) -> tuple[str, ...]:
    """Read one text, or up to four."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(each, str) and each for each in texts):
        texts = []
    if not 1 <= len(texts) <= 4:  # as many as OpenAI takes
        raise ValueError(STOP)
    return tuple(texts)


@reads(FIELD, type="string", pattern=r"\S")
def field_or_template(value: Any) -> str:
    """Read the name of a field, or a template of several."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(FIELD)
    try:
        parse_template(value)
    except UnpairedBrace as error:
        raise Misread(error.expected, error.found) from None
    except ValueError as error:
        raise ValueError(f"{FIELD} ({error})") from None
    return value


@reads(URL, type="string", pattern=f"^{_URL}")
def url(value: Any) -> str:
    """Read an address without secrets in it."""
    if not isinstance(value, str) or not re.match(_URL, value):
        raise ValueError(URL)
    # The config is copied into the run folder, and keys are never written anywhere.
    if re.match(r"[a-z]+://[^/]*@", value) or SECRET_PARAMETER.search(value):
        raise ValueError("a URL without a user name or key (keys come from the environment)")
    try:
        _ = urlsplit(value).port
    except ValueError:  # "http://[::1/v1", "http://localhost:80O0/v1"
        raise ValueError(URL) from None
    return value
