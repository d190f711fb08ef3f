"""The sweep files that ship: which cells they have, what each asks for, and that they can begin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opro_cli import wiring
from opro_cli.app.startable import list_missing_keys
from opro_cli.datasets import hub
from opro_cli.datasets.hub import HubName
from opro_cli.datasets.presets import expand_preset
from opro_cli.sweep.file import Sweep, load_sweep
from tests.cli.conftest import Opro, folder, model, opro

__all__ = ["folder", "model", "opro"]  # fixtures

CONFIGS = Path(__file__).parents[2] / "configs"
# Table 7 of the paper.
TASKS = [
    "boolean_expressions",
    "causal_judgement",
    "date_understanding",
    "disambiguation_qa",
    "dyck_languages",
    "formal_fallacies",
    "geometric_shapes",
    "hyperbaton",
    "logical_deduction_seven_objects",
    "movie_recommendation",
    "multistep_arithmetic_two",
    "navigate",
    "object_counting",
    "penguins_in_a_table",
    "reasoning_about_colored_objects",
    "ruin_names",
    "salient_translation_error_detection",
    "snarks",
    "sports_understanding",
    "temporal_sequences",
    "tracking_shuffled_objects_seven_objects",
    "web_of_lies",
    "word_sorting",
]
ROW = {  # a question and its answer, of each kind
    "boolean": ("Is {n} odd?\nOptions:\n- Yes\n- No", "Yes"),
    "choice": ("Which is {n}?\nOptions:\n(A) this\n(B) that", "(A)"),
    "number": ("What is {n} plus 0?", "{n}"),
    "exact": ("Sort: bee{n} ant", "ant bee{n}"),
}


def shipped(name: str) -> Sweep:
    return load_sweep(CONFIGS / f"{name}.yaml", wiring.NAMES)


@pytest.fixture
def at_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that has 250 questions of every task of BIG-Bench-Hard."""

    def load(name: HubName, place: str) -> Iterator[dict[str, Any]]:
        assert (name.repository, name.split) == ("lukaemon/bbh", "test")
        question, answer = ROW[expand_preset(f"bbh/{name.config}")["answer"]]
        for n in range(250):
            yield {"input": question.format(n=n), "target": answer.format(n=n)}

    monkeypatch.setattr(hub, "load_split", load)


def test_these_ship() -> None:
    found = sorted(path.stem for path in CONFIGS.glob("*-sweep.yaml"))
    assert found == ["bbh-sweep", "embedded-sweep", "regression-sweep", "tour-sweep"]


def test_the_embedded_sweep_is_five_tasks_by_three_seeds() -> None:
    sweep = shipped("embedded-sweep")
    tasks = ("quickstart", *(f"embedded-{each}" for each in ("boolean", "counting", "dyck")))
    tasks = (*tasks, "embedded-tracking")
    assert [c.name for c in sweep.cells] == [f"{t}_seed{s}" for t in tasks for s in range(3)]
    for cell in sweep.cells:
        task, _, seed = cell.name.rpartition("_seed")
        own = wiring.read_config(CONFIGS / f"{task}.yaml")
        assert cell.settings.task == own.task
        assert cell.settings.scorer.reply_limit >= own.scorer.reply_limit
        assert cell.settings.search.seed == int(seed)
        assert not list_missing_keys(cell.settings)


def test_the_sweep_over_bbh_is_the_papers_tasks_by_three_seeds() -> None:
    sweep = shipped("bbh-sweep")
    assert len(TASKS) == 23
    assert [c.name for c in sweep.cells] == [f"{t}_seed{s}" for t in TASKS for s in range(3)]
    base = wiring.read_config(CONFIGS / "bbh-openai.yaml")
    for cell in sweep.cells:
        task, _, _ = cell.name.rpartition("_seed")
        data = cell.settings.task.data
        assert data.train == f"hub:lukaemon/bbh:{task}#test"
        assert data.split == base.task.data.split  # 20 % to search on, as in the paper
        assert cell.settings.task.answer == expand_preset(f"bbh/{task}")["answer"]
        assert (cell.settings.scorer, cell.settings.optimizer) == (base.scorer, base.optimizer)
    assert sweep.budget.usd == 100


def test_its_comment_tells_how_to_have_the_papers_settings(tmp_path: Path) -> None:
    text = (CONFIGS / "bbh-sweep.yaml").read_text()
    assert "#   base: gsm8k-paper.yaml\n#   matrix: {task: [bbh/" in text
    (tmp_path / "gsm8k-paper.yaml").write_bytes((CONFIGS / "gsm8k-paper.yaml").read_bytes())
    path = tmp_path / "sweep.yaml"
    path.write_text(f"base: gsm8k-paper.yaml\nmatrix: {{task: [{', '.join(_presets())}]}}\n")
    cells = load_sweep(path, wiring.NAMES).cells
    assert [cell.name for cell in cells] == TASKS
    for cell in cells:
        task, search = cell.settings.task, cell.settings.search
        split = task.data.split
        assert (task.scoring, split.method, split.train, split.dev) == ("paper", "paper", 0.2, 0)
        assert (search.steps, search.candidates_per_step, search.rules) == (200, 8, "paper")


@pytest.mark.usefixtures("at_the_hub")
def test_a_dry_run_over_bbh_tells_what_it_costs(opro: Opro) -> None:
    said = opro("sweep", str(CONFIGS / "bbh-sweep.yaml"), "--dry-run", "--json")
    assert said.code == 0, said.err
    assert [row["cell"] for row in said.data["cells"][::3]] == [f"{t}_seed0" for t in TASKS]
    assert all(row["total"]["expected"]["usd"] > 0 for row in said.data["cells"])


def test_without_a_network_a_dry_run_names_the_data(
    opro: Opro, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "empty"))
    said = opro("sweep", str(CONFIGS / "bbh-sweep.yaml"), "--dry-run")
    assert said.code == 2
    assert "hub:lukaemon/bbh:boolean_expressions#test: the hub cannot be reached" in said.err
    assert "hint: check the network" in said.err


@pytest.mark.parametrize("name", ["embedded-sweep", "bbh-sweep"])
def test_init_writes_a_sweep_with_the_configs_that_it_names(
    name: str, opro: Opro, folder: Path
) -> None:
    said = opro("init", "new/grid.yaml", "--template", name)
    assert said.code == 0
    assert "opro sweep new/grid.yaml --dry-run" in said.out
    cells = load_sweep(folder / "new" / "grid.yaml", wiring.NAMES).cells
    assert [cell.name for cell in cells] == [cell.name for cell in shipped(name).cells]
    told = [line.removeprefix("wrote ") for line in said.out.splitlines()[:-1]]
    assert len(told) == len(set(told))
    if name == "embedded-sweep":
        for cell in cells[::3]:
            assert not wiring.load_data(cell.settings).left_out
        assert json.loads(opro("sweep", "new/grid.yaml", "--dry-run", "--json").out)["total"]


def _presets() -> list[str]:
    return [f"bbh/{task}" for task in TASKS]
