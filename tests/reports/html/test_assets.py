"""The style sheets and the script of the pages, which are files beside the code."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from opro_cli.render.html.assets import (
    SCRIPTS,
    read_asset,
    read_page,
    read_script,
    read_style,
)

ROOT = Path(__file__).parents[3]
ASSETS = {"report.css", "sweep.css"}


def test_the_wheel_has_every_file_that_a_page_reads(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:

        def read(path: str) -> str:
            return archive.read(f"opro_cli/{path}").decode()

        assert {name: read(f"render/html/{name}") for name in ASSETS} == {
            name: read_asset(name) for name in ASSETS
        }
        assert read("render/html/page.html") == read_page()
        assert read("render/html/view.css") == read_style()
        assert "\n".join(read(f"render/html/js/{name}.js") for name in SCRIPTS) == read_script()


def test_every_part_of_the_script_is_in_it() -> None:
    parts = (ROOT / "opro_cli/render/html/js").glob("*.js")
    assert sorted(path.stem for path in parts) == sorted(SCRIPTS)
