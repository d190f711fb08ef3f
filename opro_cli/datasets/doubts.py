"""Doubts about rows that can be used: golds that the question shows, or that no reply meets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from opro_cli.core.settings.task import TaskSettings
from opro_cli.core.task.example import Example
from opro_cli.datasets.faults import QUOTED
from opro_cli.datasets.paths import show_plain
from opro_cli.datasets.rows import RowReader
from opro_cli.reading.mentions import find_mentions

MOST_LABELS = 200
"""Gold answers of a closed set: more are no set of labels."""
LEAST_SHOWN, SHARE_SHOWN = 20, 0.95
"""Train rows, and the share of them whose questions name their gold label alone, for a doubt."""
_MOST_LOOKED_AT = 200


def describe_shown_golds(
    reader: RowReader, task: TaskSettings, examples: Sequence[Example]
) -> Iterator[str]:
    """Yield a sentence where the question holds its own gold answer, or may hold it."""
    asked = {**dict.fromkeys(reader.input.fields, "task.data.input"), **reader.holes}
    shown = [name for name in reader.target.fields if name in asked]
    for name in shown:
        yield (
            f"the question shows its own gold answer: the field {show_plain(name)} of "
            f"task.data.target is in {asked[name]} as well, so that a model need only copy it"
        )
    if shown or task.answer != "label" or len(examples) < LEAST_SHOWN:
        return
    looked_at = examples[:_MOST_LOOKED_AT]
    named_labels = (label for _, label in task.labels or ())
    labels = tuple(dict.fromkeys(named_labels) or dict.fromkeys(each.target for each in examples))
    if not 2 <= len(labels) <= MOST_LABELS:
        return
    count = 0
    for example in looked_at:
        named = {each.label for each in find_mentions(example.shown, labels)}
        count += named == {example.target}
    if count >= SHARE_SHOWN * len(looked_at):
        yield (
            f"{count} of {len(looked_at)} train questions name their gold label and no other: "
            "a column that task.data.input should not have may tell it"
        )


def describe_row_doubts(reader: RowReader, answer: str) -> Iterator[str]:
    """Yield sentences on rows that are not what they could be, though they can be used."""
    if reader.classes:
        names = ", ".join(show_plain(name) for name in [*reader.classes.values()][:8])
        yield (
            f"the gold answers are numbers of classes that have names ({names}), and {answer} "
            "compares the numbers; task.answer: label compares the names"
        )
    if reader.points is not None and (doubt := reader.points.describe()):
        yield doubt
    if reader.doubts:
        first = "; ".join(reader.doubts[:QUOTED])
        more = f"; and {len(reader.doubts) - QUOTED} more" if len(reader.doubts) > QUOTED else ""
        count = count_rows(len(reader.doubts))
        yield f"no reply can meet the gold answer of {count}: {first}{more}"
    for name, rows in reader.blanks.items():
        yield f"{count_rows(len(rows))} asked without {name}, which is empty there: {_list(rows)}"
    for name, roles in reader.roles.items():
        if len(roles) > 1:
            _, *others = sorted(roles.items(), key=lambda pair: -len(pair[1]))
            rare = "; ".join(f"{show_plain(role)} in {_list(rows)}" for role, rows in others)
            yield (
                f"{name} is not the same speaker's turn in all rows ({rare}); name it by its role, "
                "as messages[role=user][-1] does"
            )
    if reader.early:
        count, where = count_rows(len(reader.early)), _list(reader.early)
        yield f"the gold answer of {count} stands before the question in the chat: {where}"


def _list(rows: Sequence[str]) -> str:
    """Return the first few rows."""
    return ", ".join(rows[:3]) + (", …" if len(rows) > 3 else "")


def count_rows(count: int) -> str:
    """Return "1 row" or "5 rows"."""
    return "1 row" if count == 1 else f"{count} rows"
