"""The finds of a sweep's cells on their problems: the paper's tables 2 and 3, and others."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Any

from opro_cli.core.run.proposals import REPEATED
from opro_cli.core.task.problem import OPTIMUM, RecordedProblem, is_close
from opro_cli.reports.formats import compute_gap
from opro_cli.reports.problem import Found, list_found, read_problem
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.sweeps.measured import MeasuredCell
from opro_cli.reports.sweeps.places import drop_seed, encode_values

_TRUE_PAIR = "true pair"


@dataclass(frozen=True, slots=True)
class Spread:
    """A mean over `n` values; sd: their standard deviation with n - 1, None for a single one."""

    mean: float
    sd: float | None
    n: int

    @classmethod
    def over(cls, values: Sequence[float]) -> Spread | None:
        """Return the spread of values, None for no value."""
        if not values:
            return None
        return cls(fmean(values), stdev(values) if len(values) > 1 else None, len(values))

    @property
    def standard_error(self) -> float | None:
        """The standard error of the mean, None for a single value."""
        return None if self.sd is None else self.sd / math.sqrt(self.n)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The find of a finished run.

    Attributes:
        instance: Identifies the instance of the problem.
        value: The best, on the problem's scale; None where no solution has one.
        gap: Of that value to the optimum as a share of it; None where it is not known.
        knows_optimum: Whether it is known what to find.
        step: The first that proposed the optimum, whether it was new or not; None for never.
        solutions: Different ones that were proposed until the end of that step.
        at_start: The optimum was among the starting solutions, and never proposed.
        steps: Those that the run took in all.
        impossible: Solutions that were left out since they are none.
    """

    instance: str
    value: float | None
    gap: float | None
    knows_optimum: bool
    step: int | None
    solutions: int | None
    at_start: bool
    steps: int
    impossible: int


def judge_run(run: RecordedRun) -> Outcome | None:
    """Return what a run on a problem found, None for a search for prompts.

    Only proposing the optimum counts, as in the reference: a starting solution is nobody's find.
    For a regression the true pair counts like the optimum, which it is unless the noise is large:
    either may end a search.
    """
    problem = read_problem(run.settings, run.examples)
    if problem is None:
        return None
    state, minimise = run.state, run.state.scale.minimise
    every = list_found(state)
    found = [each for each in every if _is_solution(each, problem, minimise=minimise)]
    optimum = problem.optimum
    best = {each.solution for each in found if optimum and is_close(each.value, optimum.value)}
    best |= {each.solution for each in problem.references if each.name == _TRUE_PAIR}
    steps = (
        text.step
        for text in state.proposals.texts
        if text.text in best and text.skipped in ("", REPEATED)
    )
    first = min(steps, default=None)
    values = [each.value for each in found]
    value = (min if minimise else max)(values) if values else None
    known = value is not None and optimum is not None
    return Outcome(
        instance=encode_values(problem.instance),
        value=value,
        gap=compute_gap(value, optimum.value, minimise=minimise) if known else None,  # type: ignore[arg-type, union-attr]
        knows_optimum=bool(optimum),
        step=first,
        solutions=None if first is None else sum(1 <= each.step <= first for each in every),
        at_start=first is None and any(not e.step and e.solution in best for e in found),
        steps=state.step,
        impossible=len(every) - len(found),
    )


def _is_solution(found: Found, problem: RecordedProblem, *, minimise: bool) -> bool:
    """Return False for what the reference takes for a tour and is none.

    Its negative numbers count from the end, so that a "tour" can visit a point twice, and be
    shorter than the optimum. Whatever is better than the optimum is no solution, or it is none.
    """
    if problem.name == "tour" and not _visits_all(found.solution, len(problem.instance["x"])):
        return False
    if problem.optimum is None or is_close(found.value, problem.optimum.value):
        return True
    return (found.value > problem.optimum.value) == minimise


