"""A sweep, or two, as plain data for `--json`; the keys are a contract."""

from __future__ import annotations

from typing import Any

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.stats.hierarchical import Estimate
from opro_cli.reports.paired import PairedComparison
from opro_cli.reports.result import serialize_score
from opro_cli.reports.sweeps.measured import MatrixCell, MeanOverTasks, MeasuredCell
from opro_cli.reports.sweeps.problem_grids import serialize_tables
from opro_cli.reports.sweeps.report import (
    CellPair,
    SweepDiff,
    SweepReport,
    describe_difference,
    describe_gain,
)
from opro_cli.reports.sweeps.winners import RULE, Target, Transfer, Winner, Worth


def serialize_sweep(report: SweepReport) -> dict[str, Any]:
    """Return one sweep: cells, matrix, winners, mean gain and transfer matrix.

    Where cells are about problems, there are the tables of these as well.
    """
    return {
        "name": report.name,
        "mean_gain": {
            **_serialize_mean(report.gain),
            "sentence": describe_gain(report.gain, report.left_out),
        },
        "mean_gain_by_variant": {
            variant: _serialize_mean(over) for variant, over in report.by_variant.items()
        },
        "cells": [_serialize_cell(cell) for cell in report.cells],
        "matrix": [_serialize_matrix_cell(cell) for cell in report.squares],
        "winner_rule": RULE,
        "winners": [_serialize_winner(winner) for winner in report.winners],
        "transfer": _serialize_transfer(report.transfer),
        **({"problems": serialize_tables(report.problems)} if report.of_problems else {}),
    }


def serialize_sweep_diff(diff: SweepDiff) -> dict[str, Any]:
    """Return two sweeps: pairs of cells with equal values, and the mean difference over tasks."""
    return {
        "before": diff.before.name,
        "after": diff.after.name,
        "mean_difference": {
            **_serialize_mean(diff.mean),
            "sentence": describe_difference(diff),
        },
        "cells": [_serialize_pair(pair) for pair in diff.pairs],
        "only_before": [cell.name for cell in diff.only_before],
        "only_after": [cell.name for cell in diff.only_after],
    }


def _serialize_mean(over: MeanOverTasks) -> dict[str, Any]:
    return {
        **_serialize_estimate(over.estimate),
        "interval_of_these_tasks": _serialize_estimate(over.these)["interval"],
        "interval_over": "tasks and questions" if len(over.tasks) > 1 else "questions",
        "runs": over.runs,
        "tasks": [
            {
                "task": mean.task,
                "runs": mean.runs,
                "questions": mean.questions,
                **({"same_questions": list(mean.same)} if mean.same else {}),
                **_serialize_estimate(mean.estimate),
            }
            for mean in over.tasks
        ],
    }


def _serialize_estimate(estimate: Estimate | None) -> dict[str, Any]:
    if estimate is None:
        return {"mean": None, "interval": None}
    return {"mean": estimate.mean, "interval": [estimate.interval.low, estimate.interval.high]}


def _serialize_test_score(candidate: Candidate | None) -> dict[str, Any] | None:
    return serialize_score(candidate.score("test")) if candidate else None


def _serialize_cell(cell: MeasuredCell) -> dict[str, Any]:
    return {
        "cell": cell.name,
        "values": dict(cell.swept.cell.values),
        "task": cell.key.task,
        "variant": cell.key.variant,
        "scorer": cell.scorer,
        "status": cell.status,
        "counted": not cell.left_out,
        "left_out": cell.left_out or None,
        "problem": cell.swept.problem or None,
        "start": _serialize_test_score(cell.start),
        "best": _serialize_test_score(cell.best),
        "instruction": cell.best.instruction if cell.best else None,
    }


def _serialize_matrix_cell(cell: MatrixCell) -> dict[str, Any]:
    return {
        "task": cell.key.task,
        "variant": cell.key.variant,
        "runs": len(cell.cells),
        "left_out": len(cell.left_out),
        "questions": cell.questions,
        "start": cell.start,
        "best": _serialize_estimate(cell.best) if cell.best else None,
        "gain": _serialize_estimate(cell.gain) if cell.gain else None,
    }


def _serialize_winner(winner: Winner) -> dict[str, Any]:
    return {
        "task": winner.task,
        "scorer": winner.scorer,
        "cell": winner.cell.name,
        "instruction": winner.instruction,
        "chosen_by": winner.chosen_by,
        "chosen_score": serialize_score(winner.chosen_score),
        "chosen_among": winner.chosen_among,
        "best_of_task": winner.is_first,
        "start": serialize_score(winner.start),
        "test": serialize_score(winner.test),
        "gain": _serialize_comparison(winner.gain),
    }


def _serialize_comparison(comparison: PairedComparison | None) -> dict[str, Any] | None:
    if comparison is None:
        return None
    return {
        "mean": comparison.difference,
        "interval": [comparison.interval.low, comparison.interval.high],
        "n": comparison.n,
        "test": comparison.name,
        "p_value": comparison.p_value,
        "asked_together": comparison.together,
        **({} if comparison.groups is None else {"groups": comparison.groups}),
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
    return {
        "values": dict(pair.before.swept.cell.values),
        "task": pair.before.key.task,
        "before": {"cell": pair.before.name, "test": _serialize_test_score(pair.before.best)},
        "after": {"cell": pair.after.name, "test": _serialize_test_score(pair.after.best)},
        "shared": pair.shared,
        "difference": _serialize_estimate(pair.difference) if pair.difference else None,
        "why_not": pair.why or None,
    }
