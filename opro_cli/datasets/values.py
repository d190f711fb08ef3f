"""Values of a row as text."""

from __future__ import annotations

import datetime
import decimal
import json
import math
from collections.abc import Mapping

from opro_cli.core.settings.schema import show
from opro_cli.core.text import UNSENDABLE
from opro_cli.datasets.formats import ClassNumber, WrittenNumber
from opro_cli.datasets.paths import (
    MissingFieldError,
    describe_turns,
    get_field,
    is_turn,
    list_names,
    read_turn,
    suggest_turns,
)


def format_value(value: object, *, join_lists: bool) -> str:
    """Write a value as text: strings and numbers as they are, true and false in lower case.

    A list of one is its element; with `join_lists` a longer list is one line each. A chat turn is
    its content, and content in blocks the texts of its blocks, one line each. Raises ValueError
    for any other value.
    """
    if is_turn(value):
        value = read_turn(value)  # type: ignore[arg-type]
    if isinstance(value, list):
        if value and all(map(_is_block, value)):
            return "\n".join(_format_scalar(block["text"]) for block in value)
        if len(value) == 1:
            only = value[0]
            return format_value(only, join_lists=False) if is_turn(only) else _format_scalar(only)
        if any(map(is_turn, value)):
            raise ValueError(f"expected one turn, found {describe_turns(value)}")
        if value and join_lists:
            return "\n".join(_format_scalar(item) for item in value)
        kind = f"a list of {len(value)}" if value else "an empty list"
        raise ValueError(f"expected one value, found {kind}")
    return _format_scalar(value)


def _is_block(value: object) -> bool:
    """Return whether a value is a block of text of a chat turn's content.

    Raises:
        ValueError: It is a block of something else, such as an image.
    """
    if not isinstance(value, dict) or not ({"type", "text"} & value.keys()):
        return False
    if isinstance(value.get("text"), str) and value.get("type", "text") == "text":
        return True
    if "role" in value or "text" in value:
        return False
    raise ValueError(f"expected text, found a block of type {show(value['type'])}")


def _format_scalar(value: object) -> str:
    if isinstance(value, str):
        odd = UNSENDABLE.search(value)
        if odd is not None:
            kind = "a NUL character" if odd.group() == "\x00" else "half a surrogate pair"
            raise ValueError(f"expected text, found {kind} in {show(value)}")
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | decimal.Decimal):
        if not isinstance(value, int) and math.isnan(value):  # missing in a column of numbers
            raise ValueError("expected a value, found NaN")
        return str(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if value is None:
        raise ValueError("expected a value, found null")
    kind = "a list in a list" if isinstance(value, list) else type(value).__name__
    if isinstance(value, Mapping):
        kind = f"an object with {list_names(value)}"
    raise ValueError(f"expected text or a number, found {kind}")


def encode_value(value: object) -> str:
    """Write any value as JSON, keys in their order and numbers as the source has them.

    Raises:
        ValueError: A part of it cannot be a text.
    """
    if isinstance(value, Mapping):
        pairs = (
            f"{json.dumps(str(k), ensure_ascii=False)}: {encode_value(value[k])}" for k in value
        )
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(encode_value, value))}]"
    missing = isinstance(value, float | decimal.Decimal) and not math.isfinite(value)
    if value is None or missing:
        return "null"
    text = _format_scalar(value)
    if isinstance(value, WrittenNumber | bool | int | float | decimal.Decimal):
        return text
    return json.dumps(text, ensure_ascii=False)


def is_blank(value: object) -> bool:
    """Return whether a value is nothing: null, NaN, or a text without a character to see."""
    missing = isinstance(value, float | decimal.Decimal) and math.isnan(value)
    return value is None or missing or (isinstance(value, str) and not value.strip())


def name_classes(fields: Mapping[str, object]) -> dict[str, object]:
    """Return fields with the names of classes in place of their numbers, also in lists."""
    return {name: _name_class(value) for name, value in fields.items()}


def _name_class(value: object) -> object:
    if isinstance(value, list):
        return [_name_class(each) for each in value]
    return value.name if isinstance(value, ClassNumber) else value


def read_text(row: Mapping[str, object], name: str, *, join_lists: bool = False) -> str:
    """Return the value at a path as text, see `format_value`; raises ValueError that names it."""
    try:
        value = get_field(row, name)
    except MissingFieldError:
        raise
    except ValueError as error:
        raise ValueError(f"field {name}: {error}") from None
    try:
        return format_value(value, join_lists=join_lists)
    except ValueError as error:
        several = isinstance(value, list) and len(value) > 1 and any(map(is_turn, value))
        remedy = f"; {suggest_turns(value, name)}" if several else ""  # type: ignore[arg-type]
        raise ValueError(f"field {name}: {error}{remedy}") from None
