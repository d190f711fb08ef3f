"""The page about a sweep: tables of problems; mean gain, matrix, winners and transfer."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from opro_cli.core.stats.hierarchical import Estimate
from opro_cli.core.stats.intervals import Interval
from opro_cli.render.html.assets import read_asset
from opro_cli.render.html.markup import Content, Markup, bdi, clip, element, join, paragraphs
from opro_cli.render.html.page import build_nav, build_page
from opro_cli.render.html.view import limit_text, note, plot_interval, table, table_box
from opro_cli.render.safe import display_instruction
from opro_cli.render.sweep import describe_find
from opro_cli.reports.formats import format_points, pluralize
from opro_cli.reports.problem import describe_problem, read_problem
from opro_cli.reports.sweeps.measured import MatrixKey, MeasuredCell
from opro_cli.reports.sweeps.problem_grids import Grid, GridPair, build_section, describe_found
from opro_cli.reports.sweeps.report import (
    INTERVAL,
    NOTHING,
    READ,
    SEEN,
    TRANSFER,
    SweepReport,
    describe_counted,
    describe_gain,
    describe_these_tasks,
    format_cell_score,
    format_choice,
    format_estimate,
    format_matrix_cell,
    format_task_mean,
    format_test_score,
    format_winner_gain,
    format_worth,
    sign,
)
from opro_cli.reports.sweeps.winners import RULE, Winner, Worth

_HEADLINES = {
    "▲": ("improved", "▲ OPRO helps"),
    "▼": ("worse", "▼ OPRO does harm"),
    "≈": ("not_distinguishable", "≈ No gain shown"),
}


def render_sweep_report(report: SweepReport) -> str:
    """Return the whole page, which loads nothing and which UTF-8 can encode."""
    of_prompts = [
        ("matrix", "Test scores", _build_matrix(report)),
        ("gain", "Gain of each task", _build_gain(report)),
        ("winners", "Winners", _build_winners(report)),
        ("transfer", "Transfer", _build_transfer(report)),
    ]
    sections = [
        ("problems", "Problems", _build_problems(report)),
        *(of_prompts if report.searches_prompts else ()),
        ("cells", "All cells", _build_cells(report)),
    ]
    parts = [(name, title, part) for name, title, part in sections if part is not None]
    content = [
        element("h1", "Sweep ", bdi(report.name)),
        _build_verdict(report),
        build_nav("Parts of the report", {name: title for name, title, _ in parts}),
        *(_build_section(name, title, part) for name, title, part in parts),
    ]
    style = read_asset("report.css") + read_asset("sweep.css")
    return build_page(f"{report.name} · opro sweep", content, style=style)


def _build_section(name: str, title: str, content: Markup) -> Markup:
    heading = element("h2", title, id=f"{name}-title")
    return element("section", heading, content, id=name, aria_labelledby=f"{name}-title")


def _build_verdict(report: SweepReport) -> Markup:
    kind, word = "none", "– No gain can be told"
    if report.gain.estimate is not None:
        interval = report.gain.estimate.interval
        kind, word = _HEADLINES[sign(interval.low, interval.high)]
    sentences = list(_describe(report))
    if not report.searches_prompts:
        word, *sentences = sentences
        word = _begin_large(word)
    return element(
        "div",
        element("p", word, class_="word"),
        *(element("p", _begin_large(text), ".", class_="sentence") for text in sentences if text),
        class_=f"verdict {kind}",
    )


def _describe(report: SweepReport) -> Iterator[str]:
    if report.of_problems:
        yield describe_found(report.problems)
        yield describe_counted(report.of_problems)
    if report.searches_prompts:
        yield describe_gain(report.gain, report.left_out)
        yield describe_these_tasks(report.gain)
        yield describe_counted(report.prompts)


def _begin_large(text: str) -> str:
    return text[:1].upper() + text[1:]


def _build_problems(report: SweepReport) -> Markup | None:
    """Return the tables of all problems, None for a sweep without any."""
    parts: list[Markup] = []
    for problem in report.problems:
        section = build_section(problem)
        parts += map(_build_grids, section.pairs)
        parts += map(note, section.notes)
    return join(parts) if parts else None


def _build_grids(pair: GridPair) -> Markup:
    grids = [pair.ours] if pair.paper is None else [pair.ours, pair.paper]
    head = [element("th", pair.ours.corner, scope="col")]
    head += [_build_head(title, grid) for grid in grids for title in grid.columns]
    body = []
    for same in zip(*(grid.rows for grid in grids), strict=True):
        cells = [
            element("td", *_break_lines(lines), class_="paper" if grid.of_paper else None)
            for grid, row in zip(grids, same, strict=True)
            for lines in row.cells
        ]
        body.append(element("tr", element("th", bdi(same[0].title), scope="row"), *cells))
    title = _begin_large(pair.title)
    return join([element("h3", bdi(title)), table_box(title, head, body, kind="problems")])


def _build_head(title: str, grid: Grid) -> Markup:
    # On two lines a name is not the widest part of its column.
    provider, slash, name = title.partition("/")
    lines = [provider + slash, name] if name else [title]
    spans = [element("span", bdi(line)) for line in lines]
    if not grid.of_paper:
        return element("th", *spans, scope="col")
    return element("th", element("span", "paper: "), *spans, scope="col", class_="paper")


def _break_lines(lines: Sequence[str]) -> Iterator[Content]:
    first, *others = lines
    yield first
    for line in others:
        yield element("small", line)


def _build_matrix(report: SweepReport) -> Markup:
    squares = {square.key: square for square in report.squares}
    tasks = list(dict.fromkeys(key.task for key in squares))
    variants = list(report.by_variant)

    def build_tile(task: str, variant: str) -> Tile:
        square = squares.get(MatrixKey(task, variant))
        gain = square.gain if square else None
        return _build_tile(format_matrix_cell(square), gain)

    means = [
        _build_tile(format_task_mean(over), over.estimate) for over in report.by_variant.values()
    ]
    rows = [(task, [build_tile(task, variant) for variant in variants]) for task in tasks]
    tiles = build_heat_map("Test scores by task and variant", variants, rows, ("mean gain", means))
    return join([note(READ), _build_tint_key(), tiles])


def _build_winners(report: SweepReport) -> Markup | None:
    if not report.winners:
        return None
    limit = limit_text(len(report.winners))
    titles = ["task", "scorer", "cell", "chosen by", "start, on test", "test score", "gain"]
    titles.append("instruction")
    rows = [_build_winner(winner, limit) for winner in report.winners]
    star = "★: no other scorer has a better one on the task."
    return join([note(RULE, star), table("The winner of each task", titles, rows)])


def _build_winner(winner: Winner, limit: int) -> list[Markup | str]:
    text = paragraphs(display_instruction(winner.instruction), limit)
    scale = winner.run.state.scale
    return [
        join([bdi(winner.task), " ★" if winner.is_first else ""]),
        bdi(winner.scorer),
        bdi(winner.cell.name),
        format_choice(winner),
        format_test_score(winner.start, scale),
        format_test_score(winner.test, scale),
        format_winner_gain(winner),
        element("span", text, class_="text"),
    ]


def _build_transfer(report: SweepReport) -> Markup | None:
    transfer = report.transfer
    if not transfer.winners or not transfer.targets:
        return None
    parts: list[Markup] = []
    if transfer.asked:
        titles = [f"{target.task} · {target.model}" for target in transfer.targets]
        rows = [("start prompt", [_build_worth(worth) for worth in transfer.starts])]
        for winner, row in zip(transfer.winners, transfer.rows, strict=True):
            tiles = [
                _build_worth(worth, home=target.key == (winner.task, winner.scorer))
                for target, worth in zip(transfer.targets, row, strict=True)
            ]
            rows.append((winner.cell.name, tiles))
        explanation = note(TRANSFER, *([SEEN] if transfer.seen else []))
        matrix = build_heat_map("Winners on other tasks and models", titles, rows)
        parts += [explanation, _build_tint_key(), matrix]
    if transfer.missing:
        command = f"opro eval --sweep {shlex.quote(report.name)}"
        squares = f"{pluralize(transfer.missing, 'square')} not asked yet. What asks for them: "
        parts.append(element("p", squares, element("code", bdi(command), class_="command")))
    return join(parts)


def _build_worth(worth: Worth, *, home: bool = False) -> Tile:
    lines, comparison = format_worth(worth, home=home), worth.against_start
    if comparison is None or not comparison.together:
        return Tile(lines, is_empty=worth.score is None)
    return Tile(lines, comparison.difference, comparison.interval)


def _build_cells(report: SweepReport) -> Markup:
    gain = " / ".join(
        [
            *(["gain"] if report.searches_prompts else []),
            *(["optimum"] if report.of_problems else []),
        ]
    )
    titles = ["cell", "status", "start", "best", gain, "counted"]
    return table("All cells", titles, [_build_cell(cell) for cell in report.cells])


def _build_cell(cell: MeasuredCell) -> Sequence[Markup | str]:
    scores = [format_cell_score(cell, prompt) for prompt in (cell.start, cell.best)]
    gain, counted_in = NOTHING, join([f"no: {cell.left_out}" if cell.left_out else "yes"])
    if cell.is_problem:
        gain = _describe_find(cell)
    elif not cell.left_out:
        gains = cell.gains.values()
        gain = f"{format_points(sum(gains) / len(gains))} points"
    if cell.swept.problem:
        counted_in = join([counted_in, " ", bdi(cell.swept.problem, 2_000)])
    return [bdi(cell.name), cell.status, *scores, gain, counted_in]


def _describe_find(cell: MeasuredCell) -> str:
    run = cell.run
    problem = None if run is None else read_problem(run.settings, run.examples)
    if run is None or problem is None:
        return NOTHING
    found = describe_problem(problem, run.state)
    return describe_find(found, minimise=run.state.scale.minimise)


_HEIGHT, _DOT = 24, 5


def _build_gain(report: SweepReport) -> Markup | None:
    """Return a forest plot with a line for each task, None where nothing counts."""
    over = report.gain
    if over.estimate is None:
        return None
    estimates = [*(task.estimate for task in over.tasks), over.estimate]
    ends = [end for e in estimates for end in (e.interval.low, e.interval.high)]
    reach = max(0.05, *map(abs, ends))
    lines = [
        _plot_gain(task.name, pluralize(task.runs, "run"), task.estimate, reach)
        for task in over.tasks
    ]
    if over.these is not None:
        these, alike = "these tasks alone", "tasks like these"
        lines.append(_plot_gain(these, "over their questions", over.these, reach, "row whole"))
        lines.append(_plot_gain(alike, "over tasks", over.estimate, reach, "row whole"))
    plot = element("div", join(lines), class_="forest")
    return join([note(INTERVAL, "The dashed line: no gain."), plot])


def _plot_gain(name: str, about: str, gain: Estimate, reach: float, kind: str = "row") -> Markup:
    def place_gain(value: float) -> str:
        return f"{round(50 + 49 * value / reach, 2):g}%"

    interval, figures = gain.interval, f"{format_estimate(gain)} points"
    return plot_interval(
        bdi(name, 120),
        element("span", element("b", figures), " ", element("small", about), class_="worth"),
        (place_gain(interval.low), place_gain(interval.high)),
        label=f"{clip(name, 120)}: {figures}",
        height=_HEIGHT,
        below=[element("line", x1="50%", x2="50%", y1=0, y2=_HEIGHT, class_="zero")],
        above=[element("circle", cx=place_gain(gain.mean), cy=_HEIGHT / 2, r=_DOT)],
        kind=kind,
    )


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


def _build_tile(lines: Sequence[str], gain: Estimate | None) -> Tile:
    return Tile(lines, gain.mean, gain.interval) if gain else Tile(lines, is_empty=True)


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
        [_build_tiles(name, tiles) for name, tiles in rows],
        _build_tiles(*foot) if foot else None,
        kind="cells",
    )


def _build_tiles(name: str, tiles: Sequence[Tile]) -> Markup:
    cells = []
    for tile in tiles:
        first, *others = tile.lines
        lines: list[Content] = [element("b", first), *(element("span", line) for line in others)]
        cells.append(element("td", *lines, class_=tile.tint))
    return element("tr", element("th", bdi(name), scope="row"), *cells)


def _build_tint_key() -> Markup:
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
