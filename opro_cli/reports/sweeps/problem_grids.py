"""The tables of problems as text, beside the paper's own numbers.

Source of those: Yang et al., "Large Language Models as Optimizers", arXiv 2309.03409, section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opro_cli.reports.formats import format_number, pluralize
from opro_cli.reports.sweeps.problems import (
    ProblemRow,
    ProblemTable,
    Spread,
    Square,
    serialize_problems,
)
from opro_cli.reports.sweeps.report import NOTHING, format_left_out

_MODELS = ("text-bison", "gpt-3.5-turbo", "gpt-4")
_HEURISTICS = ("nearest neighbor", "farthest insertion")

# Table 2: steps, then pairs, of each model.
_REGRESSION: Mapping[tuple[float, ...], str] = {
    (15, 14): "5.8 ± 2.6 | 7.6 ± 4.5 | 4.0 ± 1.5 | 40.0 ± 12.4 | 36.0 ± 15.2 | 17.2 ± 5.1",
    (17, 17): "4.0 ± 1.8 | 12.6 ± 6.0 | 6.0 ± 3.7 | 33.4 ± 11.7 | 53.8 ± 16.9 | 26.0 ± 10.6",
    (16, 10): "3.8 ± 2.2 | 10.4 ± 5.4 | 6.2 ± 3.1 | 30.2 ± 13.4 | 42.8 ± 16.3 | 24.2 ± 8.2",
    (3, 5): "9.8 ± 2.8 | 10.8 ± 2.7 | 12.2 ± 2.0 | 55.8 ± 16.1 | 39.6 ± 10.1 | 33.0 ± 4.0",
    (25, 23): "19.6 ± 11.4 | 26.4 ± 18.3 | 12.2 ± 3.7 | 104.0 ± 52.3 | 78.6 ± 26.2 | 44.2 ± 8.3",
    (2, 30): "31.4 ± 6.3 | 42.8 ± 9.7 | 38.0 ± 15.9 | 126.4 ± 17.7 | 125.6 ± 21.7 | 99.0 ± 24.6",
    (36, -1): "35.8 ± 6.4 | 45.4 ± 16.9 | 50.4 ± 18.8 | 174.0 ± 28.2 | 142.2 ± 31.2 | 116.4 ± 32.7",
}
# Table 3: gaps of the heuristics and of each model, then steps of each model.
_TOURS: Mapping[tuple[float, ...], str] = {
    (10,): "13.0 ± 1.3 | 3.2 ± 1.4 | 0.0 | 0.0 | 0.0 | 40.4 ± 5.6 (5) | 46.8 ± 9.3 (5) | "
    "9.6 ± 3.0 (5)",
    (15,): "9.4 ± 3.7 | 1.2 ± 0.6 | 4.4 ± 1.3 | 1.2 ± 1.1 | 0.2 ± 0.2 | N/A (0) | "
    "202.0 ± 41.1 (4) | 58.5 ± 29.0 (4)",
    (20,): "16.0 ± 3.9 | 0.2 ± 0.1 | 30.4 ± 10.6 | 4.4 ± 2.5 | 1.4 ± 0.6 | N/A (0) | "
    "438.0 (1) | 195.5 ± 127.6 (2)",
    (50,): "19.7 ± 3.1 | 9.8 ± 1.5 | 219.8 ± 13.7 | 133.0 ± 6.8 | 11.0 ± 2.6 | N/A (0) | "
    "N/A (0) | N/A (0)",
}

_PARTIAL = "†"
_IMPOSSIBLE = "‡"
_NOTES = {
    "regression": "± is the standard deviation over runs (with n - 1); in parentheses the runs "
    "that proposed the optimum.",
    "tour": "Gap: (length - optimum) / optimum, in per cent. ± is the standard error of the mean, "
    "over instances for gaps; in parentheses the runs that proposed the optimum.",
    "": "± is the standard deviation over runs (with n - 1).",
}
_PAPER_NOTES = {
    "regression": "paper: its language models, five runs each, all of which found the optimum "
    "(arXiv 2309.03409, table 2).",
    "tour": "paper: its heuristics and language models on five other instances of each size, "
    "which had no seed; in parentheses how many of the five were solved, and ± of the steps is the "
    "standard error by its caption (arXiv 2309.03409, table 3).",
}
_MARKS = {
    _PARTIAL: "† Over the runs that found it alone. It is biased: the others would have taken more "
    "steps than they had.",
    _IMPOSSIBLE: "‡ Invalid solutions were left out: a tour that visits a point twice, or a "
    "value better than the optimum's.",
}


@dataclass(frozen=True, slots=True)
class GridRow:
    """The title of a row, which may be untrusted, and the lines of its cells, which are not."""

    title: str
    cells: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as text.

    Attributes:
        corner: The title of the rows' titles.
        columns: Titles, which may be untrusted.
        of_paper: The numbers are the paper's, not of this sweep.
    """

    corner: str
    columns: tuple[str, ...]
    rows: tuple[GridRow, ...]
    of_paper: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is no row with any number."""
        return all(set(row.cells) <= {(NOTHING,)} for row in self.rows)


@dataclass(frozen=True, slots=True)
class GridPair:
    """A table of this sweep and, with the same rows, what the paper has of it; None for nothing."""

    title: str
    ours: Grid
    paper: Grid | None = None


@dataclass(frozen=True, slots=True)
class ProblemSection:
    """All tables of one problem, and what their signs mean."""

    pairs: tuple[GridPair, ...]
    notes: tuple[str, ...]


def describe_found(tables: Sequence[ProblemTable]) -> str:
    """Return one sentence on how often the optimum was found."""
    rows = [row for table in tables for row in table.rows]
    runs = [each for row in rows for s in row.squares.values() for each in s.outcomes]
    known = [each for each in runs if each.knows_optimum]
    if not runs:
        return "no run on a problem is finished"
    if not known:
        return f"{pluralize(len(runs), 'run')} on problems whose optimum is not known"
    found = sum(each.step is not None for each in known)
    of = pluralize(len(known), "run") + (" where it is known" if len(known) < len(runs) else "")
    return f"the optimum was found in {found} of {of}"


def build_section(table: ProblemTable) -> ProblemSection:
    """Return the tables of a problem: of a regression and of tours as the paper has them."""
    build = {"regression": _build_regression, "tour": _build_tours}.get(table.name, _build_others)
    pairs = tuple(pair for pair in build(table) if not pair.ours.is_empty)
    notes = [_NOTES.get(table.name, _NOTES[""])]
    notes += [_PAPER_NOTES[table.name]] if any(pair.paper for pair in pairs) else []
    lines = [line for p in pairs for row in p.ours.rows for cell in row.cells for line in cell]
    notes += [text for mark, text in _MARKS.items() if any(mark in line for line in lines)]
    return ProblemSection(pairs, tuple(notes))


def _build_regression(table: ProblemTable) -> Iterator[GridPair]:
    name = "linear regression"
    yield _pair(table, f"{name}: steps until the optimum", "w, b", _format_steps, slice(0, 3))
    title = f"{name}: different pairs proposed until then"
    yield _pair(table, title, "w, b", _format_solutions, slice(3, 6))


def _build_tours(table: ProblemTable) -> Iterator[GridPair]:
    name = "travelling salesman"
    title = f"{name}: gap to the optimum in %"
    yield _pair(table, title, "nodes", _format_gap, slice(0, 5), _HEURISTICS)
    yield _pair(
        table, f"{name}: steps until the optimum", "nodes", _format_steps_of_tour, slice(5, 8)
    )
    if any(not square.knows_optimum for row in table.rows for square in row.squares.values()):
        title = f"{name}: length of the shortest tour, where the optimum is not known"
        yield _pair(table, title, "nodes", _format_unknown)


def _build_others(table: ProblemTable) -> Iterator[GridPair]:
    yield _pair(table, f"{table.name}: best value", "", _format_value)


def _pair(
    table: ProblemTable,
    title: str,
    corner: str,
    show: Callable[[Square], tuple[str, ...]],
    part: slice | None = None,
    references: Sequence[str] = (),
) -> GridPair:
    """Return a table with a column for each reference and variant, and the paper's part of it."""
    rows = tuple(
        GridRow(
            row.title,
            (
                *(_format_reference(row, name) for name in references),
                *(_show(row.squares.get(variant), show) for variant in table.variants),
            ),
        )
        for row in table.rows
    )
    ours = Grid(corner, (*references, *table.variants), rows)
    return GridPair(title, ours, _build_paper(table, corner, part, references) if part else None)


