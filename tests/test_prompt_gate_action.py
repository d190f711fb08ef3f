"""The action and the workflow under `.github/`: their YAML, and what their steps run, run here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from typer.main import get_command

from opro_cli.cli.app import _only

ROOT = Path(__file__).parent.parent
ACTION = ROOT / ".github" / "actions" / "gate" / "action.yml"
WORKFLOW = ROOT / ".github" / "workflows" / "prompt-gate.yml"
CONFIG = """\
name: navigate
task:
  data: {train: rows.jsonl, input: input, target: target, split: {train: 5, dev: 0, test: 60}}
  answer: boolean
  instruction_position: Q_begin
search: {start: file:prompt.md}
scorer: {model: embedded/tiny-mistral, max_tokens: 200, concurrency: 64}
optimizer: {model: embedded/tiny-optimizer, max_tokens: 80}
"""
CAREFUL = "Update the location at every move. Apply every turn. Show every intermediate value.\n"
EMPTY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


def read(path: Path) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(path.read_text("utf-8"))
    return loaded


def scripts(steps: list[dict[str, Any]]) -> list[str]:
    return [step["run"] for step in steps if "run" in step]


def test_the_action_passes_every_input_and_pastes_none_into_a_script() -> None:
    action = read(ACTION)
    steps = action["runs"]["steps"]
    assert action["runs"]["using"] == "composite"
    assert all(step["shell"] == "bash" for step in steps if "run" in step)
    assert not any("${{" in script for script in scripts(steps))
    (asking,) = (step for step in steps if step.get("id") == "gate")
    passed = [re.findall(r"^\$\{\{ inputs\.(\w+) \}\}$", each) for each in asking["env"].values()]
    assert {name for (name,) in passed} == action["inputs"].keys()
    for output in action["outputs"].values():
        (name,) = re.findall(r"steps\.gate\.outputs\.(\w+)", output["value"])
        assert f"{name}=$" in asking["run"]


def test_every_option_of_the_script_is_one_of_the_command() -> None:
    (asking,) = (each for each in scripts(read(ACTION)["runs"]["steps"]) if "opro gate" in each)
    options = {name for each in get_command(_only("gate")).params for name in each.opts}
    assert set(re.findall(r"--\w[\w-]*", asking)) <= options


def test_the_workflow_runs_where_a_config_is_named_and_gives_what_the_action_takes() -> None:
    workflow = read(WORKFLOW)
    triggers = workflow[True]  # YAML reads "on" as true
    assert "pull_request_target" not in triggers
    assert workflow["permissions"] == {"contents": "read"}
    job = workflow["jobs"]["gate"]
    assert job["if"].startswith("vars.OPRO_GATE_CONFIG != ''")
    checkout, gate, _ = job["steps"]
    assert checkout["with"]["fetch-depth"] == 0
    assert (ROOT / gate["uses"] / "action.yml").resolve() == ACTION
    assert gate["with"].keys() <= read(ACTION)["inputs"].keys()
    assert not scripts(job["steps"])


@dataclass(frozen=True)
class Ran:
    """What a step left."""

    code: int
    log: str
    summary: str
    outputs: dict[str, str]


class Runner:
    """A checkout, and the steps of the action run in it as a runner would."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.temp = folder / "checkout", folder / "temp"
        (folder / "bin").mkdir(parents=True)
        self.folder.mkdir()
        self.temp.mkdir()
        opro = folder / "bin" / "opro"
        opro.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m opro_cli "$@"\n')
        opro.chmod(0o755)
        self.path = f"{opro.parent}{os.pathsep}{os.environ['PATH']}"
        rows = ROOT / "configs" / "data" / "bbh_navigate.jsonl"
        shutil.copy(rows, self.folder / "rows.jsonl")
        (self.folder / "gate.yaml").write_text(CONFIG)
        (self.folder / "prompt.md").write_text(CAREFUL)
        self.git("init", "-q", "-b", "main", ".")
        self.git("add", "-A")
        self.git("commit", "-qm", "a prompt that works")

    def git(self, *words: str) -> None:
        who = {
            f"GIT_{role}_{what}": "a@b.c"
            for role in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        environment = {**os.environ, **EMPTY, **who}
        subprocess.run(["git", *words], cwd=self.folder, env=environment, check=True)

    def gate(self, **inputs: str) -> Ran:
        action = read(ACTION)
        (step,) = (each for each in action["runs"]["steps"] if each.get("id") == "gate")
        defaults = {name: each.get("default", "") for name, each in action["inputs"].items()}
        given = {"target": "gate.yaml", **defaults, **inputs}
        given["target"] = inputs.get("target", "gate.yaml")
        files = {
            name: self.temp / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
        }
        for file in files.values():
            file.write_text("")
        environment = {
            **os.environ,
            **EMPTY,
            **{name: str(file) for name, file in files.items()},
            **{name: given[name.lower()] for name in step["env"]},
            "RUNNER_TEMP": str(self.temp),
            "PATH": self.path,
            "PYTHONPATH": str(ROOT),
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        lines = files["GITHUB_OUTPUT"].read_text().splitlines()
        outputs = dict(line.split("=", 1) for line in lines)
        summary = files["GITHUB_STEP_SUMMARY"].read_text()
        return Ran(done.returncode, done.stdout + done.stderr, summary, outputs)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def test_an_unchanged_prompt_passes_and_asks_nothing(runner: Runner) -> None:
    ran = runner.gate(against="HEAD")
    assert (ran.code, ran.outputs["code"]) == (0, "0"), ran.log
    assert ran.summary.startswith("## ✅ Prompt gate: unchanged")
    assert not (runner.folder / "runs").exists()


def test_a_worse_prompt_fails_the_job_with_a_report(runner: Runner) -> None:
    (runner.folder / "prompt.md").write_text("Be brief.\n")
    ran = runner.gate(against="main", budget="calls=500\nusd=1", options="--max-unreadable=50\n")
    assert (ran.code, ran.outputs["code"]) == (4, "4"), ran.log
    assert "::error::the new prompt is worse" in ran.log
    assert ran.summary.startswith("## ❌ Prompt gate: worse")
    suite = ElementTree.parse(ran.outputs["junit"]).getroot()
    assert suite.get("failures") == "1"
    assert Path(ran.outputs["report"]).read_text() == ran.summary


@pytest.mark.slow
def test_what_cannot_be_told_fails_unless_it_may_pass(runner: Runner) -> None:
    (runner.folder / "prompt.md").write_text(CAREFUL.replace("Show", "Note"))
    few = "--limit=20"
    assert runner.gate(against="main", options=few).code == 5
    ran = runner.gate(against="main", options=few, undecided="pass")
    assert (ran.code, ran.outputs["code"]) == (0, "5"), ran.log
    assert "::warning::" in ran.log


@pytest.mark.slow
def test_names_that_look_like_commands_and_options_are_names(runner: Runner) -> None:
    for name in ("$(touch owned).yaml", "--help", "; touch owned"):
        ran = runner.gate(target=name, against="main")
        assert ran.code == 2, ran.log
    assert runner.gate(against="$(touch owned)").code == 2
    assert not list(runner.folder.rglob("owned"))
