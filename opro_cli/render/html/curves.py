"""The curve of a run: the score of every candidate, by step.

Horizontal places are percentages and vertical ones pixels, so that a curve fills any width
while dots stay round and letters keep their size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from opro_cli.core.scale import SHARE, Scale
from opro_cli.render.html.markup import Markup, element, join
from opro_cli.render.html.rows import Row
from opro_cli.render.html.view import RunView, format_basis, note, place, section
from opro_cli.render.scoreboard import average
from opro_cli.reports.formats import are_shares, format_mean

HEIGHT = 300
"""Pixels between the lowest and the highest score shown."""
_SPREAD = 0.6
"""Share of a step's width over which its candidates stand side by side."""
_MANY = 6
"""Tenths with a tick each."""
_CROWD = 400
"""Dots beyond which they would hide each other and the lines, if they were not faint."""
_GRAIN = 1000
"""Units across in which lines are drawn, stretched to the width of the page."""
STAR = "M0 -10L2.4 -3.2L9.5 -3.1L3.8 1.2L5.9 8.1L0 4L-5.9 8.1L-3.8 1.2L-9.5 -3.1L-2.4 -3.2Z"
SQUARE = "M-6 -6H6V6H-6Z"


@dataclass(frozen=True, slots=True)
class Dot:
    """A candidate in the curve: 0 to 1 from the left, at its train mean."""

    row: Row
    across: float
    score: float

    @property
    def is_named(self) -> bool:
        """Whether it is the best or the start prompt, drawn on top with a shape of its own."""
        return self.row.kind is not None


@dataclass(frozen=True, slots=True)
class Axis:
    """The scores between which the curve is drawn, and how they are read."""

    low: float
    high: float
    scale: Scale = SHARE

    def down(self, score: float) -> float:
        """Return the distance of a score from the top, in pixels."""
        # Halves, because the whole distance of two losses may be beyond all numbers.
        height = self.high / 2 - self.low / 2
        return round((self.high / 2 - score / 2) / height * HEIGHT, 1)

    @property
    def ticks(self) -> list[float]:
        """Whole tens of percent, every other one where there are many; five for other scales."""
        if not are_shares(self.scale):
            return [self.low * (1 - part) + self.high * part for part in (0, 0.25, 0.5, 0.75, 1)]
        low, high = round(self.low * 10), round(self.high * 10)
        return [tenth / 10 for tenth in range(low, high + 1, 2 if high - low > _MANY else 1)]

    def name_tick(self, score: float) -> str:
        """Return the label of a tick: "80 %", or "12.4" of a loss."""
        if are_shares(self.scale):
            return f"{100 * score:.0f} %"
        return format_mean(score, self.scale)


def choose_axis(scores: Sequence[float], scale: Scale = SHARE) -> Axis:
    """Return whole tens of percent around the scores, at least 20 points apart.

    Scores on another scale, such as losses, are drawn between the lowest and the highest.
    """
    if not are_shares(scale):
        low, high = min(scores), max(scores)
        if low == high:
            low, high = sorted((low, 0.0 if low else scale.orient(1.0)))
        return Axis(low, high, scale)
    low = math.floor(round(min(scores) * 10, 6))
    high = math.ceil(round(max(scores) * 10, 6))
    if high - low < 2:
        low = min(max(low - (high == low), 0), 8)
        high = max(high, low + 2)
    if high - low > _MANY:  # so that there is a tick at both ends
        low, high = low - low % 2, high + high % 2
    return Axis(low / 10, high / 10)


def _place_dots(rows: Sequence[Row]) -> list[Dot]:
    """Return the candidates with any train answer, in the order in which they joined."""
    scored = [(row, score) for row in rows if (score := row.score("train"))]
    steps = 1 + max((row.step for row, _ in scored), default=0)
    by_step: dict[int, list[Row]] = {}
    for row, _ in scored:
        by_step.setdefault(row.step, []).append(row)
    offsets = {
        row.id: (index + 0.5) / len(group) - 0.5
        for group in by_step.values()
        for index, row in enumerate(group)
    }
    return [
        Dot(row, (row.step + 0.5 + _SPREAD * offsets[row.id]) / steps, score["mean"])
        for row, score in scored
    ]


