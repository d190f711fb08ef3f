"""Reading plain data (what YAML gives) into frozen dataclasses, all problems collected.

A section is a dataclass whose fields are made with `key(reader, ...)`. A reader takes a
plain value and returns the typed one, or raises ValueError saying what it expected.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from opro_cli.core.task.template import UnpairedBrace, parse_template

SECRET_PARAMETER = re.compile(r"[?&][\w.-]*(key|token|secret|password|sig)=", re.IGNORECASE)
"""A parameter of a URL that holds a secret."""
# A secret in a URL, or one in the wrong place, must not reach a log by way of an error.
_SECRETS = re.compile(
    r"//.*@|\bsk-[\w*.-]{4,}|(?i:(?<=key=)|(?<=token=)|(?<=secret=)|(?<=password=)|(?<=sig=))"
    r"[^&\s']+"
)

Path = tuple[str | int, ...]
Reader = Callable[[Any], Any]
T = TypeVar("T")


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
    """What a reader expected, and the part of a text that was found instead."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected)
        self.found = found


def key(reader: Reader, default: Any = dataclasses.MISSING) -> Any:
    """A key of a section; without a default it must be given."""
    return dataclasses.field(default=default, metadata={"reader": reader})


def section(cls: type[Any]) -> Any:
    """A nested section that may be left out when all of its keys have defaults."""
    return dataclasses.field(default_factory=cls, metadata={"section": cls})


def optional_section(cls: type[Any]) -> Any:
    """A nested section that is None unless it is given."""
    return dataclasses.field(default=None, metadata={"section": cls})


def sections(cls: type[Any]) -> Any:
    """A list of nested sections, at least one, that is None unless it is given."""
    return dataclasses.field(default=None, metadata={"sections": cls})


def named_sections(cls: type[Any]) -> Any:
    """Nested sections under names of the user's own; none unless they are given."""
    return dataclasses.field(default_factory=dict, metadata={"named": cls})


def section_if_needed(cls: type[Any], absent: Callable[[], Any]) -> Any:
    """A nested section that only some parts need; `absent` stands for one that is left out."""
    return dataclasses.field(default_factory=absent, metadata={"section": cls})


def plain_mapping() -> Any:
    """Keys and values that are read by the part that they are for."""
    return dataclasses.field(default_factory=dict, metadata={"reader": _mapping})


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise ValueError("a section with keys")
    return dict(value)


def required_section(cls: type[Any]) -> Any:
    """A nested section that must be given."""
    return dataclasses.field(metadata={"section": cls})


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
        read_section(cls, each, (*path, place), problems) for place, each in enumerate(raw)
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


def text(what: str = "some text", *, empty: bool = False) -> Reader:
    """A string; blank ones only where `empty`."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or (not empty and not value.strip()):
            raise ValueError(what)
        return value

    return read


def whole(at_least: int) -> Reader:
    """A whole number of at least `at_least`; true and 3.0 are none."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
            raise ValueError(f"a whole number of at least {at_least}")
        return value

    return read


def number(low: float, high: float | None = None, *, above: bool = False) -> Reader:
    """A number in [low, high], or (low, high] when `above`."""
    bound = f"above {low:g}" if above else f"of at least {low:g}"
    what = f"a number {bound}" + (f" and at most {high:g}" if high is not None else "")

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(what)
        # `not (x >= low)` also refuses NaN.
        if not (value > low if above else value >= low) or (high is not None and value > high):
            raise ValueError(what)
        if value in (float("inf"), float("-inf")):
            raise ValueError(what)
        return float(value)

    return read


def boolean(value: Any) -> bool:
    """`true` or `false`, nothing that merely looks like it."""
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def choice(*allowed: str) -> Reader:
    """One of a few words."""

    def read(value: Any) -> str:
        if value in allowed and isinstance(value, str):
            return value
        guess = nearest(value, list(allowed)) if isinstance(value, str) else None
        raise ValueError(
            f"one of {', '.join(allowed)}" + (f' (did you mean "{guess}"?)' if guess else "")
        )

    return read


def optional(reader: Reader) -> Reader:
    """`null`, or what `reader` reads."""

    def read(value: Any) -> Any:
        try:
            return None if value is None else reader(value)
        except Misread:
            raise
        except ValueError as error:
            raise ValueError(f"{error}, or null") from None

    return read


def share(value: Any) -> int | float:
    """A count (whole number) or a fraction of the rows (0 < x < 1 with a point)."""
    what = "a count such as 50, or a fraction between 0 and 1 such as 0.2"
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError(what)
    if isinstance(value, float) and value > 1:
        raise ValueError(what)
    return value


def instructions(value: Any) -> tuple[str, ...]:
    """Different instructions, at least one."""
    what = "a list of different instructions, at least one"
    if not isinstance(value, list) or not value:
        raise ValueError(what)
    if not all(isinstance(item, str) for item in value) or len(set(value)) != len(value):
        raise ValueError(what)
    return tuple(value)


def baselines(value: Any) -> tuple[str, ...]:
    """Different instructions, or none."""
    return () if value == [] else instructions(value)


def run_name(value: Any) -> str:
    """The name of a run."""
    # The name becomes part of a folder name, so it is kept to what every file system takes.
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
        raise ValueError("a name of letters, digits, '.', '_' and '-', at most 64 of them")
    return value


def stop_texts(value: Any) -> tuple[str, ...]:
    """One text, or up to four."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(each, str) and each for each in texts):
        texts = []
    if not 1 <= len(texts) <= 4:  # as many as OpenAI takes
        raise ValueError('a text such as "\\nQ:", or a list of one to four such, none empty')
    return tuple(texts)


def field_or_template(value: Any) -> str:
    """The name of a field, or a template of several."""
    what = 'a field name such as question, or a template such as "{title}\\n{body}"'
    if not isinstance(value, str) or not value.strip():
        raise ValueError(what)
    try:
        parse_template(value)
    except UnpairedBrace as error:
        raise Misread(error.expected, error.found) from None
    except ValueError as error:
        raise ValueError(f"{what} ({error})") from None
    return value


def url(value: Any) -> str:
    """An address without secrets in it."""
    if not isinstance(value, str) or not re.match(r"https?://[^/\s]", value):
        raise ValueError("a URL such as http://localhost:8000/v1")
    # The config is copied into the run folder, and keys are never written anywhere.
    if re.match(r"[a-z]+://[^/]*@", value) or SECRET_PARAMETER.search(value):
        raise ValueError("a URL without a user name or key (keys come from the environment)")
    try:
        _ = urlsplit(value).port
    except ValueError:  # "http://[::1/v1", "http://localhost:80O0/v1"
        raise ValueError("a URL such as http://localhost:8000/v1") from None
    return value
