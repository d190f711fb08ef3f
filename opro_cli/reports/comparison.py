"""Several prompts against the first, and the comparison as plain data for `--json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from opro_cli.core.settings.differences import changes_between
from opro_cli.core.stats.intervals import holm
from opro_cli.core.stats.paired import ALPHA
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.reports.diff import PromptDiff, SelectedPrompt, Side, build_side, diff_prompts
from opro_cli.reports.paired import AnswerPair, Flips, Replies
from opro_cli.reports.result import count_steps_done, serialize_score, serialize_spend


@dataclass(frozen=True, slots=True)
class PromptColumn:
    """One run in the table; side: None while it has no scored candidate."""

    name: str
    status: str
    steps_done: int
    steps: int
    models: Mapping[str, str]
    spend: Mapping[str, Any]
    side: Side | None


@dataclass(frozen=True, slots=True)
class SettingValues:
    """A setting that is not the same in all runs; None where a run lacks it."""

    path: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class PromptComparison:
    """Two prompts or more.

    against_first: each of the others compared to the first. adjusted: for each of these, its
    p-values corrected for how many are compared to the first on that split (Holm).
    """

    columns: tuple[PromptColumn, ...]
    settings: tuple[SettingValues, ...]
    against_first: tuple[PromptDiff, ...]
    adjusted: tuple[Mapping[Split, float], ...]

    @property
    def verdicts(self) -> tuple[str | None, ...]:
        """Of each of the others against the first, as `verdict` of a result.

        None where they share no test questions: others steered the search.
        """
        return tuple(
            next((_verdict(f, p["test"]) for f in diff.by_split if f.split == "test"), None)
            for diff, p in zip(self.against_first, self.adjusted, strict=True)
        )

    def with_replies(self, replies: Sequence[Replies]) -> PromptComparison:
        """The same, with what the scorer said under each prompt."""
        first, *others = replies
        filled = (
            replace(
                diff, by_split=tuple(flips.with_replies(first, said) for flips in diff.by_split)
            )
            for diff, said in zip(self.against_first, others, strict=True)
        )
        return replace(self, against_first=tuple(filled))

    def list_flipped(self) -> list[dict[Split, set[int]]]:
        """For each prompt the questions whose replies are of interest, as its run counts them."""
        flipped: list[dict[Split, set[int]]] = [{s: set() for s in SPLITS} for _ in self.columns]
        for diff, own in zip(self.against_first, flipped[1:], strict=True):
            for flips in diff.by_split:
                of_first, of_other = flips.list_numbers()
                flipped[0][flips.split] |= of_first
                own[flips.split] |= of_other
        return flipped


def _verdict(flips: Flips, p_value: float) -> str:
    if p_value >= ALPHA:
        return "not_distinguishable"
    return "improved" if flips.difference > 0 else "worse"


def compare_prompts(chosen: Sequence[SelectedPrompt]) -> PromptComparison:
    """Compare prompts; the first is what the others are measured against."""
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
        models={role: run.settings[role]["model"] for role in ("scorer", "optimizer")},
        spend=serialize_spend(run.state),
        side=build_side(chosen),
    )


def _list_settings(chosen: Sequence[SelectedPrompt]) -> tuple[SettingValues, ...]:
    first = chosen[0].run.settings
    changes = [{c.path: c for c in changes_between(first, each.run.settings)} for each in chosen]
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


def as_data(comparison: PromptComparison) -> dict[str, Any]:
    """Two prompts as one comparison; more as the runs and each comparison with the first."""
    diffs = [
        diff_data(diff, adjusted)
        for diff, adjusted in zip(comparison.against_first, comparison.adjusted, strict=True)
    ]
    if len(diffs) == 1:
        return diffs[0]
    return {
        "runs": [_column_data(column) for column in comparison.columns],
        "settings": [{"path": s.path, "values": list(s.values)} for s in comparison.settings],
        "correction": "holm",
        "against_first": diffs,
    }


def diff_data(diff: PromptDiff, adjusted: Mapping[Split, float]) -> dict[str, Any]:
    """One comparison; `flips` are those of the least seen split among `flips_by_split`."""
    by_split = {flips.split: _flips_data(flips, adjusted) for flips in diff.by_split}
    return {
        "before": _side_data(diff.before),
        "after": _side_data(diff.after),
        "prompt": [{"kind": piece.kind, "text": piece.text} for piece in diff.prompt],
        "flips": by_split[diff.flips.split] if diff.flips else None,
        "flips_by_split": {split: by_split.get(split) for split in SPLITS},
        "settings": [{"path": c.path, "before": c.before, "after": c.after} for c in diff.settings],
        "caveats": list(diff.caveats),
    }


def _column_data(column: PromptColumn) -> dict[str, Any]:
    return {
        "name": column.name,
        "status": column.status,
        "steps_done": column.steps_done,
        "steps": column.steps,
        "models": dict(column.models),
        "spend": dict(column.spend),
        "prompt": _side_data(column.side),
    }


def _side_data(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    return {
        "run": side.run,
        "place": side.place,
        "status": side.status,
        "instruction": side.instruction,
        "step": side.step,
        "steps_done": side.steps_done,
        "scores": {split: serialize_score(score) for split, score in side.scores.items()},
        "spend": dict(side.spend),
    }


def _flips_data(flips: Flips, adjusted: Mapping[Split, float]) -> dict[str, Any]:
    return {
        "split": flips.split,
        "shared": flips.shared,
        "left_out": flips.left_out,
        "wrong_to_right": [_flip_data(flip) for flip in flips.gained],
        "right_to_wrong": [_flip_data(flip) for flip in flips.lost],
        "test": flips.test,
        "p_value": flips.p_value,
        "p_adjusted": adjusted[flips.split],
        "difference": {
            "mean": flips.difference,
            "interval": [flips.interval.low, flips.interval.high],
        },
    }


def _flip_data(flip: AnswerPair) -> dict[str, Any]:
    row: dict[str, Any] = {
        "question": flip.question,
        "target": flip.target,
        "before": flip.before.outcome.answer,
        "after": flip.after.outcome.answer,
    }
    if flip.before.replies is not None and flip.after.replies is not None:
        row["before_replies"] = list(flip.before.replies)
        row["after_replies"] = list(flip.after.replies)
    return row
