"""The content of a comparison of prompts, wherever it is printed: sentences, tables and flips."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from opro_cli.core.run.candidates import Score
from opro_cli.core.scale import Scale
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.render.safe import printable_lines
from opro_cli.render.tables import Table, Untrusted
from opro_cli.reports import formats
from opro_cli.reports.comparison import PromptComparison, PromptDiff
from opro_cli.reports.formats import (
    describe_disagreement,
    format_count,
    format_p,
    format_shared_tokens,
    pluralize,
)
from opro_cli.reports.paired import AnswerPair, Flips, PairedAnswer
from opro_cli.reports.result import summarize_run
from opro_cli.reports.selected import Side

NOTHING, NOT_SCORED = "–", "no candidate scored yet"
_LEAST = 16
"""Terminal cells of a run's column; more runs than fit go into further tables."""
_SEEN: Mapping[Split, str] = {
    "train": "train questions steered the search, so a gain on them is no gain on unseen ones",
    "dev": "dev questions choose the winner, so a gain on them flatters it",
}
Adjusted = Mapping[Split, float] | None
"""P-values after Holm's correction, where there are several comparisons."""


def list_directions(flips: Flips) -> list[tuple[str, str, Sequence[AnswerPair]]]:
    """Return the sign, the name and the flips of each direction."""
    return [("+", "wrong → right", flips.gained), ("-", "right → wrong", flips.lost)]


def list_groups(diff: PromptDiff) -> Iterator[tuple[str, str, Sequence[AnswerPair]]]:
    """Yield titles, signs and flips that are to be shown in full, the least seen split first."""
    for flips in reversed(diff.by_split):
        for sign, direction, changed in list_directions(flips):
            if changed:
                yield f"{flips.split}, {direction}: {format_count(len(changed))}", sign, changed


def show_answer(answer: PairedAnswer) -> str:
    """Return what was read of an answer."""
    read = answer.outcome.answer
    return "unreadable" if read is None else Untrusted(read)


def split_replies(answer: PairedAnswer) -> list[list[str]]:
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


def build_scores(before: Side, after: Side, by_split: Sequence[Flips]) -> Table:
    """Return scores by split with their difference, then the spend of two runs.

    Where each was asked questions that the other was not, as prompts with worked examples are, the
    difference is that on the questions of both, and says so.
    """
    rows: list[tuple[str, ...]] = []
    paired = {flips.split: flips for flips in by_split}
    for split in SPLITS:
        old, new = before.scores[split], after.scores[split]
        change = NOTHING
        if old and new and before.scale == after.scale:
            flips = paired.get(split)
            estimated = old.estimated or new.estimated
            points = " points" if formats.are_shares(before.scale) else ""
            if flips is None or estimated or flips.shared == old.n == new.n:
                change = formats.format_change(old.mean, new.mean, before.scale) + points
            else:
                change = formats.format_points(flips.difference) + points
                change += f" on the {format_count(flips.shared)} shared"
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


def build_columns(comparison: PromptComparison) -> Table:
    """Return one column a run, numbered: scores, steps, spend, models, settings that differ."""
    columns = comparison.columns
    sides = [column.side for column in columns]
    runs = [summarize_run(column.run) for column in columns]
    cached = any(formats.format_without_cache(run["spend"]) for run in runs)
    spends = [dict(_format_spend(run["spend"], any_cached=cached)) for run in runs]
    settings = (
        (setting.path, *(NOTHING if value is None else repr(value) for value in setting.values))
        for setting in comparison.settings
        if setting.path not in ("name", "scorer.model", "optimizer.model")  # shown already
    )
    rows: list[tuple[str, ...]] = [
        *(
            (
                split,
                *(_format_score(s.scores[split], s.scale, "\n") if s else NOTHING for s in sides),
            )
            for split in SPLITS
        ),
        ("step of prompt", *(str(side.step) if side else NOTHING for side in sides)),
        ("steps done", *(f"{run['steps_done']} of {run['steps']}" for run in runs)),
        ("status", *(run["status"] for run in runs)),
        *((name, *(spend[name] for spend in spends)) for name in spends[0]),
        *((r, *(Untrusted(run["models"][r]) for run in runs)) for r in ("scorer", "optimizer")),
        *(tuple(map(Untrusted, row)) for row in settings),
    ]
    titles = ("", *(str(number) for number in range(1, len(columns) + 1)))
    return Table.build(titles, rows, least=_LEAST)


def build_splits(diff: PromptDiff, adjusted: Adjusted) -> Table:
    """Return the flips on each split; their test is named if it is the same on all."""
    tests = {flips.test for flips in diff.by_split}
    titles = ["", "shared", "wrong → right", "right → wrong"]
    titles.append(tests.pop() if len(tests) == 1 else "p")
    titles += ["p by Holm"] if adjusted is not None else []
    by_split = {flips.split: flips for flips in diff.by_split}
    rows = []
    for split in SPLITS:
        cells = ["0", *[NOTHING] * 3]
        if flips := by_split.get(split):
            left_out = f" ({format_count(flips.left_out)} left out)" if flips.left_out else ""
            changed = (format_count(len(each)) for _, _, each in list_directions(flips))
            cells = [format_count(flips.shared) + left_out, *changed, format_p(flips.p_value)]
        if adjusted is not None:
            cells.append(format_p(adjusted[split]) if split in adjusted else NOTHING)
        rows.append((split, *cells))
    return Table.build(titles, rows)


def _format_score(score: Score | None, scale: Scale, separator: str = " ") -> str:
    if score is None:
        return NOTHING
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