def _build_paper(
    table: ProblemTable, corner: str, part: slice, references: Sequence[str]
) -> Grid | None:
    columns = (*references, *_MODELS)
    blank = (NOTHING,) * len(columns)
    rows = tuple(
        GridRow(
            row.title, tuple((text,) for text in (list_paper_figures(row) or ())[part] or blank)
        )
        for row in table.rows
    )
    grid = Grid(corner, columns, rows, of_paper=True)
    return None if grid.is_empty else grid


def list_paper_figures(row: ProblemRow) -> tuple[str, ...]:
    """Return the paper's figures of a row, () unless its settings are the paper's."""
    known = {"regression": _REGRESSION, "tour": _TOURS}.get(row.problem.name, {})
    text = known.get(row.paper_key or ())
    return tuple(text.split(" | ")) if text else ()


def _show(square: Square | None, show: Callable[[Square], tuple[str, ...]]) -> tuple[str, ...]:
    if square is None:
        return (NOTHING,)
    first, *others = show(square) if square.outcomes else (NOTHING,)
    if any(each.impossible for each in square.outcomes):
        first += _IMPOSSIBLE
    return (first, *others, *filter(None, (format_left_out(square.left_out),)))


def _format_steps(square: Square) -> tuple[str, ...]:
    if square.steps is None:
        return _explain_nothing(square)
    return (_format_of(square, _format_spread(square.steps, square.steps.sd)),)


