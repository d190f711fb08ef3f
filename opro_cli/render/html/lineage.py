"""Where the best prompt came from: each prompt before it, and what was changed for which reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from opro_cli.render.html.diff import build_diff
from opro_cli.render.html.markup import Markup, bdi, element, join
from opro_cli.render.html.view import Row, RunView, note, section
from opro_cli.reports.formats import format_mean

_NOTE = 2_000
"""Bytes of what a prompt was made for."""
_TEXT = 10_000
"""Bytes of a piece of a prompt."""


def build_lineage(view: RunView) -> Markup | None:
    """Return the section; None for a best prompt that was made from no other."""
    names = _name_rows(view)
    best = next((name for name, row in names.items() if row.is_best), None)
    if best is None or view.is_problem or not names[best].data.get("parents"):
        return None
    chain = [best]
    while parents := _find_parents(names[chain[-1]].data, names):
        chain.append(parents[0])  # a prompt comes after those that it was made from
    chain.reverse()
    items = [_build_item(view, names, name) for name in chain]
    return section(
        view,
        "lineage",
        f"Where the {view.best_name} came from",
        note("Each prompt with what was changed from the one before, and what it was made for."),
        element("ol", join(items), class_="lineage"),
    )


def _name_rows(view: RunView) -> Mapping[str, Row]:
    counts: Counter[int] = Counter()
    names = {}
    for row in view.rows:
        counts[row.step] += 1
        names[f"{row.step}.{counts[row.step]}"] = row
    return names


def _find_parents(data: Mapping[str, Any], names: Mapping[str, Row]) -> list[str]:
    return [name for name in data.get("parents", ()) if name in names]


def _build_item(view: RunView, names: Mapping[str, Row], name: str) -> Markup:
    row = names[name]
    parents = _find_parents(row.data, names)
    score = row.score("train")
    worth = f"train {format_mean(score['mean'], view.scale)}" if score else ""
    others = f", from {' and '.join(parents)}" if len(parents) > 1 else ""
    text = row.data["instruction"]
    before = names[parents[0]].data["instruction"] if parents else text
    purpose = row.data.get("note", "")
    return element(
        "li",
        element(
            "p",
            element("a", name, href=f"#{row.id}"),
            " ",
            element("small", worth, others),
        ),
        element("p", bdi(purpose, _NOTE), class_="note") if purpose else None,
        build_diff(before, text, _TEXT),
    )
