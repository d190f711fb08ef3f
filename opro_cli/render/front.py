"""The front of score against cost, as a table for terminals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    objectives = result.get("objectives")
    if not objectives:
        return
    front = result["front"]
    if not front:
        _print_unknown(objectives, page)
        return
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
    _print_unknown(objectives, page)


def _print_unknown(objectives: Data, page: Page) -> None:
    for line in list_unknown(objectives):
        page.write_line(line, "yellow")


def name_candidate(candidate: Data, result: Data) -> str:
    """Return where a prompt came from, and whether it is the winner or the start prompt."""
    origin = format_origin(candidate["step"])
    for name in ("best", "initial"):
        other = result[name]
        if other and is_same_prompt(other, candidate):
            return f"{'start' if name == 'initial' else name} ({origin})"
    return origin


def list_unknown(objectives: Data) -> Iterator[str]:
    """Say which prompts are not on the front since nobody knows what they cost, and why.

    Also that the preference for a cheaper one could not be followed for that.
    """
    if not (count := objectives["unknown"]):
        return
    left_out = f"score against cost: {pluralize(count, 'prompt')} left out"
    yield f"{left_out}: what some of the answers cost is unknown (`opro docs cheaper`)"
    if not (missing := objectives.get("without_cost")):  # a result of an older opro lacks it
        return
    answers = (
        f"{missing['answers']:,} of {pluralize(missing['of'], 'answer')} on {missing['split']}"
    )
    why = "the scorer's server did not say"
    if missing["cached"]:
        why = "an older opro has put them into the answer cache (`--no-cache` asks anew)"
    yield f"the cost of {answers} is unknown, since {why}"
    if missing["unweighed"]:
        what = pluralize(missing["unweighed"], "finalist")
        yield f"search.prefer: {what} passed over for that"
