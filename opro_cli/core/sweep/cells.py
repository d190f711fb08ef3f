"""A sweep: one config, and the values that its runs have of some keys; each combination a cell."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from opro_cli.core.settings.read import overlaid
from opro_cli.core.settings.schema import Path, Problem, key, reads, run_name, section, show, text
from opro_cli.core.settings.settings import BudgetSettings

MAX_CELLS = 10_000
"""More are a typing error: at a minute each they take a week."""
MAX_NAME = 64
_RANGE = re.compile(r"(\d{1,9})\.\.(\d{1,9})")

Values = Mapping[str, Any]
"""What a cell sets in the base config, by dotted key: "search.seed" or a whole section."""
Axis = tuple[str, Sequence[Any]]
"""A key and the values that it has in turn."""


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
        raise ValueError("keys of the config with a list of values each, search.seed: [0, 1, 2]")
    return tuple((str(name), _read_values(str(name), values)) for name, values in value.items())


def _read_values(name: str, values: Any) -> list[Any]:
    """The values of one key; "0..4" is 0, 1, 2, 3, 4."""
    between = _RANGE.fullmatch(values) if isinstance(values, str) else None
    if between:
        low, high = map(int, between.groups())
        if low <= high < low + MAX_CELLS:
            return list(range(low, high + 1))
    if not isinstance(values, list) or not values:
        told = f"a list of values under {name}, or whole numbers from one to another as 0..4"
        raise ValueError(f"{told} (it has {show(values)})")
    return [_convert_keys(each) for each in values]


@reads("a list of cells, each its keys with one value", type="array", items=_CELL)
def _read_cells(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(each, Mapping) and each for each in value):
        raise ValueError("a list of cells, each its keys with one value, [{search.seed: 3}]")
    return [_convert_keys(each) for each in value]


def _convert_keys(value: Any) -> Any:
    """The same with all keys texts: YAML has others, which no config knows and JSON cannot have."""
    if isinstance(value, Mapping):
        return {str(name): _convert_keys(each) for name, each in value.items()}
    return [_convert_keys(each) for each in value] if isinstance(value, list) else value


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

    name: of its folder, different for every cell. where: in the sweep file its values stand.
    """

    name: str
    values: Values
    where: Path = ("matrix",)


def expand_cells(sweep: SweepSettings) -> tuple[tuple[Cell, ...], tuple[Problem, ...]]:
    """The cells in the order of the file, or what is wrong with it."""
    names, axes = [name for name, _ in sweep.matrix], [values for _, values in sweep.matrix]
    total = math.prod(map(len, axes))
    if total > MAX_CELLS:
        told = f"{total:,} combinations; expected {MAX_CELLS:,} at most"
        return (), (Problem(("matrix",), told),)
    grid = [dict(zip(names, each, strict=True)) for each in product(*axes)]
    chosen = [each for each in grid if each and not any(map(_in(each), sweep.exclude))]
    places: list[Path] = [("matrix",)] * len(chosen)
    places += [("include", place) for place in range(len(sweep.include))]
    chosen += [dict(each) for each in sweep.include]
    problems = list(_find_problems(sweep, grid, chosen))
    return ((), tuple(problems)) if problems else (tuple(_name_cells(chosen, places)), ())


def build_config(base: Mapping[str, Any], cell: Cell) -> dict[str, Any]:
    """The config of a cell as plain data.

    A `task` takes the place of the base's; other sections are laid over theirs, key by key.
    """
    config = {**base, "name": cell.name}
    for dotted in sorted(cell.values, key=lambda each: each.count(".")):
        value = cell.values[dotted]
        if dotted == "task":
            config["task"] = value
        else:
            for part in reversed(dotted.split(".")):
                value = {part: value}
            config = overlaid(config, value)
    return config


def _in(cell: Values) -> Any:
    """Are these values all of them the cell's?"""
    return lambda values: all(name in cell and cell[name] == values[name] for name in values)


def _find_problems(
    sweep: SweepSettings, grid: Sequence[Values], chosen: Sequence[Values]
) -> Iterator[Problem]:
    for place, values in enumerate(sweep.exclude):
        if not any(_in(each)(values) for each in grid):
            told = f"no combination of the matrix has {show(dict(values))}"
            yield Problem(("exclude", place), told)
    if sweep.budget.minutes is not None:
        told = "not over cells that run side by side; set it in the base config, for each of them"
        yield Problem(("budget", "minutes"), told)
    seen: set[str] = set()
    for each in chosen:
        if _digest(each) in seen:
            yield Problem((), f"two cells are the same: {show(dict(each))}; keep one")
        seen.add(_digest(each))
    if not chosen:
        yield Problem((), "no cell; name some under matrix or include")


def _name_cells(chosen: Sequence[Values], places: Sequence[Path]) -> Iterator[Cell]:
    names = [_build_name(values) for values in chosen]
    folded = [name.lower() for name in names]  # some file systems do not tell case
    for name, values, place in zip(names, chosen, places, strict=True):
        if folded.count(name.lower()) > 1:
            name = f"{name[: MAX_NAME - 7]}-{_digest(values)[:6]}"
        yield Cell(name, values, place)


def _build_name(values: Values) -> str:
    told = "_".join(filter(None, (_shorten_value(name, value) for name, value in values.items())))
    told = re.sub(r"[^A-Za-z0-9._-]+", "-", told).strip("._-") or _digest(values)[:12]
    if len(told) > MAX_NAME:
        told = f"{told[: MAX_NAME - 13]}-{_digest(values)[:12]}"
    return told


def _shorten_value(name: str, value: Any) -> str:
    """What tells this value from the others of its key, in a few letters."""
    if isinstance(value, Mapping):
        value = next((value[each] for each in ("preset", "model") if each in value), None)
        return _shorten_value(name, value) if isinstance(value, str) else ""
    if isinstance(value, str):
        return value.rstrip("/").rpartition("/")[2].removesuffix(".yaml")[:40]
    if isinstance(value, bool | int | float) or value is None:
        return f"{name.rpartition('.')[2]}{value}"
    return ""


def _digest(values: Values) -> str:
    spelt = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(spelt.encode("utf-8", "surrogatepass")).hexdigest()
