"""Build the examples of a run from the rows of its sources, and say what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from opro_cli.core.settings.prompts import TURN, PromptFile, describe_place
from opro_cli.core.settings.settings import Settings
from opro_cli.core.settings.task import LABELLED, DataSettings, TaskSettings
from opro_cli.core.spellings import fold_spellings, is_same_label
from opro_cli.core.splits import Cut, cut_splits, describe_doubts
from opro_cli.core.task.chat import RESERVED, parse_turn
from opro_cli.core.task.example import (
    SPLITS,
    Example,
    Split,
    fingerprint_examples,
    list_groups,
    show_golds,
)
from opro_cli.core.task.template import Template, parse_template
from opro_cli.datasets.doubts import (
    MOST_LABELS,
    count_rows,
    describe_row_doubts,
    describe_shown_golds,
)
from opro_cli.datasets.faults import Problems
from opro_cli.datasets.grouping import (
    GroupedSources,
    GroupFacts,
    count_split_groups,
    drop_spread,
    group_sources,
    note_groups,
)
from opro_cli.datasets.handed import name_handed
from opro_cli.datasets.options import OptionRule
from opro_cli.datasets.points import Points
from opro_cli.datasets.repeats import drop_leaks, drop_repeats
from opro_cli.datasets.rows import RowReader, find_option_rule, read_examples
from opro_cli.datasets.shapes import ROW_SHAPES
from opro_cli.errors import DataError
from opro_cli.metrics.label import split_gold
from opro_cli.ports import Metric


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
    reader = _make_reader(task, metric, files, prompt_files)
    problems = Problems()
    sources, repeats = _read_sources(task, files, labels, reader, problems)
    if reader.points is not None and reader.points.should_group:  # only the whole column tells
        reader, problems = _make_reader(task, metric, files, prompt_files), Problems()
        reader = replace(reader, points=Points(group=True))
        sources, repeats = _read_sources(task, files, labels, reader, problems)
    _refuse_problems(data, sources, labels, problems)
    grouped, spread = group_sources(sources, data.group), list[str]()
    if not _is_drawn_as_it_stands(data):
        grouped, spread = drop_spread(grouped, labels)
    cut = _cut_splits(data, grouped)
    examples = _take_splits(data, grouped.sources, cut)
    groups = replace(
        grouped.facts,
        left_out=grouped.facts.left_out + cut.left_out,
        split=count_split_groups(examples),
    )
    return LoadedData(
        examples=examples,
        notes=(
            cut.note,
            *_note_limit(data),
            *_build_notes(problems, repeats),
            *spread,
            *note_groups(groups, grouped.copies),
            *describe_shown_golds(reader, task, examples["train"]),
            *describe_row_doubts(reader, task.answer),
            *(reader.options.describe() if reader.options else ()),
            *describe_doubts(
                {split: len(chosen) for split, chosen in examples.items()},
                list_groups(examples).get("test", ()),
            ),
        ),
        left_out=problems.count + sum(repeats.values()) + groups.left_out,
        fingerprint=fingerprint_examples(examples),
        golds=count_golds(grouped.sources),
        fields=tuple(reader.seen),
        groups=groups,
    )


def _is_drawn_as_it_stands(data: DataSettings) -> bool:
    """Return whether no row is left out: the paper's draw from all rows would move the others."""
    return data.split.method == "paper"


def _read_sources(
    task: TaskSettings,
    files: Mapping[Split, str],
    labels: Mapping[Split, str],
    reader: RowReader,
    problems: Problems,
) -> tuple[dict[Split, list[Example]], dict[str, int]]:
    """Return the usable rows of all sources, and by label how many were the same as another.

    Args:
        task: The task.
        files: The sources.
        labels: What they are called.
        reader: Of their rows.
        problems: Where rows that cannot be used are noted.
    """
    sources = {
        split: read_examples(file, labels[split], reader, problems) for split, file in files.items()
    }
    repeats: dict[str, int] = {}
    if task.answer in LABELLED and task.labels is None:
        sources = _spell_labels_alike(sources, task.answer)
    if _is_drawn_as_it_stands(task.data):
        return sources, repeats
    for split, rows in sources.items():
        noted = problems.count
        sources[split] = drop_repeats(rows, problems)
        repeats[labels[split]] = len(rows) - len(sources[split]) - (problems.count - noted)
    return drop_leaks(sources, problems), repeats


