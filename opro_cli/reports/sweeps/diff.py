"""Two sweeps, cell by cell: the best instruction of each on the questions that both were asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from opro_cli.core.hierarchical import Estimate
from opro_cli.core.sweep import Values
from opro_cli.reports.sweeps.measured import (
    Measured,
    OverTasks,
    gain_over_seeds,
    over_tasks,
)
from opro_cli.reports.sweeps.measured import Values as Scores
from opro_cli.reports.sweeps.report import SweepReport


@dataclass(frozen=True, slots=True)
class Pair:
    """The cells of one combination of values.

    shared: test questions that both were graded on. difference: score of the second's best less
    that of the first's on them; None where nothing is shared, why: then the reason.
    """

    before: Measured
    after: Measured
    shared: int
    difference: Estimate | None
    why: str


@dataclass(frozen=True, slots=True)
class SweepDiff:
    """only_before, only_after: cells whose values the other sweep has not. mean: over tasks."""

    before: SweepReport
    after: SweepReport
    pairs: tuple[Pair, ...]
    only_before: tuple[Measured, ...]
    only_after: tuple[Measured, ...]
    mean: OverTasks


def diff_sweeps(before: SweepReport, after: SweepReport) -> SweepDiff:
    """Compare them; the first is what the second is measured against."""
    old, new = _by_values(before), _by_values(after)
    both = [(old[values], new[values]) for values in old if values in new]
    differences = [_differences(*cells) for cells in both]
    found = [
        (cells[0].place.task, each) for cells, each in zip(both, differences, strict=True) if each
    ]
    return SweepDiff(
        before=before,
        after=after,
        pairs=tuple(_pair(*cells, each) for cells, each in zip(both, differences, strict=True)),
        only_before=tuple(cell for values, cell in old.items() if values not in new),
        only_after=tuple(cell for values, cell in new.items() if values not in old),
        mean=over_tasks(found),
    )


def _by_values(report: SweepReport) -> Mapping[str, Measured]:
    return {_spelt(cell.swept.cell.values): cell for cell in report.cells}


def _spelt(values: Values) -> str:
    return json.dumps(values, sort_keys=True, default=str)


def _differences(before: Measured, after: Measured) -> Scores:
    return {q: new - before.after[q] for q, new in after.after.items() if q in before.after}


def _pair(before: Measured, after: Measured, differences: Scores) -> Pair:
    reasons = [
        f"{which}: {cell.left_out}"
        for which, cell in (("first", before), ("second", after))
        if cell.left_out
    ]
    why = ", ".join(reasons) or "no test question in common"
    if not differences:
        return Pair(before, after, 0, None, why)
    return Pair(before, after, len(differences), gain_over_seeds([[*differences.values()]]), "")
