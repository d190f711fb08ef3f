"""The README tells the truth about the commands and the files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from opro_cli import wiring
from opro_cli.config.templates import write_template
from opro_cli.core.settings.settings import ScorerSettings
from opro_cli.models.prices import price_of
from opro_cli.sweep.file import load_sweep
from tests.readme import BLOCK, README, with_help

TEXT = README.read_text("utf-8")


def test_the_help_texts_are_those_of_the_program() -> None:
    commands = [match["command"] for match in BLOCK.finditer(TEXT)]
    verbs = [
        "optimize",
        "resume",
        "watch",
        "runs",
        "show",
        "diff",
        "report",
        "eval",
        "sweep",
        "check",
    ]
    assert commands == [*verbs, "init", "cache info", "cache clear"]
    assert with_help(TEXT) == TEXT, "the help changed: run `make readme`"


def test_every_file_that_is_named_is_there() -> None:
    named = re.findall(r"\b(configs/[\w./-]+\.(?:yaml|jsonl|md|csv))", TEXT)
    assert len(named) >= 4
    for name in named:
        assert (README.parent / name).is_file(), name


def test_the_two_commands_stand_at_the_top() -> None:
    top = TEXT[: TEXT.index("\n## ")]
    assert "make quickstart" in top
    assert "make test" in top


def test_the_sweep_that_is_shown_can_be_read(tmp_path: Path) -> None:
    shown = TEXT[TEXT.index("# grid.yaml\n") :]
    (tmp_path / "grid.yaml").write_text(shown[: shown.index("```")])
    write_template("own-data", tmp_path / "mine.yaml")
    sweep = load_sweep(tmp_path / "grid.yaml", wiring.NAMES)
    mini = [f"gpt-4o-mini_seed{seed}" for seed in range(5)]
    nano = [f"gpt-4.1-nano_seed{seed}" for seed in range(4)]
    assert [cell.name for cell in sweep.cells] == [*mini, *nano, "racingFalse"]
    assert sweep.budget.usd == 20


def test_the_steps_of_ci_are_yaml() -> None:
    shown = TEXT[TEXT.index("# a CI matrix") :]
    job = yaml.safe_load(shown[: shown.index("```")])
    parts = len(job["strategy"]["matrix"]["shard"])
    assert job["steps"][0]["run"].startswith("opro sweep grid.yaml --shard")
    assert f"}}/{parts} " in job["steps"][0]["run"]


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4.1-nano"])
def test_a_million_calls_cost_what_the_list_price_says(model: str) -> None:
    price = price_of(ScorerSettings(f"openai/{model}"))
    assert price is not None
    (row,) = (line for line in TEXT.splitlines() if line.startswith("|") and f"{model} (" in line)
    assert f"({price.input:.2f} and {price.output:.2f}" in row.replace(" a million", "")
    million, milliard = (
        float(cell.strip().strip("$").replace(",", "")) for cell in row.split("|")[2:4]
    )
    reckoned = 106 * price.input + 256 * price.output  # tokens of a prompt and of a reply
    assert million == pytest.approx(reckoned, rel=0.01)
    assert milliard == 1000 * million
