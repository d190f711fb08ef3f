"""A run's scores are of one model: weights that changed under its name are noticed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from opro_cli.app import asked
from opro_cli.app import evaluate as evaluating
from opro_cli.app.optimize import start
from opro_cli.app.resume import check_resumable
from opro_cli.core.settings.models import EMBEDDED
from opro_cli.embedded import config as embedded_weights
from opro_cli.embedded.config import OPTIMIZER, SCORER
from opro_cli.store.run_folder import read_identity
from tests.store.conftest import Opro, unfinished_copy
from tests.store.journals import FOLDERS

QUICKSTART = FOLDERS.parents[1] / "configs" / "quickstart.yaml"


def test_a_new_run_writes_them_down(tmp_path: Path) -> None:
    folder = start(QUICKSTART, tmp_path).folder
    assert read_identity(folder)["weights"] == {
        EMBEDDED[role]: hashlib.sha256((place / "model.safetensors").read_bytes()).hexdigest()
        for role, place in (("scorer", SCORER), ("optimizer", OPTIMIZER))
    }
    check_resumable(folder)


def test_other_models_have_none() -> None:
    assert embedded_weights.hash_weights(["openai/gpt-4o-mini", "ollama_chat/mistral"]) == {}


@pytest.mark.parametrize("recorded", [None, {}, {EMBEDDED["scorer"]: "0" * 64}, "x"])
def test_a_run_of_other_weights_is_not_gone_on_with(
    tmp_path: Path, opro: Opro, recorded: Any
) -> None:
    folder = unfinished_copy(tmp_path, events=20)
    identity = json.loads((folder / "run.json").read_text())
    del identity["weights"]
    if recorded is not None:
        identity["weights"] = recorded
    (folder / "run.json").write_text(json.dumps(identity))
    before = {path: path.read_bytes() for path in folder.iterdir()}
    said = opro("resume", folder, "--plain")
    assert said.code == 2
    assert "other weights of the embedded models" in said.err
    assert {path: path.read_bytes() for path in before} == before


def test_an_evaluation_goes_on_with_the_weights_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version of opro begins another folder."""
    dataset = evaluating.load_dataset(QUICKSTART, "test", 2)

    def place() -> Path:
        (cell,) = evaluating.list_cells(["Think."], [dataset], [], tmp_path)
        return cell.folder

    first = place()
    assert place() == first
    monkeypatch.setattr(asked, "hash_weights", lambda models: dict.fromkeys(models, "0" * 64))
    assert place() != first
