"""The section of a run's page with score against cost: a chart, and the front as a table."""

from __future__ import annotations

from opro_cli.render.front import COSTS, list_unknown, name_candidate
from opro_cli.render.html.markup import Markup, bdi, element
from opro_cli.render.html.view import RunView, limit_text, note, place, section, table
from opro_cli.render.safe import display_prompt
from opro_cli.reports.formats import format_cost_of_1000, format_percent

_HEIGHT = 160
_EDGE = 0.06
"""The share of the chart's sides that stays free."""


def build_front(view: RunView) -> Markup | None:
    """Return the section, None for a run that does not look at costs."""
    objectives = view.result.get("objectives")
    if not objectives:
        return None
    front = view.result["front"]
    unknown = [note(f"{line}.") for line in list_unknown(objectives)]
    if not front:
        return section(view, "front", "Score against cost", *unknown) if unknown else None
    kind, split = objectives["cost"], objectives["split"]
    rows: list[list[Markup | str]] = [
        [
            name_candidate(each["candidate"], view.result),
            format_percent(each["mean"]),
            format_cost_of_1000(each["cost"], kind),
            bdi(display_prompt(each["candidate"]), limit_text(len(front))),
        ]
        for each in front
    ]
    titles = ["prompt", f"score on {split}", COSTS[kind], "text"]
    return section(
        view,
        "front",
        "Score against cost",
        note("No other prompt scores higher at the same cost, or costs less at the same score."),
        note(f"Costs are those of the answers on {'dev' if 'dev' in split else 'train'}."),
        _build_chart(view) if len(front) > 1 else None,
        table("The front of score against cost", titles, rows),
        *unknown,
    )


def _build_chart(view: RunView) -> Markup:
    """Return a dot for each prompt of the front: cheaper ones left, better ones above."""
    front, kind = view.result["front"], view.result["objectives"]["cost"]
    costs, means = ([each[key] for each in front] for key in ("cost", "mean"))
    dots = []
    for cost, mean, each in zip(costs, means, front, strict=True):
        across, up = _scale(cost, min(costs), max(costs)), _scale(mean, min(means), max(means))
        name = name_candidate(each["candidate"], view.result)
        words = f"{name}: {format_percent(mean)}, {format_cost_of_1000(cost, kind)}"
        style = name.partition(" ")[0]
        dots.append(
            element(
                "circle",
                element("title", words),
                cx=place(across),
                cy=place(1 - up),
                r=5,
                class_=f"dot {style}" if style in ("best", "start") else "dot",
            )
        )
    label = f"{len(front)} prompts from {format_cost_of_1000(min(costs), kind)} with "
    label += f"{format_percent(min(means))} to {format_cost_of_1000(max(costs), kind)} with "
    label += format_percent(max(means))
    return element(
        "svg",
        element("rect", width="100%", height=_HEIGHT, class_="track"),
        *dots,
        width="100%",
        height=_HEIGHT,
        role="img",
        aria_label=label,
    )


def _scale(value: float, low: float, high: float) -> float:
    share = 0.5 if high == low else (value - low) / (high - low)
    return _EDGE + (1 - 2 * _EDGE) * share
