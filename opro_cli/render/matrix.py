"""The matrix of an evaluation: prompts by models and datasets, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console

from opro_cli.core.scale import Scale
from opro_cli.core.stats.paired import ALPHA
from opro_cli.render.consoles import print_lines, print_table
from opro_cli.render.safe import display_instruction, printable, printable_lines
from opro_cli.render.tables import Column, Styled, Table
from opro_cli.reports import formats
from opro_cli.reports.formats import format_count, pluralize
from opro_cli.reports.matrix import MatrixColumn, MatrixEntry

_PROMPT = 60
"""Terminal cells of a prompt."""
_MARKS = {"better": ("▲", "green"), "worse": ("▼", "red"), "": (" ", "")}
_EXPLANATION = (
    "▲ ▼ better or worse than the first prompt: paired test on the same questions, "
    "p < 0.05 after Holm's correction. Other differences may be chance."
)


def print_matrix(prompts: Sequence[str], columns: Sequence[MatrixColumn], console: Console) -> None:
    """Print scores, intervals and marks, and what the marks mean."""
    titles = (
        f"{printable(c.dataset)}\n{printable(c.model)}\n{format_count(c.questions)} questions"
        for c in columns
    )
    rows = (
        (label, *(_format_entry(c.entries[index], c.scale) for c in columns))
        for index, label in enumerate(_label_prompts(prompts))
    )
    heads = (Column("prompt"), *(Column(title, right=True) for title in titles))
    print_table(console, Table(heads, tuple(rows)), gap=3)
    if len(prompts) > 1:
        print_lines(console, "", [_EXPLANATION], "dim")
    print_lines(console, "", _list_unmarked(prompts, columns), "yellow")
    if any(map(_is_shortened, prompts)):
        for number, prompt in enumerate(prompts, start=1):
            lines = printable_lines(display_instruction(prompt))
            print_lines(console, f"{number}. ", lines)


def _label_prompts(prompts: Sequence[str]) -> list[str]:
    """Return what a table shows of each prompt; numbered where one is too long for it."""
    shown = list(map(_show_prompt, prompts))
    if any(map(_is_shortened, prompts)):
        return [f"{number}. {prompt}" for number, prompt in enumerate(shown, start=1)]
    return shown


def _is_shortened(prompt: str) -> bool:
    return _show_prompt(prompt) != printable(display_instruction(prompt))


def _show_prompt(prompt: str) -> str:
    return printable(display_instruction(prompt), _PROMPT)


def _format_entry(entry: MatrixEntry, scale: Scale) -> str:
    if entry.score is None:
        return "-"
    if not formats.are_shares(scale):
        return formats.format_mean(entry.score.mean, scale)
    interval = entry.score.interval
    return Styled(
        (f"{formats.format_percent(entry.score.mean)} ", ""),
        _MARKS[entry.mark],
        (f"\n{formats.format_bounds(interval.low, interval.high)}  ", "dim"),
    )


def _list_unmarked(prompts: Sequence[str], columns: Sequence[MatrixColumn]) -> Iterator[str]:
    """Yield which prompts have no mark although their scores differ, and why."""
    for column in columns:
        first, *others = column.entries
        for prompt, entry in zip(prompts[1:], others, strict=True):
            if reason := _explain_unmarked(first, entry):
                where = f"{printable(column.dataset)}, {printable(column.model)}"
                yield f"{where}: no mark for “{_show_prompt(prompt)}”, {reason}"


def _explain_unmarked(first: MatrixEntry, entry: MatrixEntry) -> str:
    comparison = entry.against_first
    if comparison is None or entry.mark:
        return ""
    if not comparison.together:
        return (
            f"asked {formats.format_moment(entry.asked)}; the first prompt was asked "
            f"{formats.format_moment(first.asked)}, and the model may have changed in between. "
            "`--fresh` asks them all in one session."
        )
    refused = comparison.only_first + comparison.only_second
    if refused and comparison.p_value < ALPHA <= comparison.guarded_p:
        return (
            f"since the model refused {pluralize(refused, 'question')} under one of the two "
            "prompts only: they are left out of the scores, and counted against the difference."
        )
    return ""
