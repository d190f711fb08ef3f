"""The time that a new run takes, at the pace of an earlier run of the same models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from opro_cli.core.run.remaining import FIRST_CALLS
from opro_cli.core.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class RecordedPace:
    """The pace of a finished run.

    Attributes:
        run: Its name.
        rate: Calls a second, pauses between sessions excepted.
    """

    run: str
    rate: float


def find_pace(results: Iterable[Mapping[str, Any]], settings: Settings) -> RecordedPace | None:
    """Return the pace of an earlier run like the one to come; None where there is none.

    That is a finished run with the same models, which searched if this one will: the first of
    the same name if there is one, since another task may have longer prompts.

    Args:
        results: Contents of `result.json`, in the order in which they are preferred.
        settings: Of the run to come.
    """
    known = [pace for result in results if (pace := _read_pace(result, settings)) is not None]
    same_name = (pace for pace in known if pace.run.startswith(f"{settings.name}-"))
    return next(same_name, known[0] if known else None)


def _read_pace(result: Mapping[str, Any], settings: Settings) -> RecordedPace | None:
    models = {"scorer": settings.scorer.model, "optimizer": settings.optimizer.model}
    alike = result.get("status") == "finished" and result.get("models") == models
    if not alike or bool(_get(result, "proposals", "replies")) != bool(settings.search.steps):
        return None
    calls, seconds = _get(result, "spend", "calls"), result.get("seconds")
    if not (isinstance(calls, int) and isinstance(seconds, int | float)):
        return None
    if calls < FIRST_CALLS or seconds <= 0:
        return None
    return RecordedPace(str(result.get("run")), calls / seconds)


def _get(result: Mapping[str, Any], section: str, key: str) -> Any:
    part = result.get(section)
    return part.get(key) if isinstance(part, Mapping) else None


def estimate_seconds(
    pace: RecordedPace | None, expected: float, at_most: float
) -> dict[str, Any] | None:
    """Return the seconds of so many calls as plain data; None without a pace."""
    if pace is None:
        return None
    return {
        "expected": round(expected / pace.rate, 1),
        "at_most": round(at_most / pace.rate, 1),
        "calls_per_second": round(pace.rate, 3),
        "learnt_from": pace.run,
    }
