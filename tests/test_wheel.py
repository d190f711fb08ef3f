"""A wheel holds what running needs: types, manual, templates, weights; and no training code."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel that is built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_types_ship(files: set[str]) -> None:
    assert "opro_cli/py.typed" in files


@pytest.mark.parametrize(
    ("folder", "shipped"),
    [("configs", "opro_cli/configs"), ("opro_cli/docs", "opro_cli/docs")],
)
def test_every_template_and_page_of_the_manual_ships(
    files: set[str], folder: str, shipped: str
) -> None:
    there = [path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*.*")]
    assert len(there) > 10
    assert {f"{shipped}/{path.as_posix()}" for path in there if path.suffix != ".pyc"} <= files


def test_the_weights_ship_and_their_training_does_not(files: set[str]) -> None:
    assert "opro_cli/embedded/tiny_mistral/model.safetensors" in files
    assert "opro_cli/embedded/decoding.py" in files
    assert not [name for name in files if "training" in name]


def test_nothing_that_ships_imports_the_training() -> None:
    package = ROOT / "opro_cli"
    for path in package.rglob("*.py"):
        if package / "embedded" / "training" not in path.parents:
            assert "embedded.training" not in path.read_text("utf-8"), path
