"""Which cells of a sweep worked on the same task, which in the same way, and what both are called.

A task is its data and how answers are graded, however the rows are split: two cells that ask the
same questions are no two tasks, whatever else is different between them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opro_cli.core.sweep.cells import Cell, Values
from opro_cli.reports.recorded import RecordedRun

SEED = "search.seed"
GRADING = ("answer", "scoring", "second_round", "unanswerable")
_OF_TASK = ("data", "preset", *GRADING)
_SPLIT = "task.data.split"


@dataclass(frozen=True, slots=True)
class SweptCell:
    """A cell and its run. run: None where it was never begun or cannot be read; problem: why."""

    cell: Cell
    run: RecordedRun | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class MatrixKey:
    """Where a cell stands in the matrix: the names of its task and of its variant."""

    task: str
    variant: str


def locate_cells(cells: Sequence[SweptCell]) -> list[MatrixKey]:
    """The place of each cell; cells of one place differ in their seeds alone."""
    tasks = _identify_tasks(cells)
    named = _name_tasks(tasks, [_task_values(each.cell.values) for each in cells], cells)
    several = {task: len(_files(task, tasks, cells)) > 1 for task in tasks}
    variants = [
        _select_variant(each.cell.values, with_task=several[task])
        for each, task in zip(cells, tasks, strict=True)
    ]
    titles = _title_variants(variants)
    return [
        MatrixKey(named[task], titles[encode_values(variant)])
        for task, variant in zip(tasks, variants, strict=True)
    ]


def _identify_tasks(cells: Sequence[SweptCell]) -> list[str]:
    """What tells the task of each cell from others, by its record or by that of another like it."""
    told = [encode_values(_task_values(each.cell.values)) for each in cells]
    known = {
        values: _identify_recorded(each.run)
        for each, values in zip(reversed(cells), reversed(told), strict=True)
        if each.run is not None
    }
    return [
        _identify_recorded(each.run) if each.run is not None else known.get(values, values)
        for each, values in zip(cells, told, strict=True)
    ]


def _identify_recorded(run: RecordedRun) -> str:
    task = run.settings["task"]
    data = {key: value for key, value in task.get("data", {}).items() if key != "split"}
    return encode_values([data, *(task.get(key) for key in GRADING)])


def _task_values(values: Values) -> Values:
    return _chosen(values, _is_of_task)


def _is_of_task(key: str) -> bool:
    section, _, name = key.partition(".")
    if section != "task" or key == _SPLIT or key.startswith(f"{_SPLIT}."):
        return False
    return not name or name.partition(".")[0] in _OF_TASK


def _select_variant(values: Values, *, with_task: bool) -> Values:
    """What is neither the task nor the seed; with what names the task where names are several."""

    def counts(key: str) -> bool:
        return key != SEED and (not _is_of_task(key) or (with_task and key == "task"))

    return _chosen(values, counts)


def _chosen(values: Values, wanted: Callable[[str], bool]) -> Values:
    return {key: value for key, value in values.items() if wanted(key)}


def _files(task: str, tasks: Sequence[str], cells: Sequence[SweptCell]) -> set[str]:
    """Different values of `task` that come to this one."""
    values = (
        each.cell.values.get("task") for each, own in zip(cells, tasks, strict=True) if own == task
    )
    return {encode_values(value) for value in values if value is not None}


def _name_tasks(
    tasks: Sequence[str], values: Sequence[Values], cells: Sequence[SweptCell]
) -> Mapping[str, str]:
    """A name for each task: what the sweep calls it, or the name of its data."""
    first: dict[str, Values] = {}
    data: dict[str, str] = {}
    for task, told, each in zip(tasks, values, cells, strict=True):
        if told:
            first.setdefault(task, told)
        if each.run is not None:
            train = str(each.run.settings["task"].get("data", {}).get("train", ""))
            data.setdefault(task, train.rpartition("/")[2])
    everyone = list(dict.fromkeys(tasks))
    short = [
        _build_title(first[t]) if t in first else data.get(t) or "the base's task" for t in everyone
    ]
    return dict(
        zip(everyone, _disambiguate(short, [first.get(t, {}) for t in everyone]), strict=True)
    )


def _title_variants(variants: Sequence[Values]) -> Mapping[str, str]:
    known = {encode_values(each): each for each in variants}
    titles = [_build_title(each) or "base" for each in known.values()]
    return dict(zip(known, _disambiguate(titles, list(known.values())), strict=True))


def _disambiguate(names: Sequence[str], values: Sequence[Values]) -> list[str]:
    """The names, in full where two are the same."""
    told = [
        encode_values(value) if value and names.count(name) > 1 else name
        for name, value in zip(names, values, strict=True)
    ]
    return [f"{name} ({at})" if told.count(name) > 1 else name for at, name in enumerate(told, 1)]


def _build_title(values: Values) -> str:
    return " · ".join(_format_value(key, value) for key, value in values.items())


def _format_value(key: str, value: Any) -> str:
    if isinstance(value, str) and value.endswith((".yaml", ".yml")):
        return value.replace("\\", "/").rpartition("/")[2].rpartition(".")[0]
    if (isinstance(value, str) and key in ("task", "task.preset")) or key.endswith(".model"):
        return str(value)
    if isinstance(value, Mapping):
        named = next((value[each] for each in ("preset", "model") if each in value), None)
        return str(named) if isinstance(named, str) and len(value) == 1 else encode_values(value)
    return f"{key.partition('.')[2] or key} {value if isinstance(value, str) else encode_values(value)}"


def encode_values(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
