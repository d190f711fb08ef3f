"""The paper's tables 2 and 3 from the runs of a sweep, each figure worked by hand."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from opro_cli import wiring
from opro_cli.app.diff import read_cells
from opro_cli.calls.checks import HELLO
from opro_cli.core.sweep import Cell, CellRow
from opro_cli.core.task.example import ChatRequest
from opro_cli.models import MODELS
from opro_cli.render.html.sweep_page import render_sweep_report
from opro_cli.render.matrices import format_sweep, print_sweep, print_sweep_diff
from opro_cli.render.sweep import build_cells_table, describe_find
from opro_cli.reports.sweeps.data import serialize_sweep
from opro_cli.reports.sweeps.measured import SweptCell
from opro_cli.reports.sweeps.problems import Spread
from opro_cli.reports.sweeps.report import SweepReport, build_sweep_report, diff_sweeps
from opro_cli.store.sweep_folder import read_sweep, write_sweep
from opro_cli.sweep.file import load_sweep
from opro_cli.testing.session import ScriptedModel
from tests.cli.conftest import Opro, folder, model, opro
from tests.render.test_markdown import structure
from tests.reports.html.pages import parsed
from tests.reports.sweeps.cells import cell, run_of

__all__ = ["folder", "model", "opro"]  # fixtures

CONFIGS = Path(__file__).parents[2] / "configs"
SQUARE = "0,0\n0,10\n10,10\n10,0\n"  # 40 around, 48 across once both diagonals are taken
ACROSS, AROUND = "0,2,1,3", "0,1,2,3"

Search = Callable[..., SweptCell]


@pytest.fixture
def search(opro: Opro, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Search:
    """Run one cell, a proposal a step, on an optimizer that gives these replies and stops there."""
    (folder / "square.csv").write_text(SQUARE)
    cells: list[str] = []

    def run(
        task: Mapping[str, Any],
        replies: Sequence[str] | str,
        values: Mapping[str, Any] | None = None,
        budget: Mapping[str, int] | None = None,
        **search: Any,
    ) -> SweptCell:
        scripted = isinstance(replies, list)
        left = list(replies) if scripted else []

        def say(request: ChatRequest) -> str:
            is_check = request.messages[-1].content == HELLO[0].content
            return "Ready." if is_check else left.pop(0)

        monkeypatch.setitem(MODELS, "scripted", lambda settings: ScriptedModel(say))
        optimizer = "scripted/optimizer" if scripted else str(replies)
        config = {
            "name": f"cell{len(cells)}",
            "task": dict(task),
            "optimizer": {"model": optimizer},
            "budget": dict(budget or {}),
            "search": {"steps": len(left) if scripted else 3, "candidates_per_step": 1, **search},
        }
        cells.append(config["name"])  # type: ignore[arg-type]
        (folder / "cell.yaml").write_text(yaml.safe_dump(config))
        place = folder / "runs" / "sweep"
        said = opro("optimize", "cell.yaml", "--runs-dir", str(place), "--plain")
        assert said.code == (3 if budget else 0), said.err
        (made,) = place.glob(f"{cells[-1]}-*")
        made.rename(place / cells[-1])
        own = {"task": dict(task), "optimizer.model": optimizer}
        write_sweep(place, "sweep", [Cell(cells[-1], own if values is None else values)])
        return read_cells(read_sweep(place))[0]

    return run


def regression(seed: int = 0, **more: Any) -> dict[str, Any]:
    return {"problem": "regression", "w": 15, "b": 14, "seed": seed, **more}


def square(seed: int = 0) -> dict[str, Any]:
    return {"problem": "tour", "coordinates": "square.csv", "seed": seed}


def pairs(text: str) -> list[str]:
    return [f"[{pair}]" for pair in text.split("; ")]


def traces(*tours: str) -> list[str]:
    return [f"<trace>{tour}</trace>" for tour in tours]


def shown(report: SweepReport, width: int = 80) -> list[str]:
    file = io.StringIO()
    print_sweep(report, Console(file=file, markup=False, width=width))
    lines = [line.rstrip() for line in file.getvalue().splitlines()]
    assert all(len(line) <= width for line in lines)
    return lines


def told(*cells: SweptCell) -> SweepReport:
    return build_sweep_report("sweep", cells)


def squares(report: SweepReport) -> list[dict[str, Any]]:
    tables = serialize_sweep(report)["problems"]
    return [square for table in tables for row in table["rows"] for square in row["squares"]]


def test_the_deviation_is_that_of_a_sample() -> None:
    # 5, 7, 9: squares of the distances from 7 sum to 8, over n - 1 = 2
    spread = Spread.over([5, 7, 9])
    assert spread == Spread(7.0, 2.0, 3)
    assert spread is not None
    assert spread.standard_error == pytest.approx(2 / sqrt(3))
    assert Spread.over([4]) == Spread(4.0, None, 1)
    assert Spread(4.0, None, 1).standard_error is None
    assert Spread.over([]) is None


def test_steps_and_pairs_until_the_optimum(search: Search) -> None:
    two = search(regression(0), pairs("1, 1; 15, 14"), strategy="paper-regression")
    # (1, 1) twice is one pair: four steps, three pairs
    four = search(regression(1), pairs("1, 1; 1, 1; 2, 2; 15, 14"), strategy="paper-regression")
    report = told(two, four)
    (only,) = squares(report)
    assert (only["runs"], only["found"], only["variant"]) == (2, 2, "scripted/optimizer")
    assert only["steps"] == {
        "mean": 3.0,
        "standard_deviation": pytest.approx(sqrt(2)),
        "standard_error": pytest.approx(1.0),
        "n": 2,
    }
    assert only["solutions"]["mean"] == 2.5
    lines = shown(report, 120)
    assert lines[:2] == ["the optimum was found in 2 of 2 runs", "all 2 cells counted"]
    (steps, solutions) = (line.split() for line in lines if line.startswith("15, 14"))
    assert steps[2:8] == ["3.0", "±", "1.4", "(2", "of", "2)"]
    assert solutions[2:8] == ["2.5", "±", "0.7", "(2", "of", "2)"]
    assert steps[8:] == ["5.8", "±", "2.6", "7.6", "±", "4.5", "4.0", "±", "1.5"]
    assert solutions[8:] == ["40.0", "±", "12.4", "36.0", "±", "15.2", "17.2", "±", "5.1"]
    assert not any("gain" in line or "winner" in line for line in lines)


def test_a_mean_over_those_that_found_it_is_marked_and_one_run_has_no_deviation(
    search: Search,
) -> None:
    found = search(regression(0), pairs("15, 14"), strategy="paper-regression")
    not_found = search(regression(1), pairs("1, 1; 2, 2; 3, 3"), strategy="paper-regression")
    lines = shown(told(found, not_found))
    assert any("1.0 ± –† (1 of 2)" in line for line in lines)
    assert any(line.startswith("† Over the runs that found it alone.") for line in lines)
    assert any("not found in 3 steps" in line for line in shown(told(not_found)))
    assert not any("†" in line for line in shown(told(found)))


def test_the_optimum_at_the_start_is_found_when_it_is_proposed(search: Search) -> None:
    start = {"initial_instructions": ["w=15, b=14"]}
    paper = {"strategy": "paper-regression", **start}
    again = search(regression(0), pairs("1, 1; 15, 14; 3, 3"), **paper)
    assert squares(told(again))[0]["steps"]["mean"] == 2.0
    never = search(regression(1), pairs("1, 1"), **start)  # our own strategy ends at once
    (only,) = squares(told(never))
    assert (only["found"], only["found_at_start"], only["steps"]) == (0, 1, None)
    assert any("at the start (1 of 1)" in line for line in shown(told(never)))


def test_the_paper_stands_beside_its_own_settings_alone(search: Search) -> None:
    steps = {"strategy": "paper-regression"}
    usual = search(regression(), pairs("15, 14"), **steps)
    noisy = search(regression(noise=2), pairs("15, 14"), **steps)
    other = search({**regression(), "w": 1}, pairs("1, 14"), **steps)
    rows = serialize_sweep(told(usual, noisy, other))["problems"][0]["rows"]
    assert rows[0]["paper"]["steps"]["gpt-4"] == "4.0 ± 1.5"
    assert rows[0]["paper"]["solutions"]["text-bison"] == "40.0 ± 12.4"
    assert [row["paper"] for row in rows[1:]] == [None, None]
    # Two rows of one title are told apart by their parameters.
    noise = "15, 14 · regression w 15, b 14"
    assert [row["title"] for row in rows] == [noise, f"{noise}, noise 2", "1, 14"]
    assert any("paper:" in line for line in shown(told(usual)))
    assert not any("paper" in line for line in shown(told(noisy)))


def test_gaps_of_tours_and_steps(search: Search) -> None:
    more = {"strategy": "paper-tour", "initial_instructions": [ACROSS]}
    # Across: 10 + 10 + two diagonals of 14.14, cut to 48: a fifth above 40.
    solved = search(square(0), traces(ACROSS, AROUND), **more)
    stuck = search(square(1), traces(ACROSS, ACROSS), **more)
    report = told(solved, stuck)
    (only,) = squares(report)
    assert only["gap"]["mean"] == pytest.approx(0.1)  # of 0 and 0.2
    assert only["gap"]["standard_error"] == pytest.approx(0.1)
    assert only["steps"] == {
        "mean": 2.0,
        "standard_deviation": None,
        "standard_error": None,
        "n": 1,
    }
    table = [line.split("   ") for line in shown(report) if line.startswith("4 ")]
    assert [[part.strip() for part in line if part] for line in table] == [
        ["4", "0.0 ± 0.0", "0.0 ± 0.0", "10.0 ± 10.0"],  # both heuristics go around
        ["4", "2.0 ± –† (1 of 2)"],
    ]
    assert any("N/A (0 of 1)" in line for line in shown(told(stuck)))


def test_a_gap_is_over_instances_however_many_searches_each_had(search: Search) -> None:
    more = {"strategy": "paper-tour", "initial_instructions": [ACROSS]}
    values = {"task.coordinates": "square.csv"}
    cells = [
        search(square(seed), traces(tour), values={**values, "search.seed": n}, **more)
        for n, (seed, tour) in enumerate([(0, AROUND), (0, AROUND), (1, ACROSS)])
    ]
    (only,) = squares(told(*cells))
    assert (only["runs"], only["gap"]["n"]) == (3, 2)
    assert only["gap"]["mean"] == pytest.approx(0.1)  # 0 of the first instance, 0.2 of the other


def test_what_is_shorter_than_the_optimum_is_no_tour(search: Search) -> None:
    # Negative numbers count from the end: it goes 0, 0, 1, 1, which is 20 long.
    more = {"strategy": "paper-tour", "initial_instructions": [ACROSS]}
    report = told(search(square(), traces("0,-4,1,-3"), **more))
    (only,) = squares(report)
    assert (only["impossible"], only["value"]["mean"]) == (1, 48.0)
    assert only["gap"]["mean"] == pytest.approx(0.2)
    lines = shown(report)
    assert any("20.0 ± –‡" in line for line in lines)
    assert any(line.startswith("‡ Invalid solutions were left out") for line in lines)


def test_the_paper_beside_tours_of_its_sizes(search: Search) -> None:
    report = told(search({"problem": "tour", "nodes": 10}, "control/local-search"))
    paper = serialize_sweep(report)["problems"][0]["rows"][0]["paper"]
    assert paper["gap"]["nearest neighbor"] == "13.0 ± 1.3"
    assert paper["steps"] == {
        "text-bison": "40.4 ± 5.6 (5)",
        "gpt-3.5-turbo": "46.8 ± 9.3 (5)",
        "gpt-4": "9.6 ± 3.0 (5)",
    }
    assert any("13.0 ± 1.3" in line for line in shown(report))


def test_an_optimum_that_nobody_knows(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opro_cli.problems.tour.find_optimum", lambda points: None)
    report = told(search({"problem": "tour", "nodes": 6}, "control/random"))
    (only,) = squares(report)
    assert (only["optimum_known"], only["gap"], only["steps"]) == (0, None, None)
    lines = shown(report)
    assert lines[0] == "1 run on problems whose optimum is not known"
    assert any("optimum not known" in line for line in lines)
    length = f"{only['value']['mean']:.0f} ± –"
    assert any(length in line for line in lines)


def test_only_finished_runs_count(search: Search) -> None:
    found = search(regression(0), pairs("15, 14"), strategy="paper-regression")
    stopped = search(
        regression(1),
        pairs("1, 1; 2, 2"),
        budget={"calls": 2},
        strategy="paper-regression",
    )
    never = SweptCell(Cell("never", {**found.cell.values, "task": regression(9)}), None)
    report = told(found, stopped, never)
    (only,) = squares(report)
    assert (only["runs"], only["left_out"], only["steps"]["n"]) == (1, 2, 1)
    lines = shown(report)
    assert lines[1] == "1 of 3 cells counted, 2 left out: 1 stopped, 1 never begun"
    assert any("1 stopped, 1 never begun" in line for line in lines[5:])
    assert [row["counted"] for row in serialize_sweep(report)["cells"]] == [True, False, False]


def test_every_cell_that_does_not_count_is_named_with_the_whole_reason(search: Search) -> None:
    found = search(regression(0), pairs("15, 14"), strategy="paper-regression")
    why = f"runs/sweep/{'x' * 30}/events.jsonl:11: not an event of a run: Invalid control character"
    broken = SweptCell(
        Cell("steps1_seed2", {**found.cell.values, "task": regression(1)}), None, why
    )
    never = SweptCell(Cell("steps1_seed3", {**found.cell.values, "task": regression(2)}), None)
    report = told(found, broken, never)
    start = shown(report).index("1 of 3 cells counted, 2 left out: 1 cannot be read, 1 never begun")
    said = " ".join(line.strip() for line in shown(report)[start + 1 : start + 5])
    assert said.startswith(f"steps1_seed2, cannot be read: {why} steps1_seed3, never begun")


def test_seeds_of_an_instance_stand_together_and_its_parameters_apart(search: Search) -> None:
    cells = [
        search(
            {"problem": "tour", "nodes": nodes, "seed": seed},
            optimizer,
            values={"task.nodes": nodes, "task.seed": seed, "optimizer.model": optimizer},
            steps=1,
        )
        for nodes in (5, 6)
        for optimizer in ("control/random", "control/local-search")
        for seed in (0, 1)
    ]
    table = serialize_sweep(told(*cells))["problems"][0]
    assert table["variants"] == ["control/random", "control/local-search"]
    assert [(row["task"], row["title"]) for row in table["rows"]] == [
        ("nodes 5", "5"),
        ("nodes 6", "6"),
    ]
    assert all(square["runs"] == 2 for row in table["rows"] for square in row["squares"])


HILL = """
import opro_cli
from opro_cli import Reference

