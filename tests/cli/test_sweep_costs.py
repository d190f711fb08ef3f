"""What a sweep would cost, and the part of it that a shard is."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.calls.budget import Spent
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.errors import UsageError
from opro_cli.sweep.cells import select_shard
from opro_cli.sweep.claims import CLAIMS, Claim, encode
from opro_cli.sweep.file import Sweep
from tests.cli.conftest import Opro
from tests.cli.test_sweep import SWEEP, finish

PRICED = "{model: scripted/scorer, max_tokens: 100, price: {input: 1, output: 4}}"


@pytest.fixture(autouse=True)
def _sweep(folder: Path) -> None:
    (folder / "grid.yaml").write_text(SWEEP)


def test_a_dry_run_sums_what_runs_would_cost(opro: Opro, folder: Path) -> None:
    text = (folder / "c.yaml").read_text().replace("{model: scripted/scorer}", PRICED)
    (folder / "c.yaml").write_text(text.replace("{model: scripted/optimizer}", PRICED))
    one = opro("optimize", "c.yaml", "--dry-run", "--json").data["total"]
    sweep = opro("sweep", "grid.yaml", "--dry-run", "--json").data
    assert [cell["cell"] for cell in sweep["cells"]] == ["seed0", "seed1", "seed2"]
    for kind in ("expected", "at_most"):
        for what in ("calls", "prompt_tokens", "completion_tokens", "usd"):
            each = [cell["total"][kind][what] for cell in sweep["cells"]]
            assert sweep["total"][kind][what] == pytest.approx(sum(each))
            # Other seeds show the optimizer other exemplars of about the same length.
            assert each[0] == pytest.approx(one[kind][what], rel=0.05)
    assert not (folder / "runs").exists()


def test_a_dry_run_by_hand(opro: Opro) -> None:
    """At most: 2 steps of 3 proposals and a tiny call; 7 candidates on train, 5 finalists and the
    initial one on dev; start, winner, 3 baselines and the noise check on test."""
    (cell,) = opro("sweep", "grid.yaml", "--dry-run", "--json", "--shard", "1/3").data["cells"]
    assert cell["total"]["at_most"]["calls"] == 2 * 3 + 1 + 7 * 6 + 6 * 5 + 6 * 7


def test_a_finished_cell_costs_nothing(opro: Opro, folder: Path) -> None:
    before = opro("sweep", "grid.yaml", "--dry-run", "--json").data["total"]
    finish(folder, 0)
    sweep = opro("sweep", "grid.yaml", "--dry-run", "--json").data
    assert (sweep["cells"][0]["status"], sweep["cells"][0]["total"]) == ("finished", None)
    open_calls = [cell["total"]["at_most"]["calls"] for cell in sweep["cells"][1:]]
    assert sweep["total"]["at_most"]["calls"] == sum(open_calls)
    assert 3 * sum(open_calls) == 2 * before["at_most"]["calls"]
    finish(folder, 1)
    finish(folder, 2)
    sweep = opro("sweep", "grid.yaml", "--dry-run", "--json").data
    assert (sweep["total"]["expected"]["calls"], sweep["total"]["expected"]["usd"]) == (0, 0)


def test_a_dry_run_for_people(opro: Opro, folder: Path) -> None:
    finish(folder, 1)
    lines = opro("sweep", "grid.yaml", "--dry-run").out.splitlines()
    assert lines[0].split() == ["cell", "status", "calls", "at", "most", "cost", "at", "most"]
    assert lines[2].split() == ["seed1", "finished", "–", "–", "–", "–"]
    assert lines[3].split()[-2:] == ["unknown", "unknown"]
    assert lines[4].startswith("together")
    assert lines[5].startswith("expected: three of four")


@given(st.integers(0, 40), st.integers(1, 50))
def test_shards_are_disjoint_and_complete(cells: int, parts: int) -> None:
    whole = of_cells(cells)
    shards = [select_shard(whole, f"{part}/{parts}")[0].cells for part in range(1, parts + 1)]
    assert Counter(cell for shard in shards for cell in shard) == Counter(whole.cells)
    sizes = [len(shard) for shard in shards]
    assert max(sizes) - min(sizes) <= 1


def of_cells(many: int) -> Sweep:
    """A sweep of so many cells, which are numbers here."""
    cells: Any = tuple(range(many))
    return Sweep("grid", cells, BudgetSettings(calls=90))


@given(st.text(max_size=8))
def test_any_shard_is_read_or_refused(text: str) -> None:
    whole = of_cells(9)
    try:
        part, parts, _ = select_shard(whole, text)
        assert set(part.cells) <= set(whole.cells)
        assert part.budget.calls == 90 // parts
    except UsageError as error:
        assert repr(text) in error.message  # noqa: PT017 - both ends are right


def test_a_long_name_gives_way_to_the_figures(
    opro: Opro, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    value = "a" * 40 + ".jsonl"
    (folder / value).write_bytes((folder / "train.jsonl").read_bytes())
    (folder / "grid.yaml").write_text(
        f"base: c.yaml\nmatrix: {{task.data.train: [{value}], search.seed: [0, 123456789]}}\n"
    )
    lines = opro("sweep", "grid.yaml", "--dry-run").out.splitlines()
    assert [len(line) for line in lines[:4]] == [80] * 4
    assert lines[2].startswith("aaaaaaaa")
    assert "…" in lines[2]
    assert "_seed123456789   waiting" in lines[2]


def test_a_dry_run_says_how_far_each_cell_is(opro: Opro, folder: Path) -> None:
    finish(folder, 0)
    (result,) = (folder / "runs/grid/seed0").glob("result.json")
    result.write_text(result.read_text().replace('"status": "finished"', '"status": "stopped"'))
    sweep = opro("sweep", "grid.yaml", "--dry-run", "--json").data
    assert [cell["status"] for cell in sweep["cells"]] == ["stopped", "waiting", "waiting"]
    assert sweep["cells"][0]["total"]["at_most"]["calls"] > 0


def test_a_budget_that_does_not_buy_all_cells_is_told_before_they_begin(
    opro: Opro, folder: Path
) -> None:
    grid = folder / "grid.yaml"
    grid.write_text(f"{SWEEP}budget: {{calls: 40}}\n")
    data = opro("sweep", "grid.yaml", "--dry-run", "--json").data
    expected = data["total"]["expected"]["calls"]
    assert expected == sum(cell["total"]["expected"]["calls"] for cell in data["cells"]) > 40
    assert f"may take {expected:,} more calls where 40 are left" in data["note"]
    assert "note: budget.calls 40 is for all cells together" in opro("sweep", "grid.yaml").err
    grid.write_text(f"{SWEEP}budget: {{calls: 100_000}}\n")
    assert opro("sweep", "grid.yaml", "--dry-run", "--json").data["note"] == ""


def test_what_cells_spent_that_are_gone_is_not_left(opro: Opro, folder: Path) -> None:
    (folder / "grid.yaml").write_text(f"{SWEEP}budget: {{calls: 170}}\n")
    calls = json.loads((finish(folder, 0) / "result.json").read_text())["spend"]["calls"]
    claims = folder / "runs/grid" / CLAIMS
    claims.write_bytes(encode(Claim("s", "1/1", "h", 1, "t", spent=Spent(calls + 60, 0, 0))))
    note = opro("sweep", "grid.yaml", "--dry-run", "--json").data["note"]
    assert (
        f"more calls where {110 - calls} are left (60 went to cells that are gone or to calls"
        in note
    )
    claims.write_bytes(encode(Claim("s", "1/1", "h", 1, "t", spent=Spent(calls, 0, 0))))
    assert (
        "where 90 are left. They" in opro("sweep", "grid.yaml", "--dry-run", "--json").data["note"]
    )
