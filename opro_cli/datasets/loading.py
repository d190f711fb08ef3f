"""Build the examples of a run from rows: fields, gold answers, repeats, leaks and splits."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from opro_cli.core.settings.prompts import TURN, PromptFile, describe_place
from opro_cli.core.settings.settings import LABELLED, DataSettings, Settings, TaskSettings
from opro_cli.core.splits import cut_splits, describe_doubts
from opro_cli.core.task.chat import RESERVED, parse_turn
from opro_cli.core.task.example import SPLITS, Example, Split, fingerprint_examples, list_groups
from opro_cli.core.task.prompt import Template, parse_template
from opro_cli.datasets.faults import QUOTED, Problems
from opro_cli.datasets.grouping import (
    GroupFacts,
    count_split_groups,
    drop_spread,
    group_sources,
    note_groups,
)
from opro_cli.datasets.options import OptionRule
from opro_cli.datasets.paths import show_plain
from opro_cli.datasets.rows import RowReader, find_option_rule, read_examples
from opro_cli.datasets.shapes import ROW_SHAPES
from opro_cli.errors import DataError
from opro_cli.metrics.label import split_gold
from opro_cli.ports import Metric


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
        if all(_is_same_gold(example, same[0]) for example in same):
            usable.append(same[0])
            continue
        for example in same:
            other = next(copy for copy in same if not _is_same_gold(copy, example))
            problems.add(
                f"{example.source}: the question has another target in {other.source}, "
                f"{example.target!r} here and {other.target!r} there"
            )
    return usable


def _is_same_gold(one: Example, other: Example) -> bool:
    return (one.target, one.golds) == (other.target, other.golds)


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
        groups: Which rows belong together.
    """

    examples: Mapping[Split, tuple[Example, ...]]
    notes: tuple[str, ...]
    left_out: int
    fingerprint: str
    golds: Mapping[str, int] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    groups: GroupFacts = field(default_factory=GroupFacts)


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
    reader = _build_reader(data, metric, named=named, any_gold=task.golds == "any")
    reader = replace(reader, holes=_place_holes(task, prompt_files))
    reader = _settle_options(task, files, reader)
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
    grouped, spread = group_sources(sources, data.group), list[str]()
    if not as_they_stand:
        grouped, spread = drop_spread(grouped, labels)
    sources = grouped.sources
    sizes = {split: len(usable) for split, usable in sources.items()}
    division = cut_splits(sizes, data.split, () if as_they_stand else grouped.train_groups)
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
    groups = replace(
        grouped.facts,
        left_out=grouped.facts.left_out + division.left_out,
        split=count_split_groups(examples),
    )
    return LoadedData(
        examples=examples,
        notes=(
            division.note,
            *_note_limit(data),
            *_build_notes(problems, repeats),
            *spread,
            *note_groups(groups, grouped.copies),
            *_describe_doubts(reader, task.answer),
            *(reader.options.describe() if reader.options else ()),
            *describe_doubts(counts, list_groups(examples).get("test", ())),
        ),
        left_out=problems.count + sum(repeats.values()) + groups.left_out,
        fingerprint=fingerprint_examples(examples),
        golds=count_golds(sources),
        fields=tuple(reader.seen),
        groups=groups,
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
    examples = (example for rows in sources.values() for example in rows)
    counts = Counter(one.target for example in examples for one in example.split_golds())
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


def _build_reader(data: DataSettings, metric: Metric, *, named: bool, any_gold: bool) -> RowReader:
    templates: dict[str, Template] = {}
    texts = {"input": data.input, "target": data.target}
    if data.group is not None:
        texts["group"] = data.group
    for name, setting in texts.items():
        try:
            templates[name] = parse_template(setting)
        except ValueError as error:
            raise DataError(f"task.data.{name}: expected {error}") from None
    return RowReader(
        templates["input"],
        templates["target"],
        ROW_SHAPES[data.rows],
        metric,
        named=named,
        any_gold=any_gold,
        encoding=data.encoding,
        group=templates.get("group"),
    )


def _settle_options(task: TaskSettings, files: Mapping[Split, str], reader: RowReader) -> RowReader:
    """Return a reader that knows how rows give their options, where answers are one of them."""
    data, rule = task.data, None
    if data.options is not None:
        paths = (data.options,) if isinstance(data.options, str) else data.options
        rule = OptionRule(paths, seed=data.split.seed)
    elif task.answer != "choice" or data.rows != "plain":
        return reader
    return replace(reader, options=find_option_rule(files.values(), reader, rule, data.index_from))


def _refuse_problems(
    data: DataSettings,
    sources: Mapping[Split, list[Example]],
    labels: Mapping[Split, str],
    problems: Problems,
) -> None:
    """Raise DataError for bad rows where the config wants none, and for a source without rows."""
    if problems.count and data.on_bad_row == "error":
        hint = "mend them, or leave them out with task.data.on_bad_row: skip"
        if "found no element" in str(problems):
            hint = f"task.data.options letters a list of any length; else {hint}"
        raise DataError(
            f"task.data: {_count_rows(problems.count)} cannot be used\n{problems}", hint
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


def _describe_doubts(reader: RowReader, answer: str) -> Iterator[str]:
    """Yield sentences on rows that are not what they could be, though they can be used."""
    if reader.classes:
        names = ", ".join(show_plain(name) for name in [*reader.classes.values()][:8])
        yield (
            f"the gold answers are numbers of classes that have names ({names}), and {answer} "
            "compares the numbers; task.answer: label compares the names"
        )
    if reader.doubts:
        first = "; ".join(reader.doubts[:QUOTED])
        more = f"; and {len(reader.doubts) - QUOTED} more" if len(reader.doubts) > QUOTED else ""
        count = _count_rows(len(reader.doubts))
        yield f"no reply can meet the gold answer of {count}: {first}{more}"
    for name, rows in reader.blanks.items():
        yield f"{_count_rows(len(rows))} asked without {name}, which is empty there: {_list(rows)}"
    for name, roles in reader.roles.items():
        if len(roles) > 1:
            _, *others = sorted(roles.items(), key=lambda pair: -len(pair[1]))
            rare = "; ".join(f"{show_plain(role)} in {_list(rows)}" for role, rows in others)
            yield (
                f"{name} is not the same speaker's turn in all rows ({rare}); name it by its role, "
                "as messages[role=user][-1] does"
            )
    if reader.early:
        count, where = _count_rows(len(reader.early)), _list(reader.early)
        yield f"the gold answer of {count} stands before the question in the chat: {where}"


def _list(rows: Sequence[str]) -> str:
    """Return the first few rows."""
    return ", ".join(rows[:3]) + (", …" if len(rows) > 3 else "")


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
