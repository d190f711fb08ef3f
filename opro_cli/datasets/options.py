"""Options of multiple-choice rows, however the row has them, as lettered lines of the question.

Sets differ in how they write the right option: as its letter, its label, its text, or its position
counted from 0 or from 1. One row does not tell; all rows together mostly do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from string import ascii_uppercase

from opro_cli.core.draws import create_rng
from opro_cli.core.settings.schema import show
from opro_cli.core.task.template import Template
from opro_cli.datasets.faults import name_setting
from opro_cli.datasets.formats import parse_json
from opro_cli.datasets.paths import MissingFieldError, get_field, is_turn
from opro_cli.datasets.values import encode_value, format_value, read_text
from opro_cli.errors import DataError
from opro_cli.reading.options import find_options

MOST = len(ascii_uppercase)
_TEXTS = ("text", "texts", "choices", "options", "content", "option", "choice", "value", "answer")
_LABELS = ("label", "labels", "key", "keys", "id", "letter")
"""Names of the texts and of the labels in options that are objects, or lists side by side."""
_LETTER = re.compile(r"[(\[]?([A-Za-z])(?:[)\].:](?:\s.*)?)?", re.DOTALL)
_OWN_LETTER = re.compile(r"\s*[(\[]?([A-Za-z])\s?[)\].:]\s*")
_UNLIKELY = 0.01
"""The chance below which right options that all stand first do not stand there by chance."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one row.

    Attributes:
        texts: In the order of the row, 2 to 26.
        labels: As the row names them, "1" or "A"; empty where it does not.
        flags: For each option whether it is right, where the row says so; else empty.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...] = ()
    flags: tuple[bool, ...] = ()


def read_options(fields: Mapping[str, object], paths: Sequence[str]) -> Options:
    """Return the options at a path, or those at several, one or more at each.

    Raises:
        ValueError: They are not 2 to 26 texts; says which field.
    """
    where = f"field {paths[0]}" if len(paths) == 1 else f"fields {', '.join(paths)}"
    try:
        if len(paths) == 1:
            options = _read_value(get_field(fields, paths[0]))
        else:
            options = Options(tuple(_read_several(fields, paths)))
        if not 2 <= len(options.texts) <= MOST:
            raise ValueError(f"expected 2 to {MOST} options, found {len(options.texts)}")
    except MissingFieldError:
        raise
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return options


def _read_several(fields: Mapping[str, object], paths: Sequence[str]) -> Iterable[str]:
    """Yield the options of several fields; one that is empty or null is none."""
    for path in paths:
        value = get_field(fields, path)
        for each in value if isinstance(value, list) else [value]:
            if each is not None and (text := _write(each)):
                yield text


def _read_value(value: object) -> Options:
    if isinstance(value, str):
        listed = _parse(value)
        if listed is None:
            lettered = tuple(find_options(value).values())
            if not lettered:
                raise ValueError(f"expected a list of options, found {show(value)}")
            return Options(lettered)
        value = listed
    if isinstance(value, list):
        if value and all(isinstance(each, Mapping) for each in value):
            return _read_objects(value)
        return Options(_drop_letters(tuple(map(_write, value))))
    if not isinstance(value, Mapping):
        raise ValueError(f"expected a list of options, found {show(value)}")
    texts, labels = _find(value, _TEXTS), _find(value, _LABELS)
    if isinstance(texts, list):
        if labels is None:
            return Options(tuple(map(_write, texts)))
        if not isinstance(labels, list) or len(labels) != len(texts):
            raise ValueError(f"expected as many labels as options, found {len(texts)} options")
        return _label(tuple(map(_write, texts)), labels)
    kept = {key: _write(text) for key, text in value.items() if text is not None}
    return Options(tuple(kept.values()), tuple(map(str, kept)))


