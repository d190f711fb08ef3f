"""The same question twice: harmless within a source, a leak between splits."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from opro_cli.core.settings.settings import DataSettings, TaskSettings
from opro_cli.core.task.example import SPLITS, Example, Split, fingerprint_examples
from opro_cli.core.task.splits import cut_splits, describe_doubts
from opro_cli.core.task.template import Template, parse_template
from opro_cli.datasets.examples import Problems, RowReading, read_examples
from opro_cli.datasets.shapes import ROW_SHAPES
from opro_cli.errors import DataError
from opro_cli.ports import Metric


def normalize_question(text: str) -> str:
    """Equal for texts that read the same: Unicode NFC, whitespace collapsed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def drop_repeats(examples: Sequence[Example], problems: Problems) -> list[Example]:
    """One source with each question once: the first of those with one and the same target.

    A question with different targets goes with all of its rows and is a problem, since which
    target is right is not known.
    """
    rows: dict[str, list[Example]] = {}
    for example in examples:
        rows.setdefault(normalize_question(example.input), []).append(example)
    usable = []
    for copies in rows.values():
        if all(each.target == copies[0].target for each in copies):
            usable.append(copies[0])
            continue
        for each in copies:
            other = next(row for row in copies if row.target != each.target)
            problems.add(
                f"{each.source}: the question has another target in {other.source}, "
                f"{each.target!r} here and {other.target!r} there"
            )
    return usable


def drop_leaks(
    sources: Mapping[Split, Sequence[Example]], problems: Problems
) -> dict[Split, list[Example]]:
    """Sources that share no question: what test has leaves train and dev, what dev has leaves
    train, so that test stays as given. Every row that leaves is a problem."""
    seen: dict[str, Example] = {}
    kept: dict[Split, list[Example]] = {}
    for split in reversed(SPLITS):
        if split not in sources:
            continue
        kept[split] = []
        for example in sources[split]:
            held_out = seen.get(normalize_question(example.input))
            if held_out is None:
                kept[split].append(example)
            else:
                problems.add(f"{example.source}: the question is also in {held_out.source}")
        seen.update((normalize_question(each.input), each) for each in kept[split])
    return kept


@dataclass(frozen=True, slots=True)
class LoadedData:
    """The examples of a run.

    examples: every split, dev and test possibly empty; no question is in two of them, unless
    the rows are drawn as the paper draws them.
    notes: sentences for people: how the rows were cut, what was left out and why.
    left_out: rows of the sources that no split could take (unusable or repeated).
    fingerprint: `fingerprint_examples` of these examples.
    """

    examples: Mapping[Split, tuple[Example, ...]]
    notes: tuple[str, ...]
    left_out: int
    fingerprint: str


def load_examples(task: TaskSettings, metric: Metric) -> LoadedData:
    """Read the sources that `task.data` names (absolute paths, or hub: names).

    metric: reads the gold answers. Raises DataError.
    """
    data = task.data
    places = _list_sources(data)
    reading = RowReading(
        input=_parse_setting(data.input, "input"),
        target=_parse_setting(data.target, "target"),
        shape=ROW_SHAPES[data.rows],
        metric=metric,
    )
    problems = Problems()
    sources: dict[Split, list[Example]] = {}
    repeats: dict[str, int] = {}
    labels = _label_sources(places)
    # The paper draws from all rows as they stand: leaving one out would move all the others.
    as_they_stand = data.split.method == "paper"
    for split, place in places.items():
        read = read_examples(place, labels[split], reading, problems)
        noted = problems.count
        sources[split] = read if as_they_stand else drop_repeats(read, problems)
        repeats[labels[split]] = len(read) - len(sources[split]) - (problems.count - noted)
    if not as_they_stand:
        sources = drop_leaks(sources, problems)
    if problems.count and data.on_bad_row == "error":
        raise _bad_rows(problems)
    _refuse_empty(sources, labels, problems)
    sizes = {split: len(usable) for split, usable in sources.items()}
    division = cut_splits(sizes, data.split)
    if not division.rows["train"]:
        raise DataError(
            "task.data.split.train: expected at least 1 row, found 0",
            "the optimizer scores its candidates on the train rows",
        )
    examples: dict[Split, tuple[Example, ...]] = {}
    for split in SPLITS:
        source = sources.get(split, sources["train"])
        examples[split] = tuple(replace(source[row], row=row) for row in division.rows[split])
    counts = {split: len(rows) for split, rows in examples.items()}
    return LoadedData(
        examples=examples,
        notes=(division.note, *_build_notes(problems, repeats), *describe_doubts(counts)),
        left_out=problems.count + sum(repeats.values()),
        fingerprint=fingerprint_examples(examples),
    )


def _list_sources(data: DataSettings) -> dict[Split, str]:
    places: dict[Split, str] = {"train": data.train}
    for split, place in (("dev", data.dev), ("test", data.test)):
        if place is None:
            continue
        twin = next((name for name, other in places.items() if other == place), None)
        if twin is not None:
            raise DataError(
                f"task.data.{split}: {place} is task.data.{twin} as well",
                f"leave task.data.{split} out: its rows are then cut from those of train",
            )
        places[split] = place  # type: ignore[index]
    return places


def _label_sources(places: Mapping[Split, str]) -> dict[Split, str]:
    """File names where they tell the sources apart, else whole paths."""
    names = {
        split: place if place.startswith("hub:") else PurePath(place).name
        for split, place in places.items()
    }
    return names if len({*names.values()}) == len(names) else dict(places)


def _parse_setting(setting: str, name: str) -> Template:
    try:
        return parse_template(setting)
    except ValueError as error:
        raise DataError(f"task.data.{name}: expected {error}") from None


def _format_problems(problems: Problems) -> str:
    more = problems.count - len(problems.quoted)
    return "\n".join([*problems.quoted, *([f"and {more} more"] if more > 0 else [])])


def _bad_rows(problems: Problems) -> DataError:
    rows = "1 row" if problems.count == 1 else f"{problems.count} rows"
    return DataError(
        f"task.data: {rows} cannot be used\n{_format_problems(problems)}",
        "mend them, or leave them out with task.data.on_bad_row: skip",
    )


def _refuse_empty(
    sources: Mapping[Split, list[Example]], labels: Mapping[Split, str], problems: Problems
) -> None:
    for split, examples in sources.items():
        if not examples:
            raise DataError(
                f"task.data.{split}: no row of {labels[split]} can be used\n{_format_problems(problems)}",
                "check input, target and rows under task.data, and task.answer",
            )


def _build_notes(problems: Problems, repeats: Mapping[str, int]) -> list[str]:
    notes = []
    if problems.count:
        first = "; ".join(problems.quoted[:3])
        more = "; …" if len(problems.quoted) > 3 else ""
        rows = "1 row" if problems.count == 1 else f"{problems.count} rows"
        notes.append(f"left out {rows} that cannot be used: {first}{more}")
    for label, count in repeats.items():
        if count:
            rows = "1 row" if count == 1 else f"{count} rows"
            notes.append(f"left out {rows} of {label}: the same question and target before")
    return notes
