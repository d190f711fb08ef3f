"""Find the columns that hold the options of a choice, and which of them is right."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from opro_cli.datasets.columns import Column, is_list

_LISTS = frozenset(
    """options option choices choice endings ending candidates alternatives optionen antworten
    answers possibilities""".split()  # noqa: SIM905
)
_NUMBERED = re.compile(r"(?P<stem>.*?[^\W\d]|)[_ ]?(?P<mark>\d|[a-zA-Z])", re.DOTALL)
_STEMS = frozenset(
    """option opt op choice sol solution answer ending distractor candidate alternative ans
    response antwort möglichkeit""".split()  # noqa: SIM905
)
_KEYS = frozenset(
    """answer answerkey label correct target gold key index solution lösung antwort richtig""".split()  # noqa: SIM905
)
MOST = 26
"""Options of a question: one for each letter."""


@dataclass(frozen=True, slots=True)
class OptionColumns:
    """The options of the rows.

    Attributes:
        paths: One that holds a list, or one for each option.
        target: The path that says which option is right.
        form: "letter", "index", "index from 1", "text", or "first" where the right one stands
            among the paths first.
        why: The reason, for people.
    """

    paths: tuple[str, ...]
    target: str
    form: str
    why: str


def find_options(columns: Sequence[Column]) -> OptionColumns | None:
    """Return the options of the rows, None where they have none."""
    by_path = {each.path: each for each in columns}
    for column in columns:
        found = _find_listed(column, columns) or _find_marked(column, by_path)
        if found:
            return found
    return _find_distractors(columns) or _find_numbered(columns)


def _find_listed(column: Column, columns: Sequence[Column]) -> OptionColumns | None:
    """Return options in a list of texts, {text, label} as lists, or a list of {text, label}."""
    if not set(column.words) & _LISTS:
        return None
    lists = [texts for value in column.values if (texts := read_options(value)) is not None]
    if not lists or len(lists) < len(column.values):
        return None
    several = (
        "from {} to {}".format(*sorted({min(map(len, lists)), max(map(len, lists))}))
        if (len({*map(len, lists)}) > 1)
        else str(len(lists[0]))
    )
    for key in _list_keys(columns, {column.path}):
        if form := _find_form(key, lists):
            why = f"{column.path} has {several} options, and {key.path} is {_name(form)}"
            return OptionColumns((column.path,), key.path, form, why)
    return None


def _name(form: str) -> str:
    names = {"letter": "a letter of one", "text": "the text of one", "label": "the label of one"}
    return names.get(form, f"the {form} of one")


def read_options(value: object) -> list[str] | None:
    """Return the texts of the options in one value, None where it holds none."""
    if isinstance(value, Mapping):
        if isinstance(value.get("text"), list) and isinstance(value.get("label"), list):
            value = value["text"]
        elif value and all(len(str(key)) == 1 and isinstance(v, str) for key, v in value.items()):
            value = list(value.values())
        else:
            return None
    if not isinstance(value, list) or not 2 <= len(value) <= MOST:
        return None
    texts = [each.get("text") if isinstance(each, Mapping) else each for each in value]
    return [str(text) for text in texts] if all(_is_scalar(text) for text in texts) else None


def _is_scalar(value: object) -> bool:
    return value is not None and not isinstance(value, list | Mapping)


def _list_keys(columns: Sequence[Column], taken: set[str]) -> list[Column]:
    """Return the columns that may say which option is right, the likeliest names first."""
    free = [
        each
        for each in columns
        if each.texts
        and len(each.texts) == len(each.values)
        and not any(each.path == path or each.path.startswith(f"{path}.") for path in taken)
    ]
    return sorted(free, key=lambda each: not _is_key(each))[: sum(map(_is_key, free)) or None]


def _is_key(column: Column) -> bool:
    return bool({*column.words, "".join(column.words)} & _KEYS)


def _find_form(key: Column, lists: Sequence[Sequence[str]]) -> str | None:
    """Return how a column says which option is right, None where it does not."""
    pairs = list(zip(key.texts, lists, strict=True))
    marks = [text.strip().strip("().").upper() for text in key.texts]
    sizes = [len(options) for options in lists]
    if all(len(m) == 1 and m in ascii_uppercase[:n] for m, n in zip(marks, sizes, strict=True)):
        return "letter"
    if all(text in options for text, options in pairs):
        return "text"
    if all(mark.isdecimal() and len(mark) < 3 for mark in marks):
        numbers = [int(mark) for mark in marks]
        if all(n < size for n, size in zip(numbers, sizes, strict=True)):
            return (
                "index"
                if 0 in numbers
                else "index from 1"
                if max(sizes) > 1
                and all(n >= 1 for n in numbers)
                and len(set(numbers)) == min(sizes) - 1
                and min(sizes) <= 2
                else "index"
            )
        if all(1 <= n <= size for n, size in zip(numbers, sizes, strict=True)):
            return "index from 1"
    return None


def _find_marked(column: Column, by_path: Mapping[str, Column]) -> OptionColumns | None:
    """Return options beside a list that marks the right one: {choices, labels: [1, 0, 0]}."""
    parent, _, name = column.path.rpartition(".")
    marks = by_path.get(f"{parent}.labels" if parent else "labels")
    if name not in _LISTS or marks is None or not (is_list(column) and is_list(marks)):
        return None
    for options, flags in zip(column.values, marks.values, strict=True):
        sizes = len(options), len(flags)  # type: ignore[arg-type]
        if sizes[0] != sizes[1] or [str(f) for f in flags].count("1") != 1:  # type: ignore[attr-defined]
            return None
    return OptionColumns((column.path,), marks.path, "marks", f"{marks.path} marks the right one")


def _find_distractors(columns: Sequence[Column]) -> OptionColumns | None:
    """Return a right answer in a column of its own beside wrong ones."""
    wrong = [each for each in columns if set(each.words) & {"distractor", "incorrect", "wrong"}]
    right = [each for each in columns if {"correct"} & set(each.words) and each not in wrong]
    if not wrong or not right or not all(each.texts for each in wrong):
        return None
    paths = (right[0].path, *sorted(each.path for each in wrong))
    why = f"{right[0].path} is right, and {len(wrong)} columns hold wrong answers"
    return OptionColumns(paths, right[0].path, "first", why)


def _find_numbered(columns: Sequence[Column]) -> OptionColumns | None:
    """Return options in columns that are counted: option1 and option2, A to D."""
    groups: dict[str, list[Column]] = {}
    for column in columns:
        found = _NUMBERED.fullmatch(column.path)
        if found and (not found["stem"] or found["stem"].lower().strip("_ ") in _STEMS):
            groups.setdefault(found["stem"].lower().strip("_ "), []).append(column)
    for group in groups.values():
        paths = tuple(each.path for each in group)
        if len(group) < 2 or any(len(each.texts) < len(each.values) for each in group):
            continue
        lists = list(zip(*(each.texts for each in group), strict=True))
        for key in _list_keys(columns, set(paths)):
            if form := _find_form(key, lists):
                why = f"{', '.join(paths)}, and {key.path} is {_name(form)}"
                return OptionColumns(paths, key.path, form, why)
    return None
