"""Where the best prompt came from: each prompt before it, and what was changed for which reason."""

from __future__ import annotations

from collections.abc import Mapping

from opro_cli.render.html.diff import build_diff
from opro_cli.render.html.markup import Markup, bdi, element, join
from opro_cli.render.html.rows import Row, find_parents, name_rows, pick_ends, trace_back
from opro_cli.render.html.view import RunView, note, section
from opro_cli.reports.formats import format_mean

_NOTE = 2_000
"""Bytes of what a prompt was made for."""
_TEXT = 10_000
"""Bytes of a piece of a prompt."""


def build_lineage(view: RunView) -> Markup | None:
    """Return the section; None for a best prompt that was made from no other."""
    names = name_rows(view.rows)
    chain = trace_back(names)
    if not chain or view.is_problem or not names[chain[-1]].data.get("parents"):
        return None
    shown = pick_ends(chain)
    items = [_build_item(view, names, name) for name in shown]
    if left := len(chain) - len(shown):
        items.insert(1, element("li", f"{left:,} between them are left out.", class_="gap"))
    return section(
        view,
        "lineage",
        f"Where the {view.best_name} came from",
        note("Each prompt with what was changed from the one before, and what it was made for."),
        element("ol", join(items), class_="lineage"),
    )


def _build_item(view: RunView, names: Mapping[str, Row], name: str) -> Markup:
    row = names[name]
    parents = find_parents(row.data, names)
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
