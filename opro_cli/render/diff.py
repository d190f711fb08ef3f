"""`opro diff` for a terminal and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from rich.console import Console
from rich.text import Text

from opro_cli.core.run.candidates import Score
from opro_cli.core.scale import Scale
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.render.consoles import print_blocks, print_heading, print_lines
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
from opro_cli.reports import formats
from opro_cli.reports.comparison import PromptComparison, PromptDiff, Side
from opro_cli.reports.formats import (
    describe_disagreement,
    format_count,
    format_p,
    format_shared_tokens,
    pluralize,
)
from opro_cli.reports.paired import AnswerPair, Flips, PairedAnswer
from opro_cli.reports.result import summarize_run
from opro_cli.reports.text_diff import Fold, Piece, fold_lines, fold_pieces, split_lines

_NOTHING, _NOT_SCORED = "–", "no candidate scored yet"
_LEAST = 16
"""Terminal cells of a run's column; more runs than fit go into further tables."""
_FLIPS_SHOWN = 5
_STYLES = {"+": "green", "-": "red"}
_SEEN: Mapping[Split, str] = {
    "train": "train questions steered the search, so a gain on them is no gain on unseen ones",
    "dev": "dev questions choose the winner, so a gain on them flatters it",
}
_HOLM = (
    "p by Holm is corrected for {} comparisons on a split; go by it, because one of several finds "
    "a difference by luck more easily"
)
Adjusted = Mapping[Split, float] | None
"""P-values after Holm's correction, where there are several comparisons."""


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
        print_blocks(console, [_build_scores(diff.before, diff.after, diff.by_split)])
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
    for part in _build_columns(comparison).split(console.width):
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
        line = _NOT_SCORED
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
        for sign, _, changed in _list_directions(flips):
            lines = [_summarize_flip(flip, ends) for flip in changed[:_FLIPS_SHOWN]]
            if rest := len(changed) - len(lines):
                lines.append(f"… and {format_count(rest)} more (see --flips)")
            for line in lines:
                print_lines(console, f"  {sign} ", [line], _STYLES[sign])
    if diff.by_split:
        console.print()
        print_blocks(console, [_build_splits(diff, adjusted)])


def _summarize_flip(flip: AnswerPair, ends: tuple[int, int]) -> str:
    """Return what was answered before and after, and the question, cut where it is like others."""
    old, new = (printable(_show_answer(answer), 24) for answer in (flip.before, flip.after))
    question = printable_difference(flip.question, ends, 90)
    return f"{old} → {new} (gold {printable(flip.target, 24)}): {question}"


def _print_all_flips(diff: PromptDiff, console: Console) -> None:
    if not any(flips.gained or flips.lost for flips in diff.by_split):
        console.print(Text("\nno question flipped"))
    for title, sign, changed in _list_groups(diff):
        print_heading(console, title, f"bold {_STYLES[sign]}")
        for number, flip in enumerate(changed, start=1):
            console.print()
            print_lines(console, f"  {sign}{number} ", printable_lines(flip.question))
            print_lines(console, "    gold: ", printable_lines(flip.target))
            for side, answer in (("-", flip.before), ("+", flip.after)):
                lines = printable_lines(_show_answer(answer))
                print_lines(console, f"    {side} ", lines, _STYLES[side])
                for reply in _split_replies(answer):
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
        yield from format_table(_build_scores(diff.before, diff.after, diff.by_split))
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
    yield from format_table(_build_columns(comparison))
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
        else (sign, _NOT_SCORED, _NOTHING, _NOTHING)
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
        yield from format_table(_build_splits(diff, adjusted))
    if every_flip:
        for title, _, changed in _list_groups(diff):
            yield from _format_all_flips(title, changed)


