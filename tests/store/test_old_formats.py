"""A run folder of each format version is kept here and must go on opening."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from opro_cli.core.run.events import FORMAT_VERSION
from opro_cli.loop.planner import Finish, plan_next
from opro_cli.reports.result import build_result
from opro_cli.store.folders import find_run
from opro_cli.store.run_folder import read_run
from tests.reports.runs import diff

FOLDERS = Path(__file__).parents[1] / "run_folders"
VERSIONS = sorted(FOLDERS.iterdir(), key=lambda folder: int(folder.name.removeprefix("format-")))


def test_runs_of_different_formats_differ_only_in_what_they_were_asked() -> None:
    first, last = (read_run(folder) for folder in VERSIONS[:2])
    differing = {change.path: change.before for change in diff(first, last).settings}
    assert "search.drop_digits" not in differing  # false for both, written by the second only
    assert differing["search.rules"] == "opro"


def also_in(now: Any, said: Any) -> bool:
    """Is all that was said still said? A later opro may say more."""
    if isinstance(said, dict):
        return all(key in now and also_in(now[key], value) for key, value in said.items())
    if isinstance(said, list) and isinstance(now, list):
        return len(now) == len(said) and all(map(also_in, now, said))
    return bool(now == said)


def test_every_format_version_is_kept() -> None:
    assert [folder.name for folder in VERSIONS] == [
        f"format-{version}" for version in range(1, FORMAT_VERSION + 1)
    ]


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
def test_an_old_run_opens_and_says_what_it_said(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / folder.name)
    run = read_run(find_run(tmp_path, str(copy)))
    assert run.status == "finished"
    assert plan_next(run.state) == Finish()
    said = json.loads((copy / "result.json").read_text())
    now = build_result(run, finished=True)
    if said["format_version"] < now["format_version"]:
        # Since 2 the paired test is the mid-p one, and the sentence says more.
        for key in ("format_version", "verdict_sentence", "paired_test"):
            del said[key]
    assert also_in({**now, "run": said["run"]}, said)
    assert diff(run, run).settings == ()
