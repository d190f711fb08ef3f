"""Rows as examples: the question, its gold answers, and what to say of rows that have neither."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from string import ascii_uppercase

from opro_cli.core.settings.schema import show
from opro_cli.core.task.example import Example, show_golds
from opro_cli.core.task.template import Template
from opro_cli.datasets import read_rows
from opro_cli.datasets.faults import (
    HOLE,
    Problems,
    RowFaults,
    Setting,
    SourceFaults,
    build_common_error,
    name_setting,
)
from opro_cli.datasets.formats import BadRow, ClassNumber, Row
from opro_cli.datasets.grouping import read_group
from opro_cli.datasets.handed import name_handed
from opro_cli.datasets.options import (
    ListedOptions,
    OptionRule,
    Options,
    find_listed_options,
    judge_rows,
    read_options,
    read_raw_golds,
)
from opro_cli.datasets.paths import find_turn, get_field, is_turn
from opro_cli.datasets.points import Points
from opro_cli.datasets.shapes import RowShape
from opro_cli.datasets.values import encode_value, format_value, is_blank, name_classes, read_text
from opro_cli.errors import DataError
from opro_cli.ports import Metric
from opro_cli.reading.options import find_options


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads the rows of a task as examples (`task.data` and the metric).

    Attributes:
        named: The gold answer of a class number is the class's name.
        any_gold: A list has several right answers, though the metric could compare it as a whole.
        encoding: Of text files; None for UTF-8.
        options: How rows give their options, which become lettered lines; None for no options.
        group: What rows that belong together have in common; None for nothing.
    """

    input: Template
    target: Template
    shape: RowShape
    metric: Metric
    named: bool = False
    any_gold: bool = False
    encoding: str | None = None
    options: OptionRule | None = None
    group: Template | None = None
    holes: Mapping[str, str] = field(default_factory=dict)
    """The fields that `task.prompt` has holes for, and where each stands."""
    seen: dict[str, None] = field(default_factory=dict)
    """The names of the fields that the rows had, in order."""
    blanks: dict[str, list[str]] = field(default_factory=dict)
    """By field of a template of several, the rows that have nothing there."""
    classes: dict[str, str] = field(default_factory=dict)
    """The names of classes whose numbers are the gold answers, by number."""
    roles: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """By path into a chat, whose turns it means, each with its rows."""
    early: list[str] = field(default_factory=list)
    """Rows whose gold answer stands before the question in the chat."""
    doubts: list[str] = field(default_factory=list)
    """Gold answers that no reply could meet, each with its row."""
    points: Points | None = None
    """What points mean in gold answers that are numbers; None for other answers."""

    def build_example(self, row: Row, source: str) -> Example:
        """Build the example in a row.

        Raises:
            RowFaults: The question or the gold answer cannot be had; names the field and its fault.
        """
        faults: dict[Setting, ValueError] = {}
        text, golds = "", tuple[str, ...]()
        try:
            fields = self.shape.reshape(row.fields)
        except ValueError as error:
            raise RowFaults({"rows": error}) from None
        listed = None
        if self.points is not None:
            self.points.row = source
        try:
            if self.options is not None:
                listed = ListedOptions.read(self.input, fields, self.options)
            text = _render(self.input, fields, listed, placed=self.holes)
            for name in _find_blanks(self.input, fields):
                self.blanks.setdefault(name, []).append(source)
        except ValueError as error:
            faults["input"] = error
        try:
            golds = self._read_target(fields, listed)
        except ValueError as error:
            faults["target"] = error
        more, group = {}, ""
        try:
            group = read_group(self.group, fields)
        except ValueError as error:
            faults["group"] = error
        for name in self.holes:
            try:
                more[name] = self._read_hole(fields, name, listed)
            except ValueError as error:
                faults[f"{HOLE}{name}"] = error
        if faults:
            raise RowFaults(faults)
        self._note_turns(fields, source)
        example = Example(text, golds[0], source, fields=more, group=group)
        if len(golds) > 1:
            example = replace(example, target=show_golds(golds), golds=golds)
        self._note_doubt(example)
        return example

    def _note_doubt(self, example: Example) -> None:
        """Note an example that no reply could answer rightly, as far as the metric knows."""
        find_doubt: Callable[[Example], str] | None = getattr(self.metric, "find_doubt", None)
        reasons = [find_doubt(one) for one in example.split_golds()] if find_doubt else []
        if reasons and all(reasons):
            self.doubts.append(f"{example.source}: {reasons[0]}")

    def _read_hole(
        self, fields: Mapping[str, object], name: str, listed: ListedOptions | None
    ) -> str:
        """Return what stands in a hole of `task.prompt`; options with their letters."""
        if listed is not None and (name,) == listed.rule.paths:
            return listed.lines
        return read_text(fields, name, join_lists=True)

    def _note_turns(self, fields: Mapping[str, object], source: str) -> None:
        """Note whose turns of a chat the question and the gold answer are, and a wrong order."""
        asked = [find_turn(fields, name) for name in self.input.fields]
        given = [find_turn(fields, name) for name in self.target.fields]
        for name, turn in zip(
            (*self.input.fields, *self.target.fields), (*asked, *given), strict=True
        ):
            if turn is not None:
                self.roles.setdefault(name, {}).setdefault(turn.role, []).append(source)
        last = max((turn.index for turn in asked if turn is not None), default=-1)
        if any(turn is not None and turn.index < last for turn in given):
            self.early.append(source)

    def _read_target(
        self, fields: Mapping[str, object], listed: ListedOptions | None
    ) -> tuple[str, ...]:
        """Return each right answer; none where the options could not be read."""
        if self.options is None:
            return self._read_golds(name_classes(fields) if self.named else fields)
        return () if listed is None else self._read_letters(fields, listed)

    def _read_golds(self, fields: Mapping[str, object]) -> tuple[str, ...]:
        """Return each right answer as the metric compares it, at least one.

        A metric that compares lists and objects is given them as JSON.
        """
        name = self.target.only_field
        if name is None:
            raw = self.target.render(lambda each: self._read_part(fields, each))
            return (self._read_gold(raw),)
        value = get_field(fields, name)
        if _is_said(fields, name, value):
            return (self._read_gold(read_text(fields, name)),)
        kinds: frozenset[str] = getattr(self.metric, "structures", frozenset())
        if isinstance(value, list) and ("list" not in kinds or self.any_gold):
            return self._read_any(value, kinds)
        if _is_structure(value, kinds):
            return (self._read_gold(encode_value(value)),)
        if isinstance(value, ClassNumber):
            self.classes[str(int(value))] = value.name
        text = read_text(fields, name)
        if self.points is not None and type(value) is str:  # a number of JSON has no such points
            text = self.points.read(text)
        return (self._read_gold(text),)

    def _read_letters(self, fields: Mapping[str, object], listed: ListedOptions) -> tuple[str, ...]:
        """Return the letters of the right options."""
        letters = []
        for raw in read_raw_golds(self.target, fields, listed.options):
            index = listed.rule.find_right(raw, listed.options)
            if index is None:
                where, count = name_setting(self.target, "target"), len(listed.options.texts)
                known = ", ".join(listed.options.labels or ascii_uppercase[:count])
                raise ValueError(f"{where}: expected one of the options {known}; found {show(raw)}")
            letters.append(self.metric.target(f"({ascii_uppercase[listed.order.index(index)]})"))
        return tuple(dict.fromkeys(letters))

    def _read_part(self, fields: Mapping[str, object], name: str) -> str:
        """Return a field of a template of several."""
        kinds: frozenset[str] = getattr(self.metric, "structures", frozenset())
        value = get_field(fields, name)
        if is_blank(value) and len(self.target.fields) > 1:
            return ""
        whole = _is_structure(value, kinds) and not _is_said(fields, name, value)
        return encode_value(value) if whole else read_text(fields, name)

    def _read_any(self, values: list[object], kinds: frozenset[str]) -> tuple[str, ...]:
        """Return the answers in a list of right ones, each once; what can be none is left out."""
        golds: dict[str, None] = {}
        fault: ValueError | None = None
        for value in values:
            try:
                whole = _is_structure(value, kinds)
                raw = encode_value(value) if whole else format_value(value, join_lists=False)
                golds[self._read_gold(raw)] = None
            except ValueError as error:
                fault = fault or error
        if not golds:
            where = name_setting(self.target, "target")
            text = str(fault or ValueError("expected one value, found an empty list"))
            raise ValueError(text if text.startswith(where) else f"{where}: {text}")
        return tuple(golds)

    def _read_gold(self, raw: str) -> str:
        """Return one right answer as the metric compares it."""
        try:
            _refuse_blank(raw)
            return self.metric.target(raw)
        except ValueError as error:
            raise ValueError(f"{name_setting(self.target, 'target')}: {error}") from None


