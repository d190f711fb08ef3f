"""A problem drawn in a terminal, and the geometry that its drawing on a page shares.

Solutions come from a model: what cannot be read or is no place on a map is left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from rich.cells import cell_len
from rich.text import Text

from opro_cli.core.task.problem import OPTIMUM, Instance, RecordedProblem, is_close
from opro_cli.render.safe import printable
from opro_cli.reports.formats import compute_gap, format_number, pluralize
from opro_cli.reports.problem import Found

_FARTHEST = 1e100
"""Distances between coordinates up to here, and their squares, are numbers."""
_PADDING = 0.06
"""Share of a window kept free at each side."""
_OUTLYING = 3
"""Times the usual distance from the middle beyond which a value would squeeze all others."""


class Point(NamedTuple):
    """A place in the plane; of a line, the slope w and the intercept b."""

    x: float
    y: float


Edge = tuple[int, int]
"""Two cities in ascending order."""


class Window(NamedTuple):
    """The part of the plane that is shown."""

    left: float
    right: float
    bottom: float
    top: float

    def place(self, point: Point) -> Point:
        """Return where a point is: from 0 at the left to 1, from 0 at the top to 1."""
        across = (point.x - self.left) / (self.right - self.left)
        return Point(across, (self.top - point.y) / (self.top - self.bottom))

    def holds(self, point: Point) -> bool:
        """Return whether a point is inside."""
        return self.left <= point.x <= self.right and self.bottom <= point.y <= self.top

    def fit(self, wide: float, high: float) -> Window:
        """Return the window around this one whose sides are as `wide` to `high`."""
        unit = max((self.right - self.left) / wide, (self.top - self.bottom) / high)
        x, y = (self.left + self.right) / 2, (self.bottom + self.top) / 2
        half, upper = unit * wide / 2, unit * high / 2
        return Window(x - half, x + half, y - upper, y + upper)

    def cross(self, line: Point) -> tuple[Point, Point] | None:
        """Return the ends of the visible part of the line y = w x + b; None if none is."""
        w, b = line
        left, right = self.left, self.right
        if w:
            ends = sorted(((self.bottom - b) / w, (self.top - b) / w))
            left, right = max(left, ends[0]), min(right, ends[1])
        if left > right or (not self.bottom <= b <= self.top and not w):
            return None
        # Held inside, because a steep line leaves the window within a rounding error.
        ends = [min(self.top, max(self.bottom, w * x + b)) for x in (left, right)]
        return Point(left, ends[0]), Point(right, ends[1])


def widen(low: float, high: float) -> tuple[float, float]:
    """Return a range with free space at both ends, also around a single value."""
    most = max(abs(low), abs(high))
    if high - low <= max(most * 1e-9, 1 / _FARTHEST):
        half = most / 10 if most > 1 / _FARTHEST else 1.0
        low, high = low - half, high + half
    space = _PADDING * (high - low)
    return low - space, high + space


def choose_window(points: Sequence[Point]) -> Window:
    """Return a window around all points."""
    xs, ys = [point.x for point in points], [point.y for point in points]
    return Window(*widen(min(xs), max(xs)), *widen(min(ys), max(ys)))


def choose_range(
    middle: float, known: Sequence[float], tried: Sequence[float]
) -> tuple[float, float]:
    """Return the range of the known and the tried values that are not far out.

    A quarter of either may be far out, and a tried value even where few are known.
    """
    distances = [abs(value - middle) for value in (*known, *tried)]
    usual = max(
        _find_usual(distances[: len(known)]),
        _find_usual(distances[len(known) :]) if len(tried) > 3 else 0.0,
    )
    usual = usual or min(filter(None, distances), default=0.0)
    values = zip((*known, *tried), distances, strict=True)
    kept = [middle, *(value for value, far in values if far <= _OUTLYING * usual)]
    return widen(min(kept), max(kept))


def _find_usual(distances: Sequence[float]) -> float:
    return sorted(distances)[int(0.75 * (len(distances) - 1))] if distances else 0.0


def read_points(instance: Instance) -> list[Point]:
    """Return the points of a regression or the cities of a map; none unless all can be drawn."""
    xs, ys = instance.get("x"), instance.get("y")
    if not isinstance(xs, Sequence) or not isinstance(ys, Sequence) or len(xs) != len(ys):
        return []
    if not all(isinstance(each, int | float) and abs(each) < _FARTHEST for each in (*xs, *ys)):
        return []
    return [Point(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]


_NUMBER = r"([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)"
_LINE = re.compile(rf"\s*w\s*=\s*{_NUMBER}\s*,\s*b\s*=\s*{_NUMBER}\s*", re.ASCII | re.IGNORECASE)
_TOUR = re.compile(r"\s*-?\d{1,9}\s*(?:,\s*-?\d{1,9}\s*)*", re.ASCII)


def read_line(solution: str) -> Point | None:
    """Return w and b of a solution "w=15, b=14"; None for another text or beyond all drawing."""
    match = _LINE.fullmatch(solution)
    if match is None:
        return None
    line = Point(float(match[1]), float(match[2]))
    return line if max(abs(line.x), abs(line.y)) < _FARTHEST else None


def read_tour(solution: str, cities: int) -> list[int]:
    """Return the cities of a solution "0,3,1,2" in order; those that are on no map are left out.

    A negative number counts from the end, as an index of Python does.
    """
    if not _TOUR.fullmatch(solution):
        return []
    return [city % cities for city in map(int, solution.split(",")) if -cities <= city < cities]


def find_edges(tour: Sequence[int]) -> frozenset[Edge]:
    """Return the edges of the closed tour."""
    edges = pairwise([*tour, *tour[:1]])
    return frozenset((min(edge), max(edge)) for edge in edges if edge[0] != edge[1])


def find_improvements(found: Iterable[Found], minimise: bool = True) -> list[Found]:
    """Return the solutions better than all before them: the last one is the best."""
    sign = 1 if minimise else -1
    bests: list[Found] = []
    for each in found:
        if math.isfinite(each.value) and (not bests or sign * each.value < sign * bests[-1].value):
            bests.append(each)
    return bests


def describe_gap(value: float, problem: RecordedProblem) -> str:
    """Return "4.5 % above the optimum", or "" where nobody knows it."""
    if problem.optimum is None or not math.isfinite(problem.optimum.value):
        return ""
    optimum = problem.optimum.value
    if is_close(value, optimum):
        return f"at the {OPTIMUM}"
    side = f"{'above' if value > optimum else 'below'} the {OPTIMUM}"
    share = abs(compute_gap(value, optimum) or math.inf)
    if not math.isfinite(share):
        return f"{format_number(abs(value - optimum))} {side}"
    if share >= 10 and value > 0 < optimum:
        return f"{format_number(value / optimum)} times the {OPTIMUM}"
    percent = f"{100 * share:.1f}" if share >= 0.0005 else f"{100 * share:.1g}"
    return f"{percent} % {side}"


def count_strange_edges(problem: RecordedProblem, edges: frozenset[Edge]) -> int | None:
    """Return how many edges are not in the best known tour; None where it is unknown."""
    best = problem.optimum
    known = find_edges(read_tour(best.solution, len(read_points(problem.instance)))) if best else ()
    return len(edges.difference(known)) if known else None


_MOST_ROWS, _MOST_COLUMNS = 12, 60
_LEAST_ROWS, _LEAST_COLUMNS = 4, 24
_MANY_CITIES = 20
"""Cities beyond which their letters would hide the edges."""
_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""What each dot of a braille sign adds to its code, by row and column."""


