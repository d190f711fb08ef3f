"""The page about a sweep: tables of problems; mean gain, matrix, winners and transfer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from opro_cli import shell
from opro_cli.core.stats.hierarchical import Estimate
from opro_cli.render.html.assets import read_asset
from opro_cli.render.html.forest import GainRow, build_forest
from opro_cli.render.html.heat_map import Tile, build_heat_map, build_tint_key
from opro_cli.render.html.markup import Content, Markup, bdi, element, join, paragraphs
from opro_cli.render.html.page import build_nav, build_page
from opro_cli.render.html.sweep_cells import build_cells, build_took
from opro_cli.render.html.view import limit_text, note, table_box
from opro_cli.render.safe import display_instruction
from opro_cli.reports.formats import pluralize
from opro_cli.reports.sweeps.measured import MatrixKey
from opro_cli.reports.sweeps.problem_grids import Grid, GridPair, build_section, describe_found
from opro_cli.reports.sweeps.report import (
    INTERVAL,
    READ,
    SEEN,
    TRANSFER,
    SweepReport,
    count_missing,
    describe_counted,
    describe_gain,
    describe_these_tasks,
    format_choice,
    format_gain,
    format_matrix_cell,
    format_task_mean,
    format_test_score,
    format_winner_gain,
    format_worth,
    sign,
)
from opro_cli.reports.sweeps.winners import RULE, Winner, Worth

SINGLE = (
    "Where a task has a single square, the interval of its gain stands below, with the gains of "
    "the tasks."
)
OF_TASKS = (
    "The interval of a task counts its questions as chance, and its seeds too where its runs "
    "differ in these alone and there are other tasks."
)
_HEADLINES = {
    "▲": ("improved", "▲ OPRO helps"),
    "▼": ("worse", "▼ OPRO does harm"),
    "≈": ("not_distinguishable", "≈ No gain shown"),
}


def render_sweep_report(report: SweepReport) -> str:
    """Return the whole page, which loads nothing, links no other file, and UTF-8 can encode."""
    of_prompts = [
        ("matrix", "Test scores", _build_matrix(report)),
        ("gain", "Gain of each task", _build_gain(report)),
        ("winners", "Winners", _build_winners(report)),
        ("transfer", "Transfer", _build_transfer(report)),
    ]
    sections = [
        ("problems", "Problems", _build_problems(report)),
        *(of_prompts if report.searches_prompts else ()),
        ("cells", "All cells", build_cells(report)),
        ("took", "What it took", build_took(report)),
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
        kind, word = _choose_headline(report, report.gain.estimate)
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


def _choose_headline(report: SweepReport, estimate: Estimate) -> tuple[str, str]:
    """Return the kind and the words of the verdict, in the terms of `describe_gain`."""
    if count_missing(report.left_out):
        return "none", "… Not finished"
    found = sign(estimate.interval.low, estimate.interval.high)
    if len(report.gain.tasks) == 1 and found != "≈":
        return "none", "– One task only"
    return _HEADLINES[found]


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


def fold(line: str, *more: str) -> Markup:
    """Return one line about what follows, and the method behind it for who opens it."""
    return element(
        "details", element("summary", line), *(note(text) for text in more), class_="method"
    )


def _find_single_squares(report: SweepReport) -> dict[str, Estimate]:
    """Return what tasks gained, by task, whose mean is that of a single square.

    The page says their intervals once, with the gains of the tasks, and by one method.
    """
    found = {}
    for over in report.gain.tasks:
        squares = [each for each in report.squares if each.key.task == over.task and each.gain]
        gain = squares[0].gain if len(squares) == 1 else None
        if gain is not None and not over.same and math.isclose(gain.mean, over.estimate.mean):
            # The headline has the interval of a task that is the only one.
            found[over.task] = gain if len(report.gain.tasks) > 1 else over.estimate
    return found


def _build_matrix(report: SweepReport) -> Markup:
    squares = {square.key: square for square in report.squares}
    tasks = list(dict.fromkeys(key.task for key in squares))
    variants, single = list(report.by_variant), _find_single_squares(report)

    def build_tile(task: str, variant: str) -> Tile:
        square = squares.get(MatrixKey(task, variant))
        gain = square.gain if square else None
        if square and gain and task in single:
            score, _, basis = format_matrix_cell(square)
            return _build_tile((score, format_gain(single[task]), basis), single[task])
        return _build_tile(format_matrix_cell(square), gain)

    means = [
        _build_tile(format_task_mean(over), over.estimate) for over in report.by_variant.values()
    ]
    rows = [(task, [build_tile(task, variant) for variant in variants]) for task in tasks]
    foot = ("mean gain", means) if len(variants) > 1 else None  # else that of all tasks, below
    titles = variants if len(variants) > 1 else ["test score and gain"]
    tiles = build_heat_map("Test scores by task and variant", titles, rows, foot)
    line = "Test score of the chosen instruction, and its gain, with 95 % intervals."
    if single:
        line = "Test score of the chosen instruction with its 95 % interval, and its gain."
    return join([fold(line, READ, *([SINGLE] if single else [])), build_tint_key(), tiles])


def _build_tile(lines: Sequence[str], gain: Estimate | None) -> Tile:
    if gain is None:
        return Tile(lines, is_empty=True)
    return Tile(lines, gain.mean, gain.interval)


_FOLDED = 110
"""Characters of an instruction beyond which two lines may not hold it."""


def _build_winners(report: SweepReport) -> Markup | None:
    if not report.winners:
        return None
    limit = limit_text(len(report.winners))
    blocks = (element("li", *_build_winner(each, limit)) for each in report.winners)
    line = "Chosen without test scores. ★: no other scorer has a better one on the task."
    return join([fold(line, RULE), element("ul", join(blocks), class_="winners")])


def _build_winner(winner: Winner, limit: int) -> Iterator[Markup]:
    """Yield the instruction, what it is worth, and where it comes from."""
    shown = display_instruction(winner.instruction)
    text, scale = element("span", paragraphs(shown, limit), class_="text"), winner.run.state.scale
    if len(shown) > _FOLDED or "\n" in shown:
        yield element("details", element("summary", text))
    else:
        yield element("p", text)
    scores = format_test_score(winner.start, scale), format_test_score(winner.test, scale)
    gain = element("b", format_winner_gain(winner))
    alone = winner.gain is not None and winner.chosen_among > 1
    of = "test, this run alone: " if alone else "test "
    yield element("p", of, scores[0], " → ", scores[1], " ", gain, class_="worth")
    star = " ★" if winner.is_first else ""
    parts = [
        join([bdi(winner.task), star]),
        bdi(winner.scorer),
        bdi(winner.cell.name),
        format_choice(winner),
    ]
    yield element("p", *(element("span", part) for part in parts), class_="names")


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
        line = "Each winner on every task under every scorer. Home: where it was found."
        explanation = fold(line, TRANSFER, *([SEEN] if transfer.seen else []))
        matrix = build_heat_map("Winners on other tasks and models", titles, rows)
        parts += [explanation, build_tint_key(), matrix]
    if transfer.missing:
        command = f"opro eval --sweep {shell.quote(report.name)}"
        squares = f"{pluralize(transfer.missing, 'square')} not asked yet. What asks for them: "
        parts.append(element("p", squares, element("code", bdi(command), class_="command")))
    return join(parts)


def _build_worth(worth: Worth, *, home: bool = False) -> Tile:
    lines, comparison = format_worth(worth, home=home), worth.against_start
    if comparison is None or not comparison.together:
        return Tile(lines, is_empty=worth.score is None)
    return Tile(lines, comparison.difference, comparison.interval)


def _build_gain(report: SweepReport) -> Markup | None:
    """Return a forest plot with a line for each task, None where nothing counts."""
    over = report.gain
    if over.estimate is None:
        return None
    single = _find_single_squares(report)
    rows = [
        GainRow(
            task.name,
            _count_runs(task.runs, task.questions),
            single.get(task.task, task.estimate),
        )
        for task in over.tasks
    ]
    if over.these is not None:
        rows.append(GainRow("these tasks alone", "over their questions", over.these, whole=True))
        rows.append(GainRow("tasks like these", "over tasks", over.estimate, whole=True))
    return join(
        [
            fold("Gain on test questions, with 95 % intervals.", INTERVAL, OF_TASKS),
            build_forest(rows),
        ]
    )


def _count_runs(runs: int, questions: int) -> str:
    return f"{pluralize(runs, 'run')}, {pluralize(questions, 'question')}"
