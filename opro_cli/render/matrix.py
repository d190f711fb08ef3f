"""`opro eval` as a table, and what `opro cache info` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from opro_cli.core.stats.paired import ALPHA
from opro_cli.render.safe import display_instruction, printable
from opro_cli.reports.formats import (
    format_bounds,
    format_count,
    format_megabytes,
    format_moment,
    format_percent,
    pluralize,
    utc_minute,
)
from opro_cli.reports.matrix import MatrixColumn, MatrixEntry

PROMPT = 60
"""Characters of a prompt in the table."""
MARKS = {"better": ("▲", "green"), "worse": ("▼", "red"), "": (" ", "")}


def print_matrix(prompts: Sequence[str], columns: Sequence[MatrixColumn], console: Console) -> None:
    """Print scores, intervals and marks, and what the marks mean."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column(Text("prompt"), ratio=1, overflow="fold")
    for each in columns:
        head = f"{each.dataset}\n{each.model}\n{format_count(each.questions)} questions"
        lines = [printable(line) for line in head.split("\n")]
        table.add_column(Text("\n".join(lines)), justify="right", overflow="fold")
    for place, prompt in enumerate(prompts):
        shown = Text(printable(display_instruction(prompt), PROMPT))
        table.add_row(shown, *(_cell(column.entries[place]) for column in columns))
    console.print(table)
    if len(prompts) > 1:
        console.print(
            Text(
                "▲ ▼ better or worse than the first prompt: paired test on the same questions, "
                "p < 0.05 after Holm's correction. Other differences may be chance.",
                style="dim",
            )
        )
    for line in _unmarked(prompts, columns):
        console.print(Text(line, style="yellow"))


def _unmarked(prompts: Sequence[str], columns: Sequence[MatrixColumn]) -> list[str]:
    """Which prompts have no mark although their scores differ, and why."""
    lines = []
    for column in columns:
        first, *others = column.entries
        for prompt, entry in zip(prompts[1:], others, strict=True):
            if why := _why_unmarked(first, entry):
                shown = printable(display_instruction(prompt), PROMPT)
                where = f"{printable(column.dataset)}, {printable(column.model)}"
                lines.append(f"{where}: no mark for “{shown}”, {why}")
    return lines


def _why_unmarked(first: MatrixEntry, entry: MatrixEntry) -> str:
    found = entry.against_first
    if found is None or entry.mark:
        return ""
    if not found.together:
        return (
            f"asked {format_moment(entry.asked)}; the first prompt was asked {format_moment(first.asked)}, and "
            "the model may have changed in between. `--fresh` asks them all in one session."
        )
    refused = found.only_first + found.only_second
    if refused and found.p_value < ALPHA <= found.guarded_p:
        return (
            f"since the model refused {pluralize(refused, 'question')} under one of the two prompts "
            "only: they are left out of the scores, and counted against the difference."
        )
    return ""


def _cell(entry: MatrixEntry) -> Text:
    if entry.score is None:
        return Text("-")
    mark, style = MARKS[entry.mark]
    interval = entry.score.interval
    text = Text(f"{format_percent(entry.score.mean)} ")
    text.append(mark, style)
    text.append(f"\n{format_bounds(interval.low, interval.high)}  ", "dim")
    return text


def print_cache(facts: Mapping[str, Any], console: Console) -> None:
    """How many answers there are, how large they may grow, and whose they are."""
    size = f"{format_megabytes(facts['bytes'])} of at most {format_megabytes(facts['limit_bytes'])}"
    rows = [("kept in", facts["path"]), ("answers", format_count(facts["answers"])), ("size", size)]
    if facts["answers"]:
        rows += [(end, utc_minute(facts[end])) for end in ("oldest", "newest")]
    rows += [(format_count(many), name) for name, many in facts["by_model"].items()]
    grid = Table.grid(padding=(0, 2))
    for name, value in rows:
        grid.add_row(Text(name), Text(printable(value), overflow="fold"))
    console.print(grid)
