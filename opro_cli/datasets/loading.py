"""Build the examples of a run from rows: fields, gold answers, repeats, leaks and splits."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from opro_cli.core.settings.prompts import TURN, PromptFile, describe_place
from opro_cli.core.settings.schema import nearest
from opro_cli.core.settings.settings import LABELLED, DataSettings, Settings, TaskSettings
from opro_cli.core.splits import cut_splits, describe_doubts
from opro_cli.core.task.chat import ESCAPED, RESERVED, parse_turn
from opro_cli.core.task.example import SPLITS, Example, Split, fingerprint_examples
from opro_cli.core.task.prompt import Field, Template, parse_template
from opro_cli.datasets import read_rows
from opro_cli.datasets.formats import BadRow, ClassNumber, Row
from opro_cli.datasets.shapes import ROW_SHAPES, MissingFieldError, RowShape, get_field, read_text
from opro_cli.errors import DataError
from opro_cli.metrics.label import split_gold
from opro_cli.ports import Metric

QUOTED = 10
"""Problems quoted in full; the others are counted."""


@dataclass(slots=True)
class Problems:
    """Rows that cannot be used: how many, and the first few reasons as finished lines."""

    count: int = 0
    quoted: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        """Note why a row cannot be used."""
        self.count += 1
        if len(self.quoted) < QUOTED:
            self.quoted.append(line)

    def __str__(self) -> str:
        more = self.count - len(self.quoted)
        return "\n".join([*self.quoted, *([f"and {more} more"] if more > 0 else [])])


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads the rows of a task as examples (`task.data` and the metric)."""

    input: Template
    target: Template
    shape: RowShape
    metric: Metric
    named: bool = False
    """Whether the gold answer of a class number is the class's name."""
    holes: Mapping[str, str] = field(default_factory=dict)
    """The fields that `task.prompt` has holes for, and where each stands."""
    seen: dict[str, None] = field(default_factory=dict)
    """The names of the fields that the rows had, in order."""

    def build_example(self, row: Row, source: str) -> Example:
        """Build the example in a row; raises ValueError that names the field and its fault."""
        fields = self.shape.reshape(row.fields)
        text = _render(self.input, fields, "input")
        raw = _render(self.target, _name_classes(fields) if self.named else fields, "target")
        try:
            target = self.metric.target(raw)
        except ValueError as error:
            raise ValueError(f"{_label(self.target, 'target')}: {error}") from None
        return Example(text, target, source, fields=self._fill_holes(fields))

    def _fill_holes(self, fields: Mapping[str, object]) -> dict[str, str]:
        """Return the texts for the holes of `task.prompt`; raises as `build_example`."""
        texts = {}
        for name, place in self.holes.items():
            try:
                texts[name] = read_text(fields, name, join_lists=True)
            except MissingFieldError:
                raise
            except ValueError as error:
                raise ValueError(f"{place}: {{{{{name}}}}}: {error}") from None
        return texts


def _name_classes(fields: Mapping[str, object]) -> dict[str, object]:
    return {k: v.name if isinstance(v, ClassNumber) else v for k, v in fields.items()}


def _render(template: Template, fields: Mapping[str, object], setting: str) -> str:
    """Fill a template; raises ValueError rather than return an empty text."""
    text = template.render(lambda name: read_text(fields, name, join_lists=setting == "input"))
    if not text.strip():
        raise ValueError(f"{_label(template, setting)}: expected some text, found none")
    return text


def _label(template: Template, setting: str) -> str:
    """Return the field when the template is a single one, else the setting."""
    only = template.parts[0] if len(template.parts) == 1 else None
    return f"field {only.name}" if isinstance(only, Field) else f"task.data.{setting}"


