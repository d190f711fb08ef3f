"""`opro diff` for people: it reads without colour, every change carries its sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from opro_cli.core.answers import Score
from opro_cli.core.model import SPLITS
from opro_cli.reports.diff import Flip, Flips, RunDiff, Side
from opro_cli.reports.words import Piece
from opro_cli.ui.formats import bounds, count, money, percent, points, tokens
from opro_cli.ui.safe import printable, printable_lines

SHOWN_FLIPS = 5
SETTING = 500
"""Cells of a value, or of a caveat, at most."""


def print_diff(diff: RunDiff, console: Console) -> None:
    """Prompts, scores, flips, settings, spend; caveats first, because they change the reading."""
    for sign, side, style in (("-", diff.before, "red"), ("+", diff.after, "green")):
        about = f"{sign} {side.run} (step {side.step} of {side.steps_done})" if side else None
        console.print(Text(printable(about or f"{sign} no candidate scored yet"), style=style))
    for caveat in diff.caveats:
        console.print(Text(printable(f"! {caveat}", SETTING), style="yellow"))
    if diff.before and diff.after:
        _heading(console, "best prompts, word by word")
        _print_words(diff.prompt, console)
        _heading(console, "scores")
        console.print(_scores(diff.before, diff.after))
    _heading(console, "questions that flipped")
    _print_flips(diff.flips, console)
    _heading(console, "settings that differ")
    for change in diff.settings:
        values = (printable(repr(value), SETTING) for value in (change.before, change.after))
        console.print(Text(printable(f"  {change.path}: ") + " → ".join(values)))
    if not diff.settings:
        console.print(Text("  none"))


def _heading(console: Console, title: str) -> None:
    console.print(Text(f"\n{title}", style="bold"))


def _print_words(pieces: Sequence[Piece], console: Console) -> None:
    """One text with [-gone-] and {+new+} marks; the marks carry what the colours say."""
    if all(piece.kind == "same" for piece in pieces):
        console.print(Text("  (the same prompt)"))
    line = Text("  ")
    for piece in pieces:
        shown = "\n  ".join(printable_lines(piece.text))
        match piece.kind:
            case "same":
                line.append(shown)
            case "removed":
                line.append(f"[-{shown}-]", style="red strike")
            case "added":
                line.append(f"{{+{shown}+}}", style="green")
    console.print(line)


def _scores(before: Side, after: Side) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("", "-", "+", "difference"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for split in SPLITS:
        old, new = before.scores[split], after.scores[split]
        change = f"{points(new.mean - old.mean)} points" if old and new else "–"
        table.add_row(Text(split), Text(_score(old)), Text(_score(new)), Text(change))
    for name, old_text, new_text in _spend_rows(before, after):
        table.add_row(Text(name), Text(old_text), Text(new_text), Text(""))
    return table


def _score(score: Score | None) -> str:
    if score is None:
        return "–"
    unreadable = f", {score.unreadable} unreadable" if score.unreadable else ""
    return f"{percent(score.mean)} {bounds(score.interval)} n={score.n}{unreadable}"


def _spend_rows(before: Side, after: Side) -> list[tuple[str, str, str]]:
    old, new = before.spend, after.spend
    return [
        ("calls", count(old["calls"]), count(new["calls"])),
        ("tokens", _tokens(old), _tokens(new)),
        ("cost", money(old["usd"]), money(new["usd"])),
    ]


def _tokens(spend: Mapping[str, Any]) -> str:
    return f"{tokens(spend['prompt_tokens'])} in, {tokens(spend['completion_tokens'])} out"


def _print_flips(flips: Flips | None, console: Console) -> None:
    if flips is None:
        console.print(Text("  the two best prompts answered no question in common"))
        return
    summary = (
        f"  {flips.split}, {count(flips.shared)} shared questions: "
        f"{len(flips.gained)} wrong → right, {len(flips.lost)} right → wrong "
        f"(exact McNemar p = {flips.p_value:.2g})"
    )
    console.print(Text(summary))
    for sign, some, style in (("+", flips.gained, "green"), ("-", flips.lost, "red")):
        for flip in some[:SHOWN_FLIPS]:
            console.print(Text(f"  {sign} {_flip(flip)}", style=style), soft_wrap=False)
        if len(some) > SHOWN_FLIPS:
            console.print(Text(f"  {sign} … and {len(some) - SHOWN_FLIPS} more (see --json)"))


def _flip(flip: Flip) -> str:
    answers = [
        "unreadable" if outcome.answer is None else printable(outcome.answer, 24)
        for outcome in (flip.before, flip.after)
    ]
    target = printable(flip.target, 24)
    return f"{answers[0]} → {answers[1]} (gold {target}): {printable(flip.question, 90)}"
