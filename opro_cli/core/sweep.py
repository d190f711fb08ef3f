"""The cells of a sweep, and the table of where each of them stands."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal

from opro_cli.core.settings.filled import overlay
from opro_cli.core.settings.readers import run_name
from opro_cli.core.settings.schema import Path, Problem, key, reads, section, show, text
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.core.text import is_device

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


_DRIVE = re.compile(r"(?:\A|/)(?:[A-Za-z]:\\|\\\\)")
"""The beginning of a path of Windows: other backslashes are those of a text, such as \\boxed."""


def _build_name(values: Values) -> str:
    labels = "_".join(filter(None, (_shorten_value(name, value) for name, value in values.items())))
    digest = _digest(values)[:12]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", labels).strip("._-") or digest
    if is_device(name):
        return f"{name[: MAX_NAME - 13].replace('.', '-')}-{digest}"
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 13]}-{digest}"


def _shorten_value(name: str, value: Any) -> str:
    """Return a few letters that distinguish this value from others of its key."""
    if isinstance(value, Mapping) and "problem" in value:
        labels = (_shorten_value(part, inner) for part, inner in value.items())
        return "-".join(filter(None, labels))
    if isinstance(value, Mapping):
        value = next((value[part] for part in ("preset", "model") if part in value), None)
        return _shorten_value(name, value) if isinstance(value, str) else ""
    if isinstance(value, str):
        path = value.replace("\\", "/") if _DRIVE.search(value) else value
        return path.rstrip("/").rpartition("/")[2].removesuffix(".yaml")[:40]
    if isinstance(value, bool | int | float) or value is None:
        return f"{name.rpartition('.')[2]}{value}"
    return ""


def _digest(values: Values) -> str:
    encoded = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(encoded.encode()).hexdigest()


Status = Literal["waiting", "running", "finished", "stopped", "failed", "elsewhere"]
"""elsewhere: another process works on the cell, and this session leaves it alone."""


@dataclass(slots=True)
class CellRow:
    """A cell.

    Attributes:
        phase: The phase of its run.
        expected: Calls of the whole run at most; 0 before the run reports it.
        best: The split and the mean of the best candidate so far.
        scale: That of its scores as in run.json; None for shares.
        spend: Over all sessions, as in `result.json`; None before the first report.
        result: As in `result.json`.
        stopped_by: The ceiling that ended it.
        calls_before: Calls of earlier sessions.
        status_before: How the last session of its run ended, "" without one.
        finish_order: 1 for the first cell that ended in this session; 0 for all that did not.
    """

    name: str
    status: Status = "waiting"
    phase: str = ""
    expected: int = 0
    best: tuple[str, float] | None = None
    scale: Mapping[str, bool] | None = None
    spend: Mapping[str, Any] | None = None
    result: dict[str, Any] | None = None
    stopped_by: str = ""
    error: str = ""
    hint: str = ""
    calls_before: int = 0
    status_before: str = ""
    finish_order: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the row as `opro sweep --json` prints it."""
        keys = ("name", "status", "calls", "expected", "best", "stopped_by", "error", "hint")
        return {**{key: getattr(self, key) for key in keys}, "result": self.result}

    @property
    def calls(self) -> int:
        """Calls answered so far, over all sessions."""
        return self.spend["calls"] if self.spend else 0

    def recall(self, result: dict[str, Any] | None) -> None:
        """Restore the outcome of earlier sessions from their `result.json`, if there is one."""
        if result is None:
            return
        self.spend, self.status_before = result.get("spend"), result.get("status", "")
        self.calls_before = self.calls
        if result.get("status") == "finished":
            self.status, self.result = "finished", result


@dataclass(frozen=True, slots=True)
class SweepSpend:
    """The spend of all cells over all sessions; None for an unknown figure.

    Attributes:
        tokens: Metered tokens.
        usd: Metered dollars.
        uncounted: Bounds of the unmetered calls, as in the spend of a result.
    """

    calls: int
    tokens: int | None
    usd: float | None
    uncounted: Mapping[str, Any]


@dataclass(slots=True)
class SweepTable:
    """All cells of a sweep in their order. budget: over all of them together."""

    name: str
    rows: dict[str, CellRow] = field(default_factory=dict)
    budget: BudgetSettings = field(default_factory=BudgetSettings)
    stopping: bool = False

    def update(self, name: str, report: Mapping[str, Any]) -> CellRow:
        """Apply a report from the process of a cell; return the cell's row."""
        row = self.rows[name]
        if "error" in report:
            row.status, row.error, row.hint = "failed", report["error"], report.get("hint") or ""
        elif "ended" in report:
            ended = report["ended"]
            row.status = ended if ended in ("finished", "elsewhere") else "stopped"
            row.stopped_by, row.result = report.get("stopped_by") or "", report.get("result")
            if row.result is not None:
                row.spend = row.result["spend"]
        else:
            row.phase, row.expected = report["phase"], report["expected"]
            row.spend, row.best = report["spend"], report["best"] and tuple(report["best"])
            row.scale = report.get("scale")
            if row.status != "running":
                row.status, row.calls_before = "running", row.calls
        if row.status != "running":
            row.finish_order = 1 + max(other.finish_order for other in self.rows.values())
        return row

    def count(self, status: Status) -> int:
        """Count the cells of this status."""
        return len(self.list_rows(status))

    def list_rows(self, status: Status) -> list[CellRow]:
        """Return the cells of this status: the last to end first, the others in their order."""
        rows = [row for row in self.rows.values() if row.status == status]
        return sorted(rows, key=lambda row: -row.finish_order)

    def count_session_calls(self) -> int:
        """Count the calls answered since this session began."""
        return sum(row.calls - row.calls_before for row in self.rows.values())

    def sum_spend(self) -> SweepSpend:
        """Sum the spend of all cells."""
        reports = [row.spend for row in self.rows.values() if row.spend]
        counted = [spend.get("counted", spend) for spend in reports]  # missing in older results
        bounds = [spend["uncounted"] for spend in reports if "uncounted" in spend]
        kinds = ("prompt_tokens", "completion_tokens")
        return SweepSpend(
            sum(row.calls for row in self.rows.values()),
            _sum_known(spend[kind] for spend in counted for kind in kinds),
            _sum_known(spend["usd"] for spend in counted),
            {key: _sum_known(b[key] for b in bounds) for key in ("calls", "tokens", "usd")},
        )

    def estimate_calls(self) -> int | None:
        """Estimate the calls of all cells; None before any cell has reported.

        A cell without an estimate counts with the mean of the others.
        """
        calls = [
            row.calls if row.status == "finished" else max(row.calls, row.expected)
            for row in self.rows.values()
            if row.status == "finished" or row.expected
        ]
        return round(sum(calls) / len(calls) * len(self.rows)) if calls else None


def _sum_known(numbers: Iterable[Any]) -> Any:
    """Return the sum; None as soon as one number is unknown."""
    known = list(numbers)
    return None if None in known else sum(known)
