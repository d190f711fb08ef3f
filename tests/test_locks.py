"""The lock files: pinned, hashed, and free of the registry that they were resolved with."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
RUNNING, DEVELOPING = ROOT / "requirements.txt", ROOT / "requirements.lock"
PIN = re.compile(r"^([a-z0-9][\w.-]*)==(\S+)((?: ; [^\\]+)?) \\$", re.MULTILINE)


def pins(path: Path) -> dict[tuple[str, str], str]:
    """The version of each package, by its name and the platforms that it is for."""
    return {(name, marker): version for name, version, marker in PIN.findall(path.read_text())}


@pytest.mark.parametrize("path", [RUNNING, DEVELOPING], ids=lambda path: path.name)
def test_every_line_is_a_pin_or_its_hash(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert len(pins(path)) == sum(not line.startswith("    --hash=sha256:") for line in lines) > 50


def test_running_needs_a_part_of_what_developing_needs() -> None:
    assert pins(RUNNING).items() < pins(DEVELOPING).items()
    for_tests = {"pytest", "mypy", "ruff", "hypothesis", "uv"}
    assert for_tests <= {name for name, _ in pins(DEVELOPING)}
    assert not for_tests & {name for name, _ in pins(RUNNING)}


def test_the_workflow_runs_every_python_that_the_package_names() -> None:
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text("utf-8")
    (job,) = yaml.safe_load(workflow)["jobs"].values()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = [each.rpartition(" ")[2] for each in project["classifiers"] if "Python ::" in each]
    assert job["strategy"]["matrix"]["python"] == named


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    locked = {name for name, _ in pins(RUNNING)}
    for dependency in project["project"]["dependencies"]:
        assert re.split(r"[>=<~!\[ ]", dependency)[0].lower() in locked, "run `make lock`"