def build_curve(view: RunView) -> Markup:
    """Return the section with the score curve."""
    title = "How the search went"
    dots = _place_dots(view.rows)
    if not dots:
        return section(view, "curve", title, note("No training question was answered yet."))
    axis = choose_axis([dot.score for dot in dots], view.scale)
    best = max(dot.score for dot in [d for d in dots if d.row.whole] or dots)
    crowd = [dot for dot in dots if dot.row.id not in view.drawn]
    plot = _draw_plot(view, dots, axis, best)
    return section(
        view,
        "curve",
        title,
        note(
            "Each dot is an instruction with its score on the training questions, which the",
            "optimizer sees. Candidates of one step stand side by side. Point at a dot to read it,",
            "or reach the dots with Tab and the arrow keys; Enter leads to its row in the table.",
        ),
        note(f"The {len(crowd):,} faint dots stand for those that the table leaves out.")
        if crowd
        else None,
        *_explain_choice(view, dots, best),
        _build_legend(view),
        element("div", plot, class_="plot" if are_shares(view.scale) else "plot valued"),
        element("p", "step", class_="axis"),
    )


def _draw_plot(view: RunView, dots: Sequence[Dot], axis: Axis, best: float) -> Markup:
    """Return the curve: the faint dots, those with rows, the lines, and the named ones on top."""
    steps = 1 + max(dot.row.step for dot in dots)
    drawn = [dot for dot in dots if dot.row.id in view.drawn]
    return element(
        "svg",
        draw_grid(axis, steps),
        _draw_crowd([dot for dot in dots if dot.row.id not in view.drawn], axis),
        _draw_dots(view, [dot for dot in drawn if not dot.is_named], axis, len(dots)),
        _draw_lines(dots, axis, steps),
        _draw_dots(view, [dot for dot in drawn if dot.is_named], axis),
        class_="curve",
        width="100%",
        height=HEIGHT,
        role="group",
        aria_label=(
            f"Train scores of {len(dots):,} candidates over {steps - 1} steps; "
            f"the {_name_best(view)} is {format_mean(best, view.scale)}"
        ),
    )


def _explain_choice(view: RunView, dots: Sequence[Dot], best: float) -> list[Markup]:
    """Return why the winner is not the highest dot, where it is not."""
    winner = next((dot for dot in dots if dot.row.is_best), None)
    if winner is None or winner.score == best or not view.finished:
        return []
    chosen = {"dev": "the dev questions", "train+dev": "train and dev together"}
    by = chosen.get(view.result["chosen_by"], "more than its train score")
    scores = [format_mean(score, view.scale) for score in (winner.score, best)]
    return [
        note(
            f"The winner is at {scores[0]}, below the {_name_best(view)} of {scores[1]}:",
            f"{by} chose it, and a train score that many tried for is partly luck.",
        )
    ]


def _name_best(view: RunView) -> str:
    return "lowest" if view.scale.minimise else "highest"


def draw_grid(axis: Axis, steps: int) -> Markup:
    """Return the lines of the scores, and the numbers of scores and steps beside them."""
    marks = []
    for score in axis.ticks:
        y = axis.down(score)
        marks.append(element("line", x1="0", x2="100%", y1=y, y2=y, class_="grid"))
        marks.append(element("text", axis.name_tick(score), x=-8, y=y + 4, class_="left"))
    for step in choose_step_labels(steps):
        x = place((step + 0.5) / steps)
        name = str(step) if step else "start"
        marks.append(element("text", name, x=x, y=HEIGHT + 24, class_="below"))
    return element("g", join(marks), aria_hidden="true")


def choose_step_labels(steps: int) -> list[int]:
    """Return the steps that get a number below them, ten at most."""
    apart = next(n for n in (1, 2, 5, 10, 20, 25, 50, 100, 1000, steps) if steps <= 10 * n)
    return list(range(0, steps, apart))


