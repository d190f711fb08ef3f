"""The search for a solution: its figures, and the curve of values by step."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from opro_cli.core.task.problem import RecordedProblem, Reference
from opro_cli.render.html.charts import (
    GRAIN,
    MOST_DOTS,
    Tick,
    build_figure,
    build_legend,
    choose_ticks,
    draw_chart,
    draw_dots,
    draw_mark,
    draw_path,
    show_dot,
    show_line,
    write_place,
)
from opro_cli.render.html.curves import HEIGHT, STAR, choose_step_labels
from opro_cli.render.html.markup import Markup, clip, element
from opro_cli.render.problem import (
    Point,
    Window,
    choose_range,
    describe_gap,
    find_improvements,
)
from opro_cli.reports.formats import format_number, pluralize
from opro_cli.reports.problem import Found

TEXT = 120
"""Bytes shown of a solution."""
_LINE = 15
"""Pixels from one label to the next one below."""
_MEASURES = {"regression": "loss", "tour": "length"}


@dataclass(frozen=True, slots=True)
class Search:
    """The figures that are drawn; all values are numbers."""

    problem: RecordedProblem
    found: Sequence[Found]
    minimise: bool

    @property
    def bests(self) -> list[Found]:
        """The solutions better than all before them: the last one is the best."""
        return find_improvements(self.found, self.minimise)

    @property
    def measure(self) -> str:
        """The kind of a value."""
        return _MEASURES.get(self.problem.name, "value")

    @property
    def known(self) -> list[Reference]:
        """The known solutions with a value."""
        return [each for each in self.problem.references if math.isfinite(each.value)]

    def describe(self) -> str:
        """Return the best value, how far it is from the optimum, and the step that found it."""
        best = self.bests[-1]
        parts = [f"{self.measure} {format_number(best.value)}"]
        parts += filter(None, [describe_gap(best.value, self.problem)])
        return ", ".join([*parts, f"found in step {best.step}" if best.step else "at the start"])


_MOST = 1e300
"""The double of a value up to here is a number."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """The heights of values: themselves, or their logarithms from `floor` on, if there is one."""

    floor: float = 0.0
    low: float = 0.0
    high: float = 1.0

    def read(self, value: float) -> float:
        """Return the height of a value; twice a height is a number."""
        return math.log10(max(value, self.floor)) if self.floor else min(max(value, -_MOST), _MOST)

    @property
    def ticks(self) -> list[Tick]:
        """Heights and labels; what is below the floor of a logarithmic axis is as good as 0."""
        if not self.floor:
            return choose_ticks(self.low, self.high)
        lowest = self.read(self.floor)
        digits = (1,) if self.high - self.low > 2.5 else (1, 2, 5)
        powers = range(max(-300, math.floor(self.low)), min(307, math.floor(self.high)) + 1)
        values = [digit * 10.0**power for power in powers for digit in digits]
        heights = [(math.log10(value), format_number(value)) for value in values]
        ticks = [each for each in heights if max(self.low, lowest + 0.4) <= each[0] <= self.high]
        ticks = ticks[:: math.ceil(len(ticks) / 7) or 1]
        return [(lowest, "0"), *ticks] if lowest >= self.low else ticks


def _choose_axis(search: Search) -> _Axis:
    """Return a logarithmic axis where positive values span over two decades."""
    known, tried = [each.value for each in search.known], [each.value for each in search.found]
    values = sorted([*known, *tried])
    least = next((value for value in values if value > 0), math.inf)
    usual = values[min(int(0.9 * len(values)), len(values) - 1)]
    axis = _Axis()
    if values[0] >= 0 and usual > 100 * least:
        # On the floor is nothing but zeros and what rounding has left of them.
        axis = _Axis(max(least / 100, values[len(values) // 2] * 1e-12, 1e-300))
    middle = axis.read(search.bests[-1].value)
    low, high = choose_range(middle, [*map(axis.read, known)], [*map(axis.read, tried)])
    # Room for the names of the known solutions beyond the best of them.
    share = _LINE * len({format_number(value) for value in known}) / HEIGHT
    room = (high - low) * min(share, 0.5)
    return replace(axis, low=low - room * search.minimise, high=high + room * (not search.minimise))


def _spread_steps(found: Sequence[Found]) -> list[float]:
    """Return where each solution stands: those of one step side by side."""
    sizes, seen, spots = Counter(each.step for each in found), Counter[int](), []
    for each in found:
        spots.append(each.step + 0.6 * ((seen[each.step] + 0.5) / sizes[each.step] - 0.5))
        seen[each.step] += 1
    return spots


def build_curve(search: Search) -> Markup:
    """Return the value of every solution by step, the best so far, and the known solutions."""
    axis, steps = _choose_axis(search), 1 + max(each.step for each in search.found)
    side = 0.5 + 0.02 * steps
    window = Window(-side, steps - 1 + side, axis.low, axis.high)
    spots = [
        Point(x, axis.read(each.value))
        for x, each in zip(_spread_steps(search.found), search.found, strict=True)
    ]
    by_solution = dict(zip(map(id, search.found), spots, strict=True))
    bests = [by_solution[id(each)] for each in search.bests]
    beyond = sum(not window.holds(spot) for spot in spots)
    layer = [
        *_draw_levels(window, search, axis),
        draw_dots(window, spots[:: math.ceil(len(spots) / MOST_DOTS)], "spots faint"),
        draw_path(_draw_stairs(window, bests), "bestline"),
    ]
    count = f"{pluralize(len(spots), 'solution')}, {pluralize(steps - 1, 'step')}"
    chart = draw_chart(
        window,
        layer,
        [*_label_levels(window, search, axis), draw_mark(window, bests[-1], STAR, "best")],
        ([(n, str(n) if n else "start") for n in choose_step_labels(steps)], axis.ticks),
        names=("step", search.measure),
        label=f"The {search.measure} of every solution ({count}); best: {search.describe()}",
    )
    return build_figure(
        f"The {search.measure} by step",
        chart,
        build_legend(
            (show_dot("spots faint"), "solution"),
            (show_line("bestline"), "best so far"),
            (show_line("known"), "known solutions") if search.known else None,
        ),
        f"{count}. Best so far: {search.describe()}.",
        " The scale is logarithmic." if axis.floor else None,
        f" {pluralize(beyond, 'solution')} beyond the edges." if beyond else None,
    )


def _draw_levels(window: Window, search: Search, axis: _Axis) -> list[Markup]:
    heights = {axis.read(each.value) for each in search.known}
    inside = [y for y in heights if window.bottom <= y <= window.top]
    places = [write_place(window, Point(window.left, y)) for y in sorted(inside)]
    return [draw_path(f"M{at}h{GRAIN}", "known") for at in places]


def _label_levels(window: Window, search: Search, axis: _Axis) -> list[Markup]:
    """Return the names of the known solutions, each by its line or behind the name before it.

    They stand on the side to which values get better, where few solutions are or none.
    """
    spots = [(Point(window.left, axis.read(each.value)), each) for each in search.known]
    names: dict[str, tuple[float, list[str]]] = {}
    for spot, each in sorted(spots, key=lambda pair: pair[0].y, reverse=search.minimise):
        if window.holds(spot):
            down = HEIGHT * window.place(spot).y
            names.setdefault(format_number(each.value), (down, []))[1].append(each.name)
    labels, last = [], -math.inf if search.minimise else math.inf
    for value, (down, same) in names.items():
        last = max(down + 14, last + _LINE) if search.minimise else min(down - 6, last - _LINE)
        text = clip(f"{', '.join(same)} {value}", TEXT)
        labels.append(element("text", text, x="100%", dx=-6, y=round(last), class_="name left"))
    return labels


def _draw_stairs(window: Window, bests: Sequence[Point]) -> str:
    """Return the path of the best so far to the right edge; outliers are held at the edges."""
    held = [Point(x, min(max(y, window.bottom), window.top)) for x, y in bests]
    first, *others = dict.fromkeys(write_place(window, point) for point in held)
    stairs = (f"H{x}V{y}" for x, y in map(str.split, others))
    return f"M{first}{''.join(stairs)}H{GRAIN}"