class _Canvas:
    """A window drawn on cells of a terminal: 2 x 4 dots a cell in braille, 1 in ASCII."""

    def __init__(self, window: Window, columns: int, rows: int, *, braille: bool) -> None:
        self._window = window
        self._across, self._down = (2, 4) if braille else (1, 1)
        self._width, self._height = columns * self._across, rows * self._down
        self._codes = [[0] * columns for _ in range(rows)]
        self._styles = [[""] * columns for _ in range(rows)]
        self._letters: dict[tuple[int, int], str] = {}

    def dot(self, point: Point, style: str = "") -> None:
        """Draw a point."""
        self._dot(*self._locate(point), style)

    def write(self, point: Point, letter: str) -> None:
        """Write a letter of one cell, on top of all dots."""
        x, y = self._locate(point)
        self._letters[y // self._down, x // self._across] = letter

    def connect(self, start: Point, end: Point, style: str) -> None:
        """Draw a straight line."""
        (x, y), (end_x, end_y) = self._locate(start), self._locate(end)
        steps = max(abs(end_x - x), abs(end_y - y), 1)
        for step in range(steps + 1):
            part = step / steps
            self._dot(round(x + part * (end_x - x)), round(y + part * (end_y - y)), style)

    def draw(self) -> list[Text]:
        """Return a text for each row."""
        return [self._draw_row(row) for row in range(len(self._codes))]

    def _locate(self, point: Point) -> tuple[int, int]:
        across, down = self._window.place(point)
        x, y = int(across * self._width), int(down * self._height)
        return min(max(x, 0), self._width - 1), min(max(y, 0), self._height - 1)

    def _dot(self, x: int, y: int, style: str) -> None:
        row, column = y // self._down, x // self._across
        self._codes[row][column] |= _DOTS[y % self._down][x % self._across]
        self._styles[row][column] = style or self._styles[row][column]

    def _draw_row(self, row: int) -> Text:
        cells = []
        for column, code in enumerate(self._codes[row]):
            style = self._styles[row][column]
            sign = (chr(_BRAILLE + code) if self._down > 1 else ".") if code else " "
            letter = self._letters.get((row, column))
            cells.append((letter, "bold") if letter else (sign, style))
        text = Text()
        for style, same in groupby(cells, key=lambda cell: cell[1]):
            text.append("".join(sign for sign, _ in same), style=style)
        text.rstrip()
        return text


def draw_problem(
    problem: RecordedProblem,
    found: Iterable[Found],
    width: int,
    height: int,
    *,
    minimise: bool = True,
    encoding: str = "utf-8",
) -> list[Text]:
    """Return the lines of a small drawing of the best solution, and one about its value.

    Args:
        problem: A "regression" shows its points and a line, a "tour" its map; of any other there
            is only the line about the value.
        found: All solutions with a value so far, in order.
        width: Cells of a line, at most.
        height: Lines, at most.
        minimise: Whether lower values are better.
        encoding: The console's; where it lacks braille, the drawing is of ASCII.

    Returns:
        Nothing where there is no room or no solution yet.
    """
    bests = find_improvements(found, minimise)
    rows = min(height - 1, _MOST_ROWS)
    if not bests or width < _LEAST_COLUMNS or rows < _LEAST_ROWS:
        return []
    points, lines, edges = read_points(problem.instance), [], frozenset[Edge]()
    braille = _can_encode(chr(_BRAILLE), encoding)
    if points and problem.name == "regression":
        lines = _draw_regression(points, bests[-1], min(width, _MOST_COLUMNS), rows, braille)
    elif points and problem.name == "tour":
        edges = find_edges(read_tour(bests[-1].solution, len(points)))
        lines = _draw_tour(problem, points, edges, width, rows, braille)
    return [*lines, _draw_figures(problem, bests[-1], edges, width)]


def _can_encode(sign: str, encoding: str) -> bool:
    try:
        sign.encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def _draw_regression(
    points: Sequence[Point], best: Found, columns: int, rows: int, braille: bool
) -> list[Text]:
    window = choose_window(points)
    canvas = _Canvas(window, columns, rows, braille=braille)
    line = read_line(best.solution)
    if line and (ends := window.cross(line)):
        canvas.connect(*ends, "green")
    for point in points:
        if braille:
            canvas.dot(point)
        else:
            canvas.write(point, "o")
    return canvas.draw()


def _draw_tour(
    problem: RecordedProblem,
    cities: Sequence[Point],
    edges: frozenset[Edge],
    width: int,
    rows: int,
    braille: bool,
) -> list[Text]:
    window = choose_window(cities)
    shape = (window.right - window.left) / (window.top - window.bottom)
    columns = int(min(width, max(1, shape) * 2 * rows))  # a cell is twice as high as wide
    canvas = _Canvas(window.fit(columns, 2 * rows), columns, rows, braille=braille)
    optimum = problem.optimum
    known = find_edges(read_tour(optimum.solution, len(cities))) if optimum else edges
    for edge in sorted(edges, key=known.__contains__):
        style = "green" if edge in known else "yellow"
        canvas.connect(cities[edge[0]], cities[edge[1]], style)
    for city in cities:
        if len(cities) <= _MANY_CITIES or not braille:
            canvas.write(city, "o")
        else:
            canvas.dot(city)
    return canvas.draw()


def _draw_figures(
    problem: RecordedProblem, best: Found, edges: frozenset[Edge], width: int
) -> Text:
    """Return the line below: as many figures as fit, none of them cut."""
    strange = count_strange_edges(problem, edges) if edges else None
    parts = [
        describe_gap(best.value, problem).replace(" the ", " "),
        *(
            f"{reference.name} {format_number(reference.value)}"
            for reference in problem.references
            if reference.name != OPTIMUM
        ),
        f"{pluralize(strange, 'edge')} not in the optimum" if strange else "",
        f"step {best.step}" if best.step else "",
    ]
    line = f"best {format_number(best.value)}"
    for part in map(printable, filter(None, parts)):
        if cell_len(line) + 3 + cell_len(part) <= width:
            line += f" · {part}"
    return Text(printable(line, width))
