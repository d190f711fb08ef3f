"""The cells of a sweep: a base config under each combination of the values of some keys."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from opro_cli.core.settings.read import overlay
from opro_cli.core.settings.schema import Path, Problem, key, reads, run_name, section, show, text
from opro_cli.core.settings.settings import BudgetSettings

MAX_CELLS = 10_000
"""More are a typing error: at a minute each they take a week."""
MAX_NAME = 64
_RANGE = re.compile(r"(\d{1,9})\.\.(\d{1,9})")

Values = Mapping[str, Any]
"""The values that a cell sets in the base config, by dotted key ("search.seed") or section."""
Axis = tuple[str, Sequence[Any]]
"""A key and its values."""


_CELL = {"type": "object", "minProperties": 1}


@reads(
    "keys of the config, each with a list of values or a range such as 0..4",
    type="object",
    minProperties=1,
    additionalProperties={
        "anyOf": [
            {"type": "array", "minItems": 1},
            {"type": "string", "pattern": r"^\d{1,9}\.\.\d{1,9}$"},
        ]
    },
)
def _read_axes(value: Any) -> tuple[Axis, ...]:
    if not isinstance(value, Mapping) or not value:
        raise ValueError("config keys with a list of values each, such as search.seed: [0, 1, 2]")
    return tuple((str(name), _read_values(str(name), values)) for name, values in value.items())


def _read_values(name: str, values: Any) -> list[Any]:
    """Read the values of one key; "0..4" stands for 0, 1, 2, 3, 4."""
    bounds = _RANGE.fullmatch(values) if isinstance(values, str) else None
    if bounds:
        low, high = map(int, bounds.groups())
        if low <= high < low + MAX_CELLS:
            return list(range(low, high + 1))
    if not isinstance(values, list) or not values:
        raise ValueError(
            f"a list of values under {name}, or a range of whole numbers such as 0..4 "
            f"(it has {show(values)})"
        )
    return [_convert_keys(value) for value in values]


@reads("a list of cells, each its keys with one value", type="array", items=_CELL)
def _read_cells(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(c, Mapping) and c for c in value):
        raise ValueError("a list of cells, each a value for some keys, such as [{search.seed: 3}]")
    return [_convert_keys(cell) for cell in value]


def _convert_keys(value: Any) -> Any:
    """Convert all keys to strings: YAML allows others, which JSON and the config do not."""
    if isinstance(value, Mapping):
        return {str(name): _convert_keys(item) for name, item in value.items()}
    return [_convert_keys(item) for item in value] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class SweepSettings:
    """A sweep file."""

    base: str = key(
        text("a config file, such as quickstart.yaml"),
        doc="The config that every cell begins with: a file beside this one.",
    )
    name: str = key(run_name, "sweep", doc="The name of the sweep's folder.")
    matrix: Sequence[Axis] = key(
        _read_axes,
        (),
        doc="Values by key, written with dots (search.seed); every combination is a cell.",
    )
    include: Sequence[Values] = key(_read_cells, (), doc="Cells beside those of the matrix.")
    exclude: Sequence[Values] = key(
        _read_cells, (), doc="Combinations that are left out: cells that have all of these values."
    )
    budget: BudgetSettings = section(
        BudgetSettings,
        doc="Ceilings over all cells and all sessions of the sweep together; minutes belong in "
        "the base config.",
    )


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of a sweep.

    Attributes:
        name: The unique name of its run folder.
        where: The position of its values in the sweep file.
    """

    name: str
    values: Values
    where: Path = ("matrix",)


def expand_cells(sweep: SweepSettings) -> tuple[tuple[Cell, ...], tuple[Problem, ...]]:
    """Return the cells in the order of the file, or none and the problems of the file."""
    names, axes = [name for name, _ in sweep.matrix], [values for _, values in sweep.matrix]
    total = math.prod(map(len, axes))
    if total > MAX_CELLS:
        problem = f"{total:,} combinations; expected {MAX_CELLS:,} at most"
        return (), (Problem(("matrix",), problem),)
    grid = [dict(zip(names, values, strict=True)) for values in product(*axes)]
    chosen = [
        cell for cell in grid if cell and not any(_has_all(cell, out) for out in sweep.exclude)
    ]
    paths: list[Path] = [("matrix",)] * len(chosen)
    paths += [("include", index) for index in range(len(sweep.include))]
    chosen += [dict(values) for values in sweep.include]
    problems = tuple(_find_problems(sweep, grid, chosen))
    return ((), problems) if problems else (tuple(_name_cells(chosen, paths)), ())


def build_config(base: Mapping[str, Any], cell: Cell) -> dict[str, Any]:
    """Return the config of a cell as plain data.

    A `task` replaces the base's; other sections are merged into the base's, key by key.
    """
    config = {**base, "name": cell.name}
    for dotted in sorted(cell.values, key=lambda name: name.count(".")):
        value = cell.values[dotted]
        if dotted == "task":
            config["task"] = value
        else:
            for part in reversed(dotted.split(".")):
                value = {part: value}
            config = overlay(config, value)
    return config


def _has_all(cell: Values, values: Values) -> bool:
    return all(name in cell and cell[name] == values[name] for name in values)


def _find_problems(
    sweep: SweepSettings, grid: Sequence[Values], chosen: Sequence[Values]
) -> Iterator[Problem]:
    for index, values in enumerate(sweep.exclude):
        if not any(_has_all(cell, values) for cell in grid):
            problem = f"no combination of the matrix has {show(dict(values))}"
            yield Problem(("exclude", index), problem)
    if sweep.budget.minutes is not None:
        problem = "not over cells that run side by side; set it in the base config, for each cell"
        yield Problem(("budget", "minutes"), problem)
    seen: set[str] = set()
    for values in chosen:
        if _digest(values) in seen:
            yield Problem((), f"two cells are the same: {show(dict(values))}; keep one")
        seen.add(_digest(values))
    if not chosen:
        yield Problem((), "no cell; name some under matrix or include")


def _name_cells(chosen: Sequence[Values], paths: Sequence[Path]) -> Iterator[Cell]:
    names = [_build_name(values) for values in chosen]
    folded = [name.lower() for name in names]  # some file systems ignore case
    for name, values, path in zip(names, chosen, paths, strict=True):
        is_unique = folded.count(name.lower()) == 1
        unique = name if is_unique else f"{name[: MAX_NAME - 7]}-{_digest(values)[:6]}"
        yield Cell(unique, values, path)


def _build_name(values: Values) -> str:
    labels = "_".join(filter(None, (_shorten_value(name, value) for name, value in values.items())))
    digest = _digest(values)[:12]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", labels).strip("._-") or digest
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 13]}-{digest}"


def _shorten_value(name: str, value: Any) -> str:
    """Return a few letters that distinguish this value from others of its key."""
    if isinstance(value, Mapping):
        value = next((value[part] for part in ("preset", "model") if part in value), None)
        return _shorten_value(name, value) if isinstance(value, str) else ""
    if isinstance(value, str):
        return value.rstrip("/").rpartition("/")[2].removesuffix(".yaml")[:40]
    if isinstance(value, bool | int | float) or value is None:
        return f"{name.rpartition('.')[2]}{value}"
    return ""


def _digest(values: Values) -> str:
    encoded = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(encoded.encode("utf-8", "surrogatepass")).hexdigest()
