"""Fields of a row, and the row shapes of public datasets."""

from __future__ import annotations

import datetime
import decimal
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import ascii_uppercase

from opro_cli.core.settings.schema import show
from opro_cli.core.text import UNSENDABLE
from opro_cli.datasets.formats import WrittenNumber
from opro_cli.datasets.paths import (
    MissingFieldError,
    describe_turns,
    get_field,
    is_turn,
    list_names,
    read_turn,
    suggest_turns,
)

__all__ = [
    "ROW_SHAPES",
    "MissingFieldError",
    "RowShape",
    "encode_value",
    "format_value",
    "get_field",
    "read_text",
]


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


Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RowShape:
    """The row shape of one dataset.

    Attributes:
        columns: Names for its cells where its files have no header line.
        reshape: Returns the row with `question` and `answer` set; raises ValueError for a row of
            another dataset.
    """

    columns: tuple[str, ...] | None
    reshape: Callable[[Fields], Fields]


def _reshape_mmlu(row: Fields) -> Fields:
    """Reshape MMLU: the hub has `choices` and an answer's index, files six cells and a letter."""
    if "choices" in row:
        options = _read_texts(row, "choices")
    else:
        options = [read_text(row, letter) for letter in "ABCD"]
    answer = read_text(row, "answer").strip()
    if answer.isdecimal() and int(answer) < len(options):
        answer = ascii_uppercase[int(answer)]
    pairs = zip(ascii_uppercase, options, strict=False)
    lettered = [f"({letter}) {option}" for letter, option in pairs]
    return _ask_choice(row, lettered, answer, "answer")


def _reshape_aqua(row: Fields) -> Fields:
    """Reshape AQuA: `options` carry their letters ("A)21%"), `correct` is one."""
    lettered = [f"({option}" for option in _read_texts(row, "options")]
    for letter, option in zip(ascii_uppercase, lettered, strict=False):
        if not option.startswith(f"({letter})"):
            raise ValueError(f"field options: expected {letter})…, found {option[1:]!r}")
    return _ask_choice(row, lettered, read_text(row, "correct").strip(), "correct")


def _reshape_multiarith(row: Fields) -> Fields:
    """Reshape MultiArith: `question`/`final_ans` on the hub, `sQuestion`/`lSolutions` in files."""
    local = "sQuestion" in row
    question = read_text(row, "sQuestion" if local else "question")
    answer = get_field(row, "lSolutions" if local else "final_ans")
    # Its file has a blank before and after each question; the reference strips them.
    return {**row, "question": question.strip(), "answer": answer}


def _ask_choice(row: Fields, lettered: list[str], answer: str, field: str) -> Fields:
    letters = list(ascii_uppercase[: len(lettered)])
    if answer not in letters:
        raise ValueError(f"field {field}: expected one of {' '.join(letters)}, found {answer!r}")
    closing = "What's the answer in " + " ".join(f"({letter})" for letter in letters) + "?"
    question = "\n".join([read_text(row, "question"), *lettered, closing])
    return {**row, "question": question, "answer": answer}


def _read_texts(row: Fields, name: str) -> list[str]:
    values = get_field(row, name)
    if not isinstance(values, list) or not 2 <= len(values) <= 26:
        raise ValueError(f"field {name}: expected a list of 2 to 26 options")
    return [read_text({name: value}, name) for value in values]


ROW_SHAPES: dict[str, RowShape] = {
    "plain": RowShape(None, lambda row: row),
    "mmlu": RowShape(("question", "A", "B", "C", "D", "answer"), _reshape_mmlu),
    "aqua": RowShape(None, _reshape_aqua),
    "multiarith": RowShape(None, _reshape_multiarith),
}