def _format_all_flips(title: str, flips: Sequence[AnswerPair]) -> Iterator[str]:
    yield from (f"**{title}**", "")
    rows = (
        (Untrusted(f.question), Untrusted(f.target), _show_answer(f.before), _show_answer(f.after))
        for f in flips
    )
    numbered = ((str(number), *row) for number, row in enumerate(rows, start=1))
    yield from format_table(Table.build(("", "question", "gold", "-", "+"), numbered))
    for number, flip in enumerate(flips, start=1):
        for sign, answer in (("-", flip.before), ("+", flip.after)):
            for reply in _split_replies(answer):
                yield from (f"Reply to {number} under {sign}:", "", *fence_lines(reply))


def _list_directions(flips: Flips) -> list[tuple[str, str, Sequence[AnswerPair]]]:
    return [("+", "wrong → right", flips.gained), ("-", "right → wrong", flips.lost)]


def _list_groups(diff: PromptDiff) -> Iterator[tuple[str, str, Sequence[AnswerPair]]]:
    """Yield titles, signs and flips that are to be shown in full, the least seen split first."""
    for flips in reversed(diff.by_split):
        for sign, direction, changed in _list_directions(flips):
            if changed:
                yield f"{flips.split}, {direction}: {format_count(len(changed))}", sign, changed


def _show_answer(answer: PairedAnswer) -> str:
    read = answer.outcome.answer
    return "unreadable" if read is None else Untrusted(read)


def _split_replies(answer: PairedAnswer) -> list[list[str]]:
    """Return the printable lines of each reply; none while the replies were not read."""
    if answer.replies is None:
        return []
    return [printable_lines(reply) for reply in answer.replies] or [["(no reply)"]]


def warn_of_seen(diff: PromptDiff) -> str:
    """Say why a gain on the compared split flatters; "" where it does not."""
    return _SEEN.get(diff.flips.split, "") if diff.flips else ""


def summarize_diff(diff: PromptDiff) -> str:
    """Say in a sentence how two prompts differ on the questions that both answered."""
    if not all(formats.are_shares(side.scale) for side in (diff.before, diff.after) if side):
        return "their scores are no shares of right answers, so no test compares them"
    return _summarize_flips(diff.flips)


def _summarize_flips(flips: Flips | None) -> str:
    """Say how the two prompts differ on the least seen split."""
    if flips is None:
        return "the two prompts answered no question in common"
    low, high = flips.interval.low, flips.interval.high
    edge = describe_disagreement(flips.p_value, low, high)
    return (
        f"{flips.split}, {pluralize(flips.shared, 'shared question')}: "
        f"{len(flips.gained)} wrong → right, {len(flips.lost)} right → wrong, "
        f"{formats.format_points(flips.difference)} points (95 % interval "
        f"{formats.format_span(low, high)}; "
        f"{flips.test} = {format_p(flips.p_value)})" + (f"; {edge}" if edge else "")
    )


def _build_scores(before: Side, after: Side, by_split: Sequence[Flips]) -> Table:
    """Return scores by split with their difference, then the spend of two runs.

    Where each was asked questions that the other was not, as prompts with worked examples are, the
    difference is that on the questions of both.
    """
    rows: list[tuple[str, ...]] = []
    paired = {flips.split: flips for flips in by_split}
    for split in SPLITS:
        old, new = before.scores[split], after.scores[split]
        change = _NOTHING
        if old and new and before.scale == after.scale:
            flips = paired.get(split)
            estimated = old.estimated or new.estimated
            if flips is None or estimated or flips.shared == old.n == new.n:
                change = formats.format_change(old.mean, new.mean, before.scale)
            else:
                change = formats.format_points(flips.difference)
            change += " points" if formats.are_shares(before.scale) else ""
        rows.append(
            (split, _format_score(old, before.scale), _format_score(new, after.scale), change)
        )
    if tokens := format_shared_tokens({"costs": before.costs}, {"costs": after.costs}):
        on, *both = tokens
        rows.append((f"tokens an answer, {on}", *both, ""))
    if before.run != after.run:  # what one run spent says nothing about two of its prompts
        spends = (before.spend, after.spend)
        cached = any(map(formats.format_without_cache, spends))
        spent, spent_after = (dict(_format_spend(each, any_cached=cached)) for each in spends)
        rows += [(name, spent[name], spent_after[name], "") for name in spent]
    return Table.build(("", "-", "+", "difference"), rows)


