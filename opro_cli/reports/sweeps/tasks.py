"""The tasks and variants of a sweep's cells, and their names.

A task is its data and its grading, however the rows are split: cells with the same questions have
the same task, whatever else differs between them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opro_cli.core.sweep.cells import Cell, Values
from opro_cli.reports.recorded import RecordedRun

_GRADING = ("answer", "scoring", "second_round", "unanswerable")
_TASK_KEYS = ("data", "preset", *_GRADING)


@dataclass(frozen=True, slots=True)
class SweptCell:
    """A cell and its run; run: None before it begins, and when it cannot be read (`problem`)."""

    cell: Cell
    run: RecordedRun | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class MatrixKey:
    """The position of a cell in the matrix, by the names of its task and variant."""

    task: str
    variant: str


def locate_cells(cells: Sequence[SweptCell]) -> list[MatrixKey]:
    """Return the position of each cell; cells at one position differ only in their seeds."""
    tasks = _identify_tasks(cells)
    names = _name_tasks(tasks, cells)
    configs: dict[str, set[str]] = {task: set() for task in tasks}
    for cell, task in zip(cells, tasks, strict=True):
        if cell.cell.values.get("task") is not None:
            configs[task].add(encode_values(cell.cell.values["task"]))
    variants = [
        {
            key: value
            for key, value in cell.cell.values.items()
            if key != "search.seed"
            # A task under several names: the name is a part of the variant.
            and (not _is_of_task(key) or (key == "task" and len(configs[task]) > 1))
        }
        for cell, task in zip(cells, tasks, strict=True)
    ]
    titles = _title_variants(variants)
    return [
        MatrixKey(names[task], titles[encode_values(variant)])
        for task, variant in zip(tasks, variants, strict=True)
    ]


def _identify_tasks(cells: Sequence[SweptCell]) -> list[str]:
    """Return an identifier of each cell's task, from its record or a record with equal values."""
    encoded = [encode_values(_select_task_values(cell)) for cell in cells]
    recorded = [_identify_recorded(cell.run) if cell.run else None for cell in cells]
    by_values = {
        values: task
        for values, task in zip(reversed(encoded), reversed(recorded), strict=True)
        if task is not None
    }
    return [
        task if task is not None else by_values.get(values, values)
        for values, task in zip(encoded, recorded, strict=True)
    ]


def _identify_recorded(run: RecordedRun) -> str:
    task = run.settings["task"]
    data = {key: value for key, value in task.get("data", {}).items() if key != "split"}
    return encode_values([data, *(task.get(key) for key in _GRADING)])


def _select_task_values(cell: SweptCell) -> Values:
    return {key: value for key, value in cell.cell.values.items() if _is_of_task(key)}


def _is_of_task(key: str) -> bool:
    parts = key.split(".")
    if parts[0] != "task" or parts[:3] == ["task", "data", "split"]:
        return False
    return len(parts) == 1 or parts[1] in _TASK_KEYS


def _name_tasks(tasks: Sequence[str], cells: Sequence[SweptCell]) -> Mapping[str, str]:
    """Return the name of each task: its values in the sweep, or the name of its data."""
    first: dict[str, Values] = {}
    data: dict[str, str] = {}
    for task, cell in zip(tasks, cells, strict=True):
        if values := _select_task_values(cell):
            first.setdefault(task, values)
        if cell.run is not None:
            train = str(cell.run.settings["task"].get("data", {}).get("train", ""))
            data.setdefault(task, train.rpartition("/")[2])
    unique = list(dict.fromkeys(tasks))
    short = [
        _build_title(first[task]) if task in first else data.get(task) or "the base's task"
        for task in unique
    ]
    return dict(zip(unique, _disambiguate(short, [first.get(t, {}) for t in unique]), strict=True))


def _title_variants(variants: Sequence[Values]) -> Mapping[str, str]:
    by_values = {encode_values(variant): variant for variant in variants}
    titles = [_build_title(variant) or "base" for variant in by_values.values()]
    return dict(zip(by_values, _disambiguate(titles, list(by_values.values())), strict=True))


def _disambiguate(names: Sequence[str], values: Sequence[Values]) -> list[str]:
    """Replace names that occur twice by all their values, and number those still equal."""
    unique = [
        encode_values(value) if value and names.count(name) > 1 else name
        for name, value in zip(names, values, strict=True)
    ]
    return [f"{name} ({n})" if unique.count(name) > 1 else name for n, name in enumerate(unique, 1)]


def _build_title(values: Values) -> str:
    return " · ".join(_format_value(key, value) for key, value in values.items())


def _format_value(key: str, value: Any) -> str:
    if isinstance(value, str) and value.endswith((".yaml", ".yml")):
        return value.replace("\\", "/").rpartition("/")[2].rpartition(".")[0]
    if (isinstance(value, str) and key in ("task", "task.preset")) or key.endswith(".model"):
        return str(value)
    if isinstance(value, Mapping):
        name = next((value[part] for part in ("preset", "model") if part in value), None)
        return str(name) if isinstance(name, str) and len(value) == 1 else encode_values(value)
    text = value if isinstance(value, str) else encode_values(value)
    return f"{key.partition('.')[2] or key} {text}"


def encode_values(value: Any) -> str:
    """Return plain data as JSON text that identifies it."""
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
