"""Start prompts of other runs, `search.start: RUN@best`: looked up once, when a run begins."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Opro


@pytest.fixture
def earlier(opro: Opro, folder: Path) -> dict[str, Any]:
    """A finished run with candidates, and what came of it."""
    said = opro("optimize", "c.yaml", "--json", "-q", "--set", "name=first")
    assert said.code == 0, said.err
    shown = opro("show", "first", "--json")
    return dict(shown.data)


def start(folder: Path, *prompts: str, name: str = "second") -> None:
    config = (folder / "c.yaml").read_text().replace("name: sums", f"name: {name}")
    config = config.replace("search: {", f"search: {{start: {json.dumps(prompts)}, ")
    (folder / f"{name}.yaml").write_text(config)


def test_a_run_starts_from_the_prompts_of_another(
    opro: Opro, folder: Path, earlier: dict[str, Any]
) -> None:
    best = earlier["best"]["instruction"]
    second = next(c["instruction"] for c in earlier["candidates"] if c["step"] == 1)
    start(folder, "first@best", "Count.", "first@1.1")
    said = opro("optimize", "second.yaml", "--json", "-q")
    assert said.code == 0, said.err
    (run,) = (folder / "runs").glob("second-*")
    about = json.loads((run / "run.json").read_text())
    expected = [best, "Count.", second]
    assert about["settings"]["search"]["initial_instructions"] == expected
    assert [(each["given"], each["index"]) for each in about["start_runs"]] == [
        ("first@best", 0),
        ("first@1.1", 2),
    ]
    assert about["start_runs"][0]["run"].startswith("first-")


def test_a_resume_needs_the_other_run_no_more(
    opro: Opro, folder: Path, earlier: dict[str, Any]
) -> None:
    start(folder, "first@best", "Count.")
    assert opro("optimize", "second.yaml", "-q", "--set", "budget.calls=20").code != 1
    (other,) = (folder / "runs").glob("first-*")
    shutil.move(other, folder / "elsewhere")
    said = opro("resume", "second", "--plain", "--budget", "calls=none")
    assert said.code == 0, said.err
    assert "was edited since" not in said.out + said.err


def test_check_resolves_and_refuses(opro: Opro, folder: Path, earlier: dict[str, Any]) -> None:
    start(folder, "first@best", "Count.")
    said = opro("check", "second.yaml", "--json")
    assert said.code == 0, said.err
    assert earlier["best"]["instruction"] in said.data["scorer_prompt"][0]["content"]
    assert opro("optimize", "second.yaml", "--dry-run").code == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobody@best", "search.start: nobody@best: "),
        ("first@77", "search.start: first@77: no step 77: first-"),
        ("first@1.99", "search.start: first@1.99: step 1 of first-"),
        ("first@besst", "search.start: first@besst: first is a run, and @besst names no prompt"),
        ("first @best", "search.start: first @best: first is a run, and @best names no prompt"),
    ],
)
@pytest.mark.parametrize("command", ["check", "optimize"])
def test_what_is_not_there_is_said(
    opro: Opro, folder: Path, earlier: dict[str, Any], name: str, message: str, command: str
) -> None:
    start(folder, name, "Count.")
    said = opro(command, "second.yaml")
    assert said.code == 2
    assert message in said.err
    assert not [*(folder / "runs").glob("second-*")]


def test_the_same_prompt_twice_is_refused(
    opro: Opro, folder: Path, earlier: dict[str, Any]
) -> None:
    start(folder, "first@0.1", "first@start")
    said = opro("optimize", "second.yaml")
    assert said.code == 2
    assert "first@0.1 and first@start are the same prompt" in said.err


def test_an_at_sign_in_a_sentence_is_no_reference(opro: Opro, folder: Path) -> None:
    start(folder, "Write to me@best of all.", "Say what stands @best.")
    assert opro("check", "second.yaml").code == 0


def test_a_sweep_refuses_it(opro: Opro, folder: Path, earlier: dict[str, Any]) -> None:
    start(folder, "first@best", "Count.")
    (folder / "s.yaml").write_text("name: s\nbase: second.yaml\nmatrix: {search.seed: [0, 1]}\n")
    said = opro("sweep", "s.yaml")
    assert said.code == 2
    assert "first@best names a prompt of a run" in said.err
