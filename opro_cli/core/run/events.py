"""The events of a run, as frozen records, and their form in the journal.

One JSON object an event, `{"event": "answered", ...}`; times are seconds since the epoch.
FORMAT_VERSION rises when a record changes in a way that an older reader would misread:
2 has `reasoned` (a reply that is not graded yet), `refused` and `checked`; 3 has answers of
baselines and of a second time; 4 has replies that no call of their own was made for (`via`), and
`stopped`; 5 has what calls may have cost that nobody counted (`uncounted`, `in_flight`,
`limit_exceeded`), steps of other sizes (`step_planned`), candidates that are more than an
instruction, and replies of further roles; its runs ask compared prompts side by side.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin

from opro_cli.core.task.example import Split

FORMAT_VERSION = 5

Via = Literal["call", "cache", "choice", "local"]
"""Where a reply came from: a call of its own, the answer cache, as a further choice of the call
that the sample before it came from, or from this machine without any model (or from calls that
are recorded on their own). Only calls count, and cost."""


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

    text: the reply as it came, "" for a draft of the strategy's own. instructions: what the
    strategy read from it. forms: what these are beside their texts (core/task/candidate), ()
    for bare instructions. rejected: why the strategy wants each not scored, "" for those that it
    does; () for none. parents: ids of the candidates that they were made from.
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
    via: Via = "call"
    forms: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepPlanned:
    """The strategy wants another number of samples in a step than `search.candidates_per_step`."""

    at: float
    step: int
    samples: int


@dataclass(frozen=True, slots=True)
class FirstReply:
    """A reply to a question that is not graded yet.

    round: 1, or 2 for the second one to a question that is asked in two rounds. key: which of
    its calls an evaluator of another kind made, "" for the rounds. role: the model that replied.
    """

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
    via: Via = "call"
    round: int = 1
    key: str = ""
    role: str = "scorer"


@dataclass(frozen=True, slots=True)
class Answered:
    """The scorer answered one question under one candidate.

    question: index into the split's examples. answer, score: as graded, both None when
    the reply is unreadable. One that was filtered away whole counts as refused, and is paid for.
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
    via: Via = "call"


@dataclass(frozen=True, slots=True)
class Feedback:
    """An evaluator's remarks on the answer that is recorded right after this.

    parts: sub-scores by name, as a JSON object. text: a sentence or more.
    """

    at: float
    candidate: str
    split: Split
    question: int
    text: str
    parts: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The scorer can never answer one question: it was filtered, is too long, or always fails."""

    at: float
    candidate: str
    split: Split
    question: int
    reason: str


@dataclass(frozen=True, slots=True)
class Pruned:
    """A candidate can no longer be the best and is asked no more train questions (core/racing).

    mean, low, high: what its score on all of them would have been, with its 95 % interval.
    """

    at: float
    candidate: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Checked:
    """A model answered the tiny call that is made before the first paid question."""

    at: float
    role: str
    text: str
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
class Uncounted:
    """A call without a usage report, charged at its upper bound.

    answered: it brought an answer, recorded right after this, without token counts. Otherwise it
    timed out or broke off, and the provider may still bill it. tokens, usd: the upper bound; usd
    is None where the price is unknown.
    """

    at: float
    role: str
    answered: bool
    tokens: int
    usd: float | None
    why: str


@dataclass(frozen=True, slots=True)
class InFlight:
    """The upper bound of all calls in flight to one model, valid until the next such event.

    Written before a call is sent that would raise it. A session that ends without `SessionEnded`
    (a kill, power loss) is charged this much; one that ends in good order waited for its calls.
    """

    at: float
    role: str
    calls: int
    tokens: int
    usd: float | None


@dataclass(frozen=True, slots=True)
class LimitExceeded:
    """A provider reported more than the upper bound of a call; later calls are bounded by it.

    prompt_overhead: the most tokens that a prompt took beyond its bytes. longest_reply: the most
    tokens that one reply took. max_tokens: the limit that the call was given.
    """

    at: float
    role: str
    prompt_overhead: int
    longest_reply: int
    max_tokens: int


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The session ended in good order; reason: finished, interrupted, budget or failed."""

    at: float
    reason: str
    detail: str = ""