def _build_columns(comparison: PromptComparison) -> Table:
    """Return one column a run, numbered: scores, steps, spend, models, settings that differ."""
    columns = comparison.columns
    sides = [column.side for column in columns]
    runs = [summarize_run(column.run) for column in columns]
    cached = any(formats.format_without_cache(run["spend"]) for run in runs)
    spends = [dict(_format_spend(run["spend"], any_cached=cached)) for run in runs]
    settings = (
        (setting.path, *(_NOTHING if value is None else repr(value) for value in setting.values))
        for setting in comparison.settings
        if setting.path not in ("name", "scorer.model", "optimizer.model")  # shown already
    )
    rows: list[tuple[str, ...]] = [
        *(
            (
                split,
                *(_format_score(s.scores[split], s.scale, "\n") if s else _NOTHING for s in sides),
            )
            for split in SPLITS
        ),
        ("step of prompt", *(str(side.step) if side else _NOTHING for side in sides)),
        ("steps done", *(f"{run['steps_done']} of {run['steps']}" for run in runs)),
        ("status", *(run["status"] for run in runs)),
        *((name, *(spend[name] for spend in spends)) for name in spends[0]),
        *((r, *(Untrusted(run["models"][r]) for run in runs)) for r in ("scorer", "optimizer")),
        *(tuple(map(Untrusted, row)) for row in settings),
    ]
    titles = ("", *(str(number) for number in range(1, len(columns) + 1)))
    return Table.build(titles, rows, least=_LEAST)


def _build_splits(diff: PromptDiff, adjusted: Adjusted) -> Table:
    """Return the flips on each split; their test is named if it is the same on all."""
    tests = {flips.test for flips in diff.by_split}
    titles = ["", "shared", "wrong → right", "right → wrong"]
    titles.append(tests.pop() if len(tests) == 1 else "p")
    titles += ["p by Holm"] if adjusted is not None else []
    by_split = {flips.split: flips for flips in diff.by_split}
    rows = []
    for split in SPLITS:
        cells = ["0", *[_NOTHING] * 3]
        if flips := by_split.get(split):
            left_out = f" ({format_count(flips.left_out)} left out)" if flips.left_out else ""
            changed = (format_count(len(each)) for _, _, each in _list_directions(flips))
            cells = [format_count(flips.shared) + left_out, *changed, format_p(flips.p_value)]
        if adjusted is not None:
            cells.append(format_p(adjusted[split]) if split in adjusted else _NOTHING)
        rows.append((split, *cells))
    return Table.build(titles, rows)


def _format_score(score: Score | None, scale: Scale, separator: str = " ") -> str:
    if score is None:
        return _NOTHING
    parts = [formats.format_mean(score.mean, scale, estimated=score.estimated)]
    if formats.are_shares(scale):
        parts.append(formats.format_bounds(score.interval.low, score.interval.high))
    parts.append(f"n={format_count(score.n)}")
    unreadable = f"\n{format_count(score.unreadable)} unreadable" if score.unreadable else ""
    return separator.join(parts) + unreadable


def _format_spend(
    spend: Mapping[str, Any], *, any_cached: bool = False
) -> Iterable[tuple[str, str]]:
    """Yield the spend of a run; what the cache has saved it only if it saved `any_cached`."""
    counted = spend["counted"]
    yield "calls", format_count(spend["calls"])
    yield "tokens in", formats.format_tokens(counted["prompt_tokens"])
    yield "tokens out", formats.format_tokens(counted["completion_tokens"])
    yield "cost", formats.format_cost(spend)
    if any_cached:
        yield "without the cache", formats.format_without_cache(spend) or formats.format_cost(spend)
