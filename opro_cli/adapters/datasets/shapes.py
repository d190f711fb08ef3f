"""Public datasets that come in more than one shape, brought to one: a question, an answer.

A shape reads both the rows on the hub and the files that the authors (and the reference
implementation, data/README.md) distribute. The texts of the questions are the reference's
(eval_utils.gen_prompt): lettered options, then "What's the answer in (A) (B) (C) (D)?".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from opro_cli.adapters.datasets.values import MissingFieldError, field_value, text_of

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


def _plain(row: Fields) -> Fields:
    return row


def _mmlu(row: Fields) -> Fields:
    """MMLU: hub rows have `choices` and the answer's index; files six cells, a letter last."""
    if "choices" in row:
        options = _texts(row, "choices")
    else:
        options = [_text(row, letter) for letter in "ABCD"]
    answer = _text(row, "answer").strip()
    if answer.isdecimal() and int(answer) < len(options):
        answer = _letter(int(answer))
    lettered = [f"({_letter(index)}) {option}" for index, option in enumerate(options)]
    return _choice(row, lettered, answer, "answer")


def _aqua(row: Fields) -> Fields:
    """AQuA: `options` carry their letters ("A)21%"), `correct` is one."""
    lettered = [f"({option}" for option in _texts(row, "options")]
    for index, option in enumerate(lettered):
        if not option.startswith(f"({_letter(index)})"):
            raise ValueError(f"field options: expected {_letter(index)})…, found {option[1:]!r}")
    return _choice(row, lettered, _text(row, "correct").strip(), "correct")


def _multiarith(row: Fields) -> Fields:
    """MultiArith: `question`/`final_ans` on the hub, `sQuestion`/`lSolutions` in its file."""
    local = "sQuestion" in row
    question = _text(row, "sQuestion" if local else "question")
    answer = field_value(row, "lSolutions" if local else "final_ans")
    # Its file has a blank before and after each question; the reference takes them off.
    return {**row, "question": question.strip(), "answer": answer}


def _choice(row: Fields, lettered: list[str], answer: str, field: str) -> Fields:
    letters = [_letter(index) for index in range(len(lettered))]
    if answer not in letters:
        raise ValueError(f"field {field}: expected one of {' '.join(letters)}, found {answer!r}")
    closing = "What's the answer in " + " ".join(f"({letter})" for letter in letters) + "?"
    question = "\n".join([_text(row, "question"), *lettered, closing])
    return {**row, "question": question, "answer": answer}


def _letter(index: int) -> str:
    return chr(ord("A") + index)


def _text(row: Fields, name: str) -> str:
    try:
        return text_of(field_value(row, name), join_lists=False)
    except MissingFieldError:
        raise
    except ValueError as error:
        raise ValueError(f"field {name}: {error}") from None


def _texts(row: Fields, name: str) -> list[str]:
    values = field_value(row, name)
    if not isinstance(values, list) or not 2 <= len(values) <= 26:
        raise ValueError(f"field {name}: expected a list of 2 to 26 options")
    return [_text({name: value}, name) for value in values]


ROW_SHAPES: dict[str, RowShape] = {
    "plain": RowShape(None, _plain),
    "mmlu": RowShape(("question", "A", "B", "C", "D", "answer"), _mmlu),
    "aqua": RowShape(None, _aqua),
    "multiarith": RowShape(None, _multiarith),
}
