"""Heat maps of a sweep's page: tables whose squares are tinted by what they gained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from opro_cli.core.stats.intervals import Interval
from opro_cli.render.html.markup import Content, Markup, bdi, cut_beginning, element
from opro_cli.render.html.view import table_box

STEPS = (0.05, 0.10, 0.20)
"""Gains from which a tint is the next darker one."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A cell of a heat map: lines, the first one large, and the gain that tints it."""

    lines: Sequence[str]
    mean: float | None = None
    interval: Interval | None = None
    is_empty: bool = False

    @property
    def tint(self) -> str | None:
        """The CSS class; None for a gain that 0 may explain."""
        if self.mean is None or self.interval is None:
            return "empty" if self.is_empty else None
        if self.interval.low <= 0 <= self.interval.high:
            return None
        darkness = 1 + sum(abs(self.mean) >= step for step in STEPS)
        return f"{'up' if self.mean > 0 else 'down'}{darkness}"


def build_heat_map(
    caption: str,
    titles: Sequence[str],
    rows: Sequence[tuple[str, Sequence[Tile]]],
    foot: tuple[str, Sequence[Tile]] | None = None,
) -> Markup:
    """Return a table of tiles, given the titles of its columns and its named rows."""
    return table_box(
        caption,
        [element("td"), *(element("th", bdi(title), scope="col") for title in titles)],
        [_build_tiles(name, titles, tiles) for name, tiles in rows],
        _build_tiles(foot[0], titles, foot[1]) if foot else None,
        kind="cells",
    )


def _build_tiles(name: str, titles: Sequence[str], tiles: Sequence[Tile]) -> Markup:
    cells = []
    for title, tile in zip(titles, tiles, strict=True):
        first, *others = tile.lines
        lines: list[Content] = [element("b", first), *(element("span", line) for line in others)]
        # A narrow page has no head: its squares stand below one another, and say what they are.
        cells.append(element("td", *lines, class_=tile.tint, data_title=cut_beginning(title, 120)))
    return element("tr", element("th", bdi(name), scope="row"), *cells)


def build_tint_key() -> Markup:
    """Return a legend of the tints."""
    edges = [f"{100 * step:.0f}" for step in STEPS]
    names = [f"under {edges[0]}", *(f"{a} to {b}" for a, b in pairwise(edges))]
    names.append(f"{edges[-1]} and more")
    items = [
        element("li", f"{sign} {name}", class_=f"{direction}{number}")
        for sign, direction in (("▼ −", "down"), ("▲ +", "up"))
        for number, name in sorted(enumerate(names, 1), reverse=direction == "down")
    ]
    items.insert(len(names), element("li", "≈ not told from 0"))
    return element("ul", *items, class_="tints", aria_label="Tints, by points gained")
