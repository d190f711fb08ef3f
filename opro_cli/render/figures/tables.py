"""Figures in rows: gains with their intervals, and which labels were taken for which."""

from __future__ import annotations

from opro_cli.render.figures.canvas import (
    BODY,
    COLUMN,
    MARGIN,
    MARKS,
    PAGE,
    SMALL,
    Palette,
    Plane,
    build_sheet,
    draw_line,
    draw_mark,
    draw_text,
    fit,
    measure_text,
    mix,
    number,
)
from opro_cli.render.html.charts import choose_ticks
from opro_cli.render.html.markup import Markup, element
from opro_cli.render.labels import list_columns
from opro_cli.render.problem import Window
from opro_cli.reports.figures import ConfusionFigure, Forest, ForestRow
from opro_cli.reports.formats import format_points, format_span, pluralize

_NAMES = 116
"""Points on the left that names and figures take, above one another."""
_LINE = 9
"""Points of a line of text in a row."""
_DIAMOND = MARKS[3]


def draw_forest(forest: Forest, palette: Palette) -> str:
    """Return a row for each gain, its interval as a whisker, over one axis and one line of none."""
    ink = palette
    ends = [100 * end for row in forest.rows for end in row.gain.ends]
    low, high = min(0.0, *ends), max(0.0, *ends)
    room = max(2.0, 0.06 * (high - low))
    low, high = max(low - room, -100.0), min(high + room, 100.0)
    # What all rows share is said once, below.
    abouts = {row.about for row in forest.rows if not row.kept}
    tall = _LINE * (2 if len(abouts) < 2 else 3) + 6
    top = 30
    bottom = top + tall * len(forest.rows)
    plane = Plane(MARGIN + _NAMES + 6, COLUMN - 10, top, bottom, Window(low, high, 0, 1))
    ticks = _thin(choose_ticks(low, high), plane)
    shapes = []
    for value, text in ticks:
        x, shown = plane.x(value), f"+{text}" if value > 0 else text
        shapes.append(draw_line(x, top, x, bottom, ink.line, stroke_width=0.6))
        shapes.append(draw_text(shown, x, bottom + 9.5, SMALL, anchor="middle", fill=ink.soft))
    zero = plane.x(0)
    shapes.append(draw_line(zero, top, zero, bottom, ink.ink, stroke_width=0.9))
    shapes.append(draw_line(plane.left, bottom, plane.right, bottom, ink.soft, stroke_width=0.6))
    for at, row in enumerate(forest.rows):
        shapes += _draw_row(row, top + tall * at, tall, plane, ink)
    same = next(iter(abouts)) if len(abouts) == 1 else ""
    foot = f"points gained on {same or 'test questions'}, unseen by the search"
    shapes.append(draw_text(foot, COLUMN - MARGIN, bottom + 19.5, anchor="end", fill=ink.ink))
    desc = ". ".join(f"{row.name}: {_write_gain(row)}, {row.about}" for row in forest.rows)
    title = "Gain over the start prompt, 95 % intervals"
    return build_sheet(title, forest.subject, desc, shapes, bottom + 24.5, palette)


def _thin(ticks: list[tuple[float, str]], plane: Plane) -> list[tuple[float, str]]:
    """Return ticks whose labels do not touch; that of 0 stays."""
    kept: list[tuple[float, str]] = []
    for value, text in sorted(ticks, key=lambda tick: abs(tick[0])):
        half = measure_text(f"+{text}", SMALL) / 2 + 2
        clear = (
            abs(plane.x(value) - plane.x(other)) > half + measure_text(f"+{name}", SMALL) / 2
            for other, name in kept
        )
        if all(clear):
            kept.append((value, text))
    return sorted(kept)


def _draw_row(row: ForestRow, top: float, tall: float, plane: Plane, ink: Palette) -> list[Markup]:
    weight = "bold" if row.whole else None
    name = fit(row.name, _NAMES, BODY, bold=row.whole, middle=row.is_run)
    shapes = [
        draw_text(name, MARGIN, top + 9, font_weight=weight, fill=ink.ink),
        draw_text(
            _write_gain(row), MARGIN, top + 9 + _LINE, SMALL, font_weight=weight, fill=ink.ink
        ),
    ]
    if tall > 3 * _LINE:
        about = fit(row.about, _NAMES, SMALL)
        shapes.append(draw_text(about, MARGIN, top + 9 + 2 * _LINE, SMALL, fill=ink.soft))
    line, colour = top + tall / 2, ink.best if row.whole else ink.other
    if row.gain.low is not None and row.gain.high is not None:
        left, right = plane.x(100 * row.gain.low), plane.x(100 * row.gain.high)
        shapes.append(draw_line(left, line, right, line, colour, stroke_width=1.1))
        shapes += [
            draw_line(x, line - 2.5, x, line + 2.5, colour, stroke_width=1.1) for x in (left, right)
        ]
    shape = _DIAMOND if row.whole else MARKS[0]
    fill, edge = (ink.paper, colour) if row.kept else (colour, ink.paper)
    return [*shapes, draw_mark(shape, plane.x(100 * row.gain.mean), line, fill, edge)]


