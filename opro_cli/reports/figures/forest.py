"""The forest of gains: of runs, of a run's own prompts, of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from opro_cli.errors import UsageError
from opro_cli.reports.figures.values import Value, list_notes, require_search
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import build_result
from opro_cli.reports.sweeps.report import SweepReport


@dataclass(frozen=True, slots=True)
class ForestRow:
    """A gain on unseen questions.

    Attributes:
        about: What it counts, "45 questions".
        whole: It sums up the other rows.
        kept: No other prompt was better: the start prompt is the winner, without any error.
        is_run: The name is that of a run.
    """

    name: str
    gain: Value
    about: str
    whole: bool = False
    kept: bool = False
    is_run: bool = False


@dataclass(frozen=True, slots=True)
class Forest:
    """Gains with their intervals; subject: what the rows are."""

    subject: str
    rows: tuple[ForestRow, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        rows = [
            {"name": row.name, **row.gain.to_json(), "whole": row.whole, "kept_start": row.kept}
            for row in self.rows
        ]
        return {"split": "test", "rows": rows}


def build_forest(runs: Sequence[RecordedRun]) -> Forest:
    """Return the gains of runs on test; of one run that of its winner and of the baselines.

    Raises:
        UsageError: No run has a gain to show.
    """
    if len(runs) == 1:
        return _build_own_forest(runs[0])
    rows, notes = [], []
    for run in runs:
        result = build_result(run, finished=run.status == "finished")
        row = _read_gain(run.name, result)
        if row is None:
            notes.append(f"{run.name} is left out: {result['verdict_sentence']}")
        else:
            rows.append(replace(row, is_run=True))
    if not rows:
        raise UsageError(f"none of these runs has a gain to show; {notes[0]}", _GAIN_REMEDY)
    return Forest(
        f"{len(rows)} run{'s' * (len(rows) != 1)}", tuple(rows), (*notes, *list_notes(runs))
    )


_GAIN_REMEDY = "`opro docs verdicts` says when a gain is claimed"


def _read_gain(name: str, result: Mapping[str, Any]) -> ForestRow | None:
    """Return a row from a verdict or a comparison; None where nothing was compared."""
    test = result["paired_test"]
    if test is None:
        return None
    if result["difference"] is None:  # the start prompt against itself
        return ForestRow(name, Value(0.0, None, None, 0), "", kept=True)
    (low, high), n = result["difference"]["interval"], test["n"]
    gain = Value(result["difference"]["mean"], low, high, n)
    return ForestRow(name, gain, _count_questions(n))


def _count_questions(n: int) -> str:
    return f"{n:,} question{'s' * (n != 1)}"


def _build_own_forest(run: RecordedRun) -> Forest:
    require_search(run, "gain")
    result = build_result(run, finished=run.status == "finished")
    winner = _read_gain("winner", result)
    if winner is None:
        raise UsageError(
            f"{run.name} has no gain to show: {result['verdict_sentence']}", _GAIN_REMEDY
        )
    rivals = [
        (each["instruction"] or "(empty)", each["against_start"]) for each in result["baselines"]
    ]
    if closed := result.get("closed_set"):
        majority = closed["majority"]
        rivals.append((f"always “{majority['answer']}”", majority["against_start"]))
    others = (_read_gain(name, compared) for name, compared in rivals if compared)
    return Forest(f"prompts of {run.name}", (winner, *filter(None, others)))


def build_sweep_forest(report: SweepReport) -> Forest:
    """Return the mean gain of each task of a sweep, and over all of them.

    Raises:
        UsageError: No cell counts.
    """
    over = report.gain
    if over.estimate is None:
        raise UsageError(f"sweep {report.name} has no gain to show", f"`opro diff {report.name}`")
    rows = []
    for task in over.tasks:
        about = f"{task.runs:,} run{'s' * (task.runs != 1)}, {_count_questions(task.questions)}"
        rows.append(_read_estimate(task.name, task.estimate, task.questions, about))
    total = sum(task.questions for task in over.tasks)
    if over.these is not None:
        these = _read_estimate("these tasks alone", over.these, total, "over questions", whole=True)
        like = _read_estimate("tasks like these", over.estimate, total, "over tasks", whole=True)
        rows += [these, like]
    return Forest(f"tasks of {report.name}", tuple(rows))


def _read_estimate(
    name: str, estimate: Any, n: int, about: str, *, whole: bool = False
) -> ForestRow:
    interval = estimate.interval
    return ForestRow(name, Value(estimate.mean, interval.low, interval.high, n), about, whole)
