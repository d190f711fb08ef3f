"""The command line on damaged runs: in this process, and as a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from opro_cli.cli.app import main
from opro_cli.core.settings.models import EMBEDDED
from opro_cli.embedded.config import hash_weights
from opro_cli.store.run_files import fingerprint_settings
from tests.store.journals import FOLDERS

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


Opro = Callable[..., Said]


def checked(said: Said) -> Said:
    """Whatever happens: no traceback, and a refusal says what to do."""
    assert "Traceback" not in said.err
    assert "defect" not in said.err
    refused = said.code not in (0, 130)
    assert refused == said.err.startswith("opro: ") or "\nopro: " in said.err, said.err
    assert "\nhint: " in said.err or not refused, said.err
    return said


@pytest.fixture
def opro(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Opro:
    """Run a command as a shell would, in this process."""

    def run(*arguments: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["opro", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_info:
            main()
        said = capsys.readouterr()
        return checked(Said(int(exit_info.value.code or 0), said.out, said.err))

    return run


@pytest.fixture
def opro_process() -> Opro:
    """Run a command as a process of its own; `prefix` goes before it on the command line."""

    def run(*arguments: str | Path, prefix: tuple[str, ...] = ()) -> Said:
        done = subprocess.run(
            [*prefix, sys.executable, "-m", "opro_cli", *map(str, arguments)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        return checked(Said(done.returncode, done.stdout, done.stderr))

    return run


def copy_of(version: int, runs_dir: Path) -> Path:
    """A whole recorded run of an old opro, to be damaged."""
    folder = runs_dir / f"old-20261123-00000{version}-abcd"
    shutil.copytree(FOLDERS / f"format-{version}", folder)
    return folder


def unfinished_copy(runs_dir: Path, events: int) -> Path:
    """A run of the embedded models that was killed after so many events."""
    folder = copy_of(2, runs_dir)
    give_each_role_its_model(folder)
    cut_off(folder, events)
    return folder


def give_each_role_its_model(folder: Path) -> None:
    """The old run was begun when one embedded model, of other weights, played both roles.

    So it could not go on.
    """
    for name in ("config.yaml", "run.json"):
        scorer, key, optimizer = (folder / name).read_text().partition("optimizer")
        optimizer = optimizer.replace(EMBEDDED["scorer"], EMBEDDED["optimizer"])
        (folder / name).write_text(scorer + key + optimizer)
    identity = json.loads((folder / "run.json").read_text())
    identity["weights"] = hash_weights(EMBEDDED.values())
    identity["config_fingerprint"] = fingerprint_settings(identity["settings"])
    (folder / "run.json").write_text(json.dumps(identity))


def cut_off(folder: Path, events: int) -> None:
    """Leave what a run that is killed after so many events has."""
    for path in folder.iterdir():
        if path.name not in ("config.yaml", "run.json", "examples.jsonl", "events.jsonl"):
            path.unlink()
    journal = folder / "events.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:events]))
