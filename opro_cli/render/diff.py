"""`opro diff` for a terminal and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext

from rich.console import Console
from rich.text import Text

from opro_cli.render.consoles import print_blocks, print_heading, print_lines
from opro_cli.render.diff_content import (
    NOT_SCORED,
    NOTHING,
    Adjusted,
    build_columns,
    build_scores,
    build_splits,
    list_directions,
    list_groups,
    show_answer,
    split_replies,
    summarize_diff,
    warn_of_seen,
)
from opro_cli.render.examples import list_examples
from opro_cli.render.safe import (
    MOST_CHARACTERS,
    describe_form,
    find_shared_ends,
    printable,
    printable_difference,
    printable_lines,
)
from opro_cli.render.tables import (
    MOST_CELLS,
    Table,
    Untrusted,
    fence_lines,
    format_code,
    format_sentence,
    format_table,
)
from opro_cli.reports.comparison import PromptComparison, PromptDiff
from opro_cli.reports.formats import format_count, pluralize
from opro_cli.reports.paired import AnswerPair
from opro_cli.reports.text_diff import Fold, Piece, fold_lines, fold_pieces, split_lines

_FLIPS_SHOWN = 5
_STYLES = {"+": "green", "-": "red"}
_HOLM = (
    "p by Holm is corrected for {} comparisons on a split; go by it, because one of several finds "
    "a difference by luck more easily"
)


def print_comparison(
    comparison: PromptComparison, console: Console, *, every_flip: bool = False
) -> None:
    """Print two prompts in detail, or more in a table first; on a terminal, page `every_flip`."""
    # The pager gets no colours: not every pager knows them, and the signs say the same.
    with console.pager() if every_flip and console.is_terminal else nullcontext():
        if len(comparison.against_first) == 1:
            _print_two(comparison.against_first[0], console, every_flip)
        else:
            _print_many(comparison, console, every_flip)


def _print_two(diff: PromptDiff, console: Console, every_flip: bool) -> None:
    _print_sides(diff, console)  # with the caveats, because they change the reading
    if diff.before and diff.after:
        print_heading(console, "prompts, word by word")
        _print_words(diff.prompt, console, elsewhere=diff.before.form != diff.after.form)
        _print_examples(diff, console)
        print_heading(console, "scores")
        print_blocks(console, [build_scores(diff.before, diff.after, diff.by_split)])
    _print_flips(diff, console, None, every_flip)
    print_heading(console, "settings that differ")
    for change in diff.settings:
        values = (printable(repr(value), MOST_CELLS) for value in (change.before, change.after))
        console.print(Text(printable(f"  {change.path}: ") + " → ".join(values)))
    if not diff.settings:
        console.print(Text("  none"))
    if every_flip:
        _print_all_flips(diff, console)


def _print_many(comparison: PromptComparison, console: Console, every_flip: bool) -> None:
    for number, column in enumerate(comparison.columns, start=1):
        console.print(Text(printable(f"{number}  {column.name}", MOST_CELLS)))
    for part in build_columns(comparison).split(console.width):
        console.print()
        print_blocks(console, [part])
    others = len(comparison.against_first)
    print_heading(console, f"each of the {others} others against 1")
    print_lines(console, "  ", [_HOLM.format(others)])
    for number, diff in enumerate(comparison.against_first, start=2):
        print_heading(console, f"{number} against 1")
        _print_sides(diff, console)
        if diff.before and diff.after:
            console.print()
            _print_words(diff.prompt, console, elsewhere=diff.before.form != diff.after.form)
            _print_examples(diff, console)
        _print_flips(diff, console, comparison.adjusted[number - 2], every_flip)
        if every_flip:
            _print_all_flips(diff, console)


def _print_sides(diff: PromptDiff, console: Console) -> None:
    for sign, side in (("-", diff.before), ("+", diff.after)):
        line = NOT_SCORED
        if side:
            form = describe_form(side.form)
            line = f"{side.name} (step {side.step} of {side.steps_done})"
            line += f" [{form}]" if form else ""
        console.print(Text(printable(f"{sign} {line}"), style=_STYLES[sign]))
    for caveat in diff.caveats:
        print_lines(console, "! ", [printable(caveat, MOST_CELLS)], "yellow")


def _print_words(pieces: Sequence[Piece], console: Console, *, elsewhere: bool = False) -> None:
    """Print one text with [-removed-] and {+added+} marks, which need no colours.

    elsewhere: The prompts differ in their examples or their layout.
    """
    if all(piece.kind == "same" for piece in pieces):
        console.print(Text("  (the same words)" if elsewhere else "  (the same prompt)"))
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


def _print_examples(diff: PromptDiff, console: Console) -> None:
    if examples := list_examples(diff):
        print_heading(console, "worked examples")
    for sign, text in examples:
        print_lines(console, f"  {sign} ", [text], _STYLES.get(sign, ""))


def _print_flips(diff: PromptDiff, console: Console, adjusted: Adjusted, every_flip: bool) -> None:
    """Print the headline, a few questions unless all are to follow, and the counts."""
    print_heading(console, "questions that flipped")
    flips = diff.flips
    print_lines(console, "  ", [summarize_diff(diff)])
    if seen := warn_of_seen(diff):
        print_lines(console, "  ! ", [seen], "yellow")
    if flips and not every_flip:
        ends = find_shared_ends([flip.question for flip in (*flips.gained, *flips.lost)])
        for sign, _, changed in list_directions(flips):
            lines = [_summarize_flip(flip, ends) for flip in changed[:_FLIPS_SHOWN]]
            if rest := len(changed) - len(lines):
                lines.append(f"… and {format_count(rest)} more (see --flips)")
            for line in lines:
                print_lines(console, f"  {sign} ", [line], _STYLES[sign])
    if diff.by_split:
        console.print()
        print_blocks(console, [build_splits(diff, adjusted)])


def _summarize_flip(flip: AnswerPair, ends: tuple[int, int]) -> str:
    """Return what was answered before and after, and the question, cut where it is like others."""
    old, new = (printable(show_answer(answer), 24) for answer in (flip.before, flip.after))
    question = printable_difference(flip.question, ends, 90)
    return f"{old} → {new} (gold {printable(flip.target, 24)}): {question}"


def _print_all_flips(diff: PromptDiff, console: Console) -> None:
    if not any(flips.gained or flips.lost for flips in diff.by_split):
        console.print(Text("\nno question flipped"))
    for title, sign, changed in list_groups(diff):
        print_heading(console, title, f"bold {_STYLES[sign]}")
        for number, flip in enumerate(changed, start=1):
            console.print()
            print_lines(console, f"  {sign}{number} ", printable_lines(flip.question))
            print_lines(console, "    gold: ", printable_lines(flip.target))
            for side, answer in (("-", flip.before), ("+", flip.after)):
                lines = printable_lines(show_answer(answer))
                print_lines(console, f"    {side} ", lines, _STYLES[side])
                for reply in split_replies(answer):
                    print_lines(console, f"    {side} │ ", reply, again=True)


_MOST_LINES = 400
"""Lines of a prompt's diff in Markdown."""
_SIGNS = {"same": "  ", "removed": "- ", "added": "+ "}