def _spell_labels_alike(
    sources: Mapping[Split, list[Example]], answer: str
) -> dict[Split, list[Example]]:
    """Return the rows with each label in its commonest spelling, since its spellings are one."""
    several = answer == "labels"
    counts = count_golds(sources)
    if several:
        parts = Counter[str]()
        for gold, count in counts.items():
            parts.update(dict.fromkeys(split_gold(gold), count))
        counts = dict(sorted(parts.items(), key=lambda pair: (-pair[1], pair[0])))
    spelled = fold_spellings(counts)
    if all(text == label for text, label in spelled.items()):
        return dict(sources)

    def spell(gold: str) -> str:
        labels = {spelled[label] for label in split_gold(gold)} if several else {spelled[gold]}
        return ", ".join(sorted(labels))

    return {
        split: [
            replace(row, target=show_golds(golds) if golds else spell(row.target), golds=golds)
            for row in rows
            for golds in [tuple(dict.fromkeys(map(spell, row.golds)))]
        ]
        for split, rows in sources.items()
    }


def _cut_splits(data: DataSettings, grouped: GroupedSources) -> Cut:
    """Draw the rows of each split; refuse a train split without any."""
    sizes = {split: len(usable) for split, usable in grouped.sources.items()}
    groups = () if _is_drawn_as_it_stands(data) else grouped.train_groups
    cut = cut_splits(sizes, data.split, groups)
    if not cut.rows["train"]:
        raise DataError(
            "task.data.split.train: expected at least 1 row, found 0",
            "the optimizer scores its candidates on the train rows",
        )
    return cut


def _take_splits(
    data: DataSettings, sources: Mapping[Split, Sequence[Example]], cut: Cut
) -> dict[Split, tuple[Example, ...]]:
    """Return the examples of each split; one without a source of its own is cut from train."""
    return {
        split: _take_rows(sources.get(split, sources["train"]), cut.rows[split][: data.limit])
        for split in SPLITS
    }


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
    """Return file names where they tell the sources apart, else whole paths; keys for objects."""
    names = {
        split: name_handed(source)
        or (source if source.startswith("hub:") else PurePath(source).name)
        for split, source in sources.items()
    }
    return names if len({*names.values()}) == len(names) else dict(sources)


def _make_reader(
    task: TaskSettings,
    metric: Metric,
    files: Mapping[Split, str],
    prompt_files: Sequence[PromptFile],
) -> RowReader:
    """Return the reader of the rows, which knows the holes of the prompt and the options."""
    # Who maps the numbers to names of their own means the numbers.
    mapped = any(not is_same_label(raw, label) for raw, label in task.labels or ())
    named = task.answer in LABELLED and not mapped
    reader = _build_reader(task.data, metric, named=named, any_gold=task.golds == "any")
    points = Points() if task.answer == "number" else None
    reader = replace(reader, holes=_place_holes(task, prompt_files), points=points)
    return _settle_options(task, files, reader)


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
        raise DataError(f"task.data: {count_rows(problems.count)} cannot be used\n{problems}", hint)
    for split, examples in sources.items():
        if not examples:
            raise DataError(
                f"task.data.{split}: no row of {labels[split]} can be used\n{problems}",
                "check input, target and rows under task.data, and task.answer",
            )


def _build_notes(problems: Problems, repeats: Mapping[str, int]) -> list[str]:
    notes = []
    if problems.count:
        kinds = problems.describe_kinds()
        why = "; ".join(kinds[:MOST_KINDS]) + ("; …" if len(kinds) > MOST_KINDS else "")
        notes.append(f"left out {count_rows(problems.count)} that cannot be used: {why}")
    for label, count in repeats.items():
        if count:
            rows = count_rows(count)
            notes.append(f"left out {rows} of {label}: the same question and target before")
    return notes


def _note_limit(data: DataSettings) -> list[str]:
    return (
        [f"of each split the first {data.limit} are used (task.data.limit)"] if data.limit else []
    )


def _take_rows(source: Sequence[Example], rows: Sequence[int]) -> tuple[Example, ...]:
    return tuple(replace(source[row], row=row) for row in rows)


MOST_KINDS = 6
"""Reasons for which rows are left out: a note has no more of them."""


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
