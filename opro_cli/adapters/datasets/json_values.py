"""JSON whose numbers stay as they were written: 39.0, 1e3, 007-long ids, every digit."""

from __future__ import annotations

import json


def parse_json(text: str) -> object:
    """Decode JSON; numbers become their source text, NaN and infinities count as null.

    Raises ValueError (json.JSONDecodeError where there is a position).
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _missing(_word: str) -> None:
    # What pandas and numpy write for a missing number.
    return None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {twice!r} stands twice in one object")
    return fields


# One for all rows: `json.loads` with options builds one a call, a third of its time.
_DECODER = json.JSONDecoder(
    parse_int=str, parse_float=str, parse_constant=_missing, object_pairs_hook=_object
)


def json_reason(error: BaseException | None) -> str:
    """A decoding error in one short phrase, with the column where it has one."""
    if isinstance(error, json.JSONDecodeError):
        place = f"line {error.lineno}, column" if error.lineno > 1 else "column"
        return f"broken JSON at {place} {error.colno}: {error.msg[:1].lower()}{error.msg[1:]}"
    return f"broken JSON: {error}"
