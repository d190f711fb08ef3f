"""Charts in SVG: axes, dots, lines and marks in a window of the plane.

Places are percentages, or thousandths in a layer that is stretched to the size of its chart: so
that it fills any width while dots stay round and letters keep their size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from opro_cli.render.html.curves import HEIGHT
from opro_cli.render.html.markup import Content, Markup, element, join
from opro_cli.render.html.view import place
from opro_cli.render.problem import (
    Point,
    Window,
)
from opro_cli.reports.formats import format_number

GRAIN = 1000
"""Units across and down a layer."""
_MANY_DOTS = 300
"""Dots beyond which their places are whole thousandths, so that the page stays small."""
MOST_DOTS = 3000
"""Solutions drawn; of more, every second one, or every third."""
_FADING = (0.25, 0.45, 0.7, 1)
"""The opacity of the oldest quarter to that of the newest."""


Tick = tuple[float, str]
"""A value of an axis and its label."""


def draw_chart(
    window: Window,
    layer: Sequence[Content],
    marks: Sequence[Content],
    ticks: tuple[Sequence[Tick], Sequence[Tick]],
    *,
    names: tuple[str, str],
    label: str,
) -> Markup:
    """Return a chart with axes: values and labels of ticks, and a name, across and down."""
    grid: list[Markup] = []
    for value, text in ticks[1]:
        y = place(window.place(Point(window.left, value)).y)
        grid.append(element("line", x1="0", x2="100%", y1=y, y2=y, class_="grid"))
        grid.append(element("text", text, x=-8, y=y, dy=4, class_="left"))
    for value, text in ticks[0]:
        x = place(window.place(Point(value, window.top)).x)
        grid.append(element("text", text, x=x, y="100%", dy=20, class_="below"))
    grid.append(element("text", names[1], x=-8, y=-12, class_="left"))
    grid.append(element("text", names[0], x="50%", y="100%", dy=38, class_="below"))
    svg = element(
        "svg",
        *grid,
        draw_layer(layer),
        *marks,
        class_="curve",
        width="100%",
        height=HEIGHT,
        role="img",
        aria_label=label,
    )
    return element("div", svg, class_="drawn")


def draw_layer(shapes: Sequence[Content]) -> Markup:
    """Return shapes in thousandths, stretched to the size of their chart."""
    return element(
        "svg",
        *shapes,
        viewBox=f"0 0 {GRAIN} {GRAIN}",
        preserveAspectRatio="none",
        width="100%",
        height="100%",
        class_="layer",
    )


def write_place(window: Window, point: Point, digits: int = 1) -> str:
    """Return where a point is in a layer: "53.6 946.4"."""
    across, down = window.place(point)
    return f"{round(GRAIN * across, digits):g} {round(GRAIN * down, digits):g}"


def draw_path(path: str, kind: str, opacity: float | None = None) -> Markup:
    """Return a line whose width does not stretch; `kind` is its CSS class."""
    return element(
        "path", d=path, class_=kind, stroke_opacity=opacity, vector_effect="non-scaling-stroke"
    )


def draw_dots(window: Window, points: Sequence[Point], kind: str = "spots") -> Markup:
    """Return dots as one path of strokes so short that only their round ends show."""
    digits = 1 if len(points) < _MANY_DOTS else 0
    places = dict.fromkeys(write_place(window, p, digits) for p in points if window.holds(p))
    return draw_path("".join(f"M{at}h.1" for at in places), kind) if places else Markup()


def draw_fading(window: Window, points: Sequence[Point]) -> list[Markup]:
    """Return dots that are the fainter the earlier they stand in the list."""
    points = points[:: math.ceil(len(points) / MOST_DOTS) or 1]
    size = math.ceil(len(points) / len(_FADING)) or 1
    quarters = [points[at : at + size] for at in range(0, len(points), size)]
    shades = _FADING[-len(quarters) :] if quarters else ()
    return [
        element("g", draw_dots(window, quarter), stroke_opacity=shade)
        for quarter, shade in zip(quarters, shades, strict=True)
    ]


def draw_mark(window: Window, point: Point, shape: str, kind: str) -> Markup | None:
    """Return a shape at a point, which is not stretched; None outside the window."""
    if not window.holds(point):
        return None
    x, y = map(place, window.place(point))
    path = element("path", d=shape)
    return element("g", element("svg", path, x=x, y=y, overflow="visible"), class_=kind)


def choose_ticks(low: float, high: float) -> list[Tick]:
    """Return three to seven round values, and their labels."""
    rough = (high - low) / 5
    unit = 10.0 ** max(-300, min(300, math.floor(math.log10(rough))))
    step = unit * next((n for n in (1, 2, 5) if n * unit >= rough), 10)
    first, last = math.ceil(low / step), math.floor(high / step)
    # Beyond 15 digits a step is lost in rounding, and all labels would be the same.
    if not 0 <= last - first < 10 or abs(first) > 1e9:
        return [(value, format_number(value)) for value in (low, high)]
    return [(n * step, format_number(round(n * step, 12))) for n in range(first, last + 1)]


def build_legend(*entries: tuple[Markup, str] | None) -> Markup:
    """Return a legend: a sign and its meaning each."""
    items = [
        element("li", element("svg", mark, width=28, height=20, aria_hidden="true"), name)
        for mark, name in filter(None, entries)
    ]
    return element("ul", join(items), class_="legend")


def show_line(kind: str) -> Markup:
    """Return a line for a legend."""
    return element("path", d="M1 10H27", class_=kind)


def show_mark(shape: str, kind: str) -> Markup:
    """Return a mark for a legend."""
    return element("g", element("path", d=shape, transform="translate(14 10)"), class_=kind)


def show_dot(kind: str = "spots") -> Markup:
    """Return a dot for a legend."""
    return element("path", d="M14 10h.1", class_=kind)


def build_figure(title: str, chart: Markup, legend: Markup, *caption: Content) -> Markup:
    """Return a chart with its title, its legend and a caption."""
    text = element("figcaption", *caption)
    return element("figure", element("h4", title), chart, legend, text)