def read_examples(file: str, label: str, reader: RowReader, problems: Problems) -> list[Example]:
    """Read the usable rows of one source, called `label`; the others are noted in `problems`.

    Raises:
        DataError: The source cannot be read, is empty, or no row has a field of the config.
    """
    examples: list[Example] = []
    missing: Counter[str] = Counter()
    first: Mapping[str, object] = {}
    empty = True
    for row in read_rows(file, reader.shape.columns):
        empty = False
        source = f"{label}:{row.number}"
        if isinstance(row, BadRow):
            problems.add(f"{source}: {row.reason}")
            continue
        first = first or row.fields
        try:
            examples.append(reader.build_example(row, source))
        except MissingFieldError as error:
            missing[error.name] += 1
            problems.add(f"{source}: field {error.name}: {error}")
        except ValueError as error:
            problems.add(f"{source}: {error}")
    if empty:
        raise DataError(f"{file}: expected rows, found none", "name a file that has some")
    fields = tuple(first)
    if not examples and missing:
        absent = dict.fromkeys([missing.most_common(1)[0][0], *_list_absent(reader, first)])
        errors = [_build_field_error(name, label, fields, reader) for name in absent]
        raise DataError("\n".join(error.message for error in errors), errors[0].hint)
    reader.seen.update(dict.fromkeys(fields))
    return examples


def _list_absent(reader: RowReader, row: Mapping[str, object]) -> list[str]:
    """Return the holes that a row cannot fill."""
    absent = []
    for name in reader.holes:
        try:
            get_field(reader.shape.reshape(row), name)
        except MissingFieldError:
            absent.append(name)
        except ValueError:  # a row of another shape, which is an error of its own
            continue
    return absent


def _build_field_error(
    name: str, label: str, available: tuple[str, ...], reader: RowReader
) -> DataError:
    """Explain a field that every row lacks: the config is wrong, not the rows."""
    # Field names are data and go to the terminal: only what prints, the rest escaped.
    shown = [field if field.isprintable() else repr(field) for field in available]
    listing = ", ".join(shown[:12]) + (", …" if len(shown) > 12 else "")
    guess = nearest(name, shown)
    hint = (
        f'did you mean "{guess}"?'
        if guess
        else "name one of these, or a template such as {question}"
    )
    if name in reader.holes:
        hint = hint if guess else f"name one of these; {ESCAPED} is written for {{{{ itself"
        message = f"{reader.holes[name]}: {{{{{name}}}}}: {label} has no field {name}; "
        return DataError(message + f"it has {listing or 'none'}", hint)
    if name in reader.input.fields:
        setting = "input"
    elif name in reader.target.fields:
        setting = "target"
    else:
        setting = "rows"
        hint = "for rows of your own set task.data.rows to plain, and input and target"
    return DataError(
        f"task.data.{setting}: {label} has no field {name}; it has {listing or 'none'}", hint
    )


