"""The style sheets and the script of the pages, which are files beside the code."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from opro_cli.render.html.page import read_asset

ROOT = Path(__file__).parents[3]
ASSETS = {"report.css", "report.js", "sweep.css"}


def test_the_wheel_has_every_file_that_a_page_reads(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name.removeprefix("opro_cli/render/html/") for name in archive.namelist()}
        assert names >= ASSETS
        for name in ASSETS:
            assert archive.read(f"opro_cli/render/html/{name}").decode() == read_asset(name)
