"""Scores and gains with intervals as bars, a forest plot and a tinted table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from opro_cli.core.stats.hierarchical import Estimate
from opro_cli.core.stats.intervals import Interval
from opro_cli.core.task.example import Split
from opro_cli.render.html.markup import Content, Markup, bdi, clip, element, join
from opro_cli.render.html.view import (
    RunView,
    Score,
    format_basis,
    format_score,
    note,
    scroll_box,
    section,
    shown,
)
from opro_cli.reports.edge import describe_disagreement
from opro_cli.reports.formats import format_percent, format_points, pluralize
from opro_cli.reports.sweeps.measured import MeanOverTasks
from opro_cli.reports.sweeps.words import format_estimate

_TALL = 22
_CAP = 5
_ABOUT: dict[Split, str] = {
    "train": "the optimizer saw these scores",
    "dev": "these chose the winner",
    "test": "nobody saw them during the search",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A prompt among the bars. kind: start, best or other. meeting: with the start prompt."""

    kind: str
    name: str
    scores: Mapping[str, Score | None]
    meeting: Mapping[str, Any] | None


def build_score_bars(view: RunView) -> Markup | None:
    """The section with the bars; None where there is no score at all."""
    prompts = list(list_prompts(view))
    groups = [_group(view, split, prompts) for split in view.splits]
    if not any(groups):
        return None
    others = [each for each in prompts if each.kind == "other"]
    return section(
        view,
        "scores",
        "What the prompts are worth",
        note("The thin line is the 95 % interval: where the score on unlimited questions may be."),
        element("div", *groups, class_="splits"),
        element("h4", "Baselines against the start prompt, on test") if others else None,
        element("ul", join(map(_against_start, others)), class_="others") if others else None,
    )


def list_prompts(view: RunView) -> Iterator[Shown]:
    """Start prompt, winner (one bar where they are the same), then the run's baselines."""
    start, best = view.result["initial"], view.result["best"]
    if start is not None and view.start is not view.best:
        yield _shown("start", "start prompt", start)
    if best is not None:
        same = view.start is view.best
        name = f"start prompt, still the {view.best_name}" if same else view.best_name
        yield _shown("best", name, best)
    known = {each["instruction"] for each in (start, best) if each is not None}
    for baseline in view.result.get("baselines", ()):
        if baseline["instruction"] not in known:
            yield _shown("other", shown(baseline["instruction"]), baseline)


def _shown(kind: str, name: str, described: Mapping[str, Any]) -> Shown:
    return Shown(kind, name, described["scores"], described.get("against_start"))


def _against_start(prompt: Shown) -> Markup:
    """A prompt in full, behind what it changes on test."""
    told = None
    if prompt.meeting and prompt.meeting["difference"]:
        change, p_value = prompt.meeting["difference"], prompt.meeting["paired_test"]["p_value"]
        low, high = (f"{100 * bound:+.1f}" for bound in change["interval"])
        edge = describe_disagreement(p_value, *change["interval"])
        more = f" ({edge})" if edge else ""
        told = (
            f"{format_points(change['mean'])} points [{low} to {high}], p = {p_value:.2g}{more}: "
        )
    return element("li", told, bdi(prompt.name, 2_000))


def _group(view: RunView, split: Split, prompts: list[Shown]) -> Markup | None:
    bars = [_bar(split, each, score) for each in prompts if (score := each.scores.get(split))]
    if not bars:
        return None
    size = view.run.state.sizes[split]
    about = f"{pluralize(size, 'question')}; {_ABOUT[split]}"
    if split == "dev" and view.result["chosen_by"] != "dev":
        about = pluralize(size, "question")
    heading = element("h4", split, " ", element("small", about))
    return element("div", heading, join(bars), class_="split")


def _bar(split: Split, prompt: Shown, score: Score) -> Markup:
    low, high = (_share(bound) for bound in score["interval"])
    end, middle = _share(score["mean"]), _TALL / 2
    top, bottom = middle - _CAP, middle + _CAP
    plot = element(
        "svg",
        element("rect", width="100%", height=_TALL, class_="track"),
        element("rect", width=end, height=_TALL, class_=f"bar {prompt.kind}"),
        element("line", x1=low, x2=high, y1=middle, y2=middle, class_="span"),
        element("line", x1=low, x2=low, y1=top, y2=bottom, class_="span"),
        element("line", x1=high, x2=high, y1=top, y2=bottom, class_="span"),
        width="100%",
        height=_TALL,
        role="img",
        aria_label=f"{split}, {clip(prompt.name, 120)}: {format_score(score)}",
    )
    return element(
        "div",
        element("span", bdi(prompt.name, 60), class_="who"),
        plot,
        element(
            "span",
            element("b", format_percent(score["mean"])),
            " ",
            format_basis(score),
            class_="worth",
        ),
        class_="row",
    )