Event = (
    SessionStarted
    | Checked
    | Proposed
    | StepPlanned
    | FirstReply
    | Feedback
    | Answered
    | Refused
    | Pruned
    | Uncounted
    | InFlight
    | LimitExceeded
    | Retried
    | SessionEnded
)

_NAMES: dict[str, type[Any]] = {
    "session_started": SessionStarted,
    "checked": Checked,
    "proposed": Proposed,
    "step_planned": StepPlanned,
    "reasoned": FirstReply,
    "feedback": Feedback,
    "answered": Answered,
    "refused": Refused,
    "stopped": Pruned,
    "uncounted": Uncounted,
    "in_flight": InFlight,
    "limit_exceeded": LimitExceeded,
    "retried": Retried,
    "session_ended": SessionEnded,
}
NAME_OF = {cls: name for name, cls in _NAMES.items()}
EVENT_CLASSES: Mapping[str, type[Any]] = MappingProxyType(_NAMES)
"""What a record's `event` names."""


class MalformedEvent(ValueError):
    """A record of the journal that is no event of this format version."""


def encode_record(event: Event) -> dict[str, Any]:
    """An event as plain data for one line of the journal."""
    fields = {name: getattr(event, name) for name in _FIELDS[type(event)]}
    return {"event": NAME_OF[type(event)], **fields}


def require_readable(event: Event) -> None:
    """MalformedEvent where `decode_record` would refuse what `encode_record` makes of an event."""
    for field, checker in _FIELDS[type(event)].items():
        value = getattr(event, field)
        if not checker(value):
            raise MalformedEvent(f"{NAME_OF[type(event)]}.{field} is {value!r:.60}")


def decode_record(record: Any) -> Event:
    """The event that `encode_record` made; MalformedEvent says what is wrong with any other data.

    A field with a default may be missing: it came after the record was written.
    """
    name = record.get("event") if isinstance(record, dict) else None
    cls = _NAMES.get(name) if isinstance(name, str) else None
    if cls is None:
        raise MalformedEvent("no event of a known kind")
    values: dict[str, Any] = {}
    for field, checker in _FIELDS[cls].items():
        if field in record:
            value = record[field]
            if isinstance(value, list):
                value = tuple(value)
            if not checker(value):
                raise MalformedEvent(f"{name}.{field} is {value!r:.60}")
            values[field] = value
        elif field not in _DEFAULTED[cls]:
            raise MalformedEvent(f"{name} without {field}")
    event: Event = cls(**values)
    return event


_LARGEST = 1e15
"""No time, price or count is as large; one that is (or is infinite) has lost its meaning."""


def _make_checker(hint: Any) -> Any:
    """A test that a plain value fits a field's type."""
    if get_origin(hint) is typing.Literal:
        allowed = get_args(hint)
        return lambda value: isinstance(value, str) and value in allowed
    if get_origin(hint) is tuple:
        return lambda value: isinstance(value, tuple) and all(isinstance(v, str) for v in value)
    kinds = get_args(hint) if get_origin(hint) is types.UnionType else (hint,)
    if not {int, float} & {*kinds}:
        return lambda value: isinstance(value, kinds)
    if float in kinds:
        kinds = (*kinds, int)

    def fits(value: Any) -> bool:
        if isinstance(value, bool):
            return bool in kinds
        if isinstance(value, int | float) and not -_LARGEST < value < _LARGEST:
            return False
        return isinstance(value, kinds)

    return fits


def _list_checkers(cls: type[Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {
        field.name: _is_score if field.name == "score" else _make_checker(hints[field.name])
        for field in dataclasses.fields(cls)
    }


def _is_score(value: Any) -> bool:
    """Return True for None and finite numbers: a loss may be of any size."""
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _list_defaulted(cls: type[Any]) -> set[str]:
    fields = dataclasses.fields(cls)
    return {field.name for field in fields if field.default is not dataclasses.MISSING}


_FIELDS = {cls: _list_checkers(cls) for cls in _NAMES.values()}
_DEFAULTED = {cls: _list_defaulted(cls) for cls in _NAMES.values()}
