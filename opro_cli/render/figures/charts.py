"""Figures with two axes: score by step, score against cost, what came against what was promised."""

from __future__ import annotations

from collections.abc import Sequence

from opro_cli.render.figures.canvas import (
    BEST_MARK,
    COLUMN,
    DASHES,
    DOT,
    MARGIN,
    MARKS,
    SMALL,
    START_MARK,
    LegendEntry,
    Palette,
    Plane,
    Reading,
    build_sheet,
    choose_range,
    choose_reading,
    draw_axes,
    draw_legend,
    draw_line,
    draw_mark,
    draw_text,
    fit,
    measure_ticks,
    mix,
    name_axis,
    number,
    sign_line,
    sign_mark,
)
from opro_cli.render.front import COSTS
from opro_cli.render.html.charts import Tick, choose_ticks
from opro_cli.render.html.curves import choose_step_labels
from opro_cli.render.html.markup import Markup, element
from opro_cli.render.problem import Window
from opro_cli.reports.figures import (
    Calibration,
    Curve,
    Front,
    FrontPoint,
    Promise,
    RunCurve,
    is_of_shares,
)
from opro_cli.reports.formats import format_cost_of_1000, format_number, format_points, pluralize

_HEIGHT = 112
"""Points between the ends of the second axis."""
_BELOW = 24
"""Points below the first axis, for its labels and its name."""
_SPREAD = 0.6
"""Share of a step's width over which its candidates stand side by side."""
_BAND = 0.16
"""How much colour the band of an interval has."""
_FEW_MARKS = 12
"""Steps up to which a line has a mark at each."""


def draw_curve(curve: Curve, palette: Palette) -> str:
    """Return train scores by step: of one run with its candidates, of several the best so far."""
    alone = len(curve.runs) == 1
    values = [end for run in curve.runs for _, value in run.best for end in value.ends]
    if alone:
        values += [point.score.mean for point in curve.runs[0].points]
    steps = 1 + max(point.step for run in curve.runs for point in run.points)
    read = choose_reading(values, shares=is_of_shares(curve))
    low, high = read.choose_range(values)
    ticks = read.choose_ticks(low, high)
    entries = _list_alone(curve, palette) if alone else _list_runs(curve, palette)
    legend, end = draw_legend(entries, 27 if alone else 17, COLUMN - 2 * MARGIN, palette)
    left, top = MARGIN + measure_ticks(ticks), end + 16
    plane = Plane(left, COLUMN - 8, top, top + _HEIGHT, Window(-0.5, steps - 0.5, low, high))
    labels: list[Tick] = [(n, str(n) if n else "start") for n in choose_step_labels(steps)]
    of = "" if curve.of_solutions else "train"
    names = "search step", name_axis(curve.scale, of)
    axes = draw_axes(plane, (labels, ticks), names, palette)
    if alone:
        lines = _draw_alone(curve.runs[0], plane, palette, read)
    else:
        lines = [
            shape
            for number_, run in enumerate(curve.runs)
            for shape in _draw_run(run, number_, len(curve.runs), plane, palette, read)
        ]
    desc = ". ".join(
        f"{run.name}: {read.spell(run.best[0][1].mean)} in step {run.best[0][0]}, "
        f"{read.spell(run.best[-1][1].mean)} after step {run.best[-1][0]}"
        for run in curve.runs
    )
    noun = "value" if curve.of_solutions else "train score"
    title = f"{noun[:1].upper()}{noun[1:]}s, by step" if alone else f"Best {noun} so far, by step"
    about = curve.runs[0].name if alone else ""
    height = plane.bottom + _BELOW
    return build_sheet(title, about, desc, [legend, axes, *lines], height, palette)


def _list_alone(curve: Curve, ink: Palette) -> list[LegendEntry]:
    run = curve.runs[0]
    best = "best so far, 95 % interval" if is_of_shares(curve) else "best so far"
    entries: list[LegendEntry] = [
        (element("g", _sign_band(ink, shown=is_of_shares(curve)), sign_line(ink.best, 1.4)), best),
        (sign_line(ink.mean, 1, "3 2"), "mean of the step"),
        (sign_mark(DOT, mix(ink.other, ink.paper, 0.75), ink.paper), "candidate"),
    ]
    if not all(point.whole for point in run.points):
        hollow = sign_mark(DOT, ink.paper, ink.other)
        entries.append((hollow, "stopped early (estimate)"))
    start = "start" if curve.of_solutions else "start prompt"
    entries.append((sign_mark(START_MARK, ink.start, ink.paper), start))
    if any(point.role == "best" and point.step for point in run.points):
        name = "best" if curve.of_solutions else "winner" if run.finished else "best now"
        entries.append((sign_mark(BEST_MARK, ink.best, ink.paper), name))
    return entries


