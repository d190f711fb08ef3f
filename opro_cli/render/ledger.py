"""The ledger of test sets for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opro_cli.render.safe import printable
from opro_cli.render.tables import Page, Table
from opro_cli.reports.formats import format_p, format_times, pluralize

_CLAIMS = {"not_distinguishable": "no gain", "none": "nothing", None: "not over"}
_FAMILY = 0.05
_SHOWN = 10
"""Uses of a set that are shown, the latest."""


def print_ledger(view: Mapping[str, Any], page: Page) -> None:
    """Print each set of test rows with its uses; `view` is what `--json` prints."""
    if not view["sets"]:
        page.write_line(printable(f"no verdict has used any test rows ({view['ledger']})"))
        return
    for number, used in enumerate(view["sets"]):
        if number:
            page.write_line()
        heading = f"{used['set']}  {used['data']}, {pluralize(used['rows'], 'row')}"
        page.write_line(printable(heading), "bold")
        page.write_table(_build_uses(used["uses"][-_SHOWN:]))
        if (left := len(used["uses"]) - _SHOWN) > 0:
            page.write_line(f"{pluralize(left, 'earlier use')} not shown; --json has all")
        page.write_line(describe_next(used))


def _build_uses(uses: list[Mapping[str, Any]]) -> Table:
    titles = ("use", "run", "claimed", "p below", "compared")  # a run's name has its date
    rows = [
        (
            "" if use["repeats"] else str(use["number"]),  # a repeat is no use
            printable(use["run"]),
            _name_claim(use),
            format_p(use["threshold"]),
            printable(f"{_shorten(use['start'])} → {_shorten(use['winner'])}"),
        )
        for use in uses
    ]
    return Table.build(titles, rows, right=(0, 3))


def _shorten(prompt: str, most: int = 24) -> str:
    line = " ".join(prompt.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _name_claim(use: Mapping[str, Any]) -> str:
    claim = _CLAIMS.get(use["outcome"], use["outcome"])
    return f"{claim}, again" if use["repeats"] else str(claim)


def describe_next(used: Mapping[str, Any]) -> str:
    """Say how often the rows of a set were used in all, and what the next verdict needs."""
    times = format_times(used["counted"])
    return f"used {times} in all: the next verdict needs p below {format_p(used['next_threshold'])}"


def describe_cost(used: Mapping[str, Any]) -> str:
    """Say what forgetting the uses of a set costs."""
    uses = len(used["uses"])
    return (
        f"{used['set']} ({used['data']}, {pluralize(used['rows'], 'row')}) has "
        f"{pluralize(uses, 'use')}. The verdicts on a set of test rows claim a false improvement "
        f"with a probability of at most {100 * _FAMILY:.0f} %, all together. Once these are "
        f"forgotten, those to come may do so with as much again, and what was seen of the rows "
        "stays seen; rows that no verdict has used would cost nothing"
    )


def describe_forgotten(uses: int, name: str) -> str:
    """Say how many uses of a set of test rows count no more."""
    return f"forgot {pluralize(uses, 'use')} of {name}"
