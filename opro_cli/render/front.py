"""The front of score against cost, as a table for terminals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opro_cli.render.safe import (
    display_prompt,
    format_origin,
    is_same_prompt,
    measure_width,
    printable,
)
from opro_cli.render.tables import GAP, Page, Table
from opro_cli.reports.formats import format_cost_of_1000, format_percent, pluralize

Data = Mapping[str, Any]
_NARROWEST = 10
"""Columns of a prompt on any terminal."""
COSTS = {"tokens_per_1000": "tokens per 1,000", "usd_per_1000": "cost per 1,000"}
"""The titles of the kinds of cost, of 1,000 answers."""


def print_front(result: Data, page: Page) -> None:
    """Print the prompts that no other beats in score and cost at once; nothing without a front."""
    if not (front := result.get("front")):
        return
    objectives = result["objectives"]
    titles = ("score against cost", f"on {objectives['split']}", COSTS[objectives["cost"]])
    figures = [
        (
            name_candidate(each["candidate"], result),
            format_percent(each["mean"]),
            format_cost_of_1000(each["cost"], objectives["cost"]),
        )
        for each in front
    ]
    columns = zip(titles, *figures, strict=True)
    room = page.width - sum(max(map(measure_width, c)) + len(GAP) for c in columns)
    rows = [
        (*own, printable(display_prompt(each["candidate"]), room)) if room >= _NARROWEST else own
        for own, each in zip(figures, front, strict=True)
    ]
    shown = (*titles, "prompt") if room >= _NARROWEST else titles
    page.write_line()
    page.write_table(Table.build(shown, rows, right=(1, 2)))
    if unknown := objectives["unknown"]:
        page.write_line(describe_unknown(unknown), "dim")


def name_candidate(candidate: Data, result: Data) -> str:
    """Return where a prompt came from, and whether it is the winner or the start prompt."""
    origin = format_origin(candidate["step"])
    for name in ("best", "initial"):
        other = result[name]
        if other and is_same_prompt(other, candidate):
            return f"{'start' if name == 'initial' else name} ({origin})"
    return origin


def describe_unknown(count: int) -> str:
    """Say that some prompts are not on the front since nobody knows what they cost."""
    left_out = f"{pluralize(count, 'prompt')} left out"
    return f"{left_out}: what some of the answers cost is unknown (`opro docs cheaper`)"