def _format_solutions(square: Square) -> tuple[str, ...]:
    if square.solutions is None:
        return (NOTHING,)
    return (_format_of(square, _format_spread(square.solutions, square.solutions.sd)),)


def _format_steps_of_tour(square: Square) -> tuple[str, ...]:
    if square.steps is None:
        none = f"N/A (0 of {len(square.outcomes)})"
        return (none,) if square.knows_optimum and not square.at_start else _explain_nothing(square)
    spread = _format_spread(square.steps, square.steps.standard_error)
    return (_format_of(square, spread),)


def _format_of(square: Square, spread: str) -> str:
    found, runs = len(square.found), len(square.outcomes)
    return f"{spread}{_PARTIAL if found < runs else ''} ({found} of {runs})"


def _explain_nothing(square: Square) -> tuple[str, ...]:
    """Say why there is no mean of steps."""
    if not square.knows_optimum:
        return ("optimum not known",)
    if square.at_start:
        return (f"at the start ({square.at_start} of {len(square.outcomes)})",)
    steps = [each.steps for each in square.outcomes]
    least = f"{min(steps)} to " if min(steps) < max(steps) else ""
    return (f"not found in {least}{pluralize(max(steps), 'step')}",)


def _format_gap(square: Square) -> tuple[str, ...]:
    if square.gap is None:
        return ("not known",)
    return (_format_spread(square.gap, square.gap.standard_error, 100),)


def _format_reference(row: ProblemRow, name: str) -> tuple[str, ...]:
    gap = row.references.get(name)
    return ("not known",) if gap is None else (_format_spread(gap, gap.standard_error, 100),)


def _format_unknown(square: Square) -> tuple[str, ...]:
    return (NOTHING,) if square.knows_optimum else _format_value(square)


def _format_value(square: Square) -> tuple[str, ...]:
    if square.value is None:
        return (NOTHING,)
    spread = NOTHING if square.value.sd is None else format_number(square.value.sd)
    lines = [f"{format_number(square.value.mean)} ± {spread}"]
    if square.gap is not None:
        lines.append(f"gap {_format_spread(square.gap, square.gap.sd, 100)} %")
    if square.knows_optimum:
        lines.append(f"optimum in {len(square.found)} of {pluralize(len(square.outcomes), 'run')}")
    return tuple(lines)


def _format_spread(spread: Spread, error: float | None, scale: float = 1) -> str:
    """Format a mean and its error: "5.8 ± 2.6", "438.0 ± –" of a single value."""
    shown = NOTHING if error is None else f"{scale * error:,.1f}"
    return f"{scale * spread.mean:,.1f} ± {shown}"


def serialize_tables(tables: Sequence[ProblemTable]) -> list[dict[str, Any]]:
    """Return tables for `--json`, each row with the paper's figures where it has its settings."""
    plain = serialize_problems(tables)
    for table, data in zip(tables, plain, strict=True):
        for row, own in zip(table.rows, data["rows"], strict=True):
            own["paper"] = _serialize_paper(row)
    return plain


def _serialize_paper(row: ProblemRow) -> dict[str, Any] | None:
    figures = list_paper_figures(row)
    if not figures:
        return None
    titles = ("gap", "steps") if row.problem.name == "tour" else ("steps", "solutions")
    names = (*_HEURISTICS, *_MODELS) if row.problem.name == "tour" else _MODELS
    cut = len(names)
    return {
        "source": "arXiv 2309.03409",
        titles[0]: dict(zip(names, figures[:cut], strict=True)),
        titles[1]: dict(zip(_MODELS, figures[cut:], strict=True)),
    }