def _visits_all(tour: str, points: int) -> bool:
    try:
        return sorted(int(node) % points for node in tour.split(",")) == list(range(points))
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Square:
    """The runs of one row under one variant.

    Attributes:
        outcomes: Of the finished runs.
        left_out: The cells that do not count.
    """

    variant: str
    outcomes: tuple[Outcome, ...]
    left_out: tuple[MeasuredCell, ...]

    @property
    def found(self) -> tuple[Outcome, ...]:
        """Those that proposed the optimum."""
        return tuple(each for each in self.outcomes if each.step is not None)

    @property
    def at_start(self) -> int:
        """The number of runs that had the optimum from the start."""
        return sum(each.at_start for each in self.outcomes)

    @property
    def knows_optimum(self) -> bool:
        """Whether it is known for some run what to find."""
        return any(each.knows_optimum for each in self.outcomes)

    @property
    def steps(self) -> Spread | None:
        """Steps until the optimum, over the runs that proposed it."""
        return Spread.over([each.step for each in self.found if each.step is not None])

    @property
    def solutions(self) -> Spread | None:
        """Different solutions proposed until then, over the same runs."""
        return Spread.over([each.solutions for each in self.found if each.solutions is not None])

    @property
    def value(self) -> Spread | None:
        """The best value, over runs."""
        return Spread.over([each.value for each in self.outcomes if each.value is not None])

    @property
    def gap(self) -> Spread | None:
        """The gap to the optimum, over instances: a mean over the runs of each."""
        of_instance: dict[str, list[float]] = defaultdict(list)
        for each in self.outcomes:
            if each.gap is not None:
                of_instance[each.instance].append(each.gap)
        return Spread.over([fmean(gaps) for gaps in of_instance.values()])


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """A problem with its parameters but for the seed.

    Attributes:
        task: As in the matrix.
        title: As in its table.
        problem: One of its instances.
        parameters: As the config has them.
        references: The gaps of known solutions but the optimum, over instances, by name.
        squares: By variant.
    """

    task: str
    title: str
    problem: RecordedProblem
    parameters: Mapping[str, Any]
    references: Mapping[str, Spread]
    squares: Mapping[str, Square]

    @property
    def paper_key(self) -> tuple[float, ...] | None:
        """The row of the paper's table with these settings, (w, b) or (n,); None for none."""
        instance, name = self.problem.instance, self.problem.name
        if instance.get("decimals"):
            return None
        if name == "regression":
            usual = len(instance["x"]) == 50 and self.parameters.get("noise", 1) == 1
            return (instance["w"], instance["b"]) if usual else None
        drawn = name == "tour" and instance.get("coordinates") is None
        return (len(instance["x"]),) if drawn else None


@dataclass(frozen=True, slots=True)
class ProblemTable:
    """All rows of one problem; variants: the columns, the optimizers for the most part."""

    name: str
    variants: tuple[str, ...]
    rows: tuple[ProblemRow, ...]


def build_problem_tables(cells: Iterable[MeasuredCell]) -> tuple[ProblemTable, ...]:
    """Return a table for each problem, in the order of the cells; a row needs a run to read."""
    by_task: dict[str, list[MeasuredCell]] = defaultdict(list)
    for cell in cells:
        by_task[cell.key.task].append(cell)
    rows: dict[str, list[ProblemRow]] = defaultdict(list)
    for task, group in by_task.items():
        row = _build_row(task, group)
        if row is not None:
            rows[row.problem.name].append(row)
    return tuple(
        ProblemTable(
            name,
            tuple(dict.fromkeys(variant for row in own for variant in row.squares)),
            _tell_apart(own),
        )
        for name, own in rows.items()
    )