def _is_said(fields: Mapping[str, object], name: str, value: object) -> bool:
    """Return whether a value is a turn of a chat, whose text is the gold answer."""
    if isinstance(value, Mapping):  # {"from": "Rome", "value": 3} may be an answer of its own
        return is_turn(value) and ("role" in value or find_turn(fields, name) is not None)
    return find_turn(fields, name) is not None


def _is_structure(value: object, kinds: frozenset[str]) -> bool:
    """Return whether a value is one that a metric compares as a whole, of "object" and "list"."""
    return (isinstance(value, Mapping) and "object" in kinds) or (
        isinstance(value, list) and "list" in kinds
    )


def find_option_rule(
    files: Iterable[str], reader: RowReader, rule: OptionRule | None, index_from: int | None
) -> OptionRule | None:
    """Return how the rows of all sources give their options, as all rows together tell.

    Args:
        files: The sources.
        reader: Of their rows.
        rule: With the fields of the options; None to look for a list in the template of the
            question.
        index_from: What positions are counted from, where the config says so.

    Returns:
        None where there are no options to be lettered.

    Raises:
        DataError: A source cannot be read, or nothing tells what positions are counted from.
    """
    seen: list[tuple[str, Options]] = []
    paths = rule.paths if rule is not None else ()
    for file in files:
        for row in read_rows(file, reader.shape.columns, reader.encoding):
            if isinstance(row, BadRow):
                continue
            if not paths:
                found = find_listed_options(row.fields, reader.input.fields)
                if found is None or _has_options(reader.input, row.fields):
                    return None
                paths = (found,)
            try:
                fields = reader.shape.reshape(row.fields)
                options = read_options(fields, paths)
                seen += [(raw, options) for raw in read_raw_golds(reader.target, fields, options)]
            except ValueError:
                continue  # told when the rows are read
    if not paths:
        return None
    reading, first = judge_rows(seen, paths, index_from)
    listed = len(paths) > 1 and reader.target.only_field == paths[0]
    return OptionRule(paths, reading, shuffled=first or listed, seed=rule.seed if rule else 0)