def _read_objects(objects: Sequence[Mapping[str, object]]) -> Options:
    """Read options such as {"text": …, "label": …}."""
    texts = [_find(each, _TEXTS) for each in objects]
    if any(text is None for text in texts):
        raise ValueError(f"expected options with a text, found {show(dict(objects[0]))}")
    labels = [_find(each, _LABELS) for each in objects]
    written = tuple(map(_write, texts))
    return Options(written) if None in labels else _label(written, labels)


def _label(texts: tuple[str, ...], labels: Sequence[object]) -> Options:
    """Return labelled options; labels that are 0 for all but one mark the right option."""
    names = tuple(map(_write, labels))
    if {*names} <= {"0", "1", "true", "false"} and len({*names}) < max(3, len(names)):
        flags = tuple(name in ("1", "true") for name in names)
        if sum(flags) == 1:
            return Options(texts, (), flags)
    return Options(texts, names)


def _find(fields: Mapping[str, object], names: Sequence[str]) -> object:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _write(value: object) -> str:
    """Return an option on one line: a line of its own could pass for another option."""
    return " ".join(format_value(value, join_lists=False).split())


def _parse(text: str) -> object:
    """Return the list or object that a cell has as JSON; None for another text."""
    if not text.lstrip().startswith(("[", "{")):
        return None
    try:
        value = parse_json(text)
    except ValueError:
        return None
    return value if isinstance(value, list | dict) else None


