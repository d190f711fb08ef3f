"""The data inside a report: what the page of `opro view` would ask its server for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from opro_cli.render.html.markup import Markup
from opro_cli.render.html.view import RunView
from opro_cli.render.safe import describe_form
from opro_cli.reports.result import serialize_scale

_TEXTS = 300_000
"""Bytes of prompts beside start and winner that travel with a page, for copying."""


def build_frozen(
    views: Mapping[str, RunView],
    answers: Sequence[Mapping[str, Any]],
    whole: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    """Return the runs and their answers, by name.

    Args:
        views: The runs of the page by name, as `name_views` returns them.
        answers: Of each run by split: `grid`, `questions` and `answers`, as `js/data.js` reads
            them; and a `note` on what was left out.
        whole: Of each run, some prompts as a model gets them, by id.
    """
    return {
        "runs": {
            name: _describe_run(view, own)
            for (name, view), own in zip(views.items(), whole, strict=True)
        },
        "answers": dict(zip(views, answers, strict=True)),
        "anchors": {name: view.key for name, view in views.items()},
    }


def escape_json(data: Any) -> Markup:
    """Return data as JSON in which nothing ends an element: signs of markup are escaped."""
    text = json.dumps(data, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def name_views(views: Sequence[RunView]) -> dict[str, RunView]:
    """Return the runs by name; two of one name are told apart by their anchors."""
    times = Counter(view.run.name for view in views)
    return {
        view.run.name if times[view.run.name] == 1 else f"{view.run.name} ({view.key})": view
        for view in views
    }


def _describe_run(view: RunView, whole: Mapping[str, str]) -> dict[str, Any]:
    return {
        "prompts": _list_prompts(view, whole),
        "splits": {split: view.run.state.sizes[split] for split in view.splits},
        **serialize_scale(view.run.state.scale),
    }


def _list_prompts(view: RunView, whole: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the prompts that are drawn; texts beyond _TEXTS stay in the table only."""
    left = _TEXTS
    counts: Counter[int] = Counter()
    prompts = []
    for row, candidate in zip(view.rows, view.run.state.candidates.values(), strict=True):
        counts[row.step] += 1
        if row.id not in view.drawn:
            continue
        text = candidate.instruction
        left -= 0 if row.kind else len(escape_json(text))
        prompts.append(
            {
                "id": candidate.id,
                "name": f"{row.step}.{counts[row.step]}",
                "text": text if row.kind or left >= 0 else None,
                "form": describe_form(row.data),
                **({"whole": whole[candidate.id]} if candidate.id in whole else {}),
                "is_start": row.is_start,
                "is_best": row.is_best,
                "scores": {
                    split: {"mean": view.run.state.scale.orient(score["mean"])}
                    for split in view.splits
                    if (score := row.score(split))
                },
            }
        )
    return prompts
