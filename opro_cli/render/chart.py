"""Scores by step as a chart of braille dots: each prompt, the mean of a step, the best so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.text import Text

_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of a braille letter, by row and column: a cell has 4 × 2 dots."""
_FEW = 8
"""Steps that the chart is wide at least, so that a young search does not fill it with one line."""
_STYLES = ("dim", "yellow", "bold green")
"""Of the layers: the last one to touch a cell colours it."""


@dataclass(frozen=True, slots=True)
class StepChart:
    """The scores of a chart.

    Attributes:
        best: The best score so far by step, from 0 on.
        mean: The mean of each step.
        points: Step and score of each prompt.
        steps: Of the whole search.
    """

    best: Sequence[float]
    mean: Sequence[float]
    points: Sequence[tuple[int, float]]
    steps: int


class _Canvas:
    """Cells of braille dots, each in the style of the highest layer that touches it."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = 2 * width, 4 * height
        self._bits = [[0] * width for _ in range(height)]
        self._layers = [[0] * width for _ in range(height)]

    def dot(self, x: int, y: int, layer: int) -> None:
        """Set a dot, counted from the upper left; `layer` is an index of the styles."""
        row, column = y // 4, x // 2
        self._bits[row][column] |= _DOTS[y % 4][x % 2]
        self._layers[row][column] = max(self._layers[row][column], layer)

    def line(self, start: tuple[int, int], end: tuple[int, int], layer: int) -> None:
        """Set the dots of a straight line, both ends included."""
        (x0, y0), (x1, y1) = start, end
        count = max(abs(x1 - x0), abs(y1 - y0), 1)
        for i in range(count + 1):
            self.dot(round(x0 + (x1 - x0) * i / count), round(y0 + (y1 - y0) * i / count), layer)

    def draw(self) -> list[Text]:
        """Return a text for each row of cells."""
        lines = []
        for bits, layers in zip(self._bits, self._layers, strict=True):
            line = Text()
            cells = zip(bits, layers, strict=True)
            for style, run in groupby(cells, lambda cell: _STYLES[cell[1]] if cell[0] else ""):
                line.append("".join(chr(_BRAILLE + bit) if bit else " " for bit, _ in run), style)
            lines.append(line)
        return lines


def draw_chart(
    chart: StepChart, width: int, height: int, label: Callable[[float], str]
) -> list[Text]:
    """Return `height` lines of at most `width` cells, the last of which is the axis of steps.

    Args:
        chart: With one step at least.
        width: In cells.
        height: In lines, 3 at least.
        label: Formats a score.
    """
    values = [*chart.best, *chart.mean, *(value for _, value in chart.points)]
    low, high = min(values), max(values)
    marks = (
        {0: label(high), height - 2: label(low)} if high > low else {(height - 2) // 2: label(high)}
    )
    margin = max(map(len, marks.values())) + 2
    canvas = _Canvas(max(2, width - margin), height - 1)
    last = max(len(chart.best) - 1, min(chart.steps, _FEW), 1)

    def at(step: int, value: float) -> tuple[int, int]:
        half = high / 2 - low / 2  # the whole difference of two losses may be no number
        share = (value / 2 - low / 2) / half if half > 0 else 0.5
        x = round(min(1.0, step / last) * (canvas.width - 1))
        return x, round((1 - max(0.0, min(1.0, share))) * (canvas.height - 1))

    for step, value in chart.points:
        canvas.dot(*at(step, value), 0)
    for layer, series in enumerate((chart.mean, chart.best), start=1):
        points = [at(step, value) for step, value in enumerate(series)]
        for start, end in zip(points, points[1:] or points, strict=False):
            canvas.line(start, end, layer)
    drawn = []
    for row, line in enumerate(canvas.draw()):
        mark = marks.get(row, "")
        axis = "┤" if mark else "│"
        drawn.append(Text(f"{mark:>{margin - 2}} {axis}", style="dim").append_text(line))
    return [*drawn, _draw_steps(last, margin, width)]


def _draw_steps(last: int, margin: int, width: int) -> Text:
    """Return the line below a chart: its first step, its last, and one between them."""
    room = max(2, width - margin)
    cells = ["─"] * room
    marks = [0, last] if last < 4 else [0, last // 2, last]
    for step in sorted(marks, key=lambda mark: mark == last // 2):
        text = f"{step}" if step else "step 0"
        at = min(round(step / last * (room - 1)), room - len(text))
        if all(cell == "─" for cell in cells[max(0, at - 1) : at + len(text) + 1]):
            cells[at : at + len(text)] = text
    return Text(" " * (margin - 1) + "└" + "".join(cells), style="dim")
