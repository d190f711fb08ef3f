"""A sweep as a whole, and two sweeps cell by cell."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opro_cli.core.stats.hierarchical import Estimate
from opro_cli.core.sweep.cells import Values
from opro_cli.reports.formats import format_count, format_points, pluralize
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.sweeps.measured import (
    MatrixCell,
    MeanOverTasks,
    MeasuredCell,
    average_over_tasks,
    build_matrix,
    estimate_gain,
    measure_cells,
)
from opro_cli.reports.sweeps.measured import Values as Scores
from opro_cli.reports.sweeps.tasks import SweptCell
from opro_cli.reports.sweeps.winners import (
    Target,
    Transfer,
    Winner,
    build_transfer,
    choose_winners,
    list_targets,
)


@dataclass(frozen=True, slots=True)
class CellPair:
    """The cells of one combination of values.

    shared: test questions that both were graded on. difference: score of the second's best less
    that of the first's on them; None where nothing is shared, why: then the reason.
    """

    before: MeasuredCell
    after: MeasuredCell
    shared: int
    difference: Estimate | None
    why: str


@dataclass(frozen=True, slots=True)
class SweepDiff:
    """only_before, only_after: cells whose values the other sweep has not. mean: over tasks."""

    before: SweepReport
    after: SweepReport
    pairs: tuple[CellPair, ...]
    only_before: tuple[MeasuredCell, ...]
    only_after: tuple[MeasuredCell, ...]
    mean: MeanOverTasks


def diff_sweeps(before: SweepReport, after: SweepReport) -> SweepDiff:
    """Compare them; the first is what the second is measured against."""
    old, new = _index_by_values(before), _index_by_values(after)
    both = [(old[values], new[values]) for values in old if values in new]
    differences = [_subtract_scores(*cells) for cells in both]
    found = [
        (cells[0].place.task, each) for cells, each in zip(both, differences, strict=True) if each
    ]
    return SweepDiff(
        before=before,
        after=after,
        pairs=tuple(
            _build_pair(*cells, each) for cells, each in zip(both, differences, strict=True)
        ),
        only_before=tuple(cell for values, cell in old.items() if values not in new),
        only_after=tuple(cell for values, cell in new.items() if values not in old),
        mean=average_over_tasks(found),
    )


def _index_by_values(report: SweepReport) -> Mapping[str, MeasuredCell]:
    return {_spelt(cell.swept.cell.values): cell for cell in report.cells}


def _spelt(values: Values) -> str:
    return json.dumps(values, sort_keys=True, default=str)


def _subtract_scores(before: MeasuredCell, after: MeasuredCell) -> Scores:
    return {q: new - before.after[q] for q, new in after.after.items() if q in before.after}


def _build_pair(before: MeasuredCell, after: MeasuredCell, differences: Scores) -> CellPair:
    reasons = [
        f"{which}: {cell.left_out}"
        for which, cell in (("first", before), ("second", after))
        if cell.left_out
    ]
    why = ", ".join(reasons) or "no test question in common"
    if not differences:
        return CellPair(before, after, 0, None, why)
    return CellPair(before, after, len(differences), estimate_gain([[*differences.values()]]), "")


INTERVAL = (
    "The interval of the mean resamples tasks and then questions, and is at no end narrower than "
    "Student's t over the tasks: it says what to expect of another task like these. Questions "
    "that several runs asked count once."
)


@dataclass(frozen=True, slots=True)
class SweepReport:
    """Everything about one sweep. gain: of all runs that count; by_variant: of those of each."""

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
        """Cells without a say in the mean gain."""
        return tuple(cell for cell in self.cells if cell.left_out)


def build_sweep_report(
    name: str,
    cells: Sequence[SweptCell],
    evaluated: Mapping[tuple[str, str], RecordedRun] | None = None,
) -> SweepReport:
    """evaluated: the evaluations that there are, by `Target.key`."""
    known = measure_cells(cells)
    found = choose_winners(known)
    at = list_targets(known, found)
    gains = [(cell.place, cell.gains) for cell in known]
    variants = dict.fromkeys(place.variant for place, _ in gains)
    return SweepReport(
        name=name,
        cells=known,
        squares=build_matrix(known),
        winners=found,
        targets=at,
        gain=average_over_tasks([(place.task, gain) for place, gain in gains]),
        by_variant={
            variant: average_over_tasks(
                [(p.task, gain) for p, gain in gains if p.variant == variant]
            )
            for variant in variants
        },
        transfer=build_transfer(found, at, evaluated or {}),
    )


def describe_gain(gain: MeanOverTasks) -> str:
    """'OPRO helps by x on average' as far as that was shown, in one sentence."""
    if gain.estimate is None:
        return "no gain can be told: no finished run has test questions"
    runs = pluralize(gain.runs, "run")
    return f"{_describe_claim(gain.estimate)} {_describe_grounds(gain, runs)}, on unseen questions"


def _describe_claim(estimate: Estimate) -> str:
    middle, interval = estimate.mean, estimate.interval
    if interval.low > 0:
        return f"OPRO helps by {format_points(middle)} points"
    if interval.high < 0:
        return f"OPRO does harm: {format_points(middle)} points"
    return f"no gain shown: {format_points(middle)} points"


def _describe_grounds(over: MeanOverTasks, runs: str) -> str:
    """The interval, and what it rests on."""
    if over.estimate is None:
        raise AssertionError("no mean, no grounds")
    interval = over.estimate.interval
    low, high = format_points(interval.low), format_points(interval.high)
    if len(over.tasks) == 1:
        return f"on one task (95 % interval {low} to {high}, over its questions only), {runs}"
    tasks = pluralize(len(over.tasks), "task")
    return f"on average (95 % interval {low} to {high}) over {tasks}, {runs}"


def describe_these_tasks(over: MeanOverTasks) -> str:
    """What the mean is when no other tasks are meant; "" where the headline says that already."""
    if over.these is None:
        return ""
    low, high = format_points(over.these.interval.low), format_points(over.these.interval.high)
    return (
        f"on these {len(over.tasks)} tasks alone the mean is {format_points(over.these.mean)} points "
        f"(95 % interval {low} to {high}, over their questions)"
    )


def describe_difference(over: MeanOverTasks) -> str:
    """The same sentence for a second sweep against a first."""
    if over.estimate is None:
        return "no difference can be told: no two cells share a test question"
    middle, interval = over.estimate.mean, over.estimate.interval
    words = "no difference shown"
    if interval.low > 0:
        words = "the second sweep is better"
    elif interval.high < 0:
        words = "the second sweep is worse"
    pairs = pluralize(over.runs, "pair of cells", "pairs of cells")
    return f"{words}: {format_points(middle)} points {_describe_grounds(over, pairs)}, on unseen questions"


def describe_counted(cells: Sequence[MeasuredCell]) -> str:
    """How many cells are counted, and why the others are not."""
    left = Counter(cell.left_out for cell in cells if cell.left_out)
    whole = pluralize(len(cells), "cell")
    if not left:
        return f"all {whole} counted" if len(cells) > 1 else f"{whole} counted"
    told = ", ".join(f"{format_count(number)} {why}" for why, number in left.most_common())
    out = sum(left.values())
    return (
        f"{format_count(len(cells) - out)} of {whole} counted, {format_count(out)} left out: {told}"
    )
