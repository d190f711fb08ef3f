"""Every command of the README and the manual that needs no network is run, as a user runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.documented import WRITTEN, Shown, shown_in_blocks
from tests.manual import README, ROOT

CONFIGS = ROOT / "configs"
SKIPPED = {
    ("README.md", "optimize opro.yaml"): "the quickstart: tests/cli/test_quickstart.py",
    ("README.md", "check home.yaml"): "asks the hub and Ollama: tests/cli/test_home_configs.py",
    ("local-models.md", "check mine.yaml"): "the same",
    ("local-models.md", "optimize mine.yaml"): "the same",
    ("providers.md", "optimize bbh.yaml"): "asks OpenAI",
    ("eval.md", "eval a.yaml b.yaml"): "asks OpenAI",
    ("gate.md", "gate mine --prompt new.md"): "four test rows cannot tell: tests/cli/test_gate.py",
    ("gate.md", "gate mine.yaml --against"): "needs a repository: tests/cli/test_gate.py",
    ("cheaper.md", "prune"): "needs a winner of several sentences: tests/cli/test_prune.py",
    ("problems.md", "sweep table2.yaml"): "takes minutes: tests/sweep/test_problem_tables.py",
    ("problems.md", "diff regression-sweep"): "reads the sweep above",
    ("sweeps.md", "sweep grid.yaml --engine ray"): "needs a cluster: tests/sweep",
    ("meta-prompt.md", "check mine.yaml"): "no embedded optimizer: tests/cli/test_policies.py",
    ("view.md", "view"): "serves until Ctrl-C: tests/viewer/test_process.py",
    ("prompts.md", "prompt support"): "run on the page's own files: test_prompts_page",
    ("prompts.md", "apply support"): "run on the page's own files: test_prompts_page",
}
"""Commands, by their beginning, and why they are not run here."""
PATIENCE_S = 300.0
"""For one command, which may wait for a terminal or for Ctrl-C."""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with a cache and keys of its own."""
    cache = str(folder / "cache")
    environment = {**os.environ, "OPRO_CACHE_DIR": cache, "PYTHONPATH": str(ROOT)}
    environment.pop("OPRO_RUNS_DIR", None)
    return subprocess.run(
        [sys.executable, "-m", "opro_cli", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
    )


def write_short_config(path: Path) -> None:
    """Write a search of the quickstart's kind that takes a second, named as its file."""
    config = yaml.safe_load((CONFIGS / "quickstart.yaml").read_text("utf-8"))
    config["name"] = path.stem
    config["task"]["data"]["split"] = {"train": 4, "dev": 3, "test": 4}
    config["search"] |= {"steps": 3, "candidates_per_step": 2, "baselines": []}
    path.write_text(yaml.safe_dump(config))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the configs, runs and sweeps that the pages speak of."""
    shutil.copytree(CONFIGS / "data", tmp_path / "data")
    for name in ("mine", "RUN_A", "RUN_B", "RUN_C"):
        write_short_config(tmp_path / f"{name}.yaml")
        done = run(tmp_path, "optimize", f"{name}.yaml")
        assert done.returncode == 0, done.stderr
    for name in ("old", "new"):
        (tmp_path / f"{name}.md").write_text("Count.\n")
    for name, template in (("line", "linear-regression"), ("tour", "traveling-salesman")):
        done = run(tmp_path, "init", f"{name}.yaml", "--template", template)
        assert done.returncode == 0, done.stderr
    for name in ("grid", "grid2"):
        sweep = {"name": name, "base": "mine.yaml", "matrix": {"search.seed": "0..1"}}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(sweep))
    done = run(tmp_path, "sweep", "grid2.yaml")
    assert done.returncode == 0, done.stderr
    return tmp_path


def keep_the_newest(runs: Path, beginning: str) -> None:
    """Remove older runs of a name, which must fit one run alone."""
    for older in sorted(runs.glob(f"{beginning}*"))[:-1]:
        shutil.rmtree(older)


def is_skipped(shown: Shown) -> bool:
    command = " ".join(shown.words)
    return any(shown.page == page and command.startswith(start) for page, start in SKIPPED)


@pytest.mark.slow
def test_every_command_that_is_shown_works(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ran = 0
    for page in (README, *WRITTEN):
        for shown in shown_in_blocks(page):
            if is_skipped(shown):
                continue
            # RUN alone is any run; RUN_A and the others have a run of that name.
            words = [word.replace("RUN", "RUN_A", word.count("RUN_") == 0) for word in shown.words]
            new = words[0] == "init"
            keep_the_newest(folder / "runs", "mine-")
            place = tmp_path_factory.mktemp("new") if new else folder
            if "--data" in words:
                shutil.copy(CONFIGS / "data" / "tickets.csv", place / "rows.csv")
            done = run(place, *words)
            assert done.returncode == 0, f"{shown}\n{done.stderr}"
            ran += 1
    assert ran > 25


def test_what_is_skipped_is_shown() -> None:
    commands = [
        (shown.page, " ".join(shown.words)) for page in WRITTEN for shown in shown_in_blocks(page)
    ]
    for page, start in SKIPPED:
        assert any(page == name and words.startswith(start) for name, words in commands), start