def _has_options(template: Template, fields: Mapping[str, object]) -> bool:
    """Return whether a question has lettered options as it stands."""
    try:
        return bool(find_options(_render(template, fields, None)))
    except ValueError:
        return False


def _render(
    template: Template,
    fields: Mapping[str, object],
    listed: ListedOptions | None,
    placed: Container[str] = (),
) -> str:
    """Return the question; raises ValueError rather than return an empty text.

    Options stand where the template has their field, or else behind it, unless they are `placed`
    elsewhere in the prompt.
    """
    hole = listed.rule.paths[0] if listed is not None and len(listed.rule.paths) == 1 else None

    def read(name: str) -> str:
        if listed is not None and name == hole:
            return listed.lines
        if len(template.fields) > 1 and is_blank(get_field(fields, name)):
            return ""
        return read_text(fields, name, join_lists=True)

    text = template.render(read)
    if len(template.fields) > 1 and len(_find_blanks(template, fields)) == len(template.fields):
        text = ""
    if listed is not None and hole not in template.fields and hole not in placed:
        text = f"{text.rstrip()}\n{listed.lines}"
    try:
        _refuse_blank(text)
    except ValueError as error:
        raise ValueError(f"{name_setting(template, 'input')}: {error}") from None
    return text


def _find_blanks(template: Template, fields: Mapping[str, object]) -> list[str]:
    """Return the fields of a template of several that have nothing in a row."""
    names = template.fields if len(template.fields) > 1 else ()
    return [name for name in names if is_blank(get_field(fields, name))]


def _refuse_blank(text: str) -> None:
    if not text.strip():
        raise ValueError("expected some text, found none")


def read_examples(file: str, label: str, reader: RowReader, problems: Problems) -> list[Example]:
    """Read the usable rows of one source, called `label`; the others are noted in `problems`.

    Raises:
        DataError: The source cannot be read, is empty, or no row has a field of the config.
    """
    examples: list[Example] = []
    faults = SourceFaults()
    fields: tuple[str, ...] = ()
    empty, is_handed = True, name_handed(file) is not None
    for row in read_rows(file, reader.shape.columns, reader.encoding):
        empty = False
        source = f"row {row.number} of {label}" if is_handed else f"{label}:{row.number}"
        if isinstance(row, BadRow):
            problems.add(source, row.reason)
            continue
        fields = fields or tuple(row.fields)
        faults.rows += 1
        try:
            examples.append(reader.build_example(row, source))
        except RowFaults as found:
            faults.add(found)
            problems.add(source, str(found))
    if empty:
        name, hint = (label, "give some") if is_handed else (file, "name a file that has some")
        raise DataError(f"{name}: expected rows, found none", hint)
    if not examples and (common := faults.find_common()):
        raise build_common_error(common, faults, label, fields, reader.holes)
    reader.seen.update(dict.fromkeys(fields))
    return examples
