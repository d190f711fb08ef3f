"""The gain of each task with its interval, and the mean below: a forest plot."""

from __future__ import annotations

from opro_cli.core.hierarchical import Estimate
from opro_cli.reports.formats import plural
from opro_cli.reports.html.markup import Markup, bdi, clipped, element, join
from opro_cli.reports.sweeps.measured import OverTasks
from opro_cli.reports.sweeps.words import estimated_gain

_TALL, _CAP, _DOT = 24, 5, 5


def forest(over: OverTasks) -> Markup | None:
    """A line for each task; None where nothing counts."""
    if over.estimate is None:
        return None
    everything = [*(each.estimate for each in over.tasks), over.estimate]
    reach = max(0.05, *(abs(end) for e in everything for end in (e.interval.low, e.interval.high)))
    rows = [_row(each.task, plural(each.runs, "run"), each.estimate, reach) for each in over.tasks]
    if over.these is not None:
        rows.append(_row("these tasks alone", "over their questions", over.these, reach, "whole"))
        rows.append(_row("tasks like these", "over tasks", over.estimate, reach, "whole"))
    return element("div", join(rows), class_="forest")


def _row(name: str, about: str, found: Estimate, reach: float, kind: str = "") -> Markup:
    def at(value: float) -> str:
        return f"{round(50 + 49 * value / reach, 2):g}%"

    middle, low, high = _TALL / 2, at(found.interval.low), at(found.interval.high)
    told = f"{estimated_gain(found)} points"
    plot = element(
        "svg",
        element("line", x1="50%", x2="50%", y1=0, y2=_TALL, class_="zero"),
        element("line", x1=low, x2=high, y1=middle, y2=middle, class_="span"),
        element("line", x1=low, x2=low, y1=middle - _CAP, y2=middle + _CAP, class_="span"),
        element("line", x1=high, x2=high, y1=middle - _CAP, y2=middle + _CAP, class_="span"),
        element("circle", cx=at(found.mean), cy=middle, r=_DOT),
        width="100%",
        height=_TALL,
        role="img",
        aria_label=f"{clipped(name, 120)}: {told}",
    )
    worth = element("span", element("b", told), " ", element("small", about), class_="worth")
    return element(
        "div",
        element("span", bdi(name, 120), class_="who"),
        plot,
        worth,
        class_=f"row {kind}".strip(),
    )
