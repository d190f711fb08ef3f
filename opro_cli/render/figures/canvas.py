"""The parts of all figures: a sheet in points, a plane with axes, and a legend.

A unit is a point of a sheet that is printed 84 mm wide, a column of most journals, and no letter
is smaller than 7. Everything stands in attributes: many a viewer reads no style sheet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from opro_cli.core.scale import Scale
from opro_cli.render.html.charts import Tick, choose_ticks
from opro_cli.render.html.curves import SQUARE, STAR
from opro_cli.render.html.markup import Attribute, Content, Markup, element, join, make_visible
from opro_cli.render.problem import Point, Window
from opro_cli.reports.formats import are_shares, format_number, format_percent

COLUMN, PAGE = 238, 493
"""Widths in points: a column, 84 mm, and two of them, 174 mm."""
MARGIN = 5
TITLE, BODY, SMALL = 8.5, 7.5, 7.0
"""Sizes of letters in points."""
_FONTS = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', 'Noto Sans', sans-serif"
_MM = {COLUMN: 84, PAGE: 174}


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of the page about a run; tint: the most that a square takes of `other`."""

    paper: str
    ink: str
    soft: str
    line: str
    best: str
    start: str
    other: str
    mean: str
    bad: str
    tint: float

    @property
    def series(self) -> tuple[str, ...]:
        """Colours of runs side by side; their marks and dashes differ too."""
        return (self.best, self.other, self.start, self.mean, self.ink, self.bad)


LIGHT = Palette(
    paper="#ffffff",
    ink="#171b21",
    soft="#59626f",
    line="#d9dee5",
    best="#0a6b4f",
    start="#8a4b08",
    other="#3f6fb3",
    mean="#7a3fa0",
    bad="#a8221d",
    tint=0.7,
)
DARK = Palette(
    paper="#191e25",
    ink="#e8ecf1",
    soft="#a5b0be",
    line="#323a45",
    best="#4bd0a0",
    start="#f0ae62",
    other="#82b0f0",
    mean="#cda0f2",
    bad="#ff9a92",
    tint=0.45,
)

MARKS = (
    "M-2.4 0a2.4 2.4 0 1 0 4.8 0a2.4 2.4 0 1 0 -4.8 0Z",
    "M-2.2 -2.2H2.2V2.2H-2.2Z",
    "M0 -2.9L2.7 1.9H-2.7Z",
    "M0 -3.1L3.1 0L0 3.1L-3.1 0Z",
    "M0 2.9L2.7 -1.9H-2.7Z",
    "M-2.3 -2.3L2.3 2.3M-2.3 2.3L2.3 -2.3",
)
"""Shapes of runs side by side."""
DASHES = (None, "5 2", "1.5 1.5", "7 2 1.5 2", "3 2", "7 2 1.5 2 1.5 2")
DOT, START_MARK, BEST_MARK = MARKS[0], SQUARE, STAR
_SCALES = {SQUARE: 0.42, STAR: 0.42}

_WIDTH_TABLE = """
32 40 46 84 64 95 78 27 39 39 50 84 32 36 32 34 64 64 64 64 64 64 64 64
64 64 34 34 84 84 84 53 100 68 69 70 77 63 58 77 75 29 29 66 56 86 75 79
60 79 69 63 61 73 68 99 69 61 69 39 34 39 84 50 50 61 63 55 63 62 35 63
63 28 28 58 28 97 63 61 63 63 41 52 39 63 59 82 59 59 52 64 34 64 84
"""
_WIDTHS = tuple(map(int, _WIDTH_TABLE.split()))
"""Hundredths of its size that each letter from " " to "~" takes in DejaVu Sans, the widest font."""
_WIDE, _WIDEST = 1.0, 1.3
"""Of its size, what a further Latin letter takes at most, and any other."""
_BOLD = 1.12


def measure_text(text: str, size: float, *, bold: bool = False) -> float:
    """Return the most points that a text takes on a line, in any of the usual fonts."""
    widths = (
        _WIDTHS[code - 32] / 100
        if (code := ord(letter)) < 127
        else _WIDE
        if code < 0x370
        else _WIDEST
        for letter in text
    )
    return sum(widths) * size * (_BOLD if bold else 1)


def fit(text: str, room: float, size: float, *, bold: bool = False, middle: bool = False) -> str:
    """Return a text on one line, cut to some points at its end, or in its `middle`.

    The names of runs differ at their end, so that they are cut in the middle.
    """
    shown = make_visible(text[:400]) + ("…" if len(text) > 400 else "")
    if measure_text(shown, size, bold=bold) <= room:
        return shown
    kept = min(len(shown), int(room / (size * min(_WIDTHS) / 100)) + 1)
    while kept > 1:
        kept -= 1
        tail = kept // 2 if middle else 0
        cut = f"{shown[: kept - tail].rstrip()}…{shown[len(shown) - tail :] if tail else ''}"
        if measure_text(cut, size, bold=bold) <= room:
            return cut
    return "…"