def format_comparison(comparison: PromptComparison, *, every_flip: bool = False) -> str:
    """Return two prompts in detail, or more in a table first, as Markdown."""
    lines = ["## Prompts compared", ""]
    if len(comparison.against_first) == 1:
        lines += _format_two(comparison.against_first[0], every_flip)
    else:
        lines += _format_many(comparison, every_flip)
    return "\n".join(lines).rstrip("\n") + "\n"


def _format_two(diff: PromptDiff, every_flip: bool) -> Iterator[str]:
    yield from _format_sides(diff)
    if diff.before and diff.after:
        yield from _format_prompt(diff, "###")
        yield from ("### Scores", "")
        yield from format_table(build_scores(diff.before, diff.after, diff.by_split))
    yield from _format_flips(diff, "###", None, every_flip)
    yield from ("### Settings that differ", "")
    settings = [
        (Untrusted(change.path), Untrusted(repr(change.before)), Untrusted(repr(change.after)))
        for change in diff.settings
    ]
    differences = format_table(Table.build(("setting", "-", "+"), settings))
    yield from differences if settings else ("none", "")


def _format_many(comparison: PromptComparison, every_flip: bool) -> Iterator[str]:
    for number, column in enumerate(comparison.columns, start=1):
        yield f"{number}. {format_code(column.name)}"
    yield ""
    yield from format_table(build_columns(comparison))
    yield from (_HOLM.format(len(comparison.against_first)), "")
    for number, diff in enumerate(comparison.against_first, start=2):
        yield from (f"### {number} against 1", "")
        yield from _format_sides(diff)
        if diff.before and diff.after:
            yield from _format_prompt(diff, "####")
        yield from _format_flips(diff, "####", comparison.adjusted[number - 2], every_flip)


