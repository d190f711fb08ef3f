"""Squares in a table, tinted by what was gained there; the tint says nothing that no word says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from opro_cli.core.stats import Interval
from opro_cli.reports.html.markup import Content, Markup, bdi, element, join
from opro_cli.reports.html.view import scrolling

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


def heat_map(
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
    return scrolling(caption, table)


def _heading(name: str) -> Markup:
    return element("th", bdi(name), scope="row")


def _tile(tile: Tile) -> Markup:
    first, *others = tile.lines
    lines: list[Content] = [element("b", first), *(element("span", line) for line in others)]
    return element("td", *lines, class_=tile.tint)


def tints() -> Markup:
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
