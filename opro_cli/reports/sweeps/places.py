"""Where the cells of a sweep stand: its tasks and variants, and what they are called.

A task is its data and its grading, however the rows are split, or a problem with its parameters:
cells with the same questions have the same task, whatever else differs between them, and so have
cells whose problems differ in their seeds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from opro_cli.core.settings.task import TaskSettings
from opro_cli.core.sweep import Cell, Values
from opro_cli.reports.recorded import RecordedRun

_GRADING = ("answer", "scoring", "second_round", "unanswerable", "golds", "label_score")
_PROBLEM_KEYS = ("problem", "parameters")
_TASK_KEYS = ("data", "preset", *_GRADING, *_PROBLEM_KEYS)
_OWN_KEYS = frozenset(field.name for field in fields(TaskSettings)) | {"preset"}
"""What is none of these is a parameter of a problem."""
_SEEDS = ("search.seed", "task.seed", "task.parameters.seed")


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
    values = [_drop_seeds(cell.cell.values) for cell in cells]
    tasks = _identify_tasks(cells, values)
    names = _name_tasks(tasks, cells, values)
    configs: dict[str, set[str]] = {task: set() for task in tasks}
    for own, task, cell in zip(values, tasks, cells, strict=True):
        # The parameters are all that there is to a problem: its name says nothing more.
        if own.get("task") is not None and not has_problem(cell.run):
            configs[task].add(encode_values(own["task"]))
    of_problems = find_problem_cells(cells)
    shared = _find_shared([own for own, is_so in zip(values, of_problems, strict=True) if is_so])
    variants = [
        {
            key: value
            for key, value in own.items()
            # A task under several names: the name is a part of the variant.
            if (not _is_of_task(key) or (key == "task" and len(configs[task]) > 1))
            and not (is_so and key in shared)
        }
        for own, task, is_so in zip(values, tasks, of_problems, strict=True)
    ]
    titles = _title_variants(variants)
    return [
        MatrixKey(names[task], titles[encode_values(variant)])
        for task, variant in zip(tasks, variants, strict=True)
    ]


def has_problem(run: RecordedRun | None) -> bool:
    """Return whether a run searches solutions of a problem; False without a run."""
    return run is not None and run.settings["task"].get("problem") is not None


def find_problem_cells(cells: Sequence[SweptCell]) -> list[bool]:
    """Return for each cell whether it is about a problem, as far as it or the others tell."""
    tasks = _identify_tasks(cells, [_drop_seeds(cell.cell.values) for cell in cells])
    known = {task for cell, task in zip(cells, tasks, strict=True) if has_problem(cell.run)}
    begun = [cell.run for cell in cells if cell.run is not None]
    all_are = bool(begun) and all(map(has_problem, begun))
    return [
        has_problem(cell.run)
        if cell.run is not None
        else all_are or task in known or _name_problem(cell.cell.values)
        for cell, task in zip(cells, tasks, strict=True)
    ]


def _find_shared(values: Sequence[Values]) -> set[str]:
    """Return the keys that have one value in all of these cells, which tells no two apart."""
    first = values[0] if values else {}
    return {key for key in first if all(key in own and own[key] == first[key] for own in values)}


def _name_problem(values: Values) -> bool:
    """Return whether values alone say that a cell is about a problem."""
    task = values.get("task")
    parts = [key.split(".") for key in values if key.startswith("task.")]
    return (isinstance(task, Mapping) and task.get("problem") is not None) or any(
        part[1] in _PROBLEM_KEYS or part[1] not in _OWN_KEYS for part in parts
    )


def _drop_seeds(values: Values) -> dict[str, Any]:
    """Return values without the seeds of the search and of a problem's instance."""
    kept = {key: value for key, value in values.items() if key not in _SEEDS}
    task = kept.get("task")
    if isinstance(task, Mapping) and "problem" in task:
        kept["task"] = drop_seed(task)
    return kept


def drop_seed(task: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a problem, or a task that holds some, without their seed."""
    kept = {key: value for key, value in task.items() if key != "seed"}
    if isinstance(own := kept.get("parameters"), Mapping):
        kept["parameters"] = {key: value for key, value in own.items() if key != "seed"}
    return kept


def _identify_tasks(cells: Sequence[SweptCell], values: Sequence[Values]) -> list[str]:
    """Return an identifier of each cell's task, from its record or a record with equal values."""
    encoded = [encode_values(_select_task_values(own)) for own in values]
    recorded = [_identify_recorded(cell.run) if cell.run else None for cell in cells]
    by_values: dict[str, str] = {}
    for own, task in zip(encoded, recorded, strict=True):
        if task is not None:
            by_values.setdefault(own, task)
    return [task or by_values.get(own, own) for own, task in zip(encoded, recorded, strict=True)]


def _identify_recorded(run: RecordedRun) -> str:
    task = run.settings["task"]
    if has_problem(run):
        return encode_values([task["problem"], drop_seed(task.get("parameters", {}))])
    data = {key: value for key, value in task.get("data", {}).items() if key != "split"}
    return encode_values([data, *(task.get(key) for key in _GRADING)])


def _select_task_values(values: Values) -> Values:
    return {key: value for key, value in values.items() if _is_of_task(key)}


def _is_of_task(key: str) -> bool:
    parts = key.split(".")
    if parts[0] != "task" or parts[:3] == ["task", "data", "split"]:
        return False
    return len(parts) == 1 or parts[1] in _TASK_KEYS or parts[1] not in _OWN_KEYS


def _name_tasks(
    tasks: Sequence[str], cells: Sequence[SweptCell], values: Sequence[Values]
) -> Mapping[str, str]:
    """Return the name of each task: its values in the sweep, or the name of its data."""
    first: dict[str, Values] = {}
    data: dict[str, str] = {}
    for task, cell, own in zip(tasks, cells, values, strict=True):
        if of_task := _select_task_values(own):
            first.setdefault(task, of_task)
        if cell.run is not None:
            recorded = cell.run.settings["task"]
            train = str(recorded.get("data", {}).get("train", recorded.get("problem", "")))
            data.setdefault(task, train.replace("\\", "/").rpartition("/")[2])
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
        if key == "task" and isinstance(value.get("problem"), str):
            return _name_parameters(value)
        name = next((value[part] for part in ("preset", "model") if part in value), None)
        return str(name) if isinstance(name, str) and len(value) == 1 else encode_values(value)
    text = value if isinstance(value, str) else encode_values(value)
    return f"{key.partition('.')[2] or key} {text}"


def _name_parameters(task: Mapping[str, Any]) -> str:
    """Return a problem with its parameters: "regression w 15, b 14"."""
    own = {key: value for key, value in task.items() if key not in _PROBLEM_KEYS}
    given = task.get("parameters")
    parameters = {**given, **own} if isinstance(given, Mapping) else own
    parts = ", ".join(f"{key} {encode_values(value)}" for key, value in parameters.items())
    return f"{task['problem']} {parts}".rstrip()


def encode_values(value: Any) -> str:
    """Return plain data as JSON text that identifies it."""
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