def _sign_band(ink: Palette, *, shown: bool) -> Markup | None:
    fill = mix(ink.best, ink.paper, _BAND)
    return element("rect", y=-0.5, width=14, height=9, fill=fill) if shown else None


def _list_runs(curve: Curve, ink: Palette) -> list[LegendEntry]:
    entries = []
    for at, run in enumerate(curve.runs):
        line = sign_line(ink.series[at], 1.2, DASHES[at])
        mark = sign_mark(MARKS[at], ink.series[at], ink.paper)
        name = run.name if run.finished else f"{run.name} (not finished)"
        entries.append((element("g", line, mark), name))
    return entries


def _draw_alone(run: RunCurve, plane: Plane, ink: Palette, read: Reading) -> list[Markup]:
    def y(value: float) -> float:
        return plane.y(read.at(value))

    shapes: list[Markup] = []
    if all(value.low is not None for _, value in run.best):
        upper = _walk([(step, y(value.ends[-1])) for step, value in run.best], plane)
        lower = _walk([(step, y(value.ends[0])) for step, value in run.best], plane)
        outline = [*upper, *reversed(lower)]
        path = "L".join(f"{number(x)} {number(at)}" for x, at in outline)
        shapes.append(element("path", d=f"M{path}Z", fill=mix(ink.best, ink.paper, _BAND)))
    straight = "L".join(f"{number(plane.x(step))} {number(y(mean))}" for step, mean in run.means)
    shapes.append(_draw_path(straight, ink.mean, 1, "3 2"))
    stairs = _walk([(step, y(value.mean)) for step, value in run.best], plane)
    path = "L".join(f"{number(x)} {number(at)}" for x, at in stairs)
    by_step: dict[int, int] = {}
    for point in run.points:
        by_step[point.step] = by_step.get(point.step, 0) + 1
    seen = dict.fromkeys(by_step, 0)
    marks = []
    for point in run.points:
        offset = (seen[point.step] + 0.5) / by_step[point.step] - 0.5
        seen[point.step] += 1
        x, at = plane.x(point.step + _SPREAD * offset), y(point.score.mean)
        if point.role != "other":
            shape, colour = (
                (BEST_MARK, ink.best) if point.role == "best" else (START_MARK, ink.start)
            )
            if point.role == "best" and not point.step:  # the start prompt has won
                shape, colour = START_MARK, ink.start
            marks.append(draw_mark(shape, x, at, colour, ink.paper))
        elif point.whole:
            shapes.append(draw_mark(DOT, x, at, mix(ink.other, ink.paper, 0.75), ink.paper))
        else:
            shapes.append(draw_mark(DOT, x, at, ink.paper, ink.other))
    return [*shapes, _draw_path(path, ink.best, 1.4), *marks]


def _draw_path(path: str, colour: str, width: float, dash: str | None = None) -> Markup:
    stroke = {"stroke": colour, "stroke_dasharray": dash}
    return element("path", d=f"M{path}", fill="none", stroke_width=width, **stroke)


def _walk(levels: Sequence[tuple[int, float]], plane: Plane) -> list[tuple[float, float]]:
    """Return the corners of stairs: each level holds until the next step."""
    corners = [(plane.x(levels[0][0]), levels[0][1])]
    for step, level in levels[1:]:
        corners += [(plane.x(step), corners[-1][1]), (plane.x(step), level)]
    return corners


