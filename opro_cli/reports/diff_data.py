"""A comparison as plain data for `--json`. Keys are a contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opro_cli.core.model import SPLITS, Split
from opro_cli.reports.comparison import Column, Comparison
from opro_cli.reports.diff import PromptDiff, Side
from opro_cli.reports.paired import Flip, Flips
from opro_cli.reports.result import score_data


def as_data(comparison: Comparison) -> dict[str, Any]:
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


def _column_data(column: Column) -> dict[str, Any]:
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
        "scores": {split: score_data(score) for split, score in side.scores.items()},
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
    }


def _flip_data(flip: Flip) -> dict[str, Any]:
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