def _drop_letters(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return options without letters of their own, "A) 21%", where all have theirs in order."""
    own = [_OWN_LETTER.match(text) for text in texts]
    letters = "".join(match[1].upper() if match else " " for match in own)
    if len(texts) < 2 or letters != ascii_uppercase[: len(texts)]:
        return texts
    return tuple(text[match.end() :] for text, match in zip(texts, own, strict=True) if match)


def _by_label(gold: str, options: Options) -> int | None:
    return options.labels.index(gold) if gold in options.labels else None


def _by_text(gold: str, options: Options) -> int | None:
    same = [i for i, text in enumerate(options.texts) if text == " ".join(gold.split())]
    return same[0] if len(same) == 1 else None


def _by_letter(gold: str, options: Options) -> int | None:
    letter = _LETTER.fullmatch(gold.strip())
    index = ascii_uppercase.index(letter[1].upper()) if letter else MOST
    return index if index < len(options.texts) else None


def _by_position(first: int, gold: str, options: Options) -> int | None:
    number = re.fullmatch(r"(\d{1,3})(?:\.0+)?", gold.strip())
    index = int(number[1]) - first if number else -1
    return index if 0 <= index < len(options.texts) else None


READINGS: dict[str, Callable[[str, Options], int | None]] = {
    "label": _by_label,
    "text": _by_text,
    "letter": _by_letter,
    "position from 0": partial(_by_position, 0),
    "position from 1": partial(_by_position, 1),
}
"""Ways to read a gold answer as one of the options, the surest first."""
_UNAIDED = ("label", "text", "letter")


@dataclass(frozen=True, slots=True)
class OptionRule:
    """How the rows of a task give their options and the right one.

    Attributes:
        paths: The fields of the options.
        reading: The name in READINGS that most rows agree with.
        shuffled: The right option always stands first in the data, so the order is drawn anew.
        seed: Of the draw.
    """

    paths: tuple[str, ...]
    reading: str = "letter"
    shuffled: bool = False
    seed: int = 0

    def find_right(self, gold: str, options: Options) -> int | None:
        """Return the index of the option that a gold answer means; None for no option."""
        for name in dict.fromkeys((self.reading, *_UNAIDED)):
            if (index := READINGS[name](gold, options)) is not None:
                return index
        return None

    def describe(self) -> tuple[str, ...]:
        """Return sentences for people about what was found in the data."""
        notes = []
        if self.reading.startswith("position"):
            notes.append(f"gold answers are read as the {self.reading} of an option")
        if self.shuffled:
            notes.append(
                "the options are shuffled by task.data.split.seed: the right one always stands "
                "first in the data"
            )
        return tuple(notes)

    def order(self, options: Options, question: str) -> list[int]:
        """Return the indices of the options in the order in which they are shown."""
        order = list(range(len(options.texts)))
        if self.shuffled:
            create_rng(self.seed, "options", question, *options.texts).shuffle(order)
        return order


def letter_options(options: Options, order: Sequence[int]) -> str:
    """Return options as lines "(A) text"."""
    pairs = zip(ascii_uppercase, order, strict=False)
    return "\n".join(f"({letter}) {options.texts[index]}" for letter, index in pairs)


def judge_rows(
    rows: Sequence[tuple[str, Options]], paths: tuple[str, ...], index_from: int | None
) -> tuple[str, bool]:
    """Return how all rows give the right option, and whether it always stands first.

    Args:
        rows: The gold answer as the row has it, and the options.
        paths: Of the options.
        index_from: What positions are counted from, where the config says so.

    Raises:
        DataError: Positions may be counted from 0 or from 1, and nothing tells which.
    """
    met = Counter(
        {name: sum(read(*row) is not None for row in rows) for name, read in READINGS.items()}
    )
    reading = max(READINGS, key=lambda name: met[name])
    if reading.startswith("position"):
        zero, one = met["position from 0"], met["position from 1"]
        if index_from is not None:
            reading = f"position from {index_from}"
        elif zero == one:
            raise DataError(
                "task.data.target: the positions of the right options may be counted from 0 or "
                "from 1: no row has 0, or its last option",
                "say which: task.data.index_from: 0, or 1",
            )
    rule = OptionRule(paths, reading)
    indices = [(rule.find_right(gold, options), len(options.texts)) for gold, options in rows]
    known = [(index, count) for index, count in indices if index is not None]
    chance = 1.0
    for _, count in known[1:]:
        chance /= count
    first = bool(known) and all(index == 0 for index, _ in known)
    return reading, first and chance <= _UNLIKELY


def find_listed_options(fields: Mapping[str, object], names: Iterable[str]) -> str | None:
    """Return the field of a template that holds options to be lettered; None for none.

    Those that carry their letters are left as they are.
    """
    for name in names:
        try:
            value = get_field(fields, name)
        except ValueError:
            continue
        if isinstance(value, list) and any(map(is_turn, value)):
            continue
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            if len(value) > 1 and _drop_letters(tuple(value)) == tuple(value):
                return name
        elif isinstance(value, list | dict):
            try:
                read_options(fields, (name,))
            except ValueError:
                continue
            return name
    return None


@dataclass(frozen=True, slots=True)
class ListedOptions:
    """The options of one row, and the order in which they are shown."""

    rule: OptionRule
    options: Options
    order: list[int]

    @classmethod
    def read(
        cls, template: Template, fields: Mapping[str, object], rule: OptionRule
    ) -> ListedOptions:
        """Read them; their order depends on the row alone, not on where it stands."""
        options = read_options(fields, rule.paths)
        names = [name for name in template.fields if name not in rule.paths]
        question = encode_value([get_field(fields, name) for name in names])
        return cls(rule, options, rule.order(options, question))

    @property
    def lines(self) -> str:
        """The options with their letters, one a line."""
        return letter_options(self.options, self.order)


def read_raw_golds(
    template: Template, fields: Mapping[str, object], options: Options
) -> tuple[str, ...]:
    """Return what a row has for its right options, each once; labels where they are marked.

    Raises:
        ValueError: It has nothing.
    """
    name = template.only_field
    value = None if name is None else get_field(fields, name)
    if options.flags and isinstance(value, list | Mapping):
        return (options.texts[options.flags.index(True)],)
    if isinstance(value, list) and value:
        values = [read_text({str(name): each}, str(name)).strip() for each in value]
        return tuple(dict.fromkeys(values))
    text = template.render(lambda each: read_text(fields, each)).strip()
    if not text:
        raise ValueError(f"{name_setting(template, 'target')}: expected some text, found none")
    return (text,)
