"""Find the columns that hold the options of a choice, and which of them is right."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opro_cli.datasets.columns import Column, Fields, is_list
from opro_cli.datasets.options import READINGS, Options, read_options

_LIST_NAMES = """options option choices choice endings ending candidates alternatives
    optionen antworten answers possibilities"""
_LISTS = frozenset(_LIST_NAMES.split())
_NUMBERED = re.compile(r"(?P<stem>.*?[^\W\d]|)[_ ]?(?P<mark>\d|[a-zA-Z])", re.DOTALL)
_STEM_NAMES = """option opt op choice sol solution answer ending distractor candidate alternative
    ans response antwort möglichkeit"""
_STEMS = frozenset(_STEM_NAMES.split())
_KEY_NAMES = """answer answerkey label correct target gold key index solution lösung antwort
    richtig cop"""
_KEYS = frozenset(_KEY_NAMES.split())


@dataclass(frozen=True, slots=True)
class OptionColumns:
    """The options of the rows.

    Attributes:
        paths: One that holds a list, or one for each option.
        target: The path that says which option is right.
        form: A name in `options.READINGS`, or "mark".
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
    options = _read_all([{column.path: value} for value in column.values], (column.path,))
    if options is None:
        return None
    sizes = sorted({len(each.texts) for each in options})
    several = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    for key in _list_keys(columns, {column.path}):
        form = _find_form(key, options)
        # A text that is one of several "answers" may be anything: a title, a name.
        if form and (_is_key(key) or form != "text"):
            why = f"{column.path} has {several} options, and {key.path} the {form} of one"
            return OptionColumns((column.path,), key.path, form, why)
    return None


def _read_all(rows: Sequence[Fields], paths: tuple[str, ...]) -> list[Options] | None:
    """Return the options of all rows, None where a row has none."""
    try:
        return [read_options(row, paths) for row in rows]
    except ValueError:
        return None


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


def _find_form(key: Column, options: Sequence[Options]) -> str | None:
    """Return how a column says which option is right, None where it does not."""
    for name, read in READINGS.items():
        if all(read(text, each) is not None for text, each in zip(key.texts, options, strict=True)):
            return name
    return None


def _find_marked(column: Column, by_path: Mapping[str, Column]) -> OptionColumns | None:
    """Return options beside a list that marks the right one: {choices, labels: [1, 0, 0]}."""
    parent, _, name = column.path.rpartition(".")
    marks = by_path.get(f"{parent}.labels" if parent else "labels")
    if name not in _LISTS or marks is None or not (is_list(column) and is_list(marks)):
        return None
    for options, flags in zip(column.values, marks.values, strict=True):
        if not isinstance(options, list) or not isinstance(flags, list):  # null in some row
            return None
        if len(options) != len(flags) or [*map(str, flags)].count("1") != 1:
            return None
    why = f"{marks.path} marks the right one"
    return OptionColumns((parent or column.path,), marks.path, "mark", why)


def _find_distractors(columns: Sequence[Column]) -> OptionColumns | None:
    """Return a right answer in a column of its own beside wrong ones."""
    wrong = [each for each in columns if set(each.words) & {"distractor", "incorrect", "wrong"}]
    right = [each for each in columns if {"correct"} & set(each.words) and each not in wrong]
    if not wrong or not right or not all(each.texts for each in wrong):
        return None
    paths = (right[0].path, *sorted(each.path for each in wrong))
    why = f"{right[0].path} is right, and {len(wrong)} columns hold wrong answers"
    return OptionColumns(paths, right[0].path, "text", why)


def _find_numbered(columns: Sequence[Column]) -> OptionColumns | None:
    """Return options in columns that are counted: option1 and option2, A to D."""
    groups: dict[str, list[Column]] = {}
    for column in columns:
        found = _NUMBERED.fullmatch(column.path)
        if found:
            groups.setdefault(found["stem"].lower().strip("_ "), []).append(column)
    for stem, group in groups.items():
        paths = tuple(each.path for each in group)
        known = not stem or stem in _STEMS  # "sentence1" and "sentence2" are a pair
        if len(group) < (2 if known else 3) or any(
            len(each.texts) < len(each.values) for each in group
        ):
            continue
        rows = [
            dict(zip(paths, texts, strict=True))
            for texts in zip(*(g.texts for g in group), strict=True)
        ]
        options = _read_all(rows, paths)
        for key in _list_keys(columns, set(paths)) if options else ():
            if form := _find_form(key, options or ()):
                why = f"{', '.join(paths)} are options, and {key.path} has the {form} of one"
                return OptionColumns(paths, key.path, form, why)
    return None