def _draw_lines(dots: Sequence[Dot], axis: Axis, steps: int) -> Markup:
    """Return the best so far as stairs, and the mean of each step from centre to centre."""
    by_step: dict[int, list[float]] = {}
    whole: dict[int, list[float]] = {}
    for dot in dots:
        if dot.row.whole:
            whole.setdefault(dot.row.step, []).append(dot.score)
        # Those that were stopped early are the worse ones: a mean without them would flatter.
        if dot.row.whole or dot.row.stopped:
            by_step.setdefault(dot.row.step, []).append(dot.score)
    means = {step: average(scores) for step, scores in sorted(by_step.items())}
    highest = accumulate((max(whole[step]) for step in sorted(whole)), max)
    bests = dict(zip(sorted(whole), highest, strict=True))

    def x(step: int) -> float:
        return round((step + 0.5) / steps * _GRAIN, 1)

    def draw_line(name: str, path: str) -> Markup:
        return element("path", d=path, class_=name, vector_effect="non-scaling-stroke")

    if not bests:
        return Markup()
    first, begin = next(iter(bests.items()))
    stairs = "".join(f"H{x(step)}V{axis.down(score)}" for step, score in bests.items())
    straight = "L".join(f"{x(step)} {axis.down(score)}" for step, score in means.items())
    return _stretch(
        [
            draw_line("mean", f"M{straight}"),
            draw_line("bestline", f"M{x(first)} {axis.down(begin)}{stairs}"),
        ]
    )


def _stretch(shapes: Sequence[Markup]) -> Markup:
    """Return shapes in units across and pixels down, stretched to the width of their chart."""
    return element(
        "svg",
        *shapes,
        viewBox=f"0 0 {_GRAIN} {HEIGHT}",
        preserveAspectRatio="none",
        width="100%",
        height=HEIGHT,
        aria_hidden="true",
    )


def _draw_crowd(dots: Sequence[Dot], axis: Axis) -> Markup:
    """Return dots without rows as a single shape: strokes so short that only their ends show."""
    if not dots:
        return Markup()
    places = dict.fromkeys(
        f"M{round(dot.across * _GRAIN, 1):g} {axis.down(dot.score):g}h.1" for dot in dots
    )
    path = element("path", d="".join(places), class_="crowd", vector_effect="non-scaling-stroke")
    return _stretch([path])


def _draw_dots(view: RunView, dots: Sequence[Dot], axis: Axis, total: int = 0) -> Markup:
    kind = "dots dense" if total > _CROWD else "dots"
    return element("g", join(_draw_dot(view, dot, axis) for dot in dots), class_=kind)


def _draw_dot(view: RunView, dot: Dot, axis: Axis) -> Markup:
    row, x, y = dot.row, place(dot.across), axis.down(dot.score)
    score, mean = row.score("train") or {}, format_mean(dot.score, view.scale)
    label = f"step {row.step}" if row.step else "initial instruction"
    label += f", {view.best_name}" if row.is_best else ""
    label += ", start prompt" if row.is_start else ""
    unfinished = ", stopped early" if score.get("estimated") else ", not all answers yet"
    label += "" if row.whole else unfinished
    if dot.is_named:
        shape = STAR if row.is_best else SQUARE
        mark = element("svg", element("path", d=shape), x=x, y=y, overflow="visible")
    else:
        mark = element("circle", cx=x, cy=y, r=4)
    return element(
        "a",
        mark,
        href=f"#{row.id}",
        class_=row.kind or (None if row.whole else "part"),
        tabindex=-1,
        aria_label=f"{label}: train {mean} {format_basis(score, view.scale)}",
    )


def _build_legend(view: RunView) -> Markup:
    def build_entry(kind: str | None, mark: Markup, name: str) -> Markup:
        svg = element(
            "svg", element("g", mark, class_=kind), width=28, height=20, aria_hidden="true"
        )
        return element("li", svg, name)

    middle = "translate(14 10)"
    entries = [
        build_entry("dots", element("circle", cx=14, cy=10, r=4), "candidate"),
        build_entry("start", element("path", d=SQUARE, transform=middle), "start prompt"),
        build_entry("best", element("path", d=STAR, transform=middle), view.best_name),
        build_entry(
            None, element("path", d="M1 10H27", class_="bestline"), f"{_name_best(view)} so far"
        ),
        build_entry(None, element("path", d="M1 10H27", class_="mean"), "mean of the step"),
    ]
    if not all(row.whole for row in view.rows):
        dot = element("circle", cx=14, cy=10, r=4, class_="part")
        entries.insert(1, build_entry("dots", dot, "stopped early, or not all answers yet"))
    return element("ul", join(entries), class_="legend")
