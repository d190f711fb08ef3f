"""The report on a sweep, and two sweeps compared cell by cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opro_cli.core.stats.hierarchical import Estimate
from opro_cli.reports.formats import format_count, format_points, pluralize
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.sweeps.measured import (
    MatrixCell,
    MeanOverTasks,
    MeasuredCell,
    Scores,
    average_over_tasks,
    build_matrix,
    estimate_gain,
    measure_cells,
)
from opro_cli.reports.sweeps.tasks import SweptCell, encode_values
from opro_cli.reports.sweeps.winners import (
    Target,
    Transfer,
    Winner,
    build_transfer,
    choose_winners,
    list_targets,
)
from opro_cli.reports.sweeps.words import format_left_out


@dataclass(frozen=True, slots=True)
class CellPair:
    """Two cells of different sweeps with equal values.

    Attributes:
        shared: Test questions scored in both.
        difference: The second's score less the first's on these; None where nothing is shared.
        why: The reason why nothing is shared, else "".
    """

    before: MeasuredCell
    after: MeasuredCell
    shared: int
    difference: Estimate | None
    why: str


@dataclass(frozen=True, slots=True)
class SweepDiff:
    """Two sweeps compared.

    Attributes:
        only_before: Cells whose values the second sweep lacks.
        only_after: Cells whose values the first sweep lacks.
        mean: The mean difference over tasks.
    """

    before: SweepReport
    after: SweepReport
    pairs: tuple[CellPair, ...]
    only_before: tuple[MeasuredCell, ...]
    only_after: tuple[MeasuredCell, ...]
    mean: MeanOverTasks


def diff_sweeps(before: SweepReport, after: SweepReport) -> SweepDiff:
    """Compare the second sweep with the first."""
    old, new = _index_by_values(before), _index_by_values(after)
    both = [(old[values], new[values]) for values in old if values in new]
    differences = [_subtract_scores(*cells) for cells in both]
    return SweepDiff(
        before=before,
        after=after,
        pairs=tuple(_build_pair(*cells, d) for cells, d in zip(both, differences, strict=True)),
        only_before=tuple(cell for values, cell in old.items() if values not in new),
        only_after=tuple(cell for values, cell in new.items() if values not in old),
        mean=average_over_tasks(
            [(cells[0].key.task, d) for cells, d in zip(both, differences, strict=True)]
        ),
    )


def _index_by_values(report: SweepReport) -> Mapping[str, MeasuredCell]:
    return {encode_values(cell.swept.cell.values): cell for cell in report.cells}


def _subtract_scores(before: MeasuredCell, after: MeasuredCell) -> Scores:
    return {q: new - before.after[q] for q, new in after.after.items() if q in before.after}


def _build_pair(before: MeasuredCell, after: MeasuredCell, differences: Scores) -> CellPair:
    if differences:
        gain = estimate_gain([[*differences.values()]])
        return CellPair(before, after, len(differences), gain, "")
    cells = (("first", before), ("second", after))
    reasons = [f"{which}: {cell.left_out}" for which, cell in cells if cell.left_out]
    return CellPair(before, after, 0, None, ", ".join(reasons) or "no test question in common")


INTERVAL = (
    "The interval of the mean resamples tasks and then questions, and is at no end narrower than "
    "Student's t over the tasks: it says what to expect of another task like these. Questions "
    "that several runs asked count once."
)


@dataclass(frozen=True, slots=True)
class SweepReport:
    """The results of one sweep.

    Attributes:
        squares: The matrix.
        gain: The mean gain over all cells that count.
        by_variant: The mean gain of each variant.
    """

    name: str
    cells: tuple[MeasuredCell, ...]
    squares: tuple[MatrixCell, ...]
    winners: tuple[Winner, ...]
    targets: tuple[Target, ...]
    gain: MeanOverTasks
    by_variant: Mapping[str, MeanOverTasks]
    transfer: Transfer

    @property
    def left_out(self) -> tuple[MeasuredCell, ...]:
        """The cells that the mean gain does not count."""
        return tuple(cell for cell in self.cells if cell.left_out)


def build_sweep_report(
    name: str,
    swept: Sequence[SweptCell],
    evaluated: Mapping[tuple[str, str], RecordedRun] | None = None,
) -> SweepReport:
    """Return the report on a sweep; evaluated: the existing evaluations by `Target.key`."""
    cells = measure_cells(swept)
    winners = choose_winners(cells)
    targets = list_targets(cells, winners)
    variants = dict.fromkeys(cell.key.variant for cell in cells)
    return SweepReport(
        name=name,
        cells=cells,
        squares=build_matrix(cells),
        winners=winners,
        targets=targets,
        gain=average_over_tasks([(cell.key.task, cell.gains) for cell in cells]),
        by_variant={
            variant: average_over_tasks(
                [(cell.key.task, cell.gains) for cell in cells if cell.key.variant == variant]
            )
            for variant in variants
        },
        transfer=build_transfer(winners, targets, evaluated or {}),
    )


def describe_gain(gain: MeanOverTasks) -> str:
    """Return one sentence on whether OPRO helps, as far as the sweep shows it."""
    if gain.estimate is None:
        return "no gain can be told: no finished run has test questions"
    mean, interval = format_points(gain.estimate.mean), gain.estimate.interval
    claim = f"no gain shown: {mean} points"
    if interval.low > 0:
        claim = f"OPRO helps by {mean} points"
    elif interval.high < 0:
        claim = f"OPRO does harm: {mean} points"
    grounds = _describe_grounds(gain, gain.estimate, pluralize(gain.runs, "run"))
    return f"{claim} {grounds}, on unseen questions"


def _describe_grounds(over: MeanOverTasks, estimate: Estimate, runs: str) -> str:
    """Return the interval and the number of tasks and runs behind it."""
    low, high = format_points(estimate.interval.low), format_points(estimate.interval.high)
    if len(over.tasks) == 1:
        return f"on one task (95 % interval {low} to {high}, over its questions only), {runs}"
    tasks = pluralize(len(over.tasks), "task")
    return f"on average (95 % interval {low} to {high}) over {tasks}, {runs}"


def describe_these_tasks(over: MeanOverTasks) -> str:
    """Return the mean of exactly these tasks; "" where the headline says it already."""
    if over.these is None:
        return ""
    low, high = map(format_points, (over.these.interval.low, over.these.interval.high))
    return (
        f"on these {len(over.tasks)} tasks alone the mean is {format_points(over.these.mean)} "
        f"points (95 % interval {low} to {high}, over their questions)"
    )


def describe_difference(over: MeanOverTasks) -> str:
    """Return one sentence on whether the second sweep is better than the first."""
    if over.estimate is None:
        return "no difference can be told: no two cells share a test question"
    mean, interval = format_points(over.estimate.mean), over.estimate.interval
    claim = "no difference shown"
    if interval.low > 0:
        claim = "the second sweep is better"
    elif interval.high < 0:
        claim = "the second sweep is worse"
    pairs = pluralize(over.runs, "pair of cells", "pairs of cells")
    grounds = _describe_grounds(over, over.estimate, pairs)
    return f"{claim}: {mean} points {grounds}, on unseen questions"


def describe_counted(cells: Sequence[MeasuredCell]) -> str:
    """Return how many cells count, and why the others do not."""
    left_out = [cell for cell in cells if cell.left_out]
    total, out = pluralize(len(cells), "cell"), len(left_out)
    if not left_out:
        return f"all {total} counted" if len(cells) > 1 else f"{total} counted"
    counted, reasons = format_count(len(cells) - out), format_left_out(left_out)
    return f"{counted} of {total} counted, {format_count(out)} left out: {reasons}"
