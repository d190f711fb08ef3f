"""`opro diff` from end to end: which prompts, how many, and in which form."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import CONFIG, Opro
from tests.loop.runs import ShuffledModel
from tests.render.test_live import screen_after
from tests.render.test_markdown import parsed, structure

FOLDERS = Path(__file__).parents[1] / "run_folders"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs of `runs` are once they are made."""
    return tmp_path_factory.mktemp("made") / "runs"


@pytest.fixture
def runs(opro: Opro, folder: Path, made: Path) -> list[str]:
    """The names of three finished runs: as configured, with another seed, with other data."""
    if not made.exists():
        make_runs(opro, folder)
        shutil.copytree(folder / "runs", made)
    else:
        shutil.copytree(made, folder / "runs")
    return sorted(
        (path.name for path in (folder / "runs").glob("[!.]*")),
        key=lambda name: (folder / "runs" / name / "run.json").stat().st_mtime_ns,
    )


def make_runs(opro: Opro, folder: Path) -> None:
    changes = (
        ("name: sums", "name: one"),
        ("exemplars: 2}", "exemplars: 2, seed: 3}"),
        ("test: 7}", "test: 7, seed: 5}"),
    )
    for change in changes:
        (folder / "c.yaml").write_text(CONFIG.replace(*change))
        assert opro("optimize", "c.yaml").code == 0


def flips_of(data: dict[str, Any]) -> list[dict[str, Any]]:
    """All of them, of every split."""
    splits = filter(None, data["flips_by_split"].values())
    return [flip for s in splits for flip in (*s["wrong_to_right"], *s["right_to_wrong"])]


def test_two_prompts_of_one_run(opro: Opro, runs: list[str]) -> None:
    shown = opro("show", "one", "--json").data
    data = opro("diff", "one@start", "one@best", "--json").data
    assert data["before"]["instruction"] == "Let's solve the problem."
    assert data["after"]["instruction"] == shown["best"]["instruction"]
    assert (data["before"]["place"], data["after"]["place"]) == ("start", "best")
    assert (data["settings"], data["caveats"]) == ([], [])
    test = shown["paired_test"]
    if test is not None:  # the verdict's own figures
        assert data["flips"]["p_value"] == test["p_value"]
        assert len(data["flips"]["wrong_to_right"]) == test["gained"]


def test_prompts_of_steps(opro: Opro, runs: list[str]) -> None:
    rows = opro("show", "one", "--json").data["candidates"]
    table = [line.split() for line in opro("show", "one").out.splitlines()]
    of_step_1 = [row for row in rows if row["step"] == 1]
    best = max(of_step_1, key=lambda row: row["scores"]["train"]["mean"])
    data = opro("diff", "one@1", f"one@1.{len(of_step_1)}", "--json").data
    assert data["before"]["instruction"] == best["instruction"]
    assert data["after"]["instruction"] == of_step_1[-1]["instruction"]
    (listed,) = (row for row in table if row and row[0] == f"1.{len(of_step_1)}")
    assert " ".join(listed).endswith(data["after"]["instruction"])
    assert data["flips_by_split"]["train"]["shared"] == 6


def test_data_shuffled_otherwise_is_compared_on_what_is_shared(opro: Opro, runs: list[str]) -> None:
    data = opro("diff", "one", runs[2], "--json").data
    assert any("different questions" in caveat for caveat in data["caveats"])
    for flips in filter(None, data["flips_by_split"].values()):
        assert 0 < flips["shared"] < 7


def test_many_runs(opro: Opro, runs: list[str]) -> None:
    data = opro("diff", *runs, "--json").data
    assert [row["name"] for row in data["runs"]] == runs
    assert {setting["path"] for setting in data["settings"]} >= {"search.seed", "name"}
    text = opro("diff", *runs).out
    assert "2 against 1" in text
    assert "3 against 1" in text
    page = opro("diff", *runs, "--markdown").out
    assert structure(page).count("fence code") == 2


