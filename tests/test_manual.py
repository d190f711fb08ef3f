"""The README and the manual tell the truth about the commands, the keys and the files."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer import TyperException
from typer.main import get_command

from opro_cli import wiring
from opro_cli.app.manual import list_topics
from opro_cli.cli.app import VERBS, _only
from opro_cli.config.templates import write_template
from opro_cli.core.settings.filled import overlay
from opro_cli.core.settings.models import OptimizerSettings, ScorerSettings
from opro_cli.core.settings.prompts import FILE
from opro_cli.core.settings.read import read_settings
from opro_cli.models.prices import find_price
from opro_cli.sweep.file import load_sweep
from tests.documented import (
    PAGES,
    WRITTEN,
    Shown,
    anchors,
    blocks,
    links,
    named_files,
    shown_in_blocks,
    shown_in_text,
)
from tests.manual import DOCS, README, ROOT, pages

SHOWN = [shown for page in WRITTEN for shown in (*shown_in_blocks(page), *shown_in_text(page))]
BASE: dict[str, Any] = {
    "task": {"preset": "gsm8k"},
    "scorer": {"model": "openai/x"},
    "optimizer": {"model": "openai/x"},
}


def page_id(page: Path) -> str:
    return page.name


def problem_with(verb: str, arguments: list[str]) -> str:
    """Return what the command line refuses about a command, "" where it takes it."""
    try:
        get_command(_only(verb)).make_context(verb, arguments)
    except TyperException as error:
        return error.format_message()
    return ""


def test_the_generated_pages_are_up_to_date() -> None:
    for name, text in pages().items():
        assert (DOCS / name).read_text("utf-8") == text, f"{name} is out of date: run `make docs`"


def test_the_contents_list_every_page() -> None:
    topics = {topic.name for topic in list_topics()}
    there = {page.stem for page in DOCS.glob("*.md")} - {"index"}
    assert topics | {"json"} == there | {"json"}
    readme = {Path(target.partition("#")[0]).stem for target in links(README)}
    assert topics <= readme


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in links(page):
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        if path.name != "json.md":  # written apart from these pages
            assert path.is_file(), target
            assert not anchor or anchor in anchors(path), target


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    for path in named_files(page):
        assert path.exists() or "VERB" in path.name, path


@pytest.mark.parametrize("shown", SHOWN, ids=str)
def test_every_command_that_is_shown_is_one(shown: Shown) -> None:
    verb, *arguments = shown.words
    if verb.startswith("-") or verb == "COMMAND":
        return
    assert verb in VERBS
    problem = problem_with(verb, arguments)
    assert not problem or problem.startswith("Missing argument")  # as a sentence names it


def test_the_readme_can_be_read_to_the_end() -> None:
    text = README.read_text("utf-8")
    assert len(text.splitlines()) <= 180
    top = text[: text.index("Why another one")]
    for command in ("uvx --from . opro init", "pip install .", "make quickstart"):
        assert command in top


@pytest.mark.parametrize("page", WRITTEN, ids=page_id)
def test_pieces_of_configs_that_are_shown_can_be_read(page: Path) -> None:
    for block in blocks(page, "yaml"):
        piece = yaml.safe_load(block)
        if piece.keys() <= {"task", "scorer", "optimizer", "search", "budget"}:
            base = {"optimizer": {}} if "problem" in piece.get("task", {}) else BASE
            if str(piece.get("search", {}).get("candidates")).startswith(FILE):
                piece["search"]["candidates"] = ["Count."]  # whatever the file says
            result = read_settings(overlay(base, piece), wiring.NAMES)
            assert result.problems == ()


def test_keys_of_both_models_are_taken_by_both() -> None:
    page = (DOCS / "config.md").read_text("utf-8")
    section = page.partition("## scorer and optimizer")[2].partition("The scorer alone takes")[0]
    names = {line.split("`")[1].partition(".")[0] for line in section.split("\n- ")[1:]}
    both = [{field.name for field in fields(each)} for each in (ScorerSettings, OptimizerSettings)]
    assert {name.removesuffix("[]") for name in names} == both[0] & both[1]


@pytest.mark.parametrize("page", WRITTEN, ids=page_id)
def test_drawings_and_tables_of_text_fit_a_terminal(page: Path) -> None:
    for block in blocks(page, "text"):
        for line in block.splitlines():
            sentence = line.startswith(("OPRO helps", "opro: "))  # may wrap
            assert len(line) <= 78 + 2 * (page == README) or sentence, line


def test_the_sweep_that_is_shown_can_be_read(tmp_path: Path) -> None:
    (shown,) = (each for each in blocks(DOCS / "sweeps.md", "yaml") if "# grid.yaml" in each)
    (tmp_path / "grid.yaml").write_text(shown)
    write_template("own-data", tmp_path / "mine.yaml")
    sweep = load_sweep(tmp_path / "grid.yaml", wiring.NAMES)
    mini = [f"gpt-4o-mini_seed{seed}" for seed in range(5)]
    nano = [f"gpt-4.1-nano_seed{seed}" for seed in range(4)]
    assert [cell.name for cell in sweep.cells] == [*mini, *nano, "racingFalse"]
    assert sweep.budget.usd == 20


def test_the_steps_of_ci_are_yaml() -> None:
    (shown,) = (each for each in blocks(DOCS / "sweeps.md", "yaml") if "# a CI matrix" in each)
    job = yaml.safe_load(shown)
    parts = len(job["strategy"]["matrix"]["shard"])
    assert job["steps"][0]["run"].startswith("opro sweep grid.yaml --shard")
    assert f"}}/{parts} " in job["steps"][0]["run"]


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4.1-nano"])
def test_a_million_calls_cost_what_the_list_price_says(model: str) -> None:
    price = find_price(ScorerSettings(f"openai/{model}"))
    assert price is not None
    lines = (DOCS / "scaling.md").read_text("utf-8").splitlines()
    (row,) = (line for line in lines if line.startswith("|") and f"{model} (" in line)
    assert f"({price.input:.2f} and {price.output:.2f}" in row.replace(" a million", "")
    million, milliard = (
        float(cell.strip().strip("$").replace(",", "")) for cell in row.split("|")[2:4]
    )
    computed = 106 * price.input + 256 * price.output  # tokens of a prompt and of a reply
    assert million == pytest.approx(computed, rel=0.01)
    assert milliard == 1000 * million


@pytest.mark.parametrize("page", WRITTEN, ids=page_id)
def test_no_paragraph_is_there_twice(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    begins = [line[:45] for line in re.split(r"\n(?=[A-Z])", text) if len(line) > 60]
    assert not [begin for begin, count in Counter(begins).items() if count > 1]


def test_every_template_is_in_the_manual() -> None:
    text = (DOCS / "own-data.md").read_text("utf-8")
    for template in (ROOT / "configs").glob("*.yaml"):
        name = template.stem
        endings = [
            f"`-{name.rpartition('-')[2]}`",
            f"`{name}`",
            f"`-{name[len('gsm8k-mistral-7b-') :]}`",
        ]
        assert any(ending in text for ending in endings), name
