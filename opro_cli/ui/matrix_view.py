"""`opro eval` as a table: a row a prompt, a column for each model on each dataset."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from opro_cli.reports.formats import bounds, count, moment, percent
from opro_cli.reports.matrix import Column, Entry
from opro_cli.ui.safe import instruction_shown, printable

PROMPT = 60
"""Characters of a prompt in the table."""
MARKS = {"better": ("▲", "green"), "worse": ("▼", "red"), "": (" ", "")}


def print_matrix(prompts: Sequence[str], columns: Sequence[Column], console: Console) -> None:
    """Print scores, intervals and marks, and what the marks mean."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column(Text("prompt"), ratio=1, overflow="fold")
    for each in columns:
        head = f"{each.dataset}\n{each.model}\n{count(each.questions)} questions"
        lines = [printable(line) for line in head.split("\n")]
        table.add_column(Text("\n".join(lines)), justify="right", overflow="fold")
    for place, prompt in enumerate(prompts):
        shown = Text(printable(instruction_shown(prompt), PROMPT))
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
    for line in _asked_apart(prompts, columns):
        console.print(Text(line, style="yellow"))


def _asked_apart(prompts: Sequence[str], columns: Sequence[Column]) -> list[str]:
    """Which prompts have no mark because they were asked at another time than the first."""
    lines = []
    for column in columns:
        first, *others = column.entries
        for prompt, entry in zip(prompts[1:], others, strict=True):
            if entry.against_first is not None and not entry.against_first.together:
                shown = printable(instruction_shown(prompt), PROMPT)
                lines.append(
                    f"{printable(column.dataset)}, {printable(column.model)}: no mark for "
                    f"“{shown}”, asked {moment(entry.asked)}; the first prompt was asked "
                    f"{moment(first.asked)}, and the model may have changed in between. "
                    "`--fresh` asks them all in one session."
                )
    return lines


def _cell(entry: Entry) -> Text:
    if entry.score is None:
        return Text("-")
    mark, style = MARKS[entry.mark]
    interval = entry.score.interval
    text = Text(f"{percent(entry.score.mean)} ")
    text.append(mark, style)
    text.append(f"\n{bounds(interval.low, interval.high)}  ", "dim")
    return text
