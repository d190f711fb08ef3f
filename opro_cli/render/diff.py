"""`opro diff` for a terminal and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext

from rich.console import Console
from rich.text import Text

from opro_cli.core.task.example import Split
from opro_cli.render import diff_rows
from opro_cli.render.diff_rows import SHOWN, print_all_flips, print_some_flips, split_replies
from opro_cli.render.safe import MOST_CHARACTERS, printable, printable_lines
from opro_cli.render.tables import (
    MOST_CELLS,
    Grid,
    Untrusted,
    fence_lines,
    format_code,
    format_sentence,
    format_table,
    print_block,
)
from opro_cli.reports.comparison import PromptComparison
from opro_cli.reports.diff import PromptDiff, Side
from opro_cli.reports.formats import format_count, pluralize
from opro_cli.reports.paired import AnswerPair
from opro_cli.reports.text_diff import Fold, Piece, fold_lines, fold_pieces, split_lines

LEAST_COLUMN = 16
"""Cells of a run's column at least; more runs than fit go into further tables."""


def print_comparison(
    comparison: PromptComparison, console: Console, *, every_flip: bool = False
) -> None:
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
        console.print(diff_rows.build_scores(diff.before, diff.after).table())
    _print_flips(diff, console, every_flip=every_flip)
    _heading(console, "settings that differ")
    for change in diff.settings:
        values = (printable(repr(value), MOST_CELLS) for value in (change.before, change.after))
        console.print(Text(printable(f"  {change.path}: ") + " → ".join(values)))
    if not diff.settings:
        console.print(Text("  none"))
    if every_flip:
        print_all_flips(diff, console)


def _print_many(comparison: PromptComparison, console: Console, *, every_flip: bool) -> None:
    for number, column in enumerate(comparison.columns, start=1):
        console.print(Text(printable(f"{number}  {column.name}", MOST_CELLS)))
    for part in diff_rows.build_columns(comparison).in_parts(console.width, LEAST_COLUMN):
        console.print()
        console.print(part.table())
    others = len(comparison.against_first)
    _heading(console, f"each of the {others} others against 1")
    print_block(console, "  ", [diff_rows.explain_holm(others)])
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
        if isinstance(piece, Fold):
            text.append(f"… {pluralize(piece.lines, 'line')} the same …", style="dim")
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
        console.print(diff_rows.build_splits(diff, adjusted).table())


MOST_LINES = 400
"""Of a prompt's diff in a page."""
_SIGNS = {"same": "  ", "removed": "- ", "added": "+ "}


def format_comparison(comparison: PromptComparison, *, every_flip: bool = False) -> str:
    """Two prompts in detail; more in a table first."""
    if len(comparison.against_first) == 1:
        lines = _two(comparison.against_first[0], every_flip=every_flip)
    else:
        lines = _many(comparison, every_flip=every_flip)
    return "\n".join(lines).rstrip("\n") + "\n"


def _two(diff: PromptDiff, *, every_flip: bool) -> list[str]:
    lines = ["## Prompts compared", "", *_sides(diff), *_prompt(diff, "###")]
    if diff.before and diff.after:
        scores = diff_rows.build_scores(diff.before, diff.after)
        lines += ["### Scores", "", *format_table(scores)]
    lines += _flips(diff, "###", every_flip=every_flip)
    settings = diff_rows.build_settings(diff)
    differ = format_table(settings) if settings.rows else ["none", ""]
    return [*lines, "### Settings that differ", "", *differ]


def _many(comparison: PromptComparison, *, every_flip: bool) -> list[str]:
    names = (
        f"{number}. {format_code(c.name)}" for number, c in enumerate(comparison.columns, start=1)
    )
    lines = ["## Prompts compared", "", *names, ""]
    lines += format_table(diff_rows.build_columns(comparison))
    lines += [diff_rows.explain_holm(len(comparison.against_first)), ""]
    for number, diff in enumerate(comparison.against_first, start=2):
        lines += [f"### {number} against 1", "", *_sides(diff), *_prompt(diff, "####")]
        adjusted = comparison.adjusted[number - 2]
        lines += _flips(diff, "####", adjusted, every_flip=every_flip)
    return lines


def _sides(diff: PromptDiff) -> list[str]:
    sides = [
        (sign, *_about_in_markdown(side)) for sign, side in (("-", diff.before), ("+", diff.after))
    ]
    notes = [f"- **Note:** {format_sentence(caveat)}" for caveat in diff.caveats]
    return [
        *format_table(Grid(("", "prompt", "step", "run"), tuple(sides))),
        *notes,
        *([""] if notes else []),
    ]


def _about_in_markdown(side: Side | None) -> tuple[str, str, str]:
    if side is None:
        return "no candidate scored yet", diff_rows.NOTHING, diff_rows.NOTHING
    return Untrusted(side.name), f"{side.step} of {side.steps_done}", side.status


def _prompt(diff: PromptDiff, level: str) -> list[str]:
    if not (diff.before and diff.after):
        return []
    shown: list[str] = []
    left = MOST_CHARACTERS
    lines = fold_lines(split_lines(diff.prompt))
    for line in lines:
        if left <= 0 or len(shown) == MOST_LINES:
            shown.append(f"@@ {pluralize(len(lines) - len(shown), 'more line')} @@")
            break
        if isinstance(line, Fold):
            shown.append(f"@@ {pluralize(line.lines, 'line')} the same @@")
            continue
        shown.append(_SIGNS[line.kind] + printable(line.text, left))
        left -= len(line.text)
    same = all(piece.kind == "same" for piece in diff.prompt)
    title = f"{level} Prompt" + (" (the same in both)" if same else "")
    return [title, "", *fence_lines(shown, "diff")]


def _flips(
    diff: PromptDiff,
    level: str,
    adjusted: Mapping[Split, float] | None = None,
    *,
    every_flip: bool,
) -> list[str]:
    caution = diff_rows.warn_of_seen_split(diff.flips)
    lines = [f"{level} Questions that flipped", "", diff_rows.summarize_flips(diff.flips), ""]
    lines += [f"Note: {caution}", ""] if caution else []
    if diff.by_split:
        lines += format_table(diff_rows.build_splits(diff, adjusted))
    if every_flip:
        for flips in reversed(diff.by_split):
            lines += _listed(f"{flips.split}, wrong → right", flips.gained)
            lines += _listed(f"{flips.split}, right → wrong", flips.lost)
    return lines


def _listed(title: str, flips: Sequence[AnswerPair]) -> list[str]:
    rows = tuple(
        (
            str(number),
            Untrusted(flip.question),
            Untrusted(flip.target),
            *(_read(answer.outcome.answer) for answer in (flip.before, flip.after)),
        )
        for number, flip in enumerate(flips, start=1)
    )
    if not rows:
        return []
    lines = [f"**{title}: {format_count(len(flips))}**", ""]
    lines += format_table(Grid(("", "question", "gold", "-", "+"), rows))
    for number, flip in enumerate(flips, start=1):
        for sign, answer in (("-", flip.before), ("+", flip.after)):
            for reply in split_replies(answer):
                lines += [f"Reply to {number} under {sign}:", "", *fence_lines(reply)]
    return lines


def _read(answer: str | None) -> str:
    return "unreadable" if answer is None else Untrusted(answer)
