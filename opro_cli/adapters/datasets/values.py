"""Finding a field of a row and turning its value into text, without changing the value."""

from __future__ import annotations

import datetime
import decimal
import re
from collections.abc import Mapping

from opro_cli.core.schema import show

# What no model can be sent: neither is text in UTF-8 that servers take.
_ODD = re.compile("[\x00\ud800-\udfff]")


class MissingFieldError(ValueError):
    """A row has no such field."""

    def __init__(self, name: str, row: Mapping[str, object]) -> None:
        super().__init__("expected a value, found no such field")
        self.name = name
        self.available = tuple(row)


def field_value(row: Mapping[str, object], name: str) -> object:
    """The value of a field; where no field is called "a.b", that of "b" inside "a".

    Inside a list a part of the path counts from 0 ("choices.0"). Raises MissingFieldError.
    """
    if name in row:
        return row[name]
    value: object = row
    for part in name.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise MissingFieldError(name, row)
    return value


def text_of(value: object, *, join_lists: bool) -> str:
    """A value as text: strings and numbers as they are, true and false in lower case.

    A list of one is its element; a longer list of strings and numbers is one line each, where
    `join_lists`. Raises ValueError saying what was expected and found.
    """
    if isinstance(value, list):
        if len(value) == 1:
            return _scalar(value[0])
        if value and join_lists:
            return "\n".join(_scalar(item) for item in value)
        kind = f"a list of {len(value)}" if value else "an empty list"
        raise ValueError(f"expected one value, found {kind}")
    return _scalar(value)


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | decimal.Decimal):
        # NaN: what a column of numbers holds where a value is missing.
        if value != value:
            raise ValueError("expected a value, found NaN")
        return str(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if value is None:
        raise ValueError("expected a value, found null")
    kinds: dict[type, str] = {dict: "an object", list: "a list in a list"}
    kind = kinds.get(type(value), type(value).__name__)
    raise ValueError(f"expected text or a number, found {kind}")


def _clean(text: str) -> str:
    odd = _ODD.search(text)
    if odd is not None:
        kind = "a NUL character" if odd.group() == "\x00" else "half a surrogate pair"
        raise ValueError(f"expected text, found {kind} in {show(text)}")
    return text
