"""What can happen in a run, as frozen records, and their form in the journal.

One JSON object an event, `{"event": "answered", ...}`; times are seconds since the epoch.
FORMAT_VERSION rises when a record changes in a way that an older reader would misread:
2 has `reasoned`, the first of two replies to one question.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from opro_cli.core.model import Split

FORMAT_VERSION = 2


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """`opro optimize` or `opro resume` began to work on the run, as process `pid`."""

    at: float
    pid: int
    opro_version: str
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True, slots=True)
class Proposed:
    """The optimizer answered: one sample of one step (steps count from 1, samples from 0).

    text: the reply as it came. instructions: what the strategy read from it.
    """

    at: float
    step: int
    sample: int
    text: str
    instructions: tuple[str, ...]
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    usd: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Reasoned:
    """The scorer's first reply to a question that is asked in two rounds; nothing is graded yet."""

    at: float
    candidate: str
    split: Split
    question: int
    text: str
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    usd: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Answered:
    """The scorer answered one question under one candidate.

    question: index into the split's examples. answer, score: as graded, both None when
    the reply is unreadable.
    """

    at: float
    candidate: str
    split: Split
    question: int
    text: str
    answer: str | None
    score: float | None
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    usd: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Retried:
    """A call failed in passing and waits `wait` seconds before it is made again."""

    at: float
    role: str
    attempt: int
    wait: float
    error: str


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The session ended in good order; reason: finished, interrupted or failed."""

    at: float
    reason: str
    detail: str = ""


Event = SessionStarted | Proposed | Reasoned | Answered | Retried | SessionEnded

_NAMES: dict[str, type[Any]] = {
    "session_started": SessionStarted,
    "proposed": Proposed,
    "reasoned": Reasoned,
    "answered": Answered,
    "retried": Retried,
    "session_ended": SessionEnded,
}
_NAME_OF = {cls: name for name, cls in _NAMES.items()}


class MalformedEvent(ValueError):
    """A record of the journal that is no event of this format version."""


def to_record(event: Event) -> dict[str, Any]:
    """An event as plain data for one line of the journal."""
    fields = {name: getattr(event, name) for name in _FIELDS[type(event)]}
    return {"event": _NAME_OF[type(event)], **fields}


def from_record(record: Any) -> Event:
    """The event that `to_record` made; MalformedEvent says what is wrong with any other data."""
    if not isinstance(record, Mapping) or record.get("event") not in _NAMES:
        raise MalformedEvent("no event of a known kind")
    name = record["event"]
    cls = _NAMES[name]
    values: dict[str, Any] = {}
    for field, checker in _FIELDS[cls].items():
        if field not in record:
            raise MalformedEvent(f"{name} without {field}")
        value = record[field]
        if isinstance(value, list):
            value = tuple(value)
        if not checker(value):
            raise MalformedEvent(f"{name}.{field} is {value!r:.60}")
        values[field] = value
    event: Event = cls(**values)
    return event


def _checker(hint: Any) -> Any:
    """A test that a plain value fits a field's type."""
    if get_origin(hint) is typing.Literal:
        allowed = get_args(hint)
        return lambda value: isinstance(value, str) and value in allowed
    if get_origin(hint) is tuple:
        return lambda value: isinstance(value, tuple) and all(isinstance(v, str) for v in value)
    kinds = get_args(hint) if get_origin(hint) is types.UnionType else (hint,)
    if float in kinds:
        kinds = (*kinds, int)
    return lambda value: isinstance(value, kinds) and not isinstance(value, bool)


def _fields_of(cls: type[Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {field.name: _checker(hints[field.name]) for field in dataclasses.fields(cls)}


_FIELDS = {cls: _fields_of(cls) for cls in _NAMES.values()}
