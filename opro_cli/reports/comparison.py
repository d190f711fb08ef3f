"""Several prompts side by side, and each of them against the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from opro_cli.core.changes import changes_between
from opro_cli.core.model import SPLITS, Split
from opro_cli.core.stats import holm
from opro_cli.reports.chosen import Chosen
from opro_cli.reports.diff import PromptDiff, Side, diff_prompts, side_of
from opro_cli.reports.paired import Replies
from opro_cli.reports.result import spend_of, steps_done


@dataclass(frozen=True, slots=True)
class Column:
    """One run in the table; side: None while it has no scored candidate."""

    name: str
    status: str
    steps_done: int
    steps: int
    models: Mapping[str, str]
    spend: Mapping[str, Any]
    side: Side | None


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that is not the same in all runs; None where a run lacks it."""

    path: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two prompts or more.

    against_first: each of the others compared to the first. adjusted: for each of these, its
    p-values corrected for how many are compared to the first on that split (Holm).
    """

    columns: tuple[Column, ...]
    settings: tuple[Setting, ...]
    against_first: tuple[PromptDiff, ...]
    adjusted: tuple[Mapping[Split, float], ...]

    def with_replies(self, replies: Sequence[Replies]) -> Comparison:
        """The same, with what the scorer said under each prompt."""
        first, *others = replies
        filled = (
            replace(
                diff, by_split=tuple(flips.with_replies(first, said) for flips in diff.by_split)
            )
            for diff, said in zip(self.against_first, others, strict=True)
        )
        return replace(self, against_first=tuple(filled))

    def flipped(self) -> list[dict[Split, set[int]]]:
        """For each prompt the questions whose replies are of interest, as its run counts them."""
        flipped: list[dict[Split, set[int]]] = [{s: set() for s in SPLITS} for _ in self.columns]
        for diff, own in zip(self.against_first, flipped[1:], strict=True):
            for flips in diff.by_split:
                of_first, of_other = flips.numbers()
                flipped[0][flips.split] |= of_first
                own[flips.split] |= of_other
        return flipped


def compare(chosen: Sequence[Chosen]) -> Comparison:
    """Compare prompts; the first is what the others are measured against."""
    first, *others = chosen
    diffs = tuple(diff_prompts(first, other) for other in others)
    return Comparison(
        columns=tuple(map(_column, chosen)),
        settings=_settings(chosen),
        against_first=diffs,
        adjusted=_adjusted(diffs),
    )


def _column(chosen: Chosen) -> Column:
    run = chosen.run
    return Column(
        name=chosen.name,
        status=run.status,
        steps_done=steps_done(run.state),
        steps=run.state.search.steps,
        models={role: run.settings[role]["model"] for role in ("scorer", "optimizer")},
        spend=spend_of(run.state),
        side=side_of(chosen),
    )


def _settings(chosen: Sequence[Chosen]) -> tuple[Setting, ...]:
    first = chosen[0].run.settings
    changes = [{c.path: c for c in changes_between(first, each.run.settings)} for each in chosen]
    of_first = {path: change.before for some in changes for path, change in some.items()}
    return tuple(
        Setting(path, tuple(some[path].after if path in some else before for some in changes))
        for path, before in sorted(of_first.items())
    )


def _adjusted(diffs: Sequence[PromptDiff]) -> tuple[Mapping[Split, float], ...]:
    adjusted: list[dict[Split, float]] = [{} for _ in diffs]
    for split in SPLITS:
        compared = [
            (of_diff, flips.p_value)
            for of_diff, diff in zip(adjusted, diffs, strict=True)
            for flips in diff.by_split
            if flips.split == split
        ]
        corrected = holm([p_value for _, p_value in compared])
        for (of_diff, _), p_value in zip(compared, corrected, strict=True):
            of_diff[split] = p_value
    return tuple(adjusted)
