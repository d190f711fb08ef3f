"""`opro_cli/docs/json.md` against real outputs: every key is documented, and every one is there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "opro_cli" / "docs" / "json.md").read_text("utf-8")
SMALLER = (
    ("steps: 8", "steps: 1"),
    ("train: 40, dev: 40, test: 45", "train: 8, dev: 6, test: 6"),
    ("data/", f"{ROOT / 'configs'}/data/"),
)
JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
ROW = re.compile(r"\| `(?P<key>\w+)(?P<optional>\??)` \| (?P<type>[^|]+) \| [^|]+ \|")


def objects() -> dict[str, dict[str, str]]:
    """The documented objects: their keys with types, a key that is optional with its "?"."""
    found = {}
    for section in TEXT.split("\n### ")[1:]:
        name, rows = section.split("\n", 1)
        found[name] = {row["key"] + row["optional"]: row["type"] for row in ROW.finditer(rows)}
    return found


OBJECTS = objects()


def problems(value: Any, kind: str, where: str) -> list[str]:
    """List what differs from the documented type, each with its path."""
    if " or " in kind:
        ways = [problems(value, each, where) for each in kind.split(" or ")]
        return min(ways, key=len)
    if kind == "any":
        return []
    if kind.startswith("list of "):
        if not isinstance(value, list):
            return [f"{where}: no list"]
        of = kind.removeprefix("list of ")
        return [each for n, item in enumerate(value) for each in problems(item, of, f"{where}.{n}")]
    if kind.startswith("map of "):
        if not isinstance(value, dict):
            return [f"{where}: no object"]
        of = kind.removeprefix("map of ")
        return [p for k, item in value.items() for p in problems(item, of, f"{where}.{k}")]
    if kind in JSON_TYPES:
        right = isinstance(value, JSON_TYPES[kind]) and (
            kind == "boolean" or not isinstance(value, bool)
        )
        return [] if right else [f"{where}: {value!r:.40} is no {kind}"]
    return problems_of_object(value, kind, where)


def problems_of_object(value: Any, kind: str, where: str) -> list[str]:
    """List what differs from a documented object."""
    if not isinstance(value, dict):
        return [f"{where}: {value!r:.40} is no {kind}"]
    keys = OBJECTS[kind]
    plain = {key.rstrip("?") for key in keys}
    found = [f"{where}: {kind} has no key {key} in the manual" for key in value if key not in plain]
    for key, of in keys.items():
        name = key.rstrip("?")
        if name in value:
            found += problems(value[name], of, f"{where}.{name}")
        elif name == key:
            found.append(f"{where}: {kind} lacks {key}")
    return found


def opro(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "opro_cli", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OPRO_CACHE_DIR": str(folder / "cache"),
            "OPRO_STATE_DIR": str(folder / "state"),
        },
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of the quickstart, made smaller, and a sweep of it."""
    folder = tmp_path_factory.mktemp("json")
    text = (ROOT / "configs" / "quickstart.yaml").read_text()
    for large, small in SMALLER:
        assert large in text
        text = text.replace(large, small)
    (folder / "q.yaml").write_text(text)
    shutil.copy(ROOT / "configs" / "data" / "bbh_navigate.jsonl", folder / "rows.jsonl")
    (folder / "own.yaml").write_text(text.replace("embedded/tiny-mistral", "openai/none", 1))
    (folder / "grid.yaml").write_text("name: grid\nbase: q.yaml\nmatrix: {search.seed: 0..1}\n")
    (folder / "worse.md").write_text("Let's solve the problem. Write the sum so far.\n")
    start = 'initial_instructions: ["Let\'s solve the problem."]'
    assert start in text
    listed = f"{start.replace('initial_instructions', 'candidates')}\n  strategy: list"
    filed = text.replace(start, f"start: file:worse.md\n  {listed}")
    (folder / "other.md").write_text("Let's solve the problem. Write every sum.\n")
    (folder / "filed.yaml").write_text(filed.replace("name: quickstart", "name: filed"))
    assert opro(folder, "optimize", "filed.yaml", "--plain").returncode == 0
    assert opro(folder, "optimize", "q.yaml", "--plain").returncode == 0
    assert opro(folder, "sweep", "grid.yaml", "--plain").returncode == 0
    (run,) = (folder / "runs").glob("quickstart-*")
    shutil.copytree(run, folder / "spare" / "doomed")
    return folder


