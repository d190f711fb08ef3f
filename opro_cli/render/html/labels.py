"""Which gold labels were answered with which, as a table of a report."""

from __future__ import annotations

from collections.abc import Sequence

from opro_cli.render.html.markup import Markup, bdi, element
from opro_cli.render.html.view import RunView, note, section, table_box
from opro_cli.render.labels import list_columns
from opro_cli.reports.formats import format_percent, pluralize

_LABEL = 60
"""Bytes of a label in the matrix."""


def build_confusion(view: RunView) -> Markup | None:
    """Return the section with the confusion matrix; None where answers are no labels."""
    confusion = (view.result.get("closed_set") or {}).get("confusion")
    if not confusion:
        return None
    columns, rows = list_columns(confusion), confusion["rows"]
    asked = sum(sum(counts) for _, counts in columns)
    questions = pluralize(asked, f"{confusion['split']} question")
    head = ["expected", *(title for title, _ in columns), "right"]
    body = [
        element(
            "tr",
            element("th", bdi(row["gold"], _LABEL), scope="row"),
            *(_build_cell(counts[n], right=title == row["gold"]) for title, counts in columns),
            element("td", *_build_share(row["gold"], [(t, counts[n]) for t, counts in columns])),
        )
        for n, row in enumerate(rows)
    ]
    return section(
        view,
        "confusion",
        "What was taken for what",
        note(
            f"The {view.best_name} on {questions}: a row for each gold answer, a column for each",
            "answer that was read. Right ones are marked ✓.",
        ),
        table_box(
            "Gold answers by answers read",
            [element("th", bdi(title, _LABEL), scope="col") for title in head],
            body,
        ),
    )


def _build_share(gold: str, counts: Sequence[tuple[str, int]]) -> list[Markup | str]:
    """Return how many of the questions with a gold answer were answered with it."""
    asked, right = sum(n for _, n in counts), sum(n for title, n in counts if title == gold)
    if not asked:
        return ["–"]
    return [element("b", format_percent(right / asked)), " ", element("small", f"{right}/{asked}")]


def _build_cell(count: int, *, right: bool) -> Markup:
    if not count:
        return element("td", "·", class_="none")
    return element("td", f"{count:,}{' ✓' if right else ''}", class_="right" if right else None)