def test_replies_are_in_the_data_only_when_asked_for(opro: Opro, runs: list[str]) -> None:
    compared = ["diff", "one@start", "one@1"]
    every = flips_of(opro(*compared, "--json", "--replies").data)
    assert every
    for flip in every:
        assert flip["before_replies"] == [f"The answer is {flip['before']}."]
        assert flip["after_replies"] == [f"The answer is {flip['after']}."]
    quiet = flips_of(opro(*compared, "--json").data)
    assert len(quiet) == len(every)
    assert not any("before_replies" in flip or "after_replies" in flip for flip in quiet)
    text = opro(*compared, "--replies").out
    assert text.count("│ The answer is") == 2 * len(every)
    page = opro(*compared, "--replies", "--markdown").out
    assert page.count("Reply to ") == 2 * len(every)


def test_the_journal_is_read_again_for_replies_alone(
    opro: Opro, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opro_cli.app.diff.read_replies", None)
    for options in ([], ["--flips"], ["--json"], ["--markdown", "--flips"]):
        assert opro("diff", "one@start", "one@1", *options).code == 0


def test_no_test_split(opro: Opro, folder: Path) -> None:
    (folder / "c.yaml").write_text(CONFIG.replace("test: 7", "test: 0"))
    assert opro("optimize", "c.yaml").code == 0
    data = opro("diff", "sums@start", "sums", "--json").data
    assert data["flips"]["split"] == "dev"
    assert data["flips_by_split"]["test"] is None
    assert "dev questions choose the winner" in opro("diff", "sums@start", "sums").out


def test_a_run_that_was_stopped(opro: Opro, folder: Path, model: ShuffledModel) -> None:
    config = CONFIG.replace("exemplars: 2", "exemplars: 2, racing: false")
    (folder / "c.yaml").write_text(f"{config}budget: {{calls: 12}}\n")
    assert opro("optimize", "c.yaml").code == 3
    said = opro("diff", "sums@start", "sums@0.1")
    assert said.code == 0
    assert "is stopped, so answers may be missing" in said.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument"),
        (["one"], "one prompt is not enough to compare"),
        (["one", "one@7"], "has steps 0-2"),
        (["one", "one@1.9"], "has no candidate 9"),
        (["one", "one@last"], '"@last" names no prompt of one'),
        (["one", "nobody"], 'no run called "nobody"'),
        (["one", "one", "--json", "--markdown"], "--markdown and --json: one of them"),
    ],
)
def test_what_cannot_be_compared(
    opro: Opro, runs: list[str], arguments: list[str], message: str
) -> None:
    said = opro("diff", *arguments)
    assert (said.code, said.out) == (2, "")
    assert message in said.err


def test_the_page_of_an_old_run(opro: Opro) -> None:
    said = opro(
        "diff", "format-1@start", "format-2", "--markdown", "--flips", "--runs-dir", str(FOLDERS)
    )
    assert said.code == 0
    headings = [token.tag for token in parsed(said.out) if token.type == "heading_open"]
    assert headings == ["h2", "h3", "h3", "h3", "h3"]


def test_a_real_pager_gets_plain_text(tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text(f"#!/bin/sh\ncat > {tmp_path}/read\necho seen\n")
    pager.chmod(0o755)
    command = ["diff", "format-2@start", "format-2", "--flips", "--runs-dir", str(FOLDERS)]
    script = (
        f"import os, sys\nos.environ['PAGER'] = {str(pager)!r}\n"
        f"sys.argv = ['opro', *{json.dumps(command)}]\n"
        "from opro_cli.cli.app import main\nmain()\n"
    )
    lines, _ = screen_after(script, 30, 100)
    assert [line.strip() for line in lines if line.strip()] == ["seen"]
    read = (tmp_path / "read").read_text()
    assert "McNemar mid-p" in read
    assert "\x1b" not in read


@pytest.mark.parametrize("more", [[], ["--json"], ["--markdown"]], ids=str)
def test_a_prompt_without_answers_is_compared_with_no_other(
    opro: Opro, runs: list[str], more: list[str]
) -> None:
    assert opro("optimize", "c.yaml", "--name", "begun", "--budget", "calls=1").code == 3
    said = opro("diff", "begun", "one", *more)
    assert (said.code, said.out) == (2, "")
    assert "no prompt of begun-" in said.err
    assert opro("diff", "begun", "one@start", "one").code == 0  # two of three can be
