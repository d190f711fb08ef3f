"""What every place where cells are worked on owes the sweep: `SweepEngine`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.sweep.launch.channel import SweepEngine
from opro_cli.sweep.launch.local import LocalEngine
from tests.loop.runs import drop_costs
from tests.server import LocalServer
from tests.sweep.sweeps import cells_at, lasts, results, worked_on

THREE = "matrix: {search.seed: 0..2}"
NewEngine = Callable[[int], SweepEngine]
"""One for so many cells at a time."""


class SweepEngineContract:
    """Subclasses have the fixtures `new_engine` and `server`."""

    async def test_all_cells_are_worked_on_and_their_folders_are_here(
        self, tmp_path: Path, new_engine: NewEngine, server: LocalServer
    ) -> None:
        cells = cells_at(tmp_path, server.url, THREE)
        said = lasts(await worked_on(new_engine(2), cells, tmp_path / "runs"))
        assert {name: what["ended"] for name, what in said.items()} == dict.fromkeys(
            ("seed0", "seed1", "seed2"), "finished"
        )
        found = results(tmp_path / "runs")
        assert {name: drop_costs(what["result"]["best"]) for name, what in said.items()} == {
            name: result["best"] for name, result in found.items()
        }
        await worked_on(LocalEngine(1), cells, tmp_path / "one by one")
        assert found == results(tmp_path / "one by one")
        for name in said:
            files = {path.name for path in (tmp_path / "runs" / name).iterdir()}
            assert {"run.json", "config.yaml", "events.jsonl", "report.html"} <= files

    async def test_they_say_how_far_they_are(
        self, tmp_path: Path, new_engine: NewEngine, server: LocalServer
    ) -> None:
        cells = cells_at(tmp_path, server.url, "matrix: {search.seed: [0]}")
        (_, first), (_, later), *_ = await worked_on(new_engine(1), cells, tmp_path / "runs")
        assert first["spend"]["calls"] == 0
        assert 0 < later["spend"]["calls"] < later["expected"]
        # an estimate, which is told anew as answers come
        assert later["expected"] == pytest.approx(first["expected"], rel=0.2)

    async def test_a_cell_that_fails_says_why_and_does_not_stop_the_others(
        self, tmp_path: Path, new_engine: NewEngine, server: LocalServer
    ) -> None:
        wrong = "include: [{task.data.train: nowhere.jsonl}, {search.seed: 1}]"
        cells = cells_at(tmp_path, server.url, wrong)
        said = lasts(await worked_on(new_engine(1), cells, tmp_path / "runs"))
        assert "nowhere.jsonl" in said["nowhere.jsonl"]["error"]
        assert said["seed1"]["ended"] == "finished"

    async def test_stopped_cells_end_cleanly_and_go_on_to_the_same_end(
        self, tmp_path: Path, new_engine: NewEngine, server: LocalServer
    ) -> None:
        cells = cells_at(tmp_path, server.url, THREE)
        engine = new_engine(1)
        said = StopAt(engine.stop, 5)
        await worked_on(engine, cells, tmp_path / "runs", said=said)
        assert lasts(said) == {"seed0": said[-1][1]}
        assert said[-1][1]["ended"] == "interrupted"
        answered = len(server.requests)
        assert lasts(await worked_on(new_engine(1), cells, tmp_path / "runs")).keys() == {
            "seed0",
            "seed1",
            "seed2",
        }
        asked_again = len(server.requests) - answered
        await worked_on(LocalEngine(2), cells, tmp_path / "whole")
        assert without_calls(results(tmp_path / "runs")) == without_calls(
            results(tmp_path / "whole")
        )
        whole = len(server.requests) - answered - asked_again
        assert answered + asked_again <= whole + 1  # the tiny call of the second session

    async def test_drained_it_begins_no_more_and_ends_what_it_began(
        self, tmp_path: Path, new_engine: NewEngine, server: LocalServer
    ) -> None:
        cells = cells_at(tmp_path, server.url, THREE)
        engine = new_engine(1)
        said = StopAt(engine.drain, 0)
        await worked_on(engine, cells, tmp_path / "runs", said=said)
        assert {name: what["ended"] for name, what in lasts(said).items()} == {"seed0": "finished"}

    async def test_the_budget_is_one_for_all_cells(
        self, tmp_path: Path, new_engine: NewEngine, server: LocalServer
    ) -> None:
        cells = cells_at(tmp_path, server.url, THREE)
        budget = BudgetSettings(calls=40)
        said = lasts(await worked_on(new_engine(2), cells, tmp_path / "runs", budget))
        assert len(server.requests) == 40
        assert {what["ended"] for what in said.values()} <= {"finished", "budget"}
        assert "over all cells of the sweep" in str([w["stopped_by"] for w in said.values()])


class StopAt(list[tuple[str, dict[str, Any]]]):
    """What cells say; calls back once one has made so many calls."""

    def __init__(self, callback: Callable[[], None], calls: int) -> None:
        self._callback: Callable[[], None] | None = callback
        self._calls = calls

    def append(self, said: tuple[str, dict[str, Any]]) -> None:
        super().append(said)
        if self._callback is not None and said[1].get("spend", {}).get("calls", -1) >= self._calls:
            self._callback()
            self._callback = None


def without_calls(found: dict[str, Any]) -> dict[str, Any]:
    """Results without what a second session adds: its tiny calls."""
    return {
        name: {key: value for key, value in result.items() if key != "spend"}
        for name, result in found.items()
    }
