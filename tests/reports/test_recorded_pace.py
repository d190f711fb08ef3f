"""The time of a run to come, at the pace of an earlier one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from opro_cli.reports.recorded_pace import RecordedPace, estimate_seconds, find_pace
from tests.loop.runs import settings

NEW = replace(settings(), name="mine")


def result(**changes: Any) -> dict[str, Any]:
    """What a finished search with the models of `NEW` left behind."""
    return {
        "run": "other-20261129-082606-75a210a0",
        "status": "finished",
        "models": {"scorer": "scripted/scorer", "optimizer": "scripted/optimizer"},
        "spend": {"calls": 420},
        "seconds": 100.0,
        "proposals": {"replies": 32},
        **changes,
    }


def test_the_first_run_of_the_same_models_tells_the_pace() -> None:
    elsewhere = result(models={"scorer": "scripted/scorer", "optimizer": "x"}, seconds=1.0)
    found = find_pace([elsewhere, result(), result(seconds=1.0)], NEW)
    assert found == RecordedPace("other-20261129-082606-75a210a0", 4.2)


def test_a_run_of_the_same_name_comes_first() -> None:
    mine = result(run="mine-20261129-082606-75a210a0", seconds=210.0)
    found = find_pace([result(), mine], NEW)
    assert found == RecordedPace("mine-20261129-082606-75a210a0", 2.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "stopped"},
        {"spend": {"calls": 4}},  # the rest was in the cache
        {"spend": None},
        {"seconds": None},
        {"seconds": 0.0},
        {"proposals": {"replies": 0}},  # no search
        {"models": None},
    ],
    ids=str,
)
def test_other_runs_tell_nothing(changes: dict[str, Any]) -> None:
    assert find_pace([result(**changes), {}], NEW) is None


def test_seconds_are_calls_by_the_pace() -> None:
    assert estimate_seconds(RecordedPace("r", 4.2), 840, 1260) == {
        "expected": 200.0,
        "at_most": 300.0,
        "calls_per_second": 4.2,
        "learnt_from": "r",
    }
    assert estimate_seconds(None, 840, 1260) is None