def draw_text(text: str, x: float, y: float, size: float = BODY, **attributes: Attribute) -> Markup:
    """Return a text whose baseline is at y; `anchor` is "middle" or "end"."""
    anchor = attributes.pop("anchor", None)
    position = {"x": number(x), "y": number(y), "font_size": number(size)}
    # A text of another direction must not turn what stands beside it.
    isolate: dict[str, Attribute] = {} if text.isascii() else {"unicode_bidi": "isolate"}
    return element("text", text, **position, text_anchor=anchor, **isolate, **attributes)


def draw_line(x1: float, y1: float, x2: float, y2: float, stroke: str, **more: Attribute) -> Markup:
    """Return a straight line."""
    ends = {"x1": number(x1), "y1": number(y1), "x2": number(x2), "y2": number(y2)}
    return element("line", **ends, stroke=stroke, **more)


def draw_mark(shape: str, x: float, y: float, colour: str, paper: str, **more: Attribute) -> Markup:
    """Return a mark with a thin edge of paper, by which marks on one another stay apart."""
    scale = _SCALES.get(shape, 1)
    at = f"translate({number(x)} {number(y)})" + (f" scale({scale})" if scale != 1 else "")
    paint: dict[str, Attribute] = {"fill": colour, "stroke": paper, "stroke_width": 0.5 / scale}
    if shape == MARKS[-1]:  # a cross has no inside
        paint = {"fill": "none", "stroke": colour, "stroke_width": 1.3}
    return element("path", d=shape, transform=at, **(paint | more))


def number(value: float) -> str:
    """Return a coordinate: 12.5, without digits that nobody sees."""
    return f"{round(value, 2):g}"


@dataclass(frozen=True, slots=True)
class Plane:
    """A part of the sheet that shows a window of the plane."""

    left: float
    right: float
    top: float
    bottom: float
    window: Window

    def x(self, value: float) -> float:
        """Return where a value is on the sheet."""
        share = self.window.place(Point(value, self.window.top)).x
        return self.left + share * (self.right - self.left)

    def y(self, value: float) -> float:
        """Return where a value is on the sheet."""
        share = self.window.place(Point(self.window.left, value)).y
        return self.top + share * (self.bottom - self.top)


LegendEntry = tuple[Markup, str]
"""A sign in a box of 14 by 8 points, and its meaning."""
_SIGN, _LEADING = 14, 10


def draw_legend(
    entries: Sequence[LegendEntry], top: float, room: float, palette: Palette
) -> tuple[Markup, float]:
    """Return a legend on as many lines as it takes, and where it ends."""
    parts, x, y = [], 0.0, top
    for sign, name in entries:
        text = fit(name, room - _SIGN - 3, BODY, middle=True)
        width = _SIGN + 3 + measure_text(text, BODY)
        if x and x + width > room:
            x, y = 0.0, y + _LEADING
        at = f"translate({number(MARGIN + x)} {number(y + 1)})"
        words = draw_text(text, MARGIN + x + _SIGN + 3, y + 7.5, fill=palette.soft)
        parts += [element("g", sign, transform=at), words]
        x += width + 9
    return join(parts), y + _LEADING if entries else top


def sign_line(colour: str, width: float, dash: str | None = None) -> Markup:
    """Return a line for a legend."""
    return draw_line(0, 4, _SIGN, 4, colour, stroke_width=width, stroke_dasharray=dash)


def sign_mark(shape: str, colour: str, paper: str, **more: Attribute) -> Markup:
    """Return a mark for a legend."""
    return draw_mark(shape, _SIGN / 2, 4, colour, paper, **more)


def draw_axes(
    plane: Plane, ticks: tuple[Sequence[Tick], Sequence[Tick]], names: tuple[str, str], ink: Palette
) -> Markup:
    """Return grid, ticks and names: that of the first axis below, that of the second on top."""
    parts = []
    for value, text in ticks[1]:
        y = plane.y(value)
        parts.append(draw_line(plane.left, y, plane.right, y, ink.line, stroke_width=0.6))
        parts.append(draw_text(text, plane.left - 3, y + 2.5, SMALL, anchor="end", fill=ink.soft))
    for value, text in ticks[0]:
        x = plane.x(value)
        parts.append(draw_line(x, plane.bottom, x, plane.bottom + 2, ink.soft, stroke_width=0.6))
        parts.append(draw_text(text, x, plane.bottom + 9.5, SMALL, anchor="middle", fill=ink.soft))
    base = draw_line(plane.left, plane.bottom, plane.right, plane.bottom, ink.soft)
    middle = (plane.left + plane.right) / 2
    across = draw_text(names[0], middle, plane.bottom + 19.5, anchor="middle", fill=ink.ink)
    up = draw_text(names[1], MARGIN, plane.top - 6, fill=ink.ink)
    return join([*parts, element("g", base, stroke_width=0.6), across, up])