def _write_gain(row: ForestRow) -> str:
    if row.kept:
        return "start prompt kept"
    gain = row.gain
    if gain.low is None or gain.high is None:
        return format_points(gain.mean)
    return f"{format_points(gain.mean)} [{format_span(gain.low, gain.high)}]"


_LABEL, _LEAST = 74, 15
"""Points of a label at most, and of a square at least."""


def draw_confusion(figure: ConfusionFigure, palette: Palette) -> str:
    """Return a square for each gold label and each answer, darker for more of the row."""
    ink, data = palette, figure.confusion.to_json()
    columns, rows = list_columns(data), data["rows"]
    names = [fit(row["gold"], _LABEL, BODY) for row in rows]
    titles = [fit(title, _LABEL, BODY) for title, _ in columns]
    most = max(count for _, counts in columns for count in counts)
    least = max(_LEAST, measure_text(f"{most:,}", BODY, bold=True) + 4)
    left = MARGIN + max(measure_text(name, BODY) for name in names) + 5
    sheet = COLUMN if left + least * len(columns) <= COLUMN - MARGIN else PAGE
    cell = min((sheet - MARGIN - left) / len(columns), 90.0)
    high = min(cell, 26.0)
    longest = max(measure_text(title, BODY) for title in titles)
    flat = longest + 4 <= cell
    top = 36 + 7 + (10 if flat else max(longest, 6))
    shapes = [
        draw_text(
            "a row for each gold answer, a column for what was read",
            MARGIN,
            36,
            SMALL,
            fill=ink.soft,
        )
    ]
    for at, title in enumerate(titles):
        x = left + cell * (at + 0.5)
        turn = None if flat else f"rotate(-90 {number(x + 2.6)} {number(top - 4)})"
        begin, anchor = (x, "middle") if flat else (x + 2.6, None)
        shapes.append(draw_text(title, begin, top - 4, anchor=anchor, transform=turn, fill=ink.ink))
    totals = [sum(counts[at] for _, counts in columns) for at in range(len(rows))]
    for at, (row, name) in enumerate(zip(rows, names, strict=True)):
        y = top + high * at
        shapes.append(draw_text(name, left - 5, y + high / 2 + 2.6, anchor="end", fill=ink.ink))
        for column, (title, counts) in enumerate(columns):
            share = counts[at] / totals[at] if totals[at] else 0.0
            right = title == row["gold"] and column < len(rows)
            box = (left + cell * column, y, cell, high)
            shapes += _draw_square(counts[at], share, box, ink, right=right)
    bottom = top + high * len(rows)
    hits = sum(row["answers"].get(row["gold"], 0) for row in rows)
    questions = pluralize(sum(totals), f"{figure.confusion.split} question")
    words = f"{hits:,} of {questions} right (outlined); darker: more of the row"
    shapes.append(
        draw_text(fit(words, sheet - 2 * MARGIN, SMALL), MARGIN, bottom + 11, SMALL, fill=ink.soft)
    )
    desc = ". ".join(
        f"expected {row['gold']}: "
        + ", ".join(f"{title} {counts[at]}" for title, counts in columns if counts[at])
        for at, row in enumerate(rows)
    )
    title = "What was taken for what"
    return build_sheet(title, figure.prompt, desc, shapes, bottom + 16, palette, width=sheet)


def _draw_square(
    count: int, share: float, box: tuple[float, float, float, float], ink: Palette, *, right: bool
) -> list[Markup]:
    x, y, width, height = box
    inset = 1.0 if right else 0.4
    square = element(
        "rect",
        x=number(x + inset),
        y=number(y + inset),
        width=number(width - 2 * inset),
        height=number(height - 2 * inset),
        fill=mix(ink.other, ink.paper, ink.tint * share)
        if count
        else mix(ink.line, ink.paper, 0.4),
        stroke=ink.best if right else None,
        stroke_width=1.2 if right else None,
    )
    text = draw_text(
        f"{count:,}" if count else "·",
        x + width / 2,
        y + height / 2 + 2.6,
        anchor="middle",
        fill=ink.ink if count else ink.soft,
        font_weight="bold" if right and count else None,
    )
    return [square, text]
