"""`opro diff` for people: it reads without colour, every change carries its sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext

from rich.console import Console
from rich.text import Text

from opro_cli.core.model import Split
from opro_cli.reports.comparison import Comparison
from opro_cli.reports.diff import PromptDiff, Side
from opro_cli.reports.folding import Folded, fold_pieces
from opro_cli.reports.formats import plural
from opro_cli.reports.words import Piece
from opro_cli.ui import diff_rows
from opro_cli.ui.blocks import print_block
from opro_cli.ui.flips_view import SHOWN, print_all_flips, print_some_flips
from opro_cli.ui.grids import MOST_CELLS
from opro_cli.ui.safe import printable, printable_lines

LEAST_COLUMN = 16
"""Cells of a run's column at least; more runs than fit go into further tables."""


def print_comparison(comparison: Comparison, console: Console, *, every_flip: bool = False) -> None:
    """Two prompts in detail; more in a table first. every_flip: all, paged on a terminal."""
    # The pager gets no colours: not each knows them, and every sign says the same.
    with console.pager() if every_flip and console.is_terminal else nullcontext():
        if len(comparison.against_first) == 1:
            print_diff(comparison.against_first[0], console, every_flip=every_flip)
        else:
            _print_many(comparison, console, every_flip=every_flip)


def print_diff(diff: PromptDiff, console: Console, *, every_flip: bool = False) -> None:
    """Prompts, scores, flips, settings, spend; caveats first, because they change the reading."""
    _print_sides(diff, console)
    if diff.before and diff.after:
        _heading(console, "prompts, word by word")
        _print_words(diff.prompt, console)
        _heading(console, "scores")
        console.print(diff_rows.scores_of_two(diff.before, diff.after).table())
    _print_flips(diff, console, every_flip=every_flip)
    _heading(console, "settings that differ")
    for change in diff.settings:
        values = (printable(repr(value), MOST_CELLS) for value in (change.before, change.after))
        console.print(Text(printable(f"  {change.path}: ") + " → ".join(values)))
    if not diff.settings:
        console.print(Text("  none"))
    if every_flip:
        print_all_flips(diff, console)


def _print_many(comparison: Comparison, console: Console, *, every_flip: bool) -> None:
    for number, column in enumerate(comparison.columns, start=1):
        console.print(Text(printable(f"{number}  {column.name}", MOST_CELLS)))
    for part in diff_rows.side_by_side(comparison).in_parts(console.width, LEAST_COLUMN):
        console.print()
        console.print(part.table())
    others = len(comparison.against_first)
    _heading(console, f"each of the {others} others against 1")
    print_block(console, "  ", [diff_rows.holm_said(others)])
    for number, diff in enumerate(comparison.against_first, start=2):
        _heading(console, f"{number} against 1")
        _print_sides(diff, console)
        if diff.before and diff.after:
            console.print()
            _print_words(diff.prompt, console)
        adjusted = comparison.adjusted[number - 2]
        _print_flips(diff, console, adjusted, every_flip=every_flip)
        if every_flip:
            print_all_flips(diff, console)


def _print_sides(diff: PromptDiff, console: Console) -> None:
    for sign, side, style in (("-", diff.before, "red"), ("+", diff.after, "green")):
        console.print(Text(printable(f"{sign} {_about(side)}"), style=style))
    for caveat in diff.caveats:
        print_block(console, "! ", [printable(caveat, MOST_CELLS)], "yellow")


def _about(side: Side | None) -> str:
    if side is None:
        return "no candidate scored yet"
    return f"{side.name} (step {side.step} of {side.steps_done})"


def _heading(console: Console, title: str) -> None:
    console.print(Text(f"\n{title}", style="bold"))


def _print_words(pieces: Sequence[Piece], console: Console) -> None:
    """One text with [-gone-] and {+new+} marks; the marks carry what the colours say."""
    if all(piece.kind == "same" for piece in pieces):
        console.print(Text("  (the same prompt)"))
    text = Text()
    for piece in fold_pieces(pieces):
        if isinstance(piece, Folded):
            text.append(f"… {plural(piece.lines, 'line')} the same …", style="dim")
            continue
        shown = "\n".join(printable_lines(piece.text))
        match piece.kind:
            case "same":
                text.append(shown)
            case "removed":
                text.append(f"[-{shown}-]", style="red strike")
            case "added":
                text.append(f"{{+{shown}+}}", style="green")
    for line in text.wrap(console, max(1, console.width - 2)):
        line.rstrip()
        console.print(Text("  ").append_text(line) if line else Text())


def _print_flips(
    diff: PromptDiff,
    console: Console,
    adjusted: Mapping[Split, float] | None = None,
    *,
    every_flip: bool,
) -> None:
    _heading(console, "questions that flipped")
    print_some_flips(diff, console, most=0 if every_flip else SHOWN)
    if diff.by_split:
        console.print()
        console.print(diff_rows.splits(diff, adjusted).table())
