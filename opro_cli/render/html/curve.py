"""The score curve: every candidate as a dot, the best so far and the mean of each step as lines.

Horizontal places are percentages and vertical ones pixels, so that the curve fills any width
while dots stay round and letters keep their size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from opro_cli.render.html.markup import Markup, element, join
from opro_cli.render.html.view import Row, RunView, format_basis, note, section
from opro_cli.reports.formats import format_percent

HEIGHT = 300
"""Pixels between the lowest and the highest score shown."""
_SPREAD = 0.6
"""Of a step's width, over which its candidates stand side by side."""
_MANY = 6
"""Tenths with a tick each."""
_CROWD = 400
"""More dots than that would hide each other, and the lines, if they were not faint."""
_GRAIN = 1000
"""What lines are drawn on, stretched to the width of the page."""
_STAR = "M0 -10L2.4 -3.2L9.5 -3.1L3.8 1.2L5.9 8.1L0 4L-5.9 8.1L-3.8 1.2L-9.5 -3.1L-2.4 -3.2Z"
_SQUARE = "M-6 -6H6V6H-6Z"


@dataclass(frozen=True, slots=True)
class Dot:
    """A candidate in the curve. across: 0 to 1 from the left. score: its train mean."""

    row: Row
    across: float
    score: float


@dataclass(frozen=True, slots=True)
class Scale:
    """The scores between which the curve is drawn."""

    low: float
    high: float

    def down(self, score: float) -> float:
        """Pixels from the top."""
        return round((self.high - score) / (self.high - self.low) * HEIGHT, 1)

    @property
    def ticks(self) -> list[float]:
        """Whole tens of percent, every other one where there are many."""
        low, high = round(self.low * 10), round(self.high * 10)
        return [tenth / 10 for tenth in range(low, high + 1, 2 if high - low > _MANY else 1)]


def choose_scale(scores: Sequence[float]) -> Scale:
    """Whole tens of percent around the scores, at least 20 points apart."""
    low = math.floor(round(min(scores) * 10, 6))
    high = math.ceil(round(max(scores) * 10, 6))
    if high - low < 2:
        low = min(max(low - (high == low), 0), 8)
        high = max(high, low + 2)
    if high - low > _MANY:  # so that there is a tick at both ends
        low, high = low - low % 2, high + high % 2
    return Scale(low / 10, high / 10)


def place_dots(rows: Sequence[Row]) -> list[Dot]:
    """Those with any train answer, in the order in which they joined."""
    scored = [(row, score) for row in rows if (score := row.score("train"))]
    steps = 1 + max((row.step for row, _ in scored), default=0)
    beside: dict[int, list[Row]] = {}
    for row, _ in scored:
        beside.setdefault(row.step, []).append(row)
    place = {
        row.id: (index + 0.5) / len(group) - 0.5
        for group in beside.values()
        for index, row in enumerate(group)
    }
    return [
        Dot(row, (row.step + 0.5 + _SPREAD * place[row.id]) / steps, score["mean"])
        for row, score in scored
    ]


def build_curve(view: RunView) -> Markup:
    """The section with the curve."""
    title = "How the search went"
    dots = place_dots(view.rows)
    if not dots:
        return section(view, "curve", title, note("No training question was answered yet."))
    scale = choose_scale([dot.score for dot in dots])
    steps = 1 + max(dot.row.step for dot in dots)
    best = max(dot.score for dot in [d for d in dots if d.row.whole] or dots)
    plot = element(
        "svg",
        _grid(scale, steps),
        _dots(view, [dot for dot in dots if not _has_name(dot)], scale),
        _lines(dots, scale, steps),
        _dots(view, [dot for dot in dots if _has_name(dot)], scale),
        class_="curve",
        width="100%",
        height=HEIGHT,
        role="group",
        aria_label=(
            f"Train scores of {len(dots):,} candidates over {steps - 1} steps; "
            f"the highest is {format_percent(best)}"
        ),
    )
    return section(
        view,
        "curve",
        title,
        note(
            "Each dot is an instruction with its score on the training questions, which the",
            "optimizer sees. Candidates of one step stand side by side. Point at a dot to read it,",
            "or reach the dots with Tab and the arrow keys; Enter leads to its row in the table.",
        ),
        _legend(view),
        element("div", plot, class_="plot"),
        element("p", "step", class_="axis"),
    )


def _grid(scale: Scale, steps: int) -> Markup:
    marks = []
    for score in scale.ticks:
        y = scale.down(score)
        marks.append(element("line", x1="0", x2="100%", y1=y, y2=y, class_="grid"))
        marks.append(element("text", f"{100 * score:.0f} %", x=-8, y=y + 4, class_="left"))
    for step in choose_step_labels(steps):
        x = _across((step + 0.5) / steps)
        name = str(step) if step else "start"
        marks.append(element("text", name, x=x, y=HEIGHT + 24, class_="below"))
    return element("g", join(marks), aria_hidden="true")


