"""Events as records of the journal, plain data for one line each, and back."""

from __future__ import annotations

import re
from typing import Any

from msgspec import ValidationError, convert
from msgspec.structs import asdict

from opro_cli.core.run.events import Event


class MalformedEvent(ValueError):
    """A record of the journal that is no event of this format version."""


def encode_record(event: Event) -> dict[str, Any]:
    """Return an event as plain data for one line of the journal."""
    return {"event": event.__struct_config__.tag, **asdict(event)}


def decode_record(record: Any) -> Event:
    """Return the event that `encode_record` made.

    A field with a default may be missing: it came after the record was written.

    Raises:
        MalformedEvent: Any other data; says what is wrong with it.
    """
    try:
        event: Event = convert(record, Event)
    except ValidationError as error:
        raise MalformedEvent(_describe_problem(record, str(error))) from None
    except UnicodeEncodeError as error:  # half a character where there can be no text
        raise MalformedEvent(str(error)) from None
    return event


def _describe_problem(record: Any, error: str) -> str:
    """Say what msgspec says, with the name of the event and the value of the field."""
    missing = re.fullmatch("Object missing required field `(.*)`", error)
    if missing and missing[1] != "event":
        return f"{record['event']} without {missing[1]}"
    reason, _, path = error.rpartition(" - at `$.")
    field = path.rstrip("`").partition("[")[0]
    if not reason or field == "event":
        return "no event of a known kind"
    value = record[field]
    value = tuple(value) if isinstance(value, list) else value
    return f"{record['event']}.{field} is {value!r:.60}"