class Hill(opro_cli.Problem):
    name = "hill"
    minimise = False

    def describe(self, instance): return "A number."
    def start(self, instance): return ["1"]
    def value(self, solution, instance): return 10.0 - (float(solution) - 3) ** 2
    def references(self, instance): return [Reference("optimum", "3", 10.0)]
"""


def test_a_problem_of_ones_own_whose_values_are_maximised(search: Search, folder: Path) -> None:
    (folder / "hill.py").write_text(HILL)
    task = {"problem": "python:hill:Hill"}
    low = search({**task, "seed": 0}, ["<solution>2</solution>"])  # 9: a tenth below
    high = search({**task, "seed": 1}, ["<solution>3</solution>"])
    report = told(low, high)
    (only,) = squares(report)
    assert only["value"]["mean"] == 9.5
    assert only["gap"]["mean"] == pytest.approx(0.05)
    assert (only["found"], only["runs"], only["impossible"]) == (1, 2, 0)
    lines = shown(report)
    assert any("9.5 ± 0.7071" in line for line in lines)
    assert any("optimum in 1 of 2 runs" in line for line in lines)


def test_prompts_and_problems_in_one_sweep(search: Search) -> None:
    found = search(regression(), pairs("15, 14"), strategy="paper-regression")
    report = told(found, cell("sums", run_of("sums"), task="sums.yaml"))
    lines = shown(report, 100)
    assert lines[0] == "the optimum was found in 1 of 1 run"
    assert any(line.startswith("no gain shown: +50.0 points") for line in lines)
    for heading in ("linear regression: steps until the optimum", "test scores", "winners"):
        assert heading in lines
    data = serialize_sweep(report)
    assert [each["task"] for each in data["matrix"]] == ["sums"]
    assert [each["cell"] for each in data["winners"]] == ["sums"]
    page = parsed(render_sweep_report(report))
    names = [node.attributes["id"] for node in page.all("section")]
    assert names == ["problems", "matrix", "gain", "winners", "transfer", "cells", "took"]


def test_markdown_and_the_page_say_what_the_terminal_says(search: Search) -> None:
    found = search(regression(), pairs("1, 1; 15, 14"), strategy="paper-regression")
    report = told(found)
    text = format_sweep(report)
    assert structure(text)
    assert "| <code>15, 14</code> | 2.0 ± – (1 of 1) | 5.8 ± 2.6 | 7.6 ± 4.5 |" in text
    assert "### Winners" not in text
    page = parsed(render_sweep_report(report))
    names = [node.attributes["id"] for node in page.all("section")]
    assert names == ["problems", "cells", "took"]
    first, *_ = page.one("section", id="problems").all("table")
    cells = [each.text for each in first.one("tbody").all("td")]
    assert cells == ["2.0 ± – (1 of 1)", "5.8 ± 2.6", "7.6 ± 4.5", "4.0 ± 1.5"]
    row = page.one("section", id="cells").one("tbody").one("tr")
    assert [each.text for each in row.all("td")][3] == "in step 2"
    assert "No gain can be told" not in page.text


def test_two_sweeps_of_problems_are_compared_by_their_values(search: Search) -> None:
    report = told(search(square(), traces(ACROSS), initial_instructions=[ACROSS]))
    file = io.StringIO()
    print_sweep_diff(diff_sweeps(report, report), Console(file=file, markup=False, width=80))
    assert "48" in file.getvalue()
    assert "values are exact" in file.getvalue()
    assert "no difference can be told" not in file.getvalue()


@pytest.mark.parametrize("cells", [[], [SweptCell(Cell("a", {"task": regression()}), None)]])
def test_a_sweep_without_any_run_has_a_report(cells: list[SweptCell]) -> None:
    report = told(*cells)
    assert shown(report)
    assert format_sweep(report)
    assert "<h1>" in render_sweep_report(report)
    assert serialize_sweep(report).get("problems") == ([] if cells else None)


def test_after_a_sweep_its_table_tells_what_was_found(search: Search) -> None:
    result: dict[str, Any] = {
        "status": "finished",
        "scale": {"minimise": True, "bounded": False},
        "initial": {"scores": {"train": {"mean": -48.0}}},
        "best": {"scores": {"train": {"mean": -44.0}}},
        "problem": {"value": 44.0, "gap": 0.1, "found": None},
    }
    (row,) = build_cells_table([CellRow("a", "finished", result=result)], 80).rows
    assert row[3:] == ("48", "44", "10.0 % above")
    table = build_cells_table([CellRow("a", "finished", result=result), CellRow("b")], 80)
    assert table.columns[5].title == "optimum"
    find = {"value": 1.0, "gap": 0.0, "found": {"step": 4, "solutions": 3}}
    assert describe_find(find, minimise=True) == "in step 4"
    assert describe_find({**find, "found": {"step": 0}}, minimise=True) == "at the start"
    assert describe_find({"found": None, "gap": None}, minimise=True) == "–"
    assert describe_find({"found": None, "gap": 0.1}, minimise=False) == "10.0 % below"
    assert describe_find({"found": None, "gap": -0.1}, minimise=True) == "no solution"


def test_the_sweeps_that_ship_have_the_rows_of_the_paper() -> None:
    cells = load_sweep(CONFIGS / "regression-sweep.yaml", wiring.NAMES).cells
    assert len(cells) == 7 * 3 * 5
    tasks = [each.settings.task.parameters for each in cells]
    rows = list(dict.fromkeys((task["w"], task["b"]) for task in tasks))
    assert rows == [(15, 14), (17, 17), (16, 10), (3, 5), (25, 23), (2, 30), (36, -1)]
    assert {each.settings.search.steps for each in cells} == {500}
    tours = load_sweep(CONFIGS / "tour-sweep.yaml", wiring.NAMES).cells
    assert len(tours) == 2 * 3 * 5
    assert {each.settings.task.parameters["nodes"] for each in tours} == {10, 15}