def choose_step_labels(steps: int) -> list[int]:
    """Which of so many steps get a number below them: ten at most."""
    apart = next(n for n in (1, 2, 5, 10, 20, 25, 50, 100, 1000, steps) if steps <= 10 * n)
    return list(range(0, steps, apart))


def _lines(dots: Sequence[Dot], scale: Scale, steps: int) -> Markup:
    """Best so far as stairs, the mean of each step from centre to centre."""
    by_step: dict[int, list[float]] = {}
    whole: dict[int, list[float]] = {}
    for dot in dots:
        if dot.row.whole:
            whole.setdefault(dot.row.step, []).append(dot.score)
        # Those that were stopped early are the worse ones: a mean without them would flatter.
        if dot.row.whole or dot.row.stopped:
            by_step.setdefault(dot.row.step, []).append(dot.score)
    means = {step: math.fsum(scores) / len(scores) for step, scores in sorted(by_step.items())}
    highest = accumulate((max(whole[step]) for step in sorted(whole)), max)
    bests = dict(zip(sorted(whole), highest, strict=True))

    def x(step: int) -> float:
        return round((step + 0.5) / steps * _GRAIN, 1)

    def line(name: str, path: str) -> Markup:
        return element("path", d=path, class_=name, vector_effect="non-scaling-stroke")

    if not bests:
        return Markup()
    first, begin = next(iter(bests.items()))
    stairs = "".join(f"H{x(step)}V{scale.down(score)}" for step, score in bests.items())
    straight = "L".join(f"{x(step)} {scale.down(score)}" for step, score in means.items())
    return element(
        "svg",
        line("mean", f"M{straight}"),
        line("bestline", f"M{x(first)} {scale.down(begin)}{stairs}"),
        viewBox=f"0 0 {_GRAIN} {HEIGHT}",
        preserveAspectRatio="none",
        width="100%",
        height=HEIGHT,
        aria_hidden="true",
    )


def _has_name(dot: Dot) -> bool:
    return dot.row.is_best or dot.row.is_start


def _dots(view: RunView, dots: Sequence[Dot], scale: Scale) -> Markup:
    kind = "dots dense" if len(dots) > _CROWD else "dots"
    return element("g", join(_dot(view, dot, scale) for dot in dots), class_=kind)


def _dot(view: RunView, dot: Dot, scale: Scale) -> Markup:
    row, x, y = dot.row, _across(dot.across), scale.down(dot.score)
    score = row.score("train") or {}
    told = f"step {row.step}" if row.step else "initial instruction"
    told += f", {view.best_name}" if row.is_best else ""
    told += ", start prompt" if row.is_start else ""
    unfinished = ", stopped early" if score.get("estimated") else ", not all answers yet"
    told += "" if row.whole else unfinished
    if _has_name(dot):
        shape = _STAR if row.is_best else _SQUARE
        mark = element("svg", element("path", d=shape), x=x, y=y, overflow="visible")
    else:
        mark = element("circle", cx=x, cy=y, r=4)
    kind = "best" if row.is_best else "start" if row.is_start else None if row.whole else "part"
    return element(
        "a",
        mark,
        href=f"#{row.id}",
        class_=kind,
        tabindex=-1,
        aria_label=f"{told}: train {format_percent(dot.score)} {format_basis(score)}",
    )


def _across(share: float) -> str:
    return f"{round(100 * share, 2):g}%"


def _legend(view: RunView) -> Markup:
    def entry(kind: str | None, mark: Markup, name: str) -> Markup:
        svg = element(
            "svg", element("g", mark, class_=kind), width=28, height=20, aria_hidden="true"
        )
        return element("li", svg, name)

    middle = "translate(14 10)"
    entries = [
        entry("dots", element("circle", cx=14, cy=10, r=4), "candidate"),
        entry("start", element("path", d=_SQUARE, transform=middle), "start prompt"),
        entry("best", element("path", d=_STAR, transform=middle), view.best_name),
        entry(None, element("path", d="M1 10H27", class_="bestline"), "highest so far"),
        entry(None, element("path", d="M1 10H27", class_="mean"), "mean of the step"),
    ]
    if not all(row.whole for row in view.rows):
        dot = element("circle", cx=14, cy=10, r=4, class_="part")
        entries.insert(1, entry("dots", dot, "stopped early, or not all answers yet"))
    return element("ul", join(entries), class_="legend")