CASES = {
    "optimize q.yaml": "Result",
    "resume quickstart": "Result",
    "watch quickstart": "Result",
    "optimize q.yaml --dry-run": "Costs",
    "show quickstart": "Show",
    "show quickstart@1 --answers --wrong": "ShownAnswers",
    "runs": "list of RunRow",
    "diff quickstart@start quickstart": "Diff",
    "diff grid/seed0@start grid/seed1@1 --replies": "Diff",
    "diff quickstart@start quickstart quickstart@1": "Diffs",
    "diff grid": "SweepReport",
    "diff grid grid": "SweepDiff",
    "report quickstart": "Page",
    "report grid": "Page",
    "plot quickstart": "Plot",
    "plot quickstart --kind front": "Plot",
    "plot quickstart --kind forest": "Plot",
    "plot quickstart@start --kind confusion": "Plot",
    "plot grid --kind calibration": "Plot",
    "prompt filed": "WholePrompt",
    "apply filed --anyway --yes": "Applied",
    "tag quickstart before-launch": "Tags",
    "rm spare/doomed --yes": "Removed",
    "ledger": "Ledger",
    "ledger forget SET --yes": "Forgotten",
    "check q.yaml": "Check",
    "check q.yaml --headroom": "Check",
    "config q.yaml": "Config",
    "init new.yaml": "Init",
    "init rows.yaml --data rows.jsonl": "Init",
    "cache info": "Cache",
    "eval q.yaml -p Count. -p x": "list of EvalRow",
    "eval q.yaml -p Count. -p y --dry-run": "list of EvalPlanRow",
    "gate q.yaml -p worse.md -p other.md --margin 90 --min-score 0 --max-usd 5": "Gate",
    "sweep grid.yaml": "list of SweepRow",
    "sweep grid.yaml --dry-run": "SweepCosts",
}


@pytest.mark.parametrize("command", CASES)
def test_an_output_has_the_documented_keys(folder: Path, command: str) -> None:
    kind = CASES[command]
    if "SET" in command:
        used = json.loads(opro(folder, "ledger", "--json").stdout)["sets"][0]
        command = command.replace("SET", used["set"])
    done = opro(folder, *command.split(), "--json")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert problems(data, kind, command) == []
    rows = data if isinstance(data, list) else [data]
    assert rows
    assert all(isinstance(row["format_version"], int) for row in rows)


@pytest.mark.parametrize(
    ("command", "code", "where"),
    [
        ("show nothing", 2, None),
        ("optimize q.yaml --stepz 3", 2, None),
        ("check own.yaml", 2, None),
        ("config broken.yaml", 2, "broken.yaml"),
    ],
)
def test_an_error_has_the_documented_keys(
    folder: Path, command: str, code: int, where: str | None
) -> None:
    (folder / "broken.yaml").write_text("task: 3\n")
    done = opro(folder, *command.split(), "--json")
    assert done.returncode == code
    data = json.loads(done.stderr.splitlines()[-1])
    assert problems(data, "Failure", command) == []
    assert data["error"]["exit_code"] == code
    assert data["error"].get("where") == where


def test_every_command_of_the_manual_is_tried() -> None:
    table = TEXT.split("\n## ")[0]
    promised = re.findall(r"^\| [^|]+ \| (?!prints)([\w ]+) \|$", table, re.MULTILINE)
    assert set(promised) == {*CASES.values(), "Failure"}


def test_every_object_of_the_manual_is_named_somewhere() -> None:
    kinds = " ".join(
        [*CASES.values(), "Failure", *(k for o in OBJECTS.values() for k in o.values())]
    )
    assert {name for name in OBJECTS if name not in kinds.split()} == set()
    words = set(kinds.split()) - {*JSON_TYPES, "list", "map", "of", "or", "any"}
    assert words <= OBJECTS.keys()
