"""The row shapes of public datasets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import ascii_uppercase

from opro_cli.datasets.options import OptionRule, Options, read_options
from opro_cli.datasets.paths import MissingFieldError, get_field
from opro_cli.datasets.values import format_value, read_text

__all__ = ["ROW_SHAPES", "MissingFieldError", "RowShape", "format_value", "get_field", "read_text"]

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


_MMLU_GOLDS = ("answer", "answerKey", "answer_index")
"""The right option in MMLU, ARC and MMLU-Pro; all of those that a row has become its letter."""


def _reshape_mmlu(row: Fields) -> Fields:
    """Reshape MMLU and its like: a list of options, or MMLU's own files of six cells.

    The right option is a letter, a label ("1" of ARC) or an index from 0, as on the hub.
    """
    listed = next((name for name in ("choices", "options") if name in row), None)
    if listed is None:  # the paper asks with the blanks behind an option
        options = Options(tuple(read_text(row, letter) for letter in "ABCD"))
    elif _is_list_of_texts(row[listed]):
        options = Options(tuple(_read_texts(row, listed)))
    else:
        options = read_options(row, (listed,))
    field = next((name for name in _MMLU_GOLDS if name in row), _MMLU_GOLDS[0])
    answer = read_text(row, field).strip()
    reading = "label" if options.labels else "position from 0"
    right = OptionRule((), reading).find_right(answer, options)
    letter = answer if right is None else ascii_uppercase[right]
    pairs = zip(ascii_uppercase, options.texts, strict=False)
    lettered = [f"({letter}) {option}" for letter, option in pairs]
    asked = _ask_choice(row, lettered, letter, field)
    return {**asked, **{name: letter for name in _MMLU_GOLDS if name in row}}


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


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


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
