"""A sweep as a whole, and two sweeps cell by cell."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opro_cli.core.stats.hierarchical import Estimate
from opro_cli.core.sweep.cells import Values
from opro_cli.reports.formats import count, plural, points
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.sweeps.measured import (
    MatrixCell,
    Measured,
    OverTasks,
    gain_over_seeds,
    measured,
    over_tasks,
    squares,
)
from opro_cli.reports.sweeps.measured import Values as Scores
from opro_cli.reports.sweeps.tasks import SweptCell
from opro_cli.reports.sweeps.winners import Target, Transfer, Winner, targets, transfer, winners


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


INTERVAL = (
    "The interval of the mean resamples tasks and then questions, and is at no end narrower than "
    "Student's t over the tasks: it says what to expect of another task like these. Questions "
    "that several runs asked count once."
)


@dataclass(frozen=True, slots=True)
class SweepReport:
    """Everything about one sweep. gain: of all runs that count; by_variant: of those of each."""

    name: str
    cells: tuple[Measured, ...]
    squares: tuple[MatrixCell, ...]
    winners: tuple[Winner, ...]
    targets: tuple[Target, ...]
    gain: OverTasks
    by_variant: Mapping[str, OverTasks]
    transfer: Transfer

    @property
    def left_out(self) -> tuple[Measured, ...]:
        """Cells without a say in the mean gain."""
        return tuple(cell for cell in self.cells if cell.left_out)


def report_on(
    name: str,
    cells: Sequence[SweptCell],
    evaluated: Mapping[tuple[str, str], RecordedRun] | None = None,
) -> SweepReport:
    """evaluated: the evaluations that there are, by `Target.key`."""
    known = measured(cells)
    found = winners(known)
    at = targets(known, found)
    gains = [(cell.place, cell.gains) for cell in known]
    variants = dict.fromkeys(place.variant for place, _ in gains)
    return SweepReport(
        name=name,
        cells=known,
        squares=squares(known),
        winners=found,
        targets=at,
        gain=over_tasks([(place.task, gain) for place, gain in gains]),
        by_variant={
            variant: over_tasks([(p.task, gain) for p, gain in gains if p.variant == variant])
            for variant in variants
        },
        transfer=transfer(found, at, evaluated or {}),
    )


def headline(gain: OverTasks) -> str:
    """'OPRO helps by x on average' as far as that was shown, in one sentence."""
    if gain.estimate is None:
        return "no gain can be told: no finished run has test questions"
    runs = plural(gain.runs, "run")
    return f"{_claim(gain.estimate)} {_grounds(gain, runs)}, on unseen questions"


def _claim(estimate: Estimate) -> str:
    middle, interval = estimate.mean, estimate.interval
    if interval.low > 0:
        return f"OPRO helps by {points(middle)} points"
    if interval.high < 0:
        return f"OPRO does harm: {points(middle)} points"
    return f"no gain shown: {points(middle)} points"


def _grounds(over: OverTasks, runs: str) -> str:
    """The interval, and what it rests on."""
    if over.estimate is None:
        raise AssertionError("no mean, no grounds")
    interval = over.estimate.interval
    low, high = points(interval.low), points(interval.high)
    if len(over.tasks) == 1:
        return f"on one task (95 % interval {low} to {high}, over its questions only), {runs}"
    tasks = plural(len(over.tasks), "task")
    return f"on average (95 % interval {low} to {high}) over {tasks}, {runs}"


def of_these(over: OverTasks) -> str:
    """What the mean is when no other tasks are meant; "" where the headline says that already."""
    if over.these is None:
        return ""
    low, high = points(over.these.interval.low), points(over.these.interval.high)
    return (
        f"on these {len(over.tasks)} tasks alone the mean is {points(over.these.mean)} points "
        f"(95 % interval {low} to {high}, over their questions)"
    )


def difference_told(over: OverTasks) -> str:
    """The same sentence for a second sweep against a first."""
    if over.estimate is None:
        return "no difference can be told: no two cells share a test question"
    middle, interval = over.estimate.mean, over.estimate.interval
    words = "no difference shown"
    if interval.low > 0:
        words = "the second sweep is better"
    elif interval.high < 0:
        words = "the second sweep is worse"
    pairs = plural(over.runs, "pair of cells", "pairs of cells")
    return f"{words}: {points(middle)} points {_grounds(over, pairs)}, on unseen questions"


def counted(cells: Sequence[Measured]) -> str:
    """How many cells are counted, and why the others are not."""
    left = Counter(cell.left_out for cell in cells if cell.left_out)
    whole = plural(len(cells), "cell")
    if not left:
        return f"all {whole} counted" if len(cells) > 1 else f"{whole} counted"
    told = ", ".join(f"{count(number)} {why}" for why, number in left.most_common())
    out = sum(left.values())
    return f"{count(len(cells) - out)} of {whole} counted, {count(out)} left out: {told}"