def measure_ticks(ticks: Sequence[Tick]) -> float:
    """Return the room that labels take beside an axis."""
    return max((measure_text(text, SMALL) for _, text in ticks), default=0.0) + 4


def choose_range(
    values: Sequence[float], *, shares: bool, least: float = 20
) -> tuple[float, float]:
    """Return the ends of an axis that holds these values.

    Shares are in percent: whole tens, `least` apart, from 0 to 100 at most, and no value is on the
    lower end but 0.
    """
    low, high = min(values), max(values)
    if shares:
        low, high = max(0.0, 10 * ((low - 1) // 10)), -10 * (-high // 10)
        if high - low < least:
            low = max(min(low, 100 - least), 0.0)
            high = low + least
        return low, high
    room = 0.06 * (high - low) or abs(high) / 10 or 1.0
    return low - room, high + room


def mix(colour: str, paper: str, share: float) -> str:
    """Return a colour thinned with another, so that no viewer has to know of opacity."""
    parts = [[int(each[at : at + 2], 16) for at in (1, 3, 5)] for each in (colour, paper)]
    return "#" + "".join(
        f"{round(share * one + (1 - share) * other):02x}" for one, other in zip(*parts, strict=True)
    )


def build_sheet(
    title: str,
    about: str,
    desc: str,
    content: Sequence[Content],
    height: float,
    palette: Palette,
    *,
    width: int = COLUMN,
) -> str:
    """Return a whole SVG file.

    Args:
        title: Shown on top, and read by a screen reader.
        about: A line below it, such as the name of a run; cut where it is long.
        desc: The figures in a sentence, for who cannot see them.
        content: All else.
        height: Of the sheet, in points.
        palette: Its colours.
        width: COLUMN or PAGE.
    """
    room = width - 2 * MARGIN
    head = fit(title, room, TITLE, bold=True)
    millimetres = _MM[width]
    svg = element(
        "svg",
        element("title", f"{title}: {about}" if about else title),
        element("desc", desc),
        element("rect", width=width, height=number(height), fill=palette.paper),
        draw_text(head, MARGIN, 12, TITLE, font_weight="bold", fill=palette.ink),
        draw_text(fit(about, room, BODY, middle=True), MARGIN, 22, fill=palette.soft)
        if about
        else None,
        *content,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {number(height)}",
        width=f"{millimetres}mm",
        height=f"{number(millimetres * height / width)}mm",
        font_family=_FONTS,
        role="img",
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{svg}\n'


def name_axis(scale: Scale, of: str) -> str:
    """Return what an axis of scores or values measures, on which split."""
    if are_shares(scale):
        return f"score on {of} (% right)"
    better = "lower" if scale.minimise else "higher"
    return f"value{f' on {of}' if of else ''} ({better} is better)"


@dataclass(frozen=True, slots=True)
class Reading:
    """How values become places on an axis: shares in percent, losses of many sizes by logarithm."""

    shares: bool
    log: bool = False

    def at(self, value: float) -> float:
        """Return where a value is, in units of the axis."""
        return math.log10(value) if self.log else 100 * value if self.shares else value

    def choose_range(self, values: Sequence[float]) -> tuple[float, float]:
        """Return the ends of an axis for these values, in its units."""
        return choose_range([self.at(value) for value in values], shares=self.shares)

    def choose_ticks(self, low: float, high: float) -> list[Tick]:
        """Return the ticks of an axis, of a logarithm one at each power of ten at most."""
        if not self.log:
            return choose_ticks(low, high)
        first, last = math.ceil(low), math.floor(high)
        powers = range(first, last + 1, max(1, -(-(last - first) // 5)))
        return [(float(power), format_number(10.0**power)) for power in powers]

    def spell(self, value: float) -> str:
        """Return a value in words."""
        return format_percent(value) if self.shares else format_number(value)


_MANY_SIZES = 1000
"""How many times the least value the largest must be for an axis of logarithms."""


def choose_reading(values: Sequence[float], *, shares: bool) -> Reading:
    """Return how an axis of these values is read: by logarithms where they are of many sizes."""
    low, high = min(values), max(values)
    return Reading(shares, not shares and low > 0 and high / low >= _MANY_SIZES)
