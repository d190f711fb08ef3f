"""Closed sets on a terminal: what a constant answer is worth, and which labels were confused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opro_cli.render.safe import measure_width, printable
from opro_cli.render.tables import Page, Table, align_rows
from opro_cli.reports import formats

Data = Mapping[str, Any]

LABEL = 16
"""Terminal cells of a label in the matrix."""
_ROOM = 2
"""Cells between columns beyond those that `Table.split` reckons with."""


def name_constant(label: str, width: int) -> str:
    """Return how a table names always giving one answer: "always 'no'"."""
    return f"always '{printable(label, width)}'"


def list_columns(confusion: Data) -> list[tuple[str, list[int]]]:
    """Return the columns of a confusion matrix, each the counts by gold label.

    Answers that are no label, and replies without an answer, have a column where there are any.
    """
    rows = confusion["rows"]
    columns = [
        (row["gold"], [each["answers"].get(row["gold"], 0) for each in rows]) for row in rows
    ]
    for title, key in (("(other)", "other"), ("(no answer)", "no_answer")):
        counts = [row[key] for row in rows]
        if any(counts):
            columns.append((title, counts))
    return columns


def print_confusion(confusion: Data, page: Page) -> None:
    """Print how often each gold label was answered with each label."""
    columns = list_columns(confusion)
    titles = [printable(title, LABEL) for title, _ in columns]
    names = [printable(row["gold"], LABEL) for row in confusion["rows"]]
    counts = [[formats.format_count(n) if n else "·" for n in numbers] for _, numbers in columns]
    cells = [(name, *row) for name, row in zip(names, zip(*counts, strict=True), strict=True)]
    width = max(map(measure_width, (*titles, *(cell for row in counts for cell in row)))) + _ROOM
    table = Table.build(("expected", *titles), cells, range(1, len(titles) + 1), least=width)
    page.write_line(f"answers of the best prompt on {confusion['split']}, a column each", "bold")
    fits = max(map(measure_width, align_rows([("expected", *titles), *cells]))) <= page.width
    for part in (table,) if fits else table.split(page.width):
        page.write_table(part)
