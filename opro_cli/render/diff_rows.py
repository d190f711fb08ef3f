"""The tables and flipped questions of `opro diff`, for a terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from opro_cli.core.run.answers import Score
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.render.safe import printable, printable_lines
from opro_cli.render.tables import Grid, Untrusted, print_block
from opro_cli.reports.comparison import PromptColumn, PromptComparison
from opro_cli.reports.diff import PromptDiff, Side
from opro_cli.reports.edge import describe_disagreement
from opro_cli.reports.formats import (
    format_bounds,
    format_cost,
    format_count,
    format_percent,
    format_points,
    format_tokens,
    pluralize,
)
from opro_cli.reports.paired import AnswerPair, Flips, PairedAnswer

NOTHING = "–"
_SEEN: Mapping[Split, str] = {
    "train": "train questions steered the search, so a gain on them is no gain on unseen ones",
    "dev": "dev questions choose the winner, so a gain on them flatters it",
}


def build_scores(before: Side, after: Side) -> Grid:
    """Scores by split with what differs, then spend."""
    rows = [
        (
            split,
            _score(before.scores[split]),
            _score(after.scores[split]),
            _change(before, after, split),
        )
        for split in SPLITS
    ]
    old, new = _spend(before.spend), _spend(after.spend)
    spend = [(name, old[name], new[name], "") for name in old]
    return Grid(("", "-", "+", "difference"), (*rows, *spend))


def _change(before: Side, after: Side, split: Split) -> str:
    old, new = before.scores[split], after.scores[split]
    return f"{format_points(new.mean - old.mean)} points" if old and new else NOTHING


def build_columns(comparison: PromptComparison) -> Grid:
    """One column a run, numbered: scores, steps, spend, models, settings that differ."""
    columns = comparison.columns
    spends = [_spend(column.spend) for column in columns]
    rows: list[tuple[str, ...]] = [
        (split, *(_score(c.side.scores[split] if c.side else None, between="\n") for c in columns))
        for split in SPLITS
    ]
    rows.append(("step of prompt", *(str(c.side.step) if c.side else NOTHING for c in columns)))
    rows.append(("steps done", *(f"{c.steps_done} of {c.steps}" for c in columns)))
    rows.append(("status", *(column.status for column in columns)))
    rows += [(name, *(spend[name] for spend in spends)) for name in spends[0]]
    rows += [_model_row(role, columns) for role in ("scorer", "optimizer")]
    rows += [
        (Untrusted(setting.path), *(Untrusted(_value(value)) for value in setting.values))
        for setting in comparison.settings
        if setting.path not in ("name", "scorer.model", "optimizer.model")  # shown already
    ]
    return Grid(("", *(str(n) for n in range(1, len(columns) + 1))), tuple(rows))


def _model_row(role: str, columns: tuple[PromptColumn, ...]) -> tuple[str, ...]:
    return (role, *(Untrusted(column.models[role]) for column in columns))


def _value(value: Any) -> str:
    return NOTHING if value is None else repr(value)


def build_settings(diff: PromptDiff) -> Grid:
    """The settings that differ, as Python writes their values."""
    return Grid(
        ("setting", "-", "+"),
        tuple(
            (Untrusted(c.path), Untrusted(repr(c.before)), Untrusted(repr(c.after)))
            for c in diff.settings
        ),
    )


def build_splits(diff: PromptDiff, adjusted: Mapping[Split, float] | None = None) -> Grid:
    """What flipped on each split; `adjusted`: p-values by Holm, where there are several tests."""
    tests = {flips.test for flips in diff.by_split}
    test = tests.pop() if len(tests) == 1 else "p"
    titles = ("", "shared", "wrong → right", "right → wrong", test)
    by_split = {flips.split: flips for flips in diff.by_split}
    rows = []
    for split in SPLITS:
        flips = by_split.get(split)
        cells = _flip_cells(flips) if flips else ("0", NOTHING, NOTHING, NOTHING)
        if adjusted is not None:
            cells = (*cells, _p(adjusted[split]) if split in adjusted else NOTHING)
        rows.append((split, *cells))
    return Grid(titles if adjusted is None else (*titles, "p by Holm"), tuple(rows))


def _flip_cells(flips: Flips) -> tuple[str, ...]:
    left_out = f" ({format_count(flips.left_out)} left out)" if flips.left_out else ""
    return (
        f"{format_count(flips.shared)}{left_out}",
        format_count(len(flips.gained)),
        format_count(len(flips.lost)),
        _p(flips.p_value),
    )


def summarize_flips(flips: Flips | None) -> str:
    """What the least seen split says, in a sentence."""
    if flips is None:
        return "the two prompts answered no question in common"
    low, high = flips.interval.low, flips.interval.high
    edge = describe_disagreement(flips.p_value, low, high)
    return (
        f"{flips.split}, {pluralize(flips.shared, 'shared question')}: "
        f"{len(flips.gained)} wrong → right, {len(flips.lost)} right → wrong, "
        f"{format_points(flips.difference)} points (95 % interval {format_points(low)} to {format_points(high)}; "
        f"{flips.test} = {_p(flips.p_value)})" + (f"; {edge}" if edge else "")
    )


def warn_of_seen_split(flips: Flips | None) -> str | None:
    """Why the headline is less than it looks; None when its questions are unseen ones."""
    return _SEEN.get(flips.split) if flips else None


def explain_holm(others: int) -> str:
    """Why there are two p-values."""
    return (
        f"p by Holm is corrected for {others} comparisons on a split; go by it, because one of "
        "several finds a difference by luck more easily"
    )


def _p(p_value: float) -> str:
    return f"{p_value:.2g}"


def _score(score: Score | None, *, between: str = " ") -> str:
    if score is None:
        return NOTHING
    unreadable = f"\n{format_count(score.unreadable)} unreadable" if score.unreadable else ""
    interval = format_bounds(score.interval.low, score.interval.high)
    parts = (format_percent(score.mean), interval, f"n={format_count(score.n)}")
    return between.join(parts) + unreadable


def _spend(spend: Mapping[str, Any]) -> dict[str, str]:
    counted = spend["counted"]
    return {
        "calls": format_count(spend["calls"]),
        "tokens in": format_tokens(counted["prompt_tokens"]),
        "tokens out": format_tokens(counted["completion_tokens"]),
        "cost": format_cost(spend),
    }


SHOWN = 5
_STYLES = {"+": "green", "-": "red"}


def print_some_flips(diff: PromptDiff, console: Console, *, most: int = SHOWN) -> None:
    """The headline and a few questions, a line each."""
    flips = diff.flips
    print_block(console, "  ", [summarize_flips(flips)])
    caution = warn_of_seen_split(flips)
    if caution:
        print_block(console, "  ! ", [caution], "yellow")
    if flips is None or not most:
        return
    for sign, some in (("+", flips.gained), ("-", flips.lost)):
        shown = [_in_a_line(flip) for flip in some[:most]]
        if len(some) > most:
            shown.append(f"… and {format_count(len(some) - most)} more (see --flips)")
        for line in shown:
            print_block(console, f"  {sign} ", [line], _STYLES[sign])


def _in_a_line(flip: AnswerPair) -> str:
    old, new = (
        "unreadable" if read is None else printable(read, 24)
        for read in (flip.before.outcome.answer, flip.after.outcome.answer)
    )
    return f"{old} → {new} (gold {printable(flip.target, 24)}): {printable(flip.question, 90)}"


def print_all_flips(diff: PromptDiff, console: Console) -> None:
    """Every question that flipped, the least seen split first."""
    groups = [
        (f"{flips.split}, {what}: {format_count(len(some))}", sign, some)
        for flips in reversed(diff.by_split)
        for sign, what, some in (
            ("+", "wrong → right", flips.gained),
            ("-", "right → wrong", flips.lost),
        )
        if some
    ]
    if not groups:
        console.print(Text("\nno question flipped"))
    for title, sign, some in groups:
        console.print(Text(f"\n{title}", style=f"bold {_STYLES[sign]}"))
        for number, flip in enumerate(some, start=1):
            _print_flip(f"{sign}{number}", flip, console)


def _print_flip(name: str, flip: AnswerPair, console: Console) -> None:
    console.print()
    print_block(console, f"  {name} ", printable_lines(flip.question))
    print_block(console, "    gold: ", printable_lines(flip.target))
    for sign, answer in (("-", flip.before), ("+", flip.after)):
        read = answer.outcome.answer
        lines = ["unreadable"] if read is None else printable_lines(read)
        print_block(console, f"    {sign} ", lines, _STYLES[sign])
        for reply in split_replies(answer):
            print_block(console, f"    {sign} │ ", reply, again=True)


def split_replies(answer: PairedAnswer) -> list[list[str]]:
    """The lines of each reply, printable; none at all while the replies were not read."""
    if answer.replies is None:
        return []
    return [printable_lines(reply) for reply in answer.replies] or [["(no reply)"]]
