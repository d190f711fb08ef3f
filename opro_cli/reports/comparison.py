"""Several prompts compared with the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from opro_cli.core.settings.differences import find_changes
from opro_cli.core.stats.intervals import holm
from opro_cli.core.stats.paired import ALPHA
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.reports.diff import PromptDiff, SelectedPrompt, Side, build_side, diff_prompts
from opro_cli.reports.paired import Flips, Replies
from opro_cli.reports.result import count_steps_done, list_models, serialize_spend


@dataclass(frozen=True, slots=True)
class PromptColumn:
    """One prompt in the table; side: None while its run has no scored candidate."""

    name: str
    status: str
    steps_done: int
    steps: int
    models: Mapping[str, str]
    spend: Mapping[str, Any]
    side: Side | None

    def to_json(self) -> dict[str, Any]:
        """Return the column as `opro diff --json` prints it."""
        keys = ("name", "status", "steps_done", "steps", "models", "spend")
        prompt = self.side and self.side.to_json()
        return {**{key: getattr(self, key) for key in keys}, "prompt": prompt}


@dataclass(frozen=True, slots=True)
class SettingValues:
    """A setting that differs between runs; a value is None where a run lacks it."""

    path: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class PromptComparison:
    """Two prompts or more.

    Attributes:
        against_first: Each further prompt compared with the first.
        adjusted: For each of these the p-values by split, after Holm's correction for the number
            of prompts compared with the first on that split.
    """

    columns: tuple[PromptColumn, ...]
    settings: tuple[SettingValues, ...]
    against_first: tuple[PromptDiff, ...]
    adjusted: tuple[Mapping[Split, float], ...]

    @property
    def verdicts(self) -> tuple[str | None, ...]:
        """The verdicts on the further prompts against the first, named as in `result.json`.

        None where two prompts share no test questions; those of other splits steered the search.
        """
        return tuple(
            next((_judge_flips(f, p["test"]) for f in diff.by_split if f.split == "test"), None)
            for diff, p in zip(self.against_first, self.adjusted, strict=True)
        )

    def with_replies(self, replies: Sequence[Replies]) -> PromptComparison:
        """Return the comparison with the scorer's replies under each prompt."""
        first, *others = replies
        diffs = tuple(
            replace(diff, by_split=tuple(flips.with_replies(first, own) for flips in diff.by_split))
            for diff, own in zip(self.against_first, others, strict=True)
        )
        return replace(self, against_first=diffs)

    def list_flipped(self) -> list[dict[Split, set[int]]]:
        """Return for each prompt the flipped questions by split, as indices in its run."""
        flipped: list[dict[Split, set[int]]] = [{s: set() for s in SPLITS} for _ in self.columns]
        for diff, own in zip(self.against_first, flipped[1:], strict=True):
            for flips in diff.by_split:
                of_first, of_other = flips.list_numbers()
                flipped[0][flips.split] |= of_first
                own[flips.split] |= of_other
        return flipped

    def to_json(self) -> dict[str, Any]:
        """Return two prompts as one diff, more as the columns and each diff with the first."""
        diffs = [
            diff.to_json(adjusted)
            for diff, adjusted in zip(self.against_first, self.adjusted, strict=True)
        ]
        if len(diffs) == 1:
            return diffs[0]
        return {
            "runs": [column.to_json() for column in self.columns],
            "settings": [{"path": s.path, "values": list(s.values)} for s in self.settings],
            "correction": "holm",
            "against_first": diffs,
        }


def _judge_flips(flips: Flips, p_value: float) -> str:
    if p_value >= ALPHA:
        return "not_distinguishable"
    return "improved" if flips.difference > 0 else "worse"


def compare_prompts(chosen: Sequence[SelectedPrompt]) -> PromptComparison:
    """Compare each prompt with the first."""
    first, *others = chosen
    diffs = tuple(diff_prompts(first, other) for other in others)
    return PromptComparison(
        columns=tuple(map(_build_column, chosen)),
        settings=_list_settings(chosen),
        against_first=diffs,
        adjusted=_adjust_p_values(diffs),
    )


def _build_column(chosen: SelectedPrompt) -> PromptColumn:
    run = chosen.run
    return PromptColumn(
        name=chosen.name,
        status=run.status,
        steps_done=count_steps_done(run.state),
        steps=run.state.search.steps,
        models=list_models(run),
        spend=serialize_spend(run.state),
        side=build_side(chosen),
    )


def _list_settings(chosen: Sequence[SelectedPrompt]) -> tuple[SettingValues, ...]:
    first = chosen[0].run.settings
    changes = [{c.path: c for c in find_changes(first, prompt.run.settings)} for prompt in chosen]
    of_first = {path: change.before for some in changes for path, change in some.items()}
    return tuple(
        SettingValues(path, tuple(some[path].after if path in some else before for some in changes))
        for path, before in sorted(of_first.items())
    )


def _adjust_p_values(diffs: Sequence[PromptDiff]) -> tuple[Mapping[Split, float], ...]:
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
