"""The page about a sweep: the mean gain, the matrix, the winners, what they are worth elsewhere."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from opro_cli.render.html.bars import Tile, build_forest, build_heat_map, build_tint_key
from opro_cli.render.html.markup import Markup, bdi, element, join, paragraphs
from opro_cli.render.html.page import build_head
from opro_cli.render.html.style import SWEEP_STYLE
from opro_cli.render.html.view import limit_text, note, shown, table
from opro_cli.reports.formats import format_points, pluralize
from opro_cli.reports.sweeps import words
from opro_cli.reports.sweeps.measured import MeasuredCell
from opro_cli.reports.sweeps.report import (
    INTERVAL,
    SweepReport,
    describe_counted,
    describe_gain,
    describe_these_tasks,
)
from opro_cli.reports.sweeps.tasks import MatrixKey
from opro_cli.reports.sweeps.winners import RULE, Winner, Worth

_HEADLINES = {
    "▲": ("improved", "▲ OPRO helps"),
    "▼": ("worse", "▼ OPRO does harm"),
    "≈": ("not_distinguishable", "≈ No gain shown"),
}


def render_sweep_report(report: SweepReport) -> str:
    """The whole page, which loads nothing; text of UTF-8: no half of a surrogate pair."""
    sections = [
        ("matrix", "Test scores", _matrix(report)),
        ("gain", "Gain of each task", _gain(report)),
        ("winners", "Winners", _winners(report)),
        ("transfer", "Transfer", _transfer(report)),
        ("cells", "All cells", _cells(report)),
    ]
    there = [(name, title, part) for name, title, part in sections if part is not None]
    links = [element("li", element("a", title, href=f"#{name}")) for name, title, _ in there]
    body = element(
        "body",
        element("a", "skip to the report", href="#report", class_="skip"),
        element(
            "main",
            element("h1", "Sweep ", bdi(report.name)),
            _verdict(report),
            element("nav", element("ul", join(links)), aria_label="Parts of the report"),
            *(_section(name, title, part) for name, title, part in there),
            id="report",
        ),
        element("footer", "Written by opro. This page is complete: it loads nothing."),
    )
    page = element("html", build_head(f"{report.name} · opro sweep", SWEEP_STYLE), body, lang="en")
    return f"<!doctype html>\n{page}\n"


def _section(name: str, title: str, content: Markup) -> Markup:
    heading = element("h2", title, id=f"{name}-title")
    return element("section", heading, content, id=name, aria_labelledby=f"{name}-title")


def _verdict(report: SweepReport) -> Markup:
    kind, word = "none", "– No gain can be told"
    if report.gain.estimate is not None:
        interval = report.gain.estimate.interval
        kind, word = _HEADLINES[words.sign(interval.low, interval.high)]
    sentences = filter(
        None,
        (
            describe_gain(report.gain),
            describe_these_tasks(report.gain),
            describe_counted(report.cells),
        ),
    )
    return element(
        "div",
        element("p", word, class_="word"),
        *(element("p", each[:1].upper() + each[1:], ".", class_="sentence") for each in sentences),
        class_=f"verdict {kind}",
    )


def _matrix(report: SweepReport) -> Markup:
    known = {square.place: square for square in report.squares}
    tasks = list(dict.fromkeys(place.task for place in known))
    variants = list(report.by_variant)

    def tile(task: str, variant: str) -> Tile:
        square = known.get(MatrixKey(task, variant))
        gain = square.gain if square else None
        lines = words.format_matrix_cell(square)
        return Tile(lines, gain.mean, gain.interval) if gain else Tile(lines, is_empty=True)

    means = [
        Tile(words.format_task_mean(over), over.estimate.mean, over.estimate.interval)
        if over.estimate
        else Tile((words.NOTHING,), is_empty=True)
        for over in report.by_variant.values()
    ]
    rows = [(task, [tile(task, variant) for variant in variants]) for task in tasks]
    drawn = build_heat_map("Test scores by task and variant", variants, rows, ("mean gain", means))
    return join([note(words.READ), build_tint_key(), drawn])


def _gain(report: SweepReport) -> Markup | None:
    drawn = build_forest(report.gain)
    return None if drawn is None else join([note(INTERVAL, "The dashed line: no gain."), drawn])


def _winners(report: SweepReport) -> Markup | None:
    if not report.winners:
        return None
    limit = limit_text(len(report.winners))
    titles = ["task", "scorer", "cell", "chosen by", "start, on test", "test score", "gain"]
    titles.append("instruction")
    rows = [_winner(winner, limit) for winner in report.winners]
    star = "★: no other scorer has a better one on the task."
    return join([note(RULE, star), table("The winner of each task", titles, rows)])


def _winner(winner: Winner, limit: int) -> list[Markup | str]:
    return [
        join([bdi(winner.task), " ★" if winner.is_first else ""]),
        bdi(winner.scorer),
        bdi(winner.cell.name),
        words.format_choice(winner),
        words.format_test_score(winner.start),
        words.format_test_score(winner.test),
        words.format_winner_gain(winner),
        element("span", paragraphs(shown(winner.instruction), limit), class_="text"),
    ]


def _transfer(report: SweepReport) -> Markup | None:
    found = report.transfer
    if not found.winners or not found.targets:
        return None
    parts: list[Markup] = []
    if found.asked:
        heads = [f"{target.task} · {target.model}" for target in found.targets]
        rows = [("start prompt", [_worth(worth, home=False) for worth in found.starts])]
        for winner, row in zip(found.winners, found.rows, strict=True):
            at_home = [target.key == (winner.task, winner.scorer) for target in found.targets]
            tiles = [_worth(worth, home=home) for worth, home in zip(row, at_home, strict=True)]
            rows.append((winner.cell.name, tiles))
        told = [words.TRANSFER, words.SEEN] if found.seen else [words.TRANSFER]
        parts += [
            note(*told),
            build_tint_key(),
            build_heat_map("Winners on other tasks and models", heads, rows),
        ]
    if found.missing:
        command = f"opro eval --sweep {shlex.quote(report.name)}"
        squares = f"{pluralize(found.missing, 'square')} not asked yet. What asks for them: "
        parts.append(element("p", squares, element("code", bdi(command), class_="command")))
    return join(parts)


def _worth(worth: Worth, *, home: bool) -> Tile:
    lines, found = words.format_worth(worth, home=home), worth.against_start
    if found is None or not found.together:
        return Tile(lines, is_empty=worth.score is None)
    return Tile(lines, found.difference, found.interval)


def _cells(report: SweepReport) -> Markup:
    titles = ["cell", "status", "start", "best", "gain", "counted"]
    return table("All cells", titles, [_cell(cell) for cell in report.cells])


def _cell(cell: MeasuredCell) -> Sequence[Markup | str]:
    both = [each.score("test") if each else None for each in (cell.start, cell.best)]
    gain = _mean_gain(cell)
    reason: Markup | str = f"no: {cell.left_out}" if cell.left_out else "yes"
    if cell.swept.problem:
        reason = join([reason, " ", bdi(cell.swept.problem, 2_000)])
    scores = [words.format_test_score(score) for score in both]
    return [bdi(cell.name), cell.status, *scores, gain, reason]


def _mean_gain(cell: MeasuredCell) -> str:
    if cell.left_out:
        return words.NOTHING
    gains = cell.gains.values()
    return f"{format_points(sum(gains) / len(gains))} points"
