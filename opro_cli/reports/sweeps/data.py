"""A sweep, or two, as plain data for `--json`. Keys are a contract."""

from __future__ import annotations

from typing import Any

from opro_cli.core.stats.hierarchical import Estimate
from opro_cli.reports.paired import Comparison
from opro_cli.reports.result import score_data
from opro_cli.reports.sweeps.measured import MatrixCell, Measured, OverTasks
from opro_cli.reports.sweeps.report import Pair, SweepDiff, SweepReport, difference_told, headline
from opro_cli.reports.sweeps.winners import RULE, Target, Transfer, Winner, Worth


def sweep_data(report: SweepReport) -> dict[str, Any]:
    """One sweep: its cells, the matrix, winners, the mean gain and the transfer matrix."""
    return {
        "name": report.name,
        "mean_gain": {**over_data(report.gain), "sentence": headline(report.gain)},
        "mean_gain_by_variant": {
            variant: over_data(over) for variant, over in report.by_variant.items()
        },
        "cells": [_cell(cell) for cell in report.cells],
        "matrix": [_square(square) for square in report.squares],
        "winner_rule": RULE,
        "winners": [_winner(winner) for winner in report.winners],
        "transfer": _transfer(report.transfer),
    }


def diff_data(diff: SweepDiff) -> dict[str, Any]:
    """Two sweeps: pairs of cells with equal values, and the mean difference over tasks."""
    return {
        "before": diff.before.name,
        "after": diff.after.name,
        "mean_difference": {**over_data(diff.mean), "sentence": difference_told(diff.mean)},
        "cells": [_pair(pair) for pair in diff.pairs],
        "only_before": [cell.name for cell in diff.only_before],
        "only_after": [cell.name for cell in diff.only_after],
    }


def over_data(over: OverTasks) -> dict[str, Any]:
    """A mean over tasks; mean and interval are null where nothing counts."""
    return {
        **_estimate(over.estimate),
        "interval_of_these_tasks": _estimate(over.these)["interval"],
        "interval_over": "tasks and questions" if len(over.tasks) > 1 else "questions",
        "runs": over.runs,
        "tasks": [
            {
                "task": each.task,
                "runs": each.runs,
                "questions": each.questions,
                **_estimate(each.estimate),
            }
            for each in over.tasks
        ],
    }


def _estimate(estimate: Estimate | None) -> dict[str, Any]:
    if estimate is None:
        return {"mean": None, "interval": None}
    return {"mean": estimate.mean, "interval": [estimate.interval.low, estimate.interval.high]}


def _cell(cell: Measured) -> dict[str, Any]:
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
        "start": score_data(start.score("test")) if start else None,
        "best": score_data(best.score("test")) if best else None,
        "instruction": best.instruction if best else None,
    }


def _square(square: MatrixCell) -> dict[str, Any]:
    return {
        "task": square.place.task,
        "variant": square.place.variant,
        "runs": len(square.cells),
        "left_out": len(square.left_out),
        "questions": square.questions,
        "start": square.start,
        "best": _estimate(square.best) if square.best else None,
        "gain": _estimate(square.gain) if square.gain else None,
    }


def _winner(winner: Winner) -> dict[str, Any]:
    return {
        "task": winner.task,
        "scorer": winner.scorer,
        "cell": winner.cell.name,
        "instruction": winner.instruction,
        "chosen_by": winner.chosen_by,
        "chosen_score": score_data(winner.chosen_score),
        "chosen_among": winner.of,
        "best_of_task": winner.is_first,
        "start": score_data(winner.start),
        "test": score_data(winner.test),
        "gain": _comparison(winner.gain),
    }


def _comparison(found: Comparison | None) -> dict[str, Any] | None:
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


def _transfer(transfer: Transfer) -> dict[str, Any]:
    starts = [
        {"prompt": "start", "of": None, **_worth(worth, target)}
        for target, worth in zip(transfer.targets, transfer.starts, strict=True)
    ]
    rows = [
        {"prompt": "winner", "of": winner.cell.name, **_worth(worth, target)}
        for winner, row in zip(transfer.winners, transfer.rows, strict=True)
        for target, worth in zip(transfer.targets, row, strict=True)
    ]
    return {"missing": transfer.missing, "squares": [*starts, *rows]}


def _worth(worth: Worth, target: Target) -> dict[str, Any]:
    return {
        "task": target.task,
        "scorer": target.model,
        "score": score_data(worth.score),
        "against_start": _comparison(worth.against_start),
        "questions_seen": worth.seen,
    }


def _pair(pair: Pair) -> dict[str, Any]:
    before, after = pair.before.best, pair.after.best
    return {
        "values": dict(pair.before.swept.cell.values),
        "task": pair.before.place.task,
        "before": {
            "cell": pair.before.name,
            "test": score_data(before.score("test")) if before else None,
        },
        "after": {
            "cell": pair.after.name,
            "test": score_data(after.score("test")) if after else None,
        },
        "shared": pair.shared,
        "difference": _estimate(pair.difference) if pair.difference else None,
        "why_not": pair.why or None,
    }
