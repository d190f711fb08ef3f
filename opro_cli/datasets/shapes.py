"""The fields of a row, and public datasets that come in several shapes brought to one."""

from __future__ import annotations

import datetime
import decimal
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from opro_cli.core.settings.schema import show

# What no model can be sent: neither is text in UTF-8 that servers take.
_ODD = re.compile("[\x00\ud800-\udfff]")


class MissingFieldError(ValueError):
    """A row has no such field."""

    def __init__(self, name: str, row: Mapping[str, object]) -> None:
        super().__init__("expected a value, found no such field")
        self.name = name
        self.available = tuple(row)


def get_field(row: Mapping[str, object], name: str) -> object:
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


def format_value(value: object, *, join_lists: bool) -> str:
    """A value as text: strings and numbers as they are, true and false in lower case.

    A list of one is its element; a longer list of strings and numbers is one line each, where
    `join_lists`. Raises ValueError saying what was expected and found.
    """
    if isinstance(value, list):
        if len(value) == 1:
            return _format_scalar(value[0])
        if value and join_lists:
            return "\n".join(_format_scalar(item) for item in value)
        kind = f"a list of {len(value)}" if value else "an empty list"
        raise ValueError(f"expected one value, found {kind}")
    return _format_scalar(value)


def _format_scalar(value: object) -> str:
    if isinstance(value, str):
        return _check_text(value)
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


def _check_text(text: str) -> str:
    odd = _ODD.search(text)
    if odd is not None:
        kind = "a NUL character" if odd.group() == "\x00" else "half a surrogate pair"
        raise ValueError(f"expected text, found {kind} in {show(text)}")
    return text


Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RowShape:
    """How to read the rows of one dataset.

    columns: names for its cells where its files have no header line.
    reshape: the row with `question` and `answer` set; raises ValueError for a row that is
    not of this dataset.
    """

    columns: tuple[str, ...] | None
    reshape: Callable[[Fields], Fields]


def _reshape_plain(row: Fields) -> Fields:
    return row


def _reshape_mmlu(row: Fields) -> Fields:
    """MMLU: hub rows have `choices` and the answer's index; files six cells, a letter last."""
    if "choices" in row:
        options = _read_texts(row, "choices")
    else:
        options = [_read_text(row, letter) for letter in "ABCD"]
    answer = _read_text(row, "answer").strip()
    if answer.isdecimal() and int(answer) < len(options):
        answer = _get_letter(int(answer))
    lettered = [f"({_get_letter(index)}) {option}" for index, option in enumerate(options)]
    return _ask_choice(row, lettered, answer, "answer")


def _reshape_aqua(row: Fields) -> Fields:
    """AQuA: `options` carry their letters ("A)21%"), `correct` is one."""
    lettered = [f"({option}" for option in _read_texts(row, "options")]
    for index, option in enumerate(lettered):
        if not option.startswith(f"({_get_letter(index)})"):
            raise ValueError(
                f"field options: expected {_get_letter(index)})…, found {option[1:]!r}"
            )
    return _ask_choice(row, lettered, _read_text(row, "correct").strip(), "correct")


def _reshape_multiarith(row: Fields) -> Fields:
    """MultiArith: `question`/`final_ans` on the hub, `sQuestion`/`lSolutions` in its file."""
    local = "sQuestion" in row
    question = _read_text(row, "sQuestion" if local else "question")
    answer = get_field(row, "lSolutions" if local else "final_ans")
    # Its file has a blank before and after each question; the reference takes them off.
    return {**row, "question": question.strip(), "answer": answer}


def _ask_choice(row: Fields, lettered: list[str], answer: str, field: str) -> Fields:
    letters = [_get_letter(index) for index in range(len(lettered))]
    if answer not in letters:
        raise ValueError(f"field {field}: expected one of {' '.join(letters)}, found {answer!r}")
    closing = "What's the answer in " + " ".join(f"({letter})" for letter in letters) + "?"
    question = "\n".join([_read_text(row, "question"), *lettered, closing])
    return {**row, "question": question, "answer": answer}


def _get_letter(index: int) -> str:
    return chr(ord("A") + index)


def _read_text(row: Fields, name: str) -> str:
    try:
        return format_value(get_field(row, name), join_lists=False)
    except MissingFieldError:
        raise
    except ValueError as error:
        raise ValueError(f"field {name}: {error}") from None


def _read_texts(row: Fields, name: str) -> list[str]:
    values = get_field(row, name)
    if not isinstance(values, list) or not 2 <= len(values) <= 26:
        raise ValueError(f"field {name}: expected a list of 2 to 26 options")
    return [_read_text({name: value}, name) for value in values]


ROW_SHAPES: dict[str, RowShape] = {
    "plain": RowShape(None, _reshape_plain),
    "mmlu": RowShape(("question", "A", "B", "C", "D", "answer"), _reshape_mmlu),
    "aqua": RowShape(None, _reshape_aqua),
    "multiarith": RowShape(None, _reshape_multiarith),
}
