"""Each hostile text as a name: of a config, a run, a folder, a data file, a field, a template."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from opro_cli.cli.options import complete_run
from tests.cli.conftest import CONFIG, Opro, only_run
from tests.hostile.cases import CASES, Hostile, named, together
from tests.hostile.conftest import assert_harmless


def can_name_a_file(text: str) -> bool:
    return "/" not in text and "\0" not in text and len(text.encode(errors="replace")) < 200


# No path: not even bytes that are no UTF-8, which Python keeps as low halves, are written so.
NO_PATHS = [case.text for case in CASES if re.search("[\0\ud800-\udc7f\udd00-\udfff]", case.text)]
NAMES = [case for case in CASES if case.is_text and can_name_a_file(case.text)]


@pytest.mark.parametrize("group", together(CASES, 10), ids=named)
def test_what_is_not_there_is_told_in_words(
    opro: Opro, folder: Path, group: Sequence[Hostile]
) -> None:
    config = yaml.safe_load(CONFIG)
    for case in group:
        config["task"]["data"]["train"] = case.text
        (folder / "d.yaml").write_text(yaml.safe_dump(config))
        for command in (
            ["check", "--", case.text],
            ["show", "--", case.text],
            ["diff", "--", case.text, "runs"],
            ["init", "--template", case.text],
            ["check", "d.yaml"],
            [case.text],
        ):
            said = opro(*command)
            assert said.code == 2, (case.name, command)
            assert said.err.startswith("opro: ")
            assert_harmless(said)
        said = opro("runs", "--runs-dir", case.text)
        assert said.code == (2 if case.text in NO_PATHS else 0), case.name
        assert_harmless(said)
    assert {path.name for path in folder.iterdir()} == {"c.yaml", "d.yaml", "train.jsonl"}


@pytest.mark.parametrize("group", together(NAMES, 10), ids=named)
def test_a_file_may_have_any_name(opro: Opro, folder: Path, group: Sequence[Hostile]) -> None:
    rows = (folder / "train.jsonl").read_text()
    config = yaml.safe_load(CONFIG)
    for case in group:
        data, path = folder / f"{case.text}.jsonl", folder / f"{case.text}.yaml"
        data.write_text(f"{rows}{{broken\n")
        config["task"]["data"]["train"] = data.name
        path.write_text(yaml.safe_dump(config))
        said = opro("check", "--", str(path))
        assert said.code == 2, case.name
        assert ".jsonl:31: broken JSON" in said.err
        assert_harmless(said)
        new = f"{folder / case.text}/x {case.text}.yaml"
        said = opro("init", "--template", "own-data", "--", new)
        assert said.code == 0, case.name
        assert_harmless(said)


def test_runs_may_have_any_name(opro: Opro, folder: Path) -> None:
    opro("optimize", "c.yaml")
    made = only_run(folder)
    for case in NAMES:
        shutil.copytree(made, folder / "runs" / case.text)
    assert_harmless(opro("runs"))
    listed = opro("runs", "--json").data
    assert {row["run"] for row in listed} == {made.name, *(case.text for case in NAMES)}
    for case in NAMES:
        (folder / "runs" / case.text / "run.json").write_text("{")
    said = opro("runs")
    assert said.err.count("left out: ") == len(NAMES)
    assert_harmless(said)


def test_a_shell_is_offered_plain_names_only(opro: Opro, folder: Path) -> None:
    """Completions are evaluated by zsh."""
    opro("optimize", "c.yaml")
    made = only_run(folder)
    for case in NAMES:
        shutil.copytree(made, folder / "runs" / case.text)

    offered = complete_run(SimpleNamespace(params={"runs_dir": folder / "runs"}), "")  # type: ignore[arg-type]
    assert made.name in offered
    assert all(name.isascii() and not set(name) & set("$`\\;&|<>()'\" \n") for name in offered)


@pytest.mark.parametrize("group", together(CASES, 10), ids=named)
def test_fields_may_have_any_name(opro: Opro, folder: Path, group: Sequence[Hostile]) -> None:
    fields = [case.text for case in group]
    row = json.dumps(dict.fromkeys(fields, "1"))
    (folder / "train.jsonl").write_text(row + "\n")
    said = opro("check", "c.yaml")
    assert said.code == 2
    assert "has no field question; it has " in said.err
    assert_harmless(said)
    twice = ", ".join(f"{json.dumps(field)}: 1" for field in fields for _ in "ab")
    (folder / "train.jsonl").write_text(f"{{{twice}}}\n")
    said = opro("check", "c.yaml")
    assert said.code == 2
    assert "stands twice" in said.err
    assert_harmless(said)


@pytest.mark.parametrize("name", ["x" * 5000, "y/" * 3000, "."])
def test_names_that_no_file_can_have(opro: Opro, folder: Path, name: str) -> None:
    for command in (["check", name], ["optimize", name], ["show", name], ["diff", name, name]):
        said = opro(*command)
        assert said.code == 2, said.err
        assert max(map(len, said.err.splitlines())) < 2500
    assert opro("runs", "--runs-dir", name).code == 0
    assert opro("init", name).code == 2
    if name != ".":
        assert opro("optimize", "c.yaml", "--runs-dir", name).code == 2
