"""The section about the problem of a run: what the search has found, in pictures.

Lines through points, the loss over w and b, tours on a map, and values by step.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from opro_cli.core.task.problem import OPTIMUM, RecordedProblem
from opro_cli.render.html.charts import (
    GRAIN,
    build_figure,
    build_legend,
    choose_ticks,
    draw_chart,
    draw_dots,
    draw_fading,
    draw_layer,
    draw_mark,
    draw_path,
    show_dot,
    show_line,
    show_mark,
    write_place,
)
from opro_cli.render.html.curves import SQUARE, STAR
from opro_cli.render.html.markup import Content, Markup, bdi, element, join
from opro_cli.render.html.value_curve import TEXT, Search, build_curve
from opro_cli.render.html.view import note, place
from opro_cli.render.problem import (
    Edge,
    Point,
    Window,
    choose_range,
    choose_window,
    find_edges,
    read_line,
    read_points,
    read_tour,
)
from opro_cli.reports.formats import format_number, pluralize
from opro_cli.reports.problem import Found

_MOST_LABELS = 100
"""Cities with a number: those of others would hide the map."""
_PANELS = 6
"""Small maps of tours."""
_RING = "M-9 0A9 9 0 1 1 9 0A9 9 0 1 1 -9 0M-13 0H-5M13 0H5M0 -13V-5M0 13V5"


def build_scatter(search: Search, points: Sequence[Point]) -> Markup:
    """Return the points with the best lines, the earlier the fainter, and the true line."""
    window, truth = choose_window(points), _read_truth(search.problem)
    lines = [line for each in search.bests if (line := read_line(each.solution))][-9:]
    shaded = [(line, 0.15 + 0.4 * n / len(lines)) for n, line in enumerate(lines[:-1])]
    layer = [
        *(_draw_line(window, line, "bestline", shade) for line, shade in shaded),
        draw_dots(window, points),
        _draw_line(window, lines[-1], "bestline") if lines else None,
        _draw_line(window, truth, "mean") if truth else None,
    ]
    sides = choose_ticks(window.left, window.right), choose_ticks(window.bottom, window.top)
    label = f"{pluralize(len(points), 'point')} and the best line so far: {search.describe()}"
    return build_figure(
        "The best line",
        draw_chart(window, layer, [], sides, names=("x", "y"), label=label),
        build_legend(
            (show_dot(), "point"),
            (show_line("bestline"), "best line, the earlier the fainter"),
            (show_line("mean"), "true line") if truth else None,
        ),
        f"Best so far: {search.describe()}: ",
        bdi(search.bests[-1].solution, TEXT),
        f". True line: w={truth.x:g}, b={truth.y:g}." if truth else None,
    )


def _read_truth(problem: RecordedProblem) -> Point | None:
    return read_line(f"w={problem.instance.get('w')}, b={problem.instance.get('b')}")


def _draw_line(
    window: Window, line: Point, kind: str, opacity: float | None = None
) -> Markup | None:
    ends = window.cross(line)
    places = [write_place(window, end) for end in ends or ()]
    return draw_path(f"M{'L'.join(places)}", kind, opacity) if places else None


def build_surface(search: Search, points: Sequence[Point]) -> Markup | None:
    """Return the squared error over w and b, and which pairs the search has tried."""
    fit = _fit_line(points)
    if fit is None:
        return None
    window = _choose_plane(search, fit)
    pairs = [line for each in search.found if (line := read_line(each.solution))]
    beyond = sum(not window.holds(pair) for pair in pairs)
    layer = [*_draw_valley(points, fit, window), *draw_fading(window, pairs)]
    label = (
        f"Loss over w and b with {pluralize(len(pairs), 'solution')}; least at w={fit.x:.4g}, "
        f"b={fit.y:.4g}; best: {search.describe()}"
    )
    optimum = search.problem.optimum
    lowest = draw_mark(window, (optimum and read_line(optimum.solution)) or fit, _RING, "ring")
    path, marks = _draw_descent(window, search)
    sides = choose_ticks(window.left, window.right), choose_ticks(window.bottom, window.top)
    return build_figure(
        "The loss over w and b",
        draw_chart(window, [*layer, *path], [lowest, *marks], sides, names=("w", "b"), label=label),
        build_legend(
            (show_dot(), "solution, the earlier the fainter"),
            (show_line("bestline"), "best so far"),
            (show_mark(SQUARE, "start"), "best at the start"),
            (show_mark(STAR, "best"), "best"),
            (show_mark(_RING, "ring"), OPTIMUM),
        ),
        "The stronger the colour, the lower the loss: at each ring further in, its excess over "
        "the least loss falls to a quarter.",
        f" {pluralize(beyond, 'solution')} outside the picture." if beyond else None,
    )


def _choose_plane(search: Search, fit: Point) -> Window:
    """Return the part of the plane that holds the known pairs and most of those tried."""
    tried = [(each, line) for each in search.found if (line := read_line(each.solution))]
    known = [line for each in search.known if (line := read_line(each.solution))]
    known += [line for each, line in tried if each.step == 0]
    ranges = [
        choose_range(middle, [pair[side] for pair in known], [pair[side] for _, pair in tried])
        for side, middle in enumerate(fit)
    ]
    return Window(*ranges[0], *ranges[1])


def _draw_descent(window: Window, search: Search) -> tuple[list[Markup], list[Markup | None]]:
    """Return the path from the best at the start to the best, and the marks at both ends."""
    bests = [(each.step, line) for each in search.bests if (line := read_line(each.solution))]
    first = next((line for step, line in reversed(bests) if step == bests[0][0]), None)
    lines = [line for step, line in bests if line == first or step > bests[0][0]]
    places = [write_place(window, line) for line in lines if window.holds(line)]
    path = f"M{'L'.join(places)}"
    return (
        [draw_path(path, kind) for kind in ("halo", "bestline") if places],
        [
            *(draw_mark(window, line, SQUARE, "start") for line in lines[:1]),
            *(draw_mark(window, line, STAR, "best") for line in lines[-1:]),
        ],
    )


def _fit_line(points: Sequence[Point]) -> Point | None:
    """Return the line of least squares; None where more than one is as good."""
    count = len(points)
    x, y = sum(point.x for point in points) / count, sum(point.y for point in points) / count
    spread = sum((point.x - x) ** 2 for point in points)
    if spread <= 1e-12 * sum(point.x**2 for point in points):
        return None
    w = sum((point.x - x) * (point.y - y) for point in points) / spread
    return Point(w, y - w * x)


def _draw_valley(points: Sequence[Point], fit: Point, window: Window) -> list[Markup]:
    """Return where the loss is low: all pairs with the same loss lie on an ellipse.

    The loss exceeds the least one by (dw, db) H (dw, db) with H = sum of (x, 1)(x, 1).
    """
    wide = (window.right - window.left) / GRAIN
    high = (window.bottom - window.top) / GRAIN
    a = wide * wide * sum(point.x**2 for point in points)
    b = wide * high * sum(point.x for point in points)
    c = high * high * len(points)
    turn = math.atan2(2 * b, a - c) / 2
    radius = math.hypot((a - c) / 2, b)
    steep = (a + c) / 2 + radius
    # The product of both is the determinant: a difference would lose the digits of the small one.
    flat = max((a * c - b * b) / steep, steep * 1e-8)
    x, y = (GRAIN * share for share in window.place(fit))
    corners = [(u - x, v - y) for u in (0, GRAIN) for v in (0, GRAIN)]
    most = max(a * u * u + 2 * b * u * v + c * v * v for u, v in corners)
    return [
        element(
            "ellipse",
            rx=f"{math.sqrt(most / 4**ring / steep):.5g}",
            ry=f"{math.sqrt(most / 4**ring / flat):.5g}",
            transform=f"translate({x:.5g} {y:.5g}) rotate({math.degrees(turn):.5g})",
            class_="ring",
        )
        for ring in range(1, 9)
    ]


def build_map(search: Search, cities: Sequence[Point]) -> Markup:
    """Return the best tour over the optimal one."""
    window, best = choose_window(cities).fit(1, 1), search.bests[-1]
    tour, optimum = read_tour(best.solution, len(cities)), search.problem.optimum
    edges = find_edges(tour)
    known = find_edges(read_tour(optimum.solution, len(cities))) if optimum else edges
    labels = [
        element("text", str(number), x=place(at.x), y=place(at.y), dy=-9, class_="name below")
        for number, at in _choose_labels([*map(window.place, cities)])
    ]
    layer = [
        _draw_edges(window, cities, known, "optimal") if optimum else None,
        _draw_edges(window, cities, edges & known, "bestline"),
        _draw_edges(window, cities, edges - known, "strange"),
        draw_dots(window, cities, "spots city"),
    ]
    strange, missed = len(edges - known), len(cities) - len(set(tour))
    return build_figure(
        "The best tour",
        _draw_map(layer, labels, f"Map of {len(cities)} cities; best tour: {search.describe()}"),
        build_legend(
            (show_line("bestline"), "best so far"),
            (show_line("strange"), "its edges that are not in the optimum") if strange else None,
            (show_line("optimal"), OPTIMUM) if optimum else None,
        ),
        f"Best so far: {search.describe()}.",
        f" {strange} of its {pluralize(len(edges), 'edge')} are not in the optimum."
        if strange
        else None,
        f" It leaves out {pluralize(missed, 'city', 'cities')}." if missed else None,
        " Its order: ",
        bdi(best.solution, TEXT),
    )


def _choose_labels(places: Sequence[Point]) -> list[tuple[int, Point]]:
    """Return the cities with a number beside them: those not too near to one before."""
    chosen: list[tuple[int, Point]] = []
    for number, (x, y) in enumerate(places[:_MOST_LABELS]):
        if all(abs(x - at.x) > 0.05 or abs(y - at.y) > 0.04 for _, at in chosen):
            chosen.append((number, Point(x, y)))
    return chosen


def _draw_map(layer: Sequence[Content], labels: Sequence[Markup], label: str) -> Markup:
    return element(
        "svg", draw_layer(layer), *labels, class_="curve map", role="img", aria_label=label
    )


def _draw_edges(
    window: Window, cities: Sequence[Point], edges: Iterable[Edge], kind: str
) -> Markup | None:
    lines = [[write_place(window, cities[city]) for city in edge] for edge in sorted(edges)]
    path = "".join(f"M{start}L{end}" for start, end in lines)
    return draw_path(path, kind) if path else None


def build_panels(search: Search, cities: Sequence[Point]) -> Markup | None:
    """Return how the best tour has changed, in a few small maps."""
    tours = [(each, find_edges(read_tour(each.solution, len(cities)))) for each in search.bests]
    tours = [(each, edges) for each, edges in tours if edges]
    last, most = len(tours) - 1, _PANELS - 1
    shown = [tours[round(n * last / most)] for n in range(most + 1)] if last > most else tours
    window, panels, before = choose_window(cities).fit(1, 1), [], frozenset[Edge]()
    for best, edges in shown:
        new = edges - before if before else frozenset[Edge]()
        layer = [
            _draw_edges(window, cities, before - edges, "gone"),
            _draw_edges(window, cities, edges - new, "kept"),
            _draw_edges(window, cities, new, "bestline"),
            draw_dots(window, cities, "spots small"),
        ]
        when = f"step {best.step}" if best.step else "start"
        text = f"{when}: {format_number(best.value)}"
        text += f", {pluralize(len(new), 'new edge')}" if new else ""
        panels.append(element("figure", _draw_map(layer, [], text), element("figcaption", text)))
        before = edges
    return join(
        [
            element("h4", "How the best tour changed"),
            build_legend((show_line("bestline"), "new edge"), (show_line("gone"), "edge given up")),
            element("div", *panels, class_="panels"),
        ]
    )


_TITLES = {"regression": "Lines through the points", "tour": "The tour on the map"}


def build_problem_section(
    problem: RecordedProblem, found: Sequence[Found], minimise: bool = True, *, key: str = "r1"
) -> Markup:
    """Return the section of a run about its problem.

    Args:
        problem: A "regression" or a "tour" is drawn; of any other there is only the curve.
        found: All solutions with a value, in order.
        minimise: Whether lower values are better.
        key: With what the anchors of the run begin.
    """
    search = Search(problem, [each for each in found if math.isfinite(each.value)], minimise)
    label = f"{key}-problem-title"
    return element(
        "section",
        element("h3", _TITLES.get(problem.name, "Values of the solutions"), id=label),
        *_build_content(search),
        id=f"{key}-problem",
        aria_labelledby=label,
    )


def _build_content(search: Search) -> list[Markup]:
    if not search.found:
        return [note("No solution has a value yet.")]
    points = read_points(search.problem.instance)
    figures, panels = [], None
    if points and search.problem.name == "regression":
        figures = [build_scatter(search, points), build_surface(search, points)]
    elif points and search.problem.name == "tour":
        figures = [build_map(search, points)]
        panels = build_panels(search, points)
    drawings = element("div", *figures, build_curve(search), class_="drawings")
    return [drawings, *filter(None, [panels])]