def _draw_run(
    run: RunCurve, at: int, count: int, plane: Plane, ink: Palette, read: Reading
) -> list[Markup]:
    """Return the best so far of a run among others, with the interval of the last."""
    colour, points = ink.series[at], []
    for step, value in run.best:
        points.append((step, plane.y(read.at(value.mean))))
    path = "L".join(f"{number(x)} {number(y)}" for x, y in _walk(points, plane))
    shapes = [_draw_path(path, colour, 1.2, DASHES[at])]
    last_step, last = run.best[-1]
    # Side by side, so that the whiskers of runs that end alike do not hide each other.
    aside = plane.x(last_step) + (at - (count - 1) / 2) * 2.4
    if len(last.ends) == 2:
        low, high = (plane.y(read.at(end)) for end in last.ends)
        shapes += _draw_whisker(aside, low, high, colour)
    apart = max(1, -(-len(points) // _FEW_MARKS))
    # Runs begin with a mark each at another step, so that they do not cover one another.
    shown = [*points[at % apart :: apart], points[-1]] if apart > 1 else points
    for step, y in dict(shown).items():
        x = aside if step == last_step else plane.x(step)
        shapes.append(draw_mark(MARKS[at], x, y, colour, ink.paper))
    return shapes


def _draw_whisker(x: float, low: float, high: float, colour: str) -> list[Markup]:
    return [
        draw_line(x, low, x, high, colour, stroke_width=0.8),
        draw_line(x - 1.5, low, x + 1.5, low, colour, stroke_width=0.8),
        draw_line(x - 1.5, high, x + 1.5, high, colour, stroke_width=0.8),
    ]


def draw_front(front: Front, palette: Palette) -> str:
    """Return the score of each candidate against its cost, and the front that none dominates."""
    ink = palette
    tokens = front.cost == "tokens_per_1000"
    unit = 1000 if tokens else 1
    on_front = [point for point in front.points if point.on_front]
    marked = [*on_front, *(p for p in front.points if p.role != "other" and not p.on_front)]
    others = [point for point in front.points if point not in marked]
    ends = [end for point in marked for end in point.score.ends]
    ends += [point.score.mean for point in front.points]
    read = choose_reading(ends, shares=is_of_shares(front))
    low, high = read.choose_range(ends)
    costs = [point.cost / unit for point in front.points]
    left_end, right_end = choose_range(costs, shares=False)
    ticks, across = read.choose_ticks(low, high), choose_ticks(left_end, right_end)
    basis = front.basis.replace("+", " and ")
    entries = _list_front(front, ink, others=bool(others))
    legend, end = draw_legend(entries, 27, COLUMN - 2 * MARGIN, ink)
    left, top = MARGIN + measure_ticks(ticks), end + 16
    plane = Plane(left, COLUMN - 10, top, top + _HEIGHT, Window(left_end, right_end, low, high))
    what = (
        f"tokens of an answer on {front.cost_on}, prompt and reply"
        if tokens
        else f"US$, {COSTS[front.cost]} answers on {front.cost_on}"
    )
    axes = draw_axes(plane, (across, ticks), (what, name_axis(front.scale, basis)), ink)

    def place(point: FrontPoint) -> tuple[float, float]:
        return plane.x(point.cost / unit), plane.y(read.at(point.score.mean))

    shapes = [_draw_stairs([place(point) for point in on_front], ink)]
    for point in others:
        shapes.append(draw_mark(DOT, *place(point), mix(ink.other, ink.paper, 0.75), ink.paper))
    order = ("other", "start", "best")  # what is named is hidden under nothing
    for point in sorted(marked, key=lambda point: order.index(point.role)):
        x, y = place(point)
        kinds = {"best": (BEST_MARK, ink.best), "start": (START_MARK, ink.start)}
        shape, colour = kinds.get(point.role, (DOT, ink.ink))
        if len(point.score.ends) == 2:
            south, north = (plane.y(read.at(end)) for end in point.score.ends)
            shapes += _draw_whisker(x, south, north, mix(colour, ink.paper, 0.6))
        shapes.append(draw_mark(shape, x, y, colour, ink.paper))
    desc = "; ".join(
        f"{read.spell(p.score.mean)} at {format_cost_of_1000(p.cost, front.cost)}" for p in on_front
    )
    desc = f"On the front, cheapest first: {desc} for 1,000 answers"
    content = [legend, axes, *shapes]
    return build_sheet(
        "Score against cost", front.run, desc, content, plane.bottom + _BELOW, palette
    )


def _list_front(front: Front, ink: Palette, *, others: bool) -> list[LegendEntry]:
    """Return the legend of a front; `others`: there are candidates that are not marked."""
    entries: list[LegendEntry] = [
        (element("g", sign_line(ink.ink, 1), sign_mark(DOT, ink.ink, ink.paper)), "on the front"),
    ]
    if others:
        other = sign_mark(DOT, mix(ink.other, ink.paper, 0.75), ink.paper)
        entries.append((other, "other candidate"))
    entries.append((sign_mark(START_MARK, ink.start, ink.paper), "start prompt"))
    if any(point.role == "best" for point in front.points):
        entries.append((sign_mark(BEST_MARK, ink.best, ink.paper), "winner"))
    return entries


def _draw_stairs(corners: Sequence[tuple[float, float]], ink: Palette) -> Markup:
    """Return the front as stairs: up to each next score at its cost."""
    stairs: list[tuple[float, float]] = []
    for x, y in corners:
        stairs += [(x, stairs[-1][1]), (x, y)] if stairs else [(x, y)]
    path = "L".join(f"{number(x)} {number(y)}" for x, y in stairs)
    return _draw_path(path, ink.ink, 1)


def draw_calibration(calibration: Calibration, palette: Palette) -> str:
    """Return for each prompt what unseen questions gave against what the search had measured."""
    shares, ink = is_of_shares(calibration), palette
    promises = calibration.promises
    both = [value for each in promises for value in (each.promised, each.came)]
    ends = [end for value in both for end in value.ends]
    read = choose_reading(ends, shares=shares)
    low, high = read.choose_range(ends)
    ticks = read.choose_ticks(low, high)
    roles = {each.role for each in promises}
    kinds = {
        "start": (START_MARK, ink.start, "start prompt"),
        "other": (DOT, mix(ink.other, ink.paper, 0.9), "other finalist"),
        "best": (BEST_MARK, ink.best, "winner"),
    }
    entries: list[LegendEntry] = [
        (sign_mark(shape, colour, ink.paper), name)
        for role, (shape, colour, name) in kinds.items()
        if role in roles
    ]
    entries.append((sign_line(ink.soft, 0.8, "3 2"), "came as promised"))
    legend, end = draw_legend(entries, 27, COLUMN - 2 * MARGIN, ink)
    left, top = MARGIN + measure_ticks(ticks), end + 16
    side = COLUMN - 12 - left
    plane = Plane(left, left + side, top, top + 0.72 * side, Window(low, high, low, high))
    unit = "% right" if shares else "value"
    names = f"promised: on what the search chose by ({unit})", f"came: on unseen questions ({unit})"
    axes = draw_axes(plane, (ticks, ticks), names, ink)
    corners = plane.x(low), plane.y(low), plane.x(high), plane.y(high)
    shapes = [draw_line(*corners, ink.soft, stroke_width=0.8, stroke_dasharray="3 2")]
    order = ("other", "start", "best")
    for each in sorted(promises, key=lambda promise: order.index(promise.role)):
        shape, colour, _ = kinds[each.role]
        shapes += _draw_promise(each, plane, shape, colour, ink, read)
    words = _sum_up(calibration, shares=shares)
    foot = plane.bottom + _BELOW + 6
    note = draw_text(fit(words, COLUMN - 2 * MARGIN, SMALL), MARGIN, foot, SMALL, fill=ink.soft)
    where = promises[0].run if calibration.runs == 1 else pluralize(calibration.runs, "run")
    title, content = "What the search promised, and what came", [legend, axes, *shapes, note]
    return build_sheet(title, where, f"{where}: {words}", content, foot + MARGIN, palette)


def _draw_promise(
    each: Promise, plane: Plane, shape: str, colour: str, ink: Palette, read: Reading
) -> list[Markup]:
    x, y = (read.at(value.mean) for value in (each.promised, each.came))
    thin, shapes = mix(colour, ink.paper, 0.55), list[Markup]()
    if len(each.promised.ends) == len(each.came.ends) == 2:
        (west, east), (south, north) = (
            map(read.at, value.ends) for value in (each.promised, each.came)
        )
        across = plane.x(west), plane.y(y), plane.x(east), plane.y(y)
        shapes.append(draw_line(*across, thin, stroke_width=0.7))
        shapes.append(
            draw_line(
                plane.x(x), plane.y(south), plane.x(x), plane.y(north), thin, stroke_width=0.7
            )
        )
    return [*shapes, draw_mark(shape, plane.x(x), plane.y(y), colour, ink.paper)]


def _sum_up(calibration: Calibration, *, shares: bool) -> str:
    count = pluralize(len(calibration.promises), "prompt")
    change = calibration.change
    moved = f"{format_points(change)} points" if shares else format_number(change)
    kept = calibration.kept
    if kept is None:
        return f"{count}; {moved} on average"
    return f"{kept} of {count} within chance; {moved} on average"
