"""Groups of rows over all sources: their names, and what is left out so that none is split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from opro_cli.core.copies import group_rows
from opro_cli.core.task.example import SPLITS, Example, Split
from opro_cli.core.task.template import Template
from opro_cli.datasets.paths import get_field, show_plain
from opro_cli.datasets.values import is_blank, read_text
from opro_cli.errors import DataError


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """The groups of the rows of a task.

    Attributes:
        field: `task.data.group`; None where only copies belong together.
        rows: Usable rows.
        groups: Groups of these, those of a single row included.
        largest: Rows of the largest group.
        copies: Rows with a text that another row has as well, or nearly.
        ungrouped: Rows without a value in `field`.
        left_out: Rows of no split, since their group is in one.
        split: Groups with rows in several splits; the paper's draw alone has any.
    """

    field: str | None = None
    rows: int = 0
    groups: int = 0
    largest: int = 0
    copies: int = 0
    ungrouped: int = 0
    left_out: int = 0
    split: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return what `opro check --json` has as `groups`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class GroupedSources:
    """The rows of all sources, each with its group.

    Attributes:
        sources: As given; rows of a group of several have its name.
        facts: About them.
        copies: Two rows that are copies of each other, for people; "" without any.
    """

    sources: dict[Split, list[Example]]
    facts: GroupFacts
    copies: str = ""

    @property
    def train_groups(self) -> tuple[int, ...]:
        """For each row of train the first row of its group; empty where each is alone."""
        first: dict[str, int] = {}
        rows = self.sources["train"]
        groups = [
            first.setdefault(example.group, row) if example.group else row
            for row, example in enumerate(rows)
        ]
        return tuple(groups) if len({*groups}) < len(rows) else ()


def read_group(template: Template | None, fields: Mapping[str, object]) -> str:
    """Return the name of a row's group; "" where it has nothing there.

    Raises:
        ValueError: A field is missing, or is no text and no number.
    """
    if template is None or all(is_blank(get_field(fields, name)) for name in template.fields):
        return ""

    def read(name: str) -> str:
        return "" if is_blank(get_field(fields, name)) else read_text(fields, name)

    return template.render(read).strip()


def group_sources(sources: Mapping[Split, Sequence[Example]], field: str | None) -> GroupedSources:
    """Put the rows of all sources in groups: those of one value of a field, and copies."""
    splits = [split for split in SPLITS if split in sources]
    examples = [example for split in splits for example in sources[split]]
    grouped = group_rows(examples)
    sizes = Counter(grouped.group)
    names: dict[int, str] = {}
    for example, first in zip(examples, grouped.group, strict=True):
        if example.group:
            names.setdefault(first, example.group)
    for first, size in sizes.items():
        if size > 1:
            names.setdefault(first, f"copies of {examples[first].source}")
    named = iter(
        example if example.group == names.get(first, "") else replace(example, group=names[first])
        for example, first in zip(examples, grouped.group, strict=True)
    )
    shown = ""
    if grouped.copies:
        pair = _find_pair(grouped.group, grouped.copies)
        shown = " and ".join(examples[row].source for row in pair)
    facts = GroupFacts(
        field,
        rows=len(examples),
        groups=len(sizes),
        largest=max(sizes.values(), default=0),
        copies=len(grouped.copies),
        ungrouped=sum(not example.group for example in examples) if field else 0,
    )
    return GroupedSources(
        {split: [next(named) for _ in sources[split]] for split in splits}, facts, shown
    )


def _find_pair(groups: Sequence[int], copies: Sequence[int]) -> tuple[int, int]:
    """Return the first two copies of one group."""
    seen: dict[int, int] = {}
    for row in copies:
        if groups[row] in seen:
            return seen[groups[row]], row
        seen[groups[row]] = row
    raise AssertionError("a copy of nothing")


def drop_spread(
    grouped: GroupedSources, labels: Mapping[Split, str]
) -> tuple[GroupedSources, list[str]]:
    """Leave out rows of train and dev whose group a later split's own source has.

    Returns:
        The rows that are left, and a sentence for each source that lost some.

    Raises:
        DataError: A source has none left.
    """
    held_out: dict[str, Split] = {}
    sources, notes, lost = dict(grouped.sources), [], 0
    for split in reversed(SPLITS):
        rows = sources.get(split, [])
        spread = [example for example in rows if example.group in held_out]
        if spread:
            sources[split] = [example for example in rows if example.group not in held_out]
            others = {labels[held_out[example.group]] for example in spread}
            what = f"of a group, or nearly the text, of rows of {' and '.join(sorted(others))}"
            if not sources[split]:
                raise DataError(
                    f"task.data.{split}: every row of {labels[split]} is {what}",
                    "name another field under task.data.group, or leave a source of its own out",
                )
            count = _count_rows(len(spread))
            notes.append(f"left out {count} of {labels[split]}: {what} ({spread[0].source}, …)")
            lost += len(spread)
        for example in sources.get(split, []):
            if example.group:
                held_out.setdefault(example.group, split)
    facts = replace(grouped.facts, left_out=lost)
    return replace(grouped, sources=sources, facts=facts), notes


def count_split_groups(examples: Mapping[Split, Sequence[Example]]) -> int:
    """Count the groups with rows in several splits."""
    by_split = [{example.group for example in rows if example.group} for rows in examples.values()]
    return sum(
        count > 1 for count in Counter(name for names in by_split for name in names).values()
    )


def note_groups(facts: GroupFacts, copies: str) -> list[str]:
    """Return sentences for people about groups; none where each row is alone."""
    notes = []
    if facts.field:
        largest = _count_rows(facts.largest)
        notes.append(
            f"{facts.rows} rows are of {facts.groups} groups (task.data.group: "
            f"{show_plain(facts.field)}), the largest of {largest}; no group is in two splits, and "
            "intervals take each as a whole"
        )
    if facts.ungrouped:
        notes.append(
            f"{_count_rows(facts.ungrouped)} without {show_plain(facts.field or '')}: each a group "
            "of its own"
        )
    if facts.copies:
        notes.append(
            f"{facts.copies} rows are nearly equal to others ({copies}): they stay in one split, "
            "and count as one question in intervals"
        )
    if facts.split:
        one = facts.split == 1
        notes.append(
            f"{facts.split} group{'' if one else 's'} of rows that belong together "
            f"stand{'s' if one else ''} in several splits: the paper's draw knows no groups"
        )
    return notes


def _count_rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