def _format_sides(diff: PromptDiff) -> list[str]:
    rows = [
        (sign, Untrusted(side.name), f"{side.step} of {side.steps_done}", side.status)
        if side
        else (sign, NOT_SCORED, NOTHING, NOTHING)
        for sign, side in (("-", diff.before), ("+", diff.after))
    ]
    notes = [f"- **Note:** {format_sentence(caveat)}" for caveat in diff.caveats]
    table = format_table(Table.build(("", "prompt", "step", "run"), rows))
    return [*table, *notes, *([""] if notes else [])]


def _format_prompt(diff: PromptDiff, level: str) -> list[str]:
    shown: list[str] = []
    left = MOST_CHARACTERS
    lines = fold_lines(split_lines(diff.prompt))
    for line in lines:
        if left <= 0 or len(shown) == _MOST_LINES:
            shown.append(f"@@ {pluralize(len(lines) - len(shown), 'more line')} @@")
            break
        if isinstance(line, Fold):
            shown.append(f"@@ {pluralize(line.lines, 'line')} the same @@")
            continue
        shown.append(_SIGNS[line.kind] + printable(line.text, left))
        left -= len(line.text)
    same = all(piece.kind == "same" for piece in diff.prompt)
    title = f"{level} Prompt" + (" (the same in both)" if same else "")
    examples = [sign + text for sign, text in list_examples(diff)]
    fenced = [f"{level} Worked examples", "", *fence_lines(examples, "diff")] if examples else []
    return [title, "", *fence_lines(shown, "diff"), *fenced]


def _format_flips(
    diff: PromptDiff, level: str, adjusted: Adjusted, every_flip: bool
) -> Iterator[str]:
    yield from (f"{level} Questions that flipped", "", summarize_diff(diff), "")
    if seen := warn_of_seen(diff):
        yield from (f"Note: {seen}", "")
    if diff.by_split:
        yield from format_table(build_splits(diff, adjusted))
    if every_flip:
        for title, _, changed in list_groups(diff):
            yield from _format_all_flips(title, changed)


def _format_all_flips(title: str, flips: Sequence[AnswerPair]) -> Iterator[str]:
    yield from (f"**{title}**", "")
    rows = (
        (Untrusted(f.question), Untrusted(f.target), show_answer(f.before), show_answer(f.after))
        for f in flips
    )
    numbered = ((str(number), *row) for number, row in enumerate(rows, start=1))
    yield from format_table(Table.build(("", "question", "gold", "-", "+"), numbered))
    for number, flip in enumerate(flips, start=1):
        for sign, answer in (("-", flip.before), ("+", flip.after)):
            for reply in split_replies(answer):
                yield from (f"Reply to {number} under {sign}:", "", *fence_lines(reply))
