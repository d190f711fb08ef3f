"""A sweep, or two, as plain data for `--json`. Keys are a contract."""

from __future__ import annotations

from typing import Any

from opro_cli.core.stats.hierarchical import Estimate
from opro_cli.reports.paired import PairedComparison
from opro_cli.reports.result import serialize_score
from opro_cli.reports.sweeps.measured import MatrixCell, MeanOverTasks, MeasuredCell
from opro_cli.reports.sweeps.report import (
    CellPair,
    SweepDiff,
    SweepReport,
    describe_difference,
    describe_gain,
)
from opro_cli.reports.sweeps.winners import RULE, Target, Transfer, Winner, Worth


def serialize_sweep(report: SweepReport) -> dict[str, Any]:
    """One sweep: its cells, the matrix, winners, the mean gain and the transfer matrix."""
    return {
        "name": report.name,
        "mean_gain": {**serialize_mean(report.gain), "sentence": describe_gain(report.gain)},
        "mean_gain_by_variant": {
            variant: serialize_mean(over) for variant, over in report.by_variant.items()
        },
        "cells": [_serialize_cell(cell) for cell in report.cells],
        "matrix": [_serialize_matrix_cell(square) for square in report.squares],
        "winner_rule": RULE,
        "winners": [_serialize_winner(winner) for winner in report.winners],
        "transfer": _serialize_transfer(report.transfer),
    }


def serialize_sweep_diff(diff: SweepDiff) -> dict[str, Any]:
    """Two sweeps: pairs of cells with equal values, and the mean difference over tasks."""
    return {
        "before": diff.before.name,
        "after": diff.after.name,
        "mean_difference": {
            **serialize_mean(diff.mean),
            "sentence": describe_difference(diff.mean),
        },
        "cells": [_serialize_pair(pair) for pair in diff.pairs],
        "only_before": [cell.name for cell in diff.only_before],
        "only_after": [cell.name for cell in diff.only_after],
    }


def serialize_mean(over: MeanOverTasks) -> dict[str, Any]:
    """A mean over tasks; mean and interval are null where nothing counts."""
    return {
        **_serialize_estimate(over.estimate),
        "interval_of_these_tasks": _serialize_estimate(over.these)["interval"],
        "interval_over": "tasks and questions" if len(over.tasks) > 1 else "questions",
        "runs": over.runs,
        "tasks": [
            {
                "task": each.task,
                "runs": each.runs,
                "questions": each.questions,
                **_serialize_estimate(each.estimate),
            }
            for each in over.tasks
        ],
    }


def _serialize_estimate(estimate: Estimate | None) -> dict[str, Any]:
    if estimate is None:
        return {"mean": None, "interval": None}
    return {"mean": estimate.mean, "interval": [estimate.interval.low, estimate.interval.high]}


def _serialize_cell(cell: MeasuredCell) -> dict[str, Any]:
    start, best = cell.start, cell.best
    return {
        "cell": cell.name,
        "values": dict(cell.swept.cell.values),
        "task": cell.place.task,
        "variant": cell.place.variant,
        "scorer": cell.scorer,
        "status": cell.status,
        "counted": not cell.left_out,
        "left_out": cell.left_out or None,
        "problem": cell.swept.problem or None,
        "start": serialize_score(start.score("test")) if start else None,
        "best": serialize_score(best.score("test")) if best else None,
        "instruction": best.instruction if best else None,
    }


def _serialize_matrix_cell(square: MatrixCell) -> dict[str, Any]:
    return {
        "task": square.place.task,
        "variant": square.place.variant,
        "runs": len(square.cells),
        "left_out": len(square.left_out),
        "questions": square.questions,
        "start": square.start,
        "best": _serialize_estimate(square.best) if square.best else None,
        "gain": _serialize_estimate(square.gain) if square.gain else None,
    }


def _serialize_winner(winner: Winner) -> dict[str, Any]:
    return {
        "task": winner.task,
        "scorer": winner.scorer,
        "cell": winner.cell.name,
        "instruction": winner.instruction,
        "chosen_by": winner.chosen_by,
        "chosen_score": serialize_score(winner.chosen_score),
        "chosen_among": winner.of,
        "best_of_task": winner.is_first,
        "start": serialize_score(winner.start),
        "test": serialize_score(winner.test),
        "gain": _serialize_comparison(winner.gain),
    }


def _serialize_comparison(found: PairedComparison | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "mean": found.difference,
        "interval": [found.interval.low, found.interval.high],
        "n": found.n,
        "test": found.test,
        "p_value": found.p_value,
        "asked_together": found.together,
    }


def _serialize_transfer(transfer: Transfer) -> dict[str, Any]:
    starts = [
        {"prompt": "start", "of": None, **_serialize_worth(worth, target)}
        for target, worth in zip(transfer.targets, transfer.starts, strict=True)
    ]
    rows = [
        {"prompt": "winner", "of": winner.cell.name, **_serialize_worth(worth, target)}
        for winner, row in zip(transfer.winners, transfer.rows, strict=True)
        for target, worth in zip(transfer.targets, row, strict=True)
    ]
    return {"missing": transfer.missing, "squares": [*starts, *rows]}


def _serialize_worth(worth: Worth, target: Target) -> dict[str, Any]:
    return {
        "task": target.task,
        "scorer": target.model,
        "score": serialize_score(worth.score),
        "against_start": _serialize_comparison(worth.against_start),
        "questions_seen": worth.seen,
    }


def _serialize_pair(pair: CellPair) -> dict[str, Any]:
    before, after = pair.before.best, pair.after.best
    return {
        "values": dict(pair.before.swept.cell.values),
        "task": pair.before.place.task,
        "before": {
            "cell": pair.before.name,
            "test": serialize_score(before.score("test")) if before else None,
        },
        "after": {
            "cell": pair.after.name,
            "test": serialize_score(after.score("test")) if after else None,
        },
        "shared": pair.shared,
        "difference": _serialize_estimate(pair.difference) if pair.difference else None,
        "why_not": pair.why or None,
    }
