"""A forest plot for a page: a row for each gain, one axis, and one line of no gain through all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from opro_cli.core.stats.hierarchical import Estimate
from opro_cli.render.html.charts import Tick, choose_ticks
from opro_cli.render.html.markup import Markup, bdi, clip, element, join
from opro_cli.render.html.view import place
from opro_cli.reports.sweeps.report import format_estimate

_ROW, _AXIS = 5.25, 2.0
"""The height of a row and of the axis, in the size of the letters."""
_EDGE = 0.05
"""The share of the width that stays free on either side."""
_NAME = 120
"""Bytes of a name."""


@dataclass(frozen=True, slots=True)
class GainRow:
    """A gain with its name and what it counts; whole: it sums up the other rows."""

    name: str
    about: str
    gain: Estimate
    whole: bool = False


def build_forest(rows: Sequence[GainRow]) -> Markup:
    """Return names and figures on the left, and the intervals beside them in one drawing."""
    ends = [end for row in rows for end in (row.gain.interval.low, row.gain.interval.high)]
    low, high = min(0.0, *ends), max(0.0, *ends)
    reach = max(high - low, 0.05)

    def put(gain: float) -> str:
        return place(_EDGE + (1 - 2 * _EDGE) * (gain - low) / reach)

    shapes = _draw_ticks(choose_ticks(100 * low, 100 * (low + reach)), _ROW * len(rows), put)
    for at, row in enumerate(rows):
        shapes.append(_draw_row(row, _ROW * (at + 0.5), put))
    names = [
        element(
            "div",
            element("span", bdi(row.name, _NAME), class_="who"),
            element("b", format_estimate(row.gain)),
            element("small", row.about),
            class_="whole" if row.whole else None,
        )
        for row in rows
    ]
    label = "; ".join(
        f"{clip(row.name, _NAME)}: {format_estimate(row.gain)} points" for row in rows
    )
    drawing = element(
        "svg",
        *shapes,
        width="100%",
        height=_em(_ROW * len(rows) + _AXIS),
        role="img",
        aria_label=label,
    )
    axis = element("p", "points gained on test questions", class_="axis")
    return element(
        "div", element("div", join(names)), element("div", drawing, axis), class_="forest"
    )


def _draw_ticks(ticks: Sequence[Tick], height: float, put: Callable[[float], str]) -> list[Markup]:
    """Return the lines of the axis and the numbers below it, in points gained."""
    bottom, shapes = _em(height), list[Markup]()
    zero = next((at for at, (value, _) in enumerate(ticks) if not value), 0)
    for at, (value, text) in enumerate(ticks):
        x, shown = put(value / 100), f"+{text}" if value > 0 else text
        kind = "grid" if value else "zero"
        shapes.append(element("line", x1=x, x2=x, y1=0, y2=bottom, class_=kind))
        every = "below" if (at - zero) % 2 == 0 else "below between"
        shapes.append(element("text", shown, x=x, y=_em(height + 1.3), class_=every))
    shapes.append(element("line", x1=0, x2="100%", y1=bottom, y2=bottom, class_="base"))
    return shapes


def _em(size: float) -> str:
    return f"{round(size, 2):g}em"


def _draw_row(row: GainRow, middle: float, put: Callable[[float], str]) -> Markup:
    low, high, mean = (
        put(value) for value in (row.gain.interval.low, row.gain.interval.high, row.gain.mean)
    )
    y, top, bottom = _em(middle), _em(middle - 0.4), _em(middle + 0.4)
    # In a drawing of its own, so that a shape in pixels can stand at a place in percent.
    shape = "M0 -7L7 0L0 7L-7 0Z" if row.whole else "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0Z"
    return element(
        "g",
        element("line", x1=low, x2=high, y1=y, y2=y, class_="span"),
        element("line", x1=low, x2=low, y1=top, y2=bottom, class_="span"),
        element("line", x1=high, x2=high, y1=top, y2=bottom, class_="span"),
        element("svg", element("path", d=shape), x=mean, y=y, overflow="visible"),
        class_="whole" if row.whole else None,
    )
