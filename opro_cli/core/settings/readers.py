"""Readers of the values that only a key or two of a config have."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from opro_cli import shell
from opro_cli.core.settings.schema import Misread, mapping, reads
from opro_cli.core.spellings import fold_spellings
from opro_cli.core.task.chat import ROLES
from opro_cli.core.task.example import ChatRole
from opro_cli.core.task.prompt import decode_content
from opro_cli.core.task.template import UnpairedBrace, parse_template
from opro_cli.core.text import is_device

SHARE = "a count such as 50, or a fraction between 0 and 1 such as 0.2"
INSTRUCTIONS = "a list of different instructions, at least one"
START = "a prompt, file:PATH of one, or a list of different ones, at least one"
MESSAGE = "{system: TEXT}, {user: TEXT} or {assistant: TEXT}"
CHAT = f"a list of messages, each {MESSAGE}"
LABELS = "a list of different labels, at least two, or a map of gold answers to labels"
CANDIDATES = "a list of different instructions, at least one, or file:PATH"
NAME = "a name of letters, digits, '.', '_' and '-', at most 64 of them"
STOP = 'a text such as "\\nQ:", or a list of one to four such, none empty'
FORMS = 'a list of texts, each "" or what the journal has as the form of a candidate'
FIELD = 'a field name such as question, or a template such as "{title}\\n{body}"'
FIELDS = "a field name such as choices, or a list of at least two such as [A, B, C, D]"
ENCODING = "the name of an encoding, such as cp1252, latin-1 or utf-16"
URL = "a URL such as http://localhost:8000/v1"

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
RUN_NAME = re.compile(_NAME)
"""The name of a run."""
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
    return _read_texts(value, INSTRUCTIONS)


def _read_texts(value: Any, expected: str) -> tuple[str, ...]:
    """Return different texts, at least one; `expected` says in an error what they are."""
    if not isinstance(value, list) or not value:
        raise ValueError(expected)
    _require_texts(value)
    if len(set(value)) != len(value):
        raise ValueError(expected)
    return tuple(value)


def _require_texts(values: list[Any]) -> None:
    """Raise Misread for the first value that is no text, as YAML reads some without quotes."""
    for index, value in enumerate(values):
        if isinstance(value, Mapping):
            raise Misread(
                "a text: put it in quotes or write it after |-, since YAML reads what stands "
                "before a colon as a key",
                value,
                index,
            )
        if not isinstance(value, str):
            what = type(value).__name__ if value is not None else "nothing"
            read = {"bool": "true or false", "int": "a number", "float": "a number"}.get(what, what)
            raise Misread(f"a text: quote it, since YAML reads it as {read}", value, index)


@reads(
    START,
    anyOf=[
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "minItems": 1},
    ],
)
def start(value: Any) -> tuple[str, ...]:
    """Read one prompt, or several different ones; those of files have been read by now."""
    return _read_texts([value] if isinstance(value, str) else value, START)


@reads(
    CHAT,
    type="array",
    minItems=1,
    items={
        "type": "object",
        "properties": {role: {"type": "string"} for role in ROLES},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    },
)
def chat(value: Any) -> tuple[tuple[ChatRole, str], ...]:
    """Read messages, each a role and its text; `find_prompt_faults` looks at the texts."""
    if not isinstance(value, list) or not value:
        raise ValueError(CHAT)
    for index, turn in enumerate(value):
        if not isinstance(turn, Mapping):
            raise Misread(MESSAGE, turn, index)
        if len(turn) != 1 or not {*turn} <= {*ROLES}:
            raise Misread(MESSAGE, f"{{{', '.join(map(str, turn))}}}", index)
        if not all(isinstance(text, str) for text in turn.values()):
            raise Misread(MESSAGE, next(iter(turn.values())), index)
    return tuple(pair for turn in value for pair in turn.items())


@reads(
    "a list of different instructions; [] for none",
    type="array",
    items={"type": "string"},
    uniqueItems=True,
)
def baselines(value: Any) -> Any:
    """Read different instructions, or none."""
    return () if value == [] else instructions(value)


@reads(FORMS, type="array", items={"type": "string"}, minItems=1)
def forms(value: Any) -> tuple[str, ...]:
    """Read the forms of the start prompts."""
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        raise ValueError(FORMS)
    for each in value:
        try:
            decode_content("", each)
        except ValueError:
            raise ValueError(FORMS) from None
    return tuple(value)


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
    read = [(_write_label(gold), _write_label(label)) for gold, label in pairs]
    if len({gold for gold, _ in read}) < max(2, len(read)) or not all(map(all, read)):
        raise ValueError(LABELS)
    spelled = fold_spellings(label for _, label in read)
    return tuple((gold, spelled[label]) for gold, label in read)


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
    return _read_texts(value, CANDIDATES)


@reads(NAME, type="string", pattern=f"^{_NAME}$")
def run_name(value: Any) -> str:
    """Read the name of a run."""
    # The name becomes part of a folder name, so it is kept to what every file system takes.
    if not isinstance(value, str) or not RUN_NAME.fullmatch(value):
        raise ValueError(NAME)
    # The time and the id behind it do not change that. Elsewhere runs of before have such names.
    if shell.IS_WINDOWS and "." in value and is_device(value):
        raise ValueError(f"a name that Windows does not take for a device ({value.split('.')[0]})")
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


WORD = "a word such as low"


@reads(WORD, type="string", pattern=r"^[A-Za-z]+$")
def word(value: Any) -> str:
    """Read one word of letters."""
    if not isinstance(value, str) or not re.fullmatch("[A-Za-z]+", value):
        raise ValueError(WORD)
    return value


OWN_PARAMETERS: Mapping[str, str] = {
    **dict.fromkeys(("model", "messages", "prompt", "stream", "stream_options", "n"), ""),
    **{name: name for name in ("temperature", "top_p", "max_tokens", "stop", "seed")},
    "max_completion_tokens": "max_tokens",
}
"""Parameters that opro writes itself, each with the key of a model that sets it, "" for none."""


@reads("a section with keys and values of JSON", type="object")
def request_body(value: Any) -> dict[str, Any]:
    """Read parameters of a provider: JSON, and none that opro writes itself."""
    body = dict(mapping(value))
    for name, instead in OWN_PARAMETERS.items():
        if name in body:
            hint = f" (set the key {instead})" if instead else ""
            raise Misread(f"parameters that opro does not write itself{hint}", name)
    try:
        json.dumps(body, allow_nan=False)
    except (TypeError, ValueError):  # a date of YAML, infinity
        raise ValueError("a section with keys and values of JSON") from None
    return body


HEADER = "a variable of the environment as each value, such as Authorization: ${MY_KEY}"
_HEADER_VALUE = re.compile(r"(?:[A-Za-z]+ )?\$\{([A-Za-z_]\w*)\}")
_OWN_HEADERS = frozenset({"content-type", "content-length", "host", "transfer-encoding"})


@reads(
    HEADER,
    type="object",
    additionalProperties={"type": "string", "pattern": f"^{_HEADER_VALUE.pattern}$"},
)
def headers(value: Any) -> dict[str, str]:
    """Read HTTP headers, each ${VARIABLE} or a scheme and one, such as Bearer ${VARIABLE}.

    The config is copied into the run folder, so that no value may stand in it.
    """
    given = mapping(value)
    for name, text in given.items():
        if not re.fullmatch(r"[!#$%&'*+.^`|~\w-]+", name) or name.lower() in _OWN_HEADERS:
            raise Misread("names of headers that opro does not write itself", name)
        if not isinstance(text, str) or not _HEADER_VALUE.fullmatch(text):
            raise Misread(HEADER, f"{name}: a value in the file")
    return dict(given)


def find_variable(header: str) -> str:
    """Return the environment variable that the value of a header names."""
    match = _HEADER_VALUE.fullmatch(header)
    return match[1] if match else ""


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
