"""`report`, `diff`, `eval` and `runs` on a sweep, whose cells are runs of the scripted models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from opro_cli.core.sweep import Cell
from opro_cli.store.sweep_folder import hold_sweep, write_sweep
from tests.cli.conftest import CONFIG, Opro
from tests.loop.runs import ShuffledModel
from tests.render.test_markdown import structure
from tests.reports.html.pages import parsed

TASKS = {"sums": "train.jsonl", "more": "more.jsonl"}
CELLS: Mapping[str, Mapping[str, Any]] = {
    f"{task}_seed{seed}": {"task": f"{task}.yaml", "search.seed": seed}
    for task in TASKS
    for seed in (0, 1)
}


def make_sweep(opro: Opro, folder: Path, name: str = "grid", *, steps: int = 2) -> Path:
    """A sweep of two tasks and two seeds, and a cell that was never begun."""
    rows = [{"question": f"What is {n} plus {n}?", "answer": str(2 * n)} for n in range(40, 70)]
    (folder / "more.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    place = folder / "runs" / name
    for cell, values in CELLS.items():
        data = TASKS[str(values["task"]).removesuffix(".yaml")]
        text = CONFIG.replace("train.jsonl", data).replace("name: sums", "name: cell")
        seed = f"initial_instructions: [Now.], seed: {values['search.seed']}, steps: {steps}"
        seed += ", test_unbeaten_start: true"  # as cells of a sweep have it
        (folder / "cell.yaml").write_text(text.replace("steps: 2", seed))
        assert opro("optimize", "cell.yaml", "--runs-dir", str(place)).code == 0
        (made,) = place.glob("cell-*")
        made.rename(place / cell)
    never = Cell("never", {"task": "sums.yaml", "search.seed": 9})
    write_sweep(place, name, [*(Cell(*each) for each in CELLS.items()), never])
    return place


@pytest.fixture
def grid(opro: Opro, folder: Path) -> Path:
    return make_sweep(opro, folder)


@pytest.mark.parametrize("command", [["show"], ["resume"]], ids=str)
def test_a_sweep_where_a_run_is_meant_is_named_as_one(
    opro: Opro, grid: Path, command: list[str]
) -> None:
    said = opro(*command, grid.name)
    assert said.code == 2
    assert said.err == (
        'opro: "grid" is a sweep, and not a run\n'
        "hint: name the run of a cell as grid/CELL; `opro diff grid` shows the whole sweep, "
        "and `opro sweep FILE` continues it\n"
    )


def test_a_sweep_at_rest_is_watched_as_a_table(opro: Opro, grid: Path) -> None:
    said = opro("watch", "grid")
    assert said.code == 0
    rows = [line.split() for line in said.out.splitlines()]
    assert rows[0] == ["cell", "status", "calls", "start", "best", "on", "test"]
    assert {(row[0], row[1]) for row in rows[1:]} == {
        *((cell, "finished") for cell in CELLS),
        ("never", "waiting"),
    }
    assert "grid is not at work; this is where it stands" in said.err
    data = opro("watch", "grid", "--json").data
    assert {row["name"]: row["status"] for row in data}["never"] == "waiting"
    refused = opro("watch", "grid", "--replay")
    assert refused.code == 2
    assert "name the run of a cell as grid/CELL" in refused.err


def test_the_method_is_told_in_full_in_a_pipe(opro: Opro, grid: Path) -> None:
    assert "Ties go to the earlier cell." in " ".join(opro("diff", "grid").out.split())


def test_a_page_in_the_folder_of_the_sweep(opro: Opro, grid: Path) -> None:
    said = opro("report", "grid")
    assert (said.code, said.out, said.err) == (0, "runs/grid/sweep.html\n", "")
    page = parsed((grid / "sweep.html").read_text("utf-8"))
    assert page.one("h1").text == "Sweep grid"
    cells = page.one("section", id="cells").one("tbody").all("tr")
    assert [row.one("th").text for row in cells] == [*CELLS, "never"]
    matrix = page.one("section", id="matrix").one("table")
    assert [row.one("th").text for row in matrix.one("tbody").all("tr")] == ["sums", "more"]
    assert "2 seeds, 7 questions, 1 never begun" in matrix.text
    assert "4 of 5 cells counted, 1 left out: 1 never begun" in page.text.lower()
    assert "opro eval --sweep grid" in page.one("section", id="transfer").text
    assert not list(grid.glob(".sweep*"))


def test_pages_of_cells_are_written_along_and_no_page_depends_on_them(
    opro: Opro, grid: Path, folder: Path
) -> None:
    for cell in CELLS:
        (grid / cell / "report.html").unlink()
    (folder / "a b#").mkdir()
    for page in (grid / "sweep.html", folder / "a b#" / "p.html"):
        assert opro("report", "grid", "-o", str(page)).code == 0
        for name in CELLS:  # one never began, and has no page
            own = parsed((grid / name / "report.html").read_text("utf-8"))
            assert own.one("h2").text == name
            assert all((a.attributes["href"] or "").startswith("#") for a in own.all("a"))
        links = parsed(page.read_text("utf-8")).all("a")
        assert all((a.attributes["href"] or "").startswith("#") for a in links)


def test_a_cell_whose_page_cannot_be_written_is_named(opro: Opro, grid: Path) -> None:
    page = grid / "sums_seed1" / "report.html"
    page.unlink()
    page.mkdir()
    said = opro("report", "grid")
    assert (said.code, said.out) == (0, "runs/grid/sweep.html\n")
    assert said.err.startswith("sums_seed1 has no page: ")


def test_output_a_folder_and_one_cell_by_path(opro: Opro, grid: Path, folder: Path) -> None:
    assert opro("report", "runs/grid", "-o", "p.html").out == "p.html\n"
    assert parsed((folder / "p.html").read_text("utf-8")).one("h1").text == "Sweep grid"
    (grid / "sums_seed0" / "report.html").unlink()
    for name in ("grid/sums_seed0", "runs/grid/sums_seed0"):
        assert opro("report", name).out == "runs/grid/sums_seed0/report.html\n"
    assert opro("show", "grid/sums_seed0", "--json").data["run_status"] == "finished"
    assert opro("diff", "grid/sums_seed0", "grid/more_seed0", "--json").code == 0


def test_the_terminal_says_what_json_says(opro: Opro, grid: Path) -> None:
    data = opro("diff", "grid", "--json").data
    said = opro("diff", "grid")
    assert data["mean_gain"]["sentence"] in " ".join(said.out.split())
    assert (data["mean_gain"]["runs"], len(data["mean_gain"]["tasks"])) == (4, 2)
    assert [cell["counted"] for cell in data["cells"]] == [True] * 4 + [False]
    assert all(winner["chosen_by"] == "train+dev" for winner in data["winners"])
    for cell in data["cells"][:4]:
        shown = opro("show", f"grid/{cell['cell']}", "--json").data
        assert cell["best"] == shown["best"]["scores"]["test"]
    for heading in ("test scores", "mean gain of each task", "winners", "transfer"):
        assert f"\n{heading}\n" in said.out
    page = opro("diff", "grid", "--markdown").out
    assert data["mean_gain"]["sentence"] in page
    assert structure(page)


def test_two_sweeps_cell_by_cell(opro: Opro, grid: Path, folder: Path) -> None:
    make_sweep(opro, folder, "longer", steps=3)
    data = opro("diff", "grid", "longer", "--json").data
    assert [cell["shared"] for cell in data["cells"]] == [7, 7, 7, 7, 0]
    for cell in data["cells"][:4]:
        change = cell["after"]["test"]["mean"] - cell["before"]["test"]["mean"]
        assert cell["difference"]["mean"] == pytest.approx(change)
    sentence = data["mean_difference"]["sentence"]
    assert sentence in " ".join(opro("diff", "grid", "longer").out.split())
    assert sentence in opro("diff", "grid", "longer", "--markdown").out


def test_winners_are_asked_on_all_tasks_once(opro: Opro, grid: Path, model: ShuffledModel) -> None:
    model.requests.clear()
    plan = opro("eval", "--sweep", "grid", "--dry-run", "--json").data
    assert [(row["dataset"], row["questions"]) for row in plan] == [
        ("sums/test", 7),
        ("more/test", 7),
    ]
    prompts = {plan[0]["prompts"], plan[1]["prompts"]}
    assert prompts <= {2, 3}, "a winner that is not the start prompt"
    assert model.requests == []
    said = opro("eval", "--sweep", "grid", "--no-cache")
    assert said.code == 0
    assert len(model.requests) == sum(row["calls"] for row in plan) == 2 * 7 * prompts.pop()
    assert "home" in said.out
    model.requests.clear()
    assert opro("eval", "--sweep", "grid", "--no-cache").out == said.out
    assert opro("eval", "--sweep", "runs/grid", "--dry-run").out.count(" 0\n") == 2
    assert model.requests == []
    transfer = opro("diff", "grid", "--json").data["transfer"]
    assert transfer["missing"] == 0
    winners = {w["cell"]: w for w in opro("diff", "grid", "--json").data["winners"]}
    for square in transfer["squares"]:
        if square["of"] and winners[square["of"]]["task"] == square["task"]:
            assert square["score"] == winners[square["of"]]["test"]
    opro("report", "grid")
    page = parsed((grid / "sweep.html").read_text("utf-8"))
    assert len(page.one("section", id="transfer").all("tr")) == 2 + len(winners)


def test_a_budget_stops_and_the_same_command_goes_on(
    opro: Opro, grid: Path, model: ShuffledModel
) -> None:
    model.requests.clear()
    stopped = opro("eval", "--sweep", "grid", "--no-cache", "--budget", "calls=5")
    assert (stopped.code, len(model.requests)) == (3, 5)
    data = opro("diff", "grid", "--json").data
    assert data["transfer"]["missing"] > 0
    assert opro("eval", "--sweep", "grid", "--no-cache").code == 0
    assert opro("diff", "grid", "--json").data["transfer"]["missing"] == 0


def test_a_damaged_cell_does_not_hide_the_others(opro: Opro, grid: Path) -> None:
    (grid / "more_seed1" / "run.json").write_text("{")
    data = opro("diff", "grid", "--json").data
    assert data["cells"][3]["left_out"] == "cannot be read"
    assert "run.json: not JSON" in data["cells"][3]["problem"]
    assert data["mean_gain"]["runs"] == 3
    assert opro("report", "grid").code == 0


def test_runs_lists_the_sweep(opro: Opro, grid: Path) -> None:
    told = "sweep grid: 4 of 5 cells finished; opro diff grid\n"
    assert opro("runs").out == told
    assert opro("runs", "--json").data == []
    opro("optimize", "c.yaml")
    assert opro("runs").out.endswith(told)
    (grid / "sweep.json").write_text("{")
    assert "sweep.json: not what `opro sweep` writes" in opro("runs").err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["eval", "--sweep", "nothing"], 'no sweep called "nothing" in runs'),
        (["eval", "--sweep", "grid", "c.yaml"], "--sweep says itself what is asked of whom"),
        (["eval", "--sweep", "grid", "-m", "scripted/x"], "--sweep says itself"),
        (["eval", "-p", "x"], "missing argument DATA"),
        (["report", "grid", "grid/sums_seed0"], "sweeps and runs are not shown together"),
        (["diff", "grid", "grid/sums_seed0"], "sweeps and runs are not shown together"),
        (["diff", "grid", "grid", "grid"], "more than two sweeps"),
        (["diff", "grid", "--flips"], "--flips, --replies and --fail-if: of runs"),
        (["diff", "grid", "--markdown", "--json"], "--markdown and --json: one of them"),
        (["diff", "grid/sums_seed0"], "one prompt is not enough"),
        (["report", "grid/nothing"], 'no run called "grid/nothing"'),
        (["report", "grid", "-o", "no/such/p.html"], "the report cannot be written"),
        (["diff", "torn"], "sweep.json: not what `opro sweep` writes"),
    ],
)
def test_what_cannot_be_done_is_said(
    opro: Opro, folder: Path, model: ShuffledModel, arguments: list[str], told: str
) -> None:
    write_sweep(folder / "runs" / "grid", "grid", [Cell("sums_seed0", {"search.seed": 0})])
    assert opro("optimize", "c.yaml", "--runs-dir", "runs/grid").code == 0
    (made,) = (folder / "runs" / "grid").glob("sums-*")
    made.rename(made.with_name("sums_seed0"))
    (folder / "runs" / "torn").mkdir()
    (folder / "runs" / "torn" / "sweep.json").write_text("[]")
    model.requests.clear()
    said = opro(*arguments)
    assert (said.code, said.out, model.requests) == (2, "", [])
    assert told in said.err


def test_a_sweep_of_nothing_yet(opro: Opro, folder: Path) -> None:
    write_sweep(folder / "runs" / "new", "new", [Cell("a", {"search.seed": 0})])
    assert "no gain can be told" in opro("diff", "new").out
    assert opro("report", "new").code == 0
    assert opro("diff", "new", "new", "--json").data["mean_difference"]["mean"] is None
    said = opro("eval", "--sweep", "new")
    assert said.code == 2
    assert "no finished run with test questions" in said.err


def test_a_sweep_at_work_is_not_removed_even_between_two_cells(opro: Opro, grid: Path) -> None:
    with hold_sweep(grid, "2/3"):
        said = opro("rm", "grid", "--yes")
    assert said.code == 2
    assert "another opro is working on this sweep" in said.err
    assert (grid / "sweep.json").is_file()
    assert opro("rm", "grid", "--yes").code == 0
    assert not grid.exists()
