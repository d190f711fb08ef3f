"""The time, calls and money that the searches of a sweep took, and what their configs share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from opro_cli.core.run.progress import count_calls
from opro_cli.reports.result import list_models
from opro_cli.reports.spend import bound_unmetered, count_metered
from opro_cli.reports.sweeps.measured import MeasuredCell


@dataclass(frozen=True, slots=True)
class Effort:
    """The sum over all cells that have begun.

    Attributes:
        started: When the first cell began, ISO 8601; None where no run says so.
        ended: When the last answer came, likewise.
        seconds: At work, over all cells: those that ran side by side count each.
        spend: `counted` and `uncounted` as in `result.json`, and `usd` as `format_cost` takes it.
        models: Scorers and optimizers by role, each once.
        varied: The values of each key of the matrix, in their order.
        shared: The settings that all runs have in common.
    """

    runs: int
    started: str | None
    ended: str | None
    seconds: float
    calls: int
    spend: Mapping[str, Any]
    models: Mapping[str, tuple[str, ...]]
    varied: Mapping[str, tuple[Any, ...]]
    shared: Mapping[str, Any]


def measure_effort(cells: Sequence[MeasuredCell]) -> Effort:
    """Sum up what the cells of a sweep took."""
    runs = [cell.run for cell in cells if cell.run is not None]
    roles = [role for run in runs for role in run.state.spend.values()]
    counted = count_metered(roles)
    begun = sorted(str(run.identity["created"]) for run in runs if run.identity.get("created"))
    ends = [at for run in runs if (at := run.state.last_at)]
    return Effort(
        runs=len(runs),
        started=begun[0] if begun else None,
        ended=datetime.fromtimestamp(max(ends), UTC).isoformat() if ends else None,
        seconds=sum(run.state.working_seconds for run in runs),
        calls=sum(count_calls(run.state) for run in runs),
        spend={"usd": counted["usd"], "counted": counted, "uncounted": bound_unmetered(roles)},
        models={
            role: tuple(dict.fromkeys(list_models(run)[role] for run in runs))
            for role in ("scorer", "optimizer")
        },
        varied=_list_varied(cells),
        shared=_intersect([run.settings for run in runs]) if runs else {},
    )


def _list_varied(cells: Sequence[MeasuredCell]) -> dict[str, tuple[Any, ...]]:
    varied: dict[str, list[Any]] = {}
    for cell in cells:
        for key, value in cell.swept.cell.values.items():
            known = varied.setdefault(key, [])
            if value not in known:
                known.append(value)
    return {key: tuple(values) for key, values in varied.items()}


def _intersect(settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the keys that have one value in all of these, section by section."""
    first, *others = settings
    shared: dict[str, Any] = {}
    for key, value in first.items():
        values = [other.get(key) for other in others]
        if all(each == value for each in values):
            shared[key] = value
        elif all(isinstance(each, Mapping) for each in (value, *values)):
            shared[key] = _intersect([value, *(each for each in values if each is not None)])
    return {key: value for key, value in shared.items() if value != {}}