def _share(share: float) -> str:
    return f"{round(100 * share, 2):g}%"


_FOREST_HEIGHT, _FOREST_CAP, _DOT = 24, 5, 5


def build_forest(over: MeanOverTasks) -> Markup | None:
    """A line for each task; None where nothing counts."""
    if over.estimate is None:
        return None
    everything = [*(each.estimate for each in over.tasks), over.estimate]
    reach = max(0.05, *(abs(end) for e in everything for end in (e.interval.low, e.interval.high)))
    rows = [
        _row(each.task, pluralize(each.runs, "run"), each.estimate, reach) for each in over.tasks
    ]
    if over.these is not None:
        rows.append(_row("these tasks alone", "over their questions", over.these, reach, "whole"))
        rows.append(_row("tasks like these", "over tasks", over.estimate, reach, "whole"))
    return element("div", join(rows), class_="forest")


def _row(name: str, about: str, found: Estimate, reach: float, kind: str = "") -> Markup:
    def at(value: float) -> str:
        return f"{round(50 + 49 * value / reach, 2):g}%"

    middle, low, high = _FOREST_HEIGHT / 2, at(found.interval.low), at(found.interval.high)
    told = f"{format_estimate(found)} points"
    plot = element(
        "svg",
        element("line", x1="50%", x2="50%", y1=0, y2=_FOREST_HEIGHT, class_="zero"),
        element("line", x1=low, x2=high, y1=middle, y2=middle, class_="span"),
        element(
            "line", x1=low, x2=low, y1=middle - _FOREST_CAP, y2=middle + _FOREST_CAP, class_="span"
        ),
        element(
            "line",
            x1=high,
            x2=high,
            y1=middle - _FOREST_CAP,
            y2=middle + _FOREST_CAP,
            class_="span",
        ),
        element("circle", cx=at(found.mean), cy=middle, r=_DOT),
        width="100%",
        height=_FOREST_HEIGHT,
        role="img",
        aria_label=f"{clip(name, 120)}: {told}",
    )
    worth = element("span", element("b", told), " ", element("small", about), class_="worth")
    return element(
        "div",
        element("span", bdi(name, 120), class_="who"),
        plot,
        worth,
        class_=f"row {kind}".strip(),
    )


STEPS = (0.05, 0.10, 0.20)
"""Gains from which a tint is the next darker one."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A square: its lines, the first of them large; mean, interval: of the gain that tints it.

    is_empty: it holds no score.
    """

    lines: Sequence[str]
    mean: float | None = None
    interval: Interval | None = None
    is_empty: bool = False

    @property
    def tint(self) -> str | None:
        """A class; None for a gain that is not told from 0."""
        if self.mean is None or self.interval is None:
            return "empty" if self.is_empty else None
        if self.interval.low <= 0 <= self.interval.high:
            return None
        darkness = 1 + sum(abs(self.mean) >= step for step in STEPS)
        return f"{'up' if self.mean > 0 else 'down'}{darkness}"


def build_heat_map(
    caption: str,
    head: Sequence[str],
    rows: Sequence[tuple[str, Sequence[Tile]]],
    foot: tuple[str, Sequence[Tile]] | None = None,
) -> Markup:
    """A table of tiles; head: of the columns; the first of a row names it."""
    titles = [element("td"), *(element("th", bdi(name), scope="col") for name in head)]
    body = [element("tr", _heading(name), *map(_tile, tiles)) for name, tiles in rows]
    last = (
        element("tfoot", element("tr", _heading(foot[0]), *map(_tile, foot[1]))) if foot else None
    )
    table = element(
        "table",
        element("caption", caption, class_="unseen"),
        element("thead", element("tr", *titles)),
        element("tbody", join(body)),
        last,
        class_="cells",
    )
    return scroll_box(caption, table)


def _heading(name: str) -> Markup:
    return element("th", bdi(name), scope="row")


def _tile(tile: Tile) -> Markup:
    first, *others = tile.lines
    lines: list[Content] = [element("b", first), *(element("span", line) for line in others)]
    return element("td", *lines, class_=tile.tint)


def build_tint_key() -> Markup:
    """What the tints mean."""
    edges = [f"{100 * step:.0f}" for step in STEPS]
    names = [f"under {edges[0]}", *(f"{a} to {b}" for a, b in pairwise(edges))]
    names.append(f"{edges[-1]} and more")
    items = [
        element("li", f"{sign} {name}", class_=f"{way}{number}")
        for sign, way in (("▼ −", "down"), ("▲ +", "up"))
        for number, name in sorted(enumerate(names, 1), reverse=way == "down")
    ]
    items.insert(len(names), element("li", "≈ not told from 0"))
    return element("ul", *items, class_="tints", aria_label="Tints, by points gained")