def _build_row(task: str, cells: Sequence[MeasuredCell]) -> ProblemRow | None:
    read = (
        (cell, cell.run, read_problem(cell.run.settings, cell.run.examples))
        for cell in cells
        if cell.run is not None
    )
    problems = [(cell, run, problem) for cell, run, problem in read if problem is not None]
    if not problems:
        return None
    _, first, problem = problems[0]
    optimizer = first.settings["optimizer"]["model"]
    by_variant: dict[str, list[MeasuredCell]] = defaultdict(list)
    for cell in cells:
        variant = optimizer if cell.key.variant == "base" else cell.key.variant
        by_variant[str(variant)].append(cell)
    return ProblemRow(
        task,
        _title_row(task, problem),
        problem,
        drop_seed(first.settings["task"].get("parameters") or {}),
        _measure_references(
            [each for cell, _, each in problems if not cell.left_out],
            minimise=first.state.scale.minimise,
        ),
        {variant: _build_square(variant, group) for variant, group in by_variant.items()},
    )


def _title_row(task: str, problem: RecordedProblem) -> str:
    instance = problem.instance
    if problem.name == "regression":
        return f"{instance['w']:g}, {instance['b']:g}"
    return str(len(instance["x"])) if problem.name == "tour" else task


def _tell_apart(rows: Sequence[ProblemRow]) -> tuple[ProblemRow, ...]:
    """Add its task to a title that several rows have."""
    titles = [row.title for row in rows]
    return tuple(
        replace(row, title=f"{row.title} · {row.task}") if titles.count(row.title) > 1 else row
        for row in rows
    )


def _build_square(variant: str, cells: Sequence[MeasuredCell]) -> Square:
    counted = [cell.run for cell in cells if cell.run is not None and not cell.left_out]
    outcomes = (judge_run(run) for run in counted)
    return Square(
        variant,
        tuple(each for each in outcomes if each is not None),
        tuple(cell for cell in cells if cell.left_out),
    )


def _measure_references(
    problems: Iterable[RecordedProblem], *, minimise: bool
) -> dict[str, Spread]:
    instances = {encode_values(each.instance): each for each in problems}
    gaps: dict[str, list[float]] = defaultdict(list)
    for problem in instances.values():
        optimum = problem.optimum
        for each in problem.references:
            gap = (
                None
                if optimum is None
                else compute_gap(each.value, optimum.value, minimise=minimise)
            )
            if gap is not None and each.name != OPTIMUM:
                gaps[each.name].append(gap)
    measured = ((name, Spread.over(values)) for name, values in gaps.items())
    return {name: spread for name, spread in measured if spread is not None}


def serialize_problems(tables: Sequence[ProblemTable]) -> list[dict[str, Any]]:
    """Return tables for `--json`: gaps are shares, values on the problem's scale."""
    return [
        {
            "problem": table.name,
            "variants": list(table.variants),
            "rows": [_serialize_row(row) for row in table.rows],
        }
        for table in tables
    ]


def _serialize_row(row: ProblemRow) -> dict[str, Any]:
    references = row.references.items()
    return {
        "task": row.task,
        "title": row.title,
        "parameters": dict(row.parameters),
        "references": [{"name": name, "gap": _serialize_spread(gap)} for name, gap in references],
        "squares": [_serialize_square(square) for square in row.squares.values()],
    }


def _serialize_square(square: Square) -> dict[str, Any]:
    return {
        "variant": square.variant,
        "runs": len(square.outcomes),
        "left_out": len(square.left_out),
        "optimum_known": sum(each.knows_optimum for each in square.outcomes),
        "found": len(square.found),
        "found_at_start": square.at_start,
        "steps": _serialize_spread(square.steps),
        "solutions": _serialize_spread(square.solutions),
        "value": _serialize_spread(square.value),
        "gap": _serialize_spread(square.gap),
        "impossible": sum(each.impossible for each in square.outcomes),
    }


def _serialize_spread(spread: Spread | None) -> dict[str, Any] | None:
    if spread is None:
        return None
    return {
        "mean": spread.mean,
        "standard_deviation": spread.sd,
        "standard_error": spread.standard_error,
        "n": spread.n,
    }
