"""Readers of the values that only a key or two of a config have."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from opro_cli.core.settings.schema import Misread, reads
from opro_cli.core.task.prompt import UnpairedBrace, parse_template

SHARE = "a count such as 50, or a fraction between 0 and 1 such as 0.2"
INSTRUCTIONS = "a list of different instructions, at least one"
LABELS = "a list of different labels, at least two, or a map of gold answers to labels"
CANDIDATES = "a list of different instructions, at least one, or file:PATH"
NAME = "a name of letters, digits, '.', '_' and '-', at most 64 of them"
STOP = 'a text such as "\\nQ:", or a list of one to four such, none empty'
FIELD = 'a field name such as question, or a template such as "{title}\\n{body}"'
FIELDS = "a field name such as choices, or a list of at least two such as [A, B, C, D]"
ENCODING = "the name of an encoding, such as cp1252, latin-1 or utf-16"
URL = "a URL such as http://localhost:8000/v1"

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_URL = r"https?://[^/\s]"
_SECRET_PARAMETER = re.compile(r"[?&][\w.-]*(key|token|secret|password|sig)=", re.IGNORECASE)
"""A parameter of a URL that holds a secret."""
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


@reads(
    LABELS,
    anyOf=[
        {"type": "array", "items": {"type": ["string", "number", "boolean"]}, "minItems": 2},
        {
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "boolean"]},
            "minProperties": 2,
        },
    ],
)
def labels(value: Any) -> tuple[tuple[str, str], ...]:
    """Read labels, each with the gold answer that stands for it in the data."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = [(each, each) for each in value]
    read = tuple((_write_label(gold), _write_label(label)) for gold, label in pairs)
    if len({gold for gold, _ in read}) < max(2, len(read)) or not all(map(all, read)):
        raise ValueError(LABELS)
    return read


def _write_label(value: Any) -> str:
    """Return a label as text: YAML reads yes as true, and 1 as a number."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip() if isinstance(value, str | int | float) else ""


@reads(
    CANDIDATES,
    anyOf=[
        {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "minItems": 1},
        {"type": "string", "pattern": "^file:."},
    ],
)
def candidates(value: Any) -> tuple[str, ...]:
    """Read different instructions; a file's have been put in its place by now."""
    try:
        return tuple(instructions(value))
    except ValueError:
        raise ValueError(CANDIDATES) from None


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


@reads(FIELDS, anyOf=[_TEXT, {"type": "array", "items": _TEXT, "minItems": 2}])
def fields(value: Any) -> str | tuple[str, ...]:
    """Read the name of a field, or of several."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(n, str) and n.strip() for n in names):
        raise ValueError(FIELDS)
    if isinstance(value, str):
        return value
    if len({*names}) < max(2, len(names)):
        raise ValueError(FIELDS)
    return tuple(names)


@reads(ENCODING, **_TEXT)
def encoding(value: Any) -> str:
    """Read the name of an encoding of text."""
    try:
        codecs.lookup(value).incrementaldecoder  # noqa: B018
        "".encode(value)  # one of bytes alone, such as base64, is none of text
    except (LookupError, TypeError, ValueError):
        raise ValueError(ENCODING) from None
    return str(value)


@reads(URL, type="string", pattern=f"^{_URL}")
def url(value: Any) -> str:
    """Read an address without secrets in it."""
    if not isinstance(value, str) or not re.match(_URL, value):
        raise ValueError(URL)
    # The config is copied into the run folder, and keys are never written anywhere.
    if re.match(r"[a-z]+://[^/]*@", value) or _SECRET_PARAMETER.search(value):
        raise ValueError("a URL without a user name or key (keys come from the environment)")
    try:
        _ = urlsplit(value).port
    except ValueError:  # "http://[::1/v1", "http://localhost:80O0/v1"
        raise ValueError(URL) from None
    return value
