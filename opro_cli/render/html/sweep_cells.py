"""All cells of a sweep, and what they took."""

from __future__ import annotations

from collections.abc import Sequence

from opro_cli import shell
from opro_cli.render.html.markup import Markup, bdi, element, join, paragraphs
from opro_cli.render.html.page import format_config
from opro_cli.render.html.places import hide_all_places, hide_places
from opro_cli.render.html.view import table_box
from opro_cli.render.sweep import describe_find
from opro_cli.reports.formats import (
    format_cost,
    format_duration,
    format_points,
    format_unmetered,
    pluralize,
    utc_minute,
)
from opro_cli.reports.problem import describe_problem, read_problem
from opro_cli.reports.sweeps.effort import measure_effort
from opro_cli.reports.sweeps.measured import MeasuredCell
from opro_cli.reports.sweeps.report import NOTHING, SweepReport, format_cell_score


def build_cells(report: SweepReport) -> Markup:
    """Return the table of all cells, with what each is worth and whether it counts."""
    gain = " / ".join(
        [
            *(["gain"] if report.searches_prompts else []),
            *(["optimum"] if report.of_problems else []),
        ]
    )
    titles = ["cell", "status", "start", "best", gain, "counted"]
    head = [element("th", title, scope="col") for title in titles]
    body = []
    for cell in report.cells:
        first, *others = _build_cell(cell)
        values = (
            element("td", value, data_title=title)
            for title, value in zip(titles[1:], others, strict=True)
        )
        body.append(element("tr", element("th", first, scope="row"), *values))
    where = element(
        "p",
        element("code", bdi(f"opro view {shell.quote(report.name)}"), class_="command"),
        " opens each of them; its own page is CELL/report.html in the folder of the sweep.",
        class_="note",
    )
    return join([where, table_box("Table of all cells", head, body, kind="stack")])


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


def build_took(report: SweepReport) -> Markup | None:
    """Return when the searches ran, what they cost, and what they were asked; None before any."""
    took = measure_effort(report.cells)
    if not took.runs:
        return None
    time = [f"first cell started {utc_minute(took.started)}"] if took.started else []
    time += [f"last answer {utc_minute(took.ended)}"] if took.ended else []
    unmetered = format_unmetered(took.spend["uncounted"])
    facts = [
        *time,
        f"{format_duration(took.seconds)} at work, over all cells",
        pluralize(took.calls, "call"),
        f"cost {format_cost(took.spend)}" + (f" ({unmetered})" if unmetered else ""),
        *(f"{role} {model}" for role, models in took.models.items() for model in models),
    ]
    matrix = {key: list(values) for key, values in took.varied.items()}
    parts = [
        element(
            "ul", join(element("li", bdi(hide_places(fact), 300)) for fact in facts), class_="facts"
        )
    ]
    for title, settings in (
        ("what the cells differ in", matrix),
        ("what they share, as YAML", took.shared),
    ):
        if settings:
            text = element("pre", paragraphs(format_config(hide_all_places(settings)), 100_000))
            parts.append(element("details", element("summary", title), text))
    return join(parts)