def normalize_question(text: str) -> str:
    """Make texts equal that read the same: Unicode NFC, whitespace collapsed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def drop_repeats(examples: Sequence[Example], problems: Problems) -> list[Example]:
    """Keep each question of one source once: the first of those with the same target.

    A question with different targets is dropped with all its rows and is a problem, since its
    right target is not known.
    """
    copies: dict[str, list[Example]] = {}
    for example in examples:
        copies.setdefault(normalize_question(example.shown), []).append(example)
    usable = []
    for same in copies.values():
        if all(example.target == same[0].target for example in same):
            usable.append(same[0])
            continue
        for example in same:
            other = next(copy for copy in same if copy.target != example.target)
            problems.add(
                f"{example.source}: the question has another target in {other.source}, "
                f"{example.target!r} here and {other.target!r} there"
            )
    return usable


def drop_leaks(
    sources: Mapping[Split, Sequence[Example]], problems: Problems
) -> dict[Split, list[Example]]:
    """Drop questions that stand in two sources: from train and dev for test, from train for dev.

    So test stays as given. Every row that is dropped is a problem.
    """
    seen: dict[str, Example] = {}
    clean: dict[Split, list[Example]] = {}
    for split in reversed(SPLITS):
        if split not in sources:
            continue
        clean[split] = []
        for example in sources[split]:
            held_out = seen.get(normalize_question(example.shown))
            if held_out is None:
                clean[split].append(example)
            else:
                problems.add(f"{example.source}: the question is also in {held_out.source}")
        seen.update((normalize_question(example.shown), example) for example in clean[split])
    return clean


@dataclass(frozen=True, slots=True)
class LoadedData:
    """The examples of a run.

    Attributes:
        examples: Every split, dev and test possibly empty; no question is in two of them, unless
            the rows are drawn as the paper draws them.
        notes: Sentences for people: how the rows were cut, which were left out and why.
        left_out: Number of rows that no split could take (unusable or repeated).
        golds: How often each gold answer stands in the usable rows, the commonest first.
        fingerprint: `fingerprint_examples` of these examples.
        fields: The names of the fields of a row.
    """

    examples: Mapping[Split, tuple[Example, ...]]
    notes: tuple[str, ...]
    left_out: int
    fingerprint: str
    golds: Mapping[str, int] = field(default_factory=dict)
    fields: tuple[str, ...] = ()


def load_examples(
    task: TaskSettings, metric: Metric, prompt_files: Sequence[PromptFile] = ()
) -> LoadedData:
    """Read the sources that `task.data` names (absolute paths, or hub: names).

    Args:
        task: The task.
        metric: Reads the gold answers.
        prompt_files: The files that texts of `task.prompt` are from, for errors to name.

    Raises:
        DataError: Rows cannot be used, or the config does not fit them.
    """
    data = task.data
    files = _list_sources(data)
    labels = _label_sources(files)
    # Who maps the numbers to names of their own means the numbers.
    mapped = any(raw != label for raw, label in task.labels or ())
    named = task.answer in LABELLED and not mapped
    reader = _build_reader(data, metric, named=named)
    reader = replace(reader, holes=_place_holes(task, prompt_files))
    problems = Problems()
    sources: dict[Split, list[Example]] = {}
    repeats: dict[str, int] = {}
    # The paper draws from all rows as they stand: leaving one out would move all the others.
    as_they_stand = data.split.method == "paper"
    for split, file in files.items():
        rows = read_examples(file, labels[split], reader, problems)
        noted = problems.count
        sources[split] = rows if as_they_stand else drop_repeats(rows, problems)
        repeats[labels[split]] = len(rows) - len(sources[split]) - (problems.count - noted)
    if not as_they_stand:
        sources = drop_leaks(sources, problems)
    _refuse_problems(data, sources, labels, problems)
    sizes = {split: len(usable) for split, usable in sources.items()}
    division = cut_splits(sizes, data.split)
    if not division.rows["train"]:
        raise DataError(
            "task.data.split.train: expected at least 1 row, found 0",
            "the optimizer scores its candidates on the train rows",
        )
    examples = {
        split: _take_rows(sources.get(split, sources["train"]), division.rows[split][: data.limit])
        for split in SPLITS
    }
    counts = {split: len(chosen) for split, chosen in examples.items()}
    return LoadedData(
        examples=examples,
        notes=(
            division.note,
            *_note_limit(data),
            *_build_notes(problems, repeats),
            *describe_doubts(counts),
        ),
        left_out=problems.count + sum(repeats.values()),
        fingerprint=fingerprint_examples(examples),
        golds=count_golds(sources),
        fields=tuple(reader.seen),
    )


def _place_holes(task: TaskSettings, files: Sequence[PromptFile]) -> dict[str, str]:
    """Return the fields that `task.prompt` has holes for, each with the place of its first one."""
    known = {each.place: each.file for each in files}
    holes: dict[str, str] = {}
    for index, (role, text) in enumerate(task.prompt or ()):
        file = known.get(f"{TURN}.{index}")
        for hole in parse_turn(role, text).holes:
            where = describe_place(file, hole.line, text).removesuffix(": ")
            key = f"{TURN}.{index}.{role}"
            named = where if file else ", ".join(filter(None, (key, where)))
            if hole.name not in RESERVED:
                holes.setdefault(hole.name, named)
    return holes


def count_golds(sources: Mapping[Split, Sequence[Example]]) -> dict[str, int]:
    """Return how often each gold answer occurs, the commonest first, equals by name."""
    counts = Counter(example.target for rows in sources.values() for example in rows)
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _list_sources(data: DataSettings) -> dict[Split, str]:
    sources: dict[Split, str] = {"train": data.train}
    for split, source in (("dev", data.dev), ("test", data.test)):
        if source is None:
            continue
        twin = next((name for name, other in sources.items() if other == source), None)
        if twin is not None:
            raise DataError(
                f"task.data.{split}: {source} is task.data.{twin} as well",
                f"leave task.data.{split} out: its rows are then cut from those of train",
            )
        sources[split] = source  # type: ignore[index]
    return sources


def _label_sources(sources: Mapping[Split, str]) -> dict[Split, str]:
    """Return file names where they tell the sources apart, else whole paths."""
    names = {
        split: source if source.startswith("hub:") else PurePath(source).name
        for split, source in sources.items()
    }
    return names if len({*names.values()}) == len(names) else dict(sources)


def _build_reader(data: DataSettings, metric: Metric, *, named: bool) -> RowReader:
    templates: dict[str, Any] = {}
    for name, setting in (("input", data.input), ("target", data.target)):
        try:
            templates[name] = parse_template(setting)
        except ValueError as error:
            raise DataError(f"task.data.{name}: expected {error}") from None
    return RowReader(**templates, shape=ROW_SHAPES[data.rows], metric=metric, named=named)


def _refuse_problems(
    data: DataSettings,
    sources: Mapping[Split, list[Example]],
    labels: Mapping[Split, str],
    problems: Problems,
) -> None:
    """Raise DataError for bad rows where the config wants none, and for a source without rows."""
    if problems.count and data.on_bad_row == "error":
        raise DataError(
            f"task.data: {_count_rows(problems.count)} cannot be used\n{problems}",
            "mend them, or leave them out with task.data.on_bad_row: skip",
        )
    for split, examples in sources.items():
        if not examples:
            raise DataError(
                f"task.data.{split}: no row of {labels[split]} can be used\n{problems}",
                "check input, target and rows under task.data, and task.answer",
            )


def _build_notes(problems: Problems, repeats: Mapping[str, int]) -> list[str]:
    notes = []
    if problems.count:
        first = "; ".join(problems.quoted[:3])
        more = "; …" if len(problems.quoted) > 3 else ""
        notes.append(f"left out {_count_rows(problems.count)} that cannot be used: {first}{more}")
    for label, count in repeats.items():
        if count:
            rows = _count_rows(count)
            notes.append(f"left out {rows} of {label}: the same question and target before")
    return notes


def _note_limit(data: DataSettings) -> list[str]:
    return (
        [f"of each split the first {data.limit} are used (task.data.limit)"] if data.limit else []
    )


def _take_rows(source: Sequence[Example], rows: Sequence[int]) -> tuple[Example, ...]:
    return tuple(replace(source[row], row=row) for row in rows)


def _count_rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


MOST_LABELS = 200
"""Gold answers of a closed set: more are no set of labels."""


def settle_labels(settings: Settings, data: LoadedData) -> Settings:
    """Return settings whose closed set is that of the data, where the config names none.

    Raises:
        DataError: The gold answers are too many to be labels, or are only one.
    """
    task = settings.task
    if task.answer not in LABELLED or task.labels is not None:
        return settings
    golds: Iterable[str] = data.golds
    if task.answer == "labels":
        golds = dict.fromkeys(label for gold in golds for label in split_gold(gold))
    labels = tuple((each, each) for each in golds)
    if not 2 <= len(labels) <= MOST_LABELS:
        raise DataError(
            f"task.answer {task.answer}: expected 2 to {MOST_LABELS} different gold answers, "
            f"found {len(labels)}",
            "name the labels under task.labels, or choose another task.answer",
        )
    return replace(settings, task=replace(task, labels=labels))
